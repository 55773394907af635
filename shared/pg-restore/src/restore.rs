use std::time::Instant;

use crate::compare::Readers;
use crate::error::Error;
use crate::options::{Phase, Progress, RestoreOptions};
use crate::readiness;
use crate::report::{RestoreReport, seconds};
use crate::scratch::Scratch;
use crate::sections;
use crate::session;
use crate::source::SectionSource;
use crate::target::Target;

/// Restores a backup into a new database: checks that the server can take it, creates the database under a provisional name, applies
/// section after section, has the source verify its end, compares what was restored, and gives the database its name.
///
/// Dropping the future drops the database too, in the background; [`RestoreOptions::cancel`] lets one wait for that.
///
/// # Errors
/// [`Error`]: then no database has the name, and what was created is dropped.
pub async fn restore_into_new(
    target: Target,
    mut source: impl SectionSource,
    options: RestoreOptions,
) -> Result<RestoreReport, Error> {
    let clock = Instant::now();
    target.check_name()?;
    let mut report = RestoreReport { database: target.name.clone(), ..RestoreReport::default() };
    let (maintenance, server) = {
        let connected = session::open(&target.options).await;
        let session = connected
            .map_err(|source| Error::Step { act: format!("connect to database {}", target.options.dbname), source })?;
        let (database, requires) = (source.database(), source.requires());
        let server = readiness::check(&session, &target, database, requires, options.allow_older_server).await?;
        let maintenance = match session.address() {
            Some(address) => target.options.clone().pinned_to(address),
            None => target.options.clone(),
        };
        session.close().await;
        (maintenance, server)
    };
    report.server_version.clone_from(&server.version);
    if server.older {
        let from = &source.database().server_version;
        report.warnings.push(format!("the backup is of PostgreSQL {from}, newer than the server's {}", server.version));
    }
    if !server.leftovers.is_empty() {
        let names = server.leftovers.join(", ");
        report.warnings.push(format!("other restores are under way or left incomplete databases behind: {names}"));
    }
    report.leftovers = server.leftovers;

    let name = target.provisional_name()?;
    let scratch = Scratch::create(maintenance, name, source.database(), server.major).await?;
    let filled = tokio::select! {
        biased;
        reason = options.stop() => Err(Error::GivenUp { reason }),
        filled = fill(&scratch, &mut source, &options, &mut report) => filled,
    };
    if let Err(error) = filled {
        return Err(scratch.discard(error).await);
    }
    options.tell(Progress { phase: Phase::Naming, ..report.progress() });
    scratch.rename(&target.name).await?;
    report.durations.total = seconds(clock.elapsed());
    Ok(report)
}

async fn fill(
    scratch: &Scratch,
    source: &mut impl SectionSource,
    options: &RestoreOptions,
    report: &mut RestoreReport,
) -> Result<(), Error> {
    let clock = Instant::now();
    sections::apply(&scratch.options(), source, options, report).await?;
    report.durations.apply = seconds(clock.elapsed());

    let clock = Instant::now();
    let encoding = &source.database().encoding;
    let readers = Readers::connect(&scratch.options(), encoding, source.digest_seed(), options.jobs).await?;
    report.large_objects = readers.large_objects().await?;
    let readers = if options.compare {
        let readers = readers.compare(&source.tables(), options, report).await?;
        report.durations.compare = seconds(clock.elapsed());
        readers
    } else {
        report.warnings.push("what was restored was not compared with the backup".to_owned());
        readers
    };

    let clock = Instant::now();
    if options.analyze {
        options.tell(Progress { phase: Phase::Analyzing, ..report.progress() });
        // All rows are there and equal: a function that fails over them is no reason to drop them.
        match readers.analyze().await {
            Ok(()) => {}
            Err(failure) if failure.is_lost() => {
                return Err(Error::Step { act: "analyze the new database".to_owned(), source: failure });
            }
            Err(failure) => report.warnings.push(format!("analyzing the new database failed: {failure}")),
        }
        report.durations.analyze = seconds(clock.elapsed());
    }
    Ok(())
}
