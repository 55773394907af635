use std::time::Instant;

use crate::choice::Content;
use crate::compare::Readers;
use crate::error::Error;
use crate::estimate::Estimate;
use crate::options::{Phase, Progress, RestoreOptions};
use crate::plan::Plan;
use crate::proof::Proof;
use crate::readiness;
use crate::report::{RestoreReport, seconds};
use crate::roles;
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
    if options.choice.content == Content::Data {
        return Err(Error::DataIntoNew);
    }
    let mut report = RestoreReport { database: target.name.clone(), ..RestoreReport::default() };
    let connected = session::open(&target.options).await;
    let session = connected
        .map_err(|source| Error::Step { act: format!("connect to database {}", target.options.dbname), source })?;
    readiness::is_free(&session, &target).await?;
    // Held as long as this session lives.
    readiness::is_only(&session, options.request_id.as_ref()).await?;
    readiness::is_alone(&session, &target).await?;
    let mut plan = Plan::draw(&session, &mut source, &options.choice).await?;
    if options.choice.create_roles {
        if options.choice.dry_run {
            plan.roles.clear();
        }
        report.needs_superuser.extend(roles::make(&session, source.roles(), &plan.roles).await?);
    }
    let (database, requires) = (source.database(), source.requires());
    let older = options.allow_older_server;
    let server = readiness::check(&session, &target, database, requires, &plan.roles, older).await?;
    let maintenance = match session.address() {
        Some(address) => target.options.clone().pinned_to(address),
        None => target.options.clone(),
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

    let estimate = Estimate::of(&plan, &source, &options);
    if options.choice.dry_run {
        plan.tell(&source, &mut report);
        if let Some(estimate) = estimate {
            estimate.tell(&options, &mut report);
        }
        session.close().await;
        report.durations.total = seconds(clock.elapsed());
        return Ok(report);
    }
    if let Some(estimate) = estimate {
        estimate.must_fit(&options)?;
    }
    let name = target.provisional_name()?;
    let scratch = Scratch::create(maintenance, name, source.database(), server.major, options.drop_timeout).await?;
    let filled = tokio::select! {
        biased;
        reason = options.stop() => Err(Error::GivenUp { reason }),
        filled = fill(&scratch, &mut source, &plan, &options, &mut report) => filled,
    };
    if let Err(error) = filled {
        return Err(scratch.discard(error).await);
    }
    options.tell(Progress { phase: Phase::Naming, ..report.progress() });
    scratch.rename(&target.name).await?;
    session.close().await;
    report.durations.total = seconds(clock.elapsed());
    Ok(report)
}

async fn fill(
    scratch: &Scratch,
    source: &mut impl SectionSource,
    plan: &Plan,
    options: &RestoreOptions,
    report: &mut RestoreReport,
) -> Result<(), Error> {
    let clock = Instant::now();
    let said = sections::apply(&scratch.options(), source, plan, options, report).await?;
    report.durations.apply = seconds(clock.elapsed());

    let clock = Instant::now();
    let encoding = &source.database().encoding;
    let readers = Readers::connect(&scratch.options(), encoding, source.digest_seed(), options.jobs).await?;
    report.large_objects = readers.large_objects().await?;
    let readers = if options.compare {
        let (edit, encoding, seed) = (&plan.edit, encoding.clone(), source.digest_seed());
        let proof = Proof { said, edit, encoding, seed, options, new: true };
        let tables = report.filled(plan.edit.totals(source.tables()));
        let place = scratch.options();
        let (readers, findings) = tokio::try_join!(readers.compare(&tables, options, report), proof.of_new(&place))?;
        findings.tell(report);
        report.durations.compare = seconds(clock.elapsed());
        report.judge(options.choice.is_whole());
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
