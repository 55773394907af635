use anyhow::{Context, Result, anyhow};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
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
            .map_err(|error| match error.as_service_error() {
                Some(refusal) => {
                    let code = refusal.code().unwrap_or("refused");
                    anyhow!("{code}: {}{}", refusal.message().unwrap_or("no reason given"), hint(code))
                }
                // Without the debug text that the SDK's own chain would add: it holds the response, and so the secret.
                None => anyhow!(
                    "{} HINT: See whether this network leads to Secrets Manager: in a VPC by an interface endpoint, or by NAT.",
                    chain(&error)
                ),
            })
            .with_context(|| format!("read the secret {id} from Secrets Manager"))?;
        let text = answer.secret_string.with_context(|| format!("the secret {id} is binary and not JSON text"))?;
        Ok(Zeroizing::new(text))
    }
}

fn hint(code: &str) -> &'static str {
    match code {
        "AccessDeniedException" => {
            " HINT: Let the function's role read this secret, and use the key that it is encrypted with if that is not the account's own."
        }
        "ResourceNotFoundException" => " HINT: Check the secret's ARN, its Region included.",
        "InvalidSignatureException" => " HINT: Check the clock of this machine, and the credentials.",
        _ => "",
    }
}

/// What an error and its causes say for people.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
