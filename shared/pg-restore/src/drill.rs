//! A drill: a restore into a database of its own, which is proven equal, asked the user's questions, and dropped.

mod checks;
mod server;

use std::time::{Duration, Instant};

use pg_client::ConnectOptions;
use serde::Serialize;

use crate::error::Error;
use crate::options::RestoreOptions;
use crate::report::{RestoreReport, seconds};
use crate::restore::restore_into_new;
use crate::scratch::Scratch;
use crate::source::SectionSource;
use crate::target::Target;
pub use checks::{DrillCheck, PassedCheck};
use server::DrillServer;

/// How a backup is drilled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DrillOptions {
    /// Let the server have a database of the source's name: it may be the source's own server. Off by default.
    pub on_source_server: bool,
    /// What is asked of the restored database.
    pub checks: Vec<DrillCheck>,
    /// How long each answer may take; 60 s by default.
    pub check_timeout: Duration,
}

impl Default for DrillOptions {
    fn default() -> Self {
        Self { on_source_server: false, checks: Vec::new(), check_timeout: Duration::from_secs(60) }
    }
}

/// What a drill did that succeeded.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct DrillReport {
    /// The restore. What only a superuser may restore is told there, and is no failure.
    pub restored: RestoreReport,
    /// The user's checks, each of which was true.
    pub checks: Vec<PassedCheck>,
    /// Databases of drills that were killed, which this one dropped.
    pub dropped_leftovers: Vec<String>,
    /// Until a database was there, with its indexes and statistics, that could be used; what comparing took is not in it.
    pub restore_seconds: f64,
    /// Reading everything back and comparing it, and the checks.
    pub proving_seconds: f64,
}

/// Restores a backup into a new database of a name of its own on `server`, proves that it is equal, asks it the checks, and drops it: also when
/// anything fails. Of the server, nothing else is changed, but that databases of drills that were killed are dropped.
///
/// # Errors
/// [`Error::DrillOnSource`], [`Error::DrillOnSourceServer`] before anything is touched; what [`restore_into_new`] fails with;
/// [`Error::DrillDiffers`]; [`Error::ChecksFailed`]; [`Error::LeftBehind`].
pub async fn drill(
    server: &ConnectOptions,
    source: impl SectionSource,
    options: RestoreOptions,
    drill: DrillOptions,
) -> Result<DrillReport, Error> {
    let place = DrillServer::open(server, &source.database().name, drill.on_source_server).await?;
    let dropped_leftovers = place.drop_leftovers(options.drop_timeout).await?;
    let clock = Instant::now();
    let (stop, target) =
        (options.clone(), Target { options: place.maintenance().clone(), name: place.name().to_owned() });
    let restored = restore_into_new(target, source, options).await?;
    // From here on whatever happens drops it.
    let scratch = Scratch::adopt(place.maintenance().clone(), place.name().to_owned(), stop.drop_timeout);
    let restore_seconds = seconds(clock.elapsed()) - restored.durations.compare;
    let clock = Instant::now();
    let proven = async {
        proves(&restored)?;
        checks::ask(&scratch.options(), &drill.checks, drill.check_timeout).await
    };
    let proven = tokio::select! {
        biased;
        reason = stop.stop() => Err(Error::GivenUp { reason }),
        proven = proven => proven,
    };
    let checks = match proven {
        Ok(checks) => checks,
        Err(error) => return Err(scratch.discard(error).await),
    };
    let proving_seconds = restored.durations.compare + seconds(clock.elapsed());
    scratch.remove().await?;
    place.close().await;
    Ok(DrillReport { restored, checks, dropped_leftovers, restore_seconds, proving_seconds })
}

/// Whether all that could be restored is what was backed up.
fn proves(restored: &RestoreReport) -> Result<(), Error> {
    let RestoreReport { rows_equal, differences, differing, not_compared, .. } = restored;
    if *rows_equal && *differing == 0 && not_compared.is_empty() {
        return Ok(());
    }
    Err(Error::DrillDiffers {
        differences: differences.clone(),
        unnamed: differing.saturating_sub(differences.len() as u64),
        not_compared: not_compared.clone(),
    })
}
