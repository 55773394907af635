use anyhow::{Context, Result, anyhow};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use zeroize::Zeroizing;

/// Secrets Manager. Secrets are read anew at every run, so that a rotation needs no deployment.
pub struct Secrets(Client);

impl Secrets {
    /// With the function's own role.
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        Self(Client::new(config))
    }

    /// The current text of the secret with this name or ARN.
    ///
    /// # Errors
    /// The secret's name and the service's answer; a binary secret is an error too.
    pub async fn read(&self, id: &str) -> Result<Zeroizing<String>> {
        let answer = self.0.get_secret_value().secret_id(id).send().await;
        let answer = answer
            .map_err(|error| anyhow!("{}", DisplayErrorContext(error)))
            .with_context(|| format!("read the secret {id} from Secrets Manager"))?;
        let text = answer.secret_string.with_context(|| format!("the secret {id} is binary and not JSON text"))?;
        Ok(Zeroizing::new(text))
    }
}
