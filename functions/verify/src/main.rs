//! Looks after the vault from the vault's own account, by a schedule.

mod check;
mod config;
mod drill;
mod event;
mod handler;
mod watch;

use lambda_host::{Failure, Run, Variables, telemetry};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let aws = &lambda_host::aws_config().await;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let variables = &Variables::of_process();
        let run = Run::begin(event::name_of(&event.payload), variables);
        let answer = handler::handle(event, aws, variables).await;
        run.end(answer.as_ref().ok().map(handler::Response::counted).as_deref());
        answer.map_err(Failure::from)
    }))
    .await
}
