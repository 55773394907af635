//! The scheduled backup of the database.

mod config;
mod handler;

use lambda_host::{Failure, Scheduled, Variables, telemetry};
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let aws = &lambda_host::aws_config().await;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Scheduled>| async move {
        handler::handle(event, aws, &Variables::of_process()).await.map_err(Failure::from)
    }))
    .await
}
