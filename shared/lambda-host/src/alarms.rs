use std::time::Duration;

use aws_sdk_sns::Client;
use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata};

use crate::variables::Variables;

/// A run waits no longer for it. Where a VPC has no way to SNS, nobody answers.
const PATIENCE: Duration = Duration::from_secs(3);

/// What keeps alarms from being heard, as far as it can be told: SNS sends no mail to an address whose owner has not confirmed it, or
/// has unsubscribed. Logged, too. `None` if somebody has confirmed, or the stack has no topic.
pub async fn unheard(config: &aws_config::SdkConfig, variables: &Variables) -> Option<String> {
    let topic = variables.optional("OFFSITE_ALARM_TOPIC")?;
    let asking = Client::new(config).get_topic_attributes().topic_arn(topic).send();
    let why_unknown = match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(answer)) => {
            match answer.attributes().and_then(|all| all.get("SubscriptionsConfirmed")).map(String::as_str) {
                Some("0") => {
                    let note = format!(
                        "nobody hears an alarm: no subscription of {topic} is confirmed. HINT: Confirm the mail that SNS sent to \
                     AlarmEmail (deploying anew with another address and back sends it again), or subscribe somebody to the topic."
                    );
                    tracing::warn!("{note}");
                    return Some(note);
                }
                Some(_) => return None,
                None => "SNS does not say".to_owned(),
            }
        }
        Ok(Err(error)) => match error.as_service_error() {
            Some(refusal) => {
                format!("{}: {}", refusal.code().unwrap_or("refused"), refusal.message().unwrap_or("no reason given"))
            }
            None => DisplayErrorContext(&error).to_string(),
        },
        Err(_) => format!("no answer from SNS within {} s", PATIENCE.as_secs()),
    };
    let note = format!(
        "not checked whether anybody hears an alarm: {topic}: {why_unknown}. HINT: Run the stack's output ConfirmedSubscriptions. In \
         a VPC, SNS is reached by NAT or by an interface endpoint of its own."
    );
    tracing::warn!("{note}");
    Some(note)
}
