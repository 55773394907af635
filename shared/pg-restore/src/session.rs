use pg_client::{ConnectOptions, Session};

use crate::failure::{Failure, Rows};

/// Timeouts that a role or a server may have by default and that must not end a restore; by name, since they differ by major version.
const NO_TIMEOUTS: &str = "\
    SET statement_timeout = 0; \
    SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name IN ('lock_timeout', \
    'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')";

/// Connects, and lifts the timeouts that the role's or server's defaults set.
pub(crate) async fn open(options: &ConnectOptions) -> Result<Session, Failure> {
    let session = Session::connect(options).await?;
    match session.client.batch_execute(NO_TIMEOUTS).await {
        Ok(()) => Ok(session),
        Err(error) => Err(Failure::of(&session, error, Rows::None)),
    }
}
