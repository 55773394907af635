//! A backup into a database that is there: verified first, then one transaction on one connection, all or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use pg_client::Session;
use sql_volume::{RowDigest, SectionKind, TableTotals};

use crate::apply::{Applier, Orders};
use crate::choice::{Content, OnConflict};
use crate::compare::judge;
use crate::compare::reader::{Reader, SETTINGS};
use crate::edit::Edit;
use crate::error::Error;
use crate::estimate::Estimate;
use crate::failure::{Failure, Rows};
use crate::options::{Phase, Progress, RestoreOptions};
use crate::plan::Plan;
use crate::proof::Proof;
use crate::readiness;
use crate::report::{RestoreReport, seconds};
use crate::roles;
use crate::session;
use crate::source::SectionSource;
use crate::target::Target;
use crate::totals::Totals;

mod foreign_keys;
pub(crate) mod large_objects;
mod row_security;
mod tables;
mod triggers;

use foreign_keys::ForeignKeys;
use row_security::Forced;
use tables::Tables;
use triggers::Triggers;

/// One restore at a time: a lock of the target database that goes with its session.
const ALONE: &str = "SELECT pg_catalog.pg_try_advisory_lock(1869964137, 1919251315)";

/// Restores a backup into the existing database `target.name`. Every section that is wanted is read and verified first. Then, in one
/// transaction: the tables that get rows are locked, foreign keys from and to them dropped, their triggers disabled; they are filled,
/// the foreign keys made again (which validates them), the triggers enabled, and every row is read back and compared.
///
/// # Errors
/// [`Error`]; then the database is as it was, unless it is [`Error::CommitUncertain`].
pub async fn restore_into_existing(
    target: Target,
    mut source: impl SectionSource,
    options: RestoreOptions,
) -> Result<RestoreReport, Error> {
    let clock = Instant::now();
    target.check_name()?;
    let mut report = RestoreReport { database: target.name.clone(), ..RestoreReport::default() };
    let place = target.options.clone().with_dbname(&target.name);
    let failed = |source| Error::Step { act: format!("connect to database {}", target.name), source };
    let session = session::open(&place).await.map_err(failed)?;
    let canceller = session.canceller();
    let restored = tokio::select! {
        biased;
        reason = options.stop() => Err(Error::GivenUp { reason }),
        restored = run(session, &mut source, &options, &mut report) => restored,
    };
    match restored {
        Ok(session) => {
            let begun = Instant::now();
            if options.analyze && !report.dry_run {
                options.tell(Progress { phase: Phase::Analyzing, ..report.progress() });
                analyze(&session, &source.tables(), &mut report).await;
                report.durations.analyze = seconds(begun.elapsed());
            }
            session.close().await;
        }
        Err(error) => {
            // A statement that sends nothing would hold its locks until it is done.
            let _ = canceller.cancel().await;
            return Err(error);
        }
    }
    report.durations.total = seconds(clock.elapsed());
    Ok(report)
}

async fn run(
    session: Session,
    source: &mut impl SectionSource,
    options: &RestoreOptions,
    report: &mut RestoreReport,
) -> Result<Session, Error> {
    readiness::is_only(&session, options.request_id.as_ref()).await?;
    let alone =
        session.client.query_one(ALONE, &[]).await.map_err(|error| step(&session, "lock the database", error))?;
    if !alone.get::<_, bool>(0) {
        return Err(Error::UnderWay { database: report.database.clone() });
    }
    let mut plan = Plan::draw(&session, source, &options.choice).await?;
    if options.choice.create_roles {
        if options.choice.dry_run {
            plan.roles.clear();
        }
        report.needs_superuser.extend(roles::make(&session, source.roles(), &plan.roles).await?);
    }
    let (older, content) = (options.allow_older_server, options.choice.content);
    let database = source.database();
    let server = readiness::of_existing(&session, database, source.requires(), &plan.roles, older, content).await?;
    report.server_version = server.version;

    let Some(entries) = source.entries() else { return Err(Error::OnlyWhole) };
    let sections = plan.sections.clone().unwrap_or_else(|| entries.iter().map(|entry| entry.seq).collect());
    let tables = plan.edit.totals(source.tables());
    if options.choice.dry_run {
        if content == Content::Data {
            let (on_conflict, found) = (options.choice.on_conflict, Tables::find(&session, &tables).await?);
            match on_conflict {
                OnConflict::Fail => {
                    found.must_be_empty(&session).await?;
                    let forced = Forced::find(&session, &found.family(&session).await?).await?;
                    report.warnings.extend(forced.hiding());
                    large_objects::must_be_new(&session, &plan.large_objects).await?;
                }
                OnConflict::Truncate => {
                    found.must_be_removable(&session).await?;
                    let family = found.family(&session).await?;
                    ForeignKeys::find(&session, &family).await?.must_be_within(&family)?;
                }
            }
        }
        plan.tell(source, report);
        if let Some(estimate) = Estimate::of(&plan, source, options) {
            estimate.tell(options, report);
        }
        return Ok(session);
    }
    if let Some(estimate) = Estimate::of(&plan, source, options) {
        estimate.must_fit(options)?;
    }
    let made = verify(source, &sections, (&tables, &plan.edit), options, report).await?;
    let replaced = content == Content::Data && options.choice.on_conflict == OnConflict::Truncate;
    if !replaced {
        large_objects::must_be_new(&session, &made).await?;
    }
    source.choose(sections.clone());

    let begin = "BEGIN; SELECT pg_catalog.set_config(name, 'on', true) FROM pg_catalog.pg_settings \
                 WHERE name = 'synchronous_commit' AND setting = 'off'; SET LOCAL search_path = ''";
    execute(&session, "begin", begin).await?;
    let guards = match content {
        Content::Data => Some(Guards::put(&session, &tables, options).await?),
        Content::All | Content::Schema => None,
    };
    if replaced {
        large_objects::remove(&session, &made).await?;
    }

    let begun = Instant::now();
    let said = Arc::default();
    let orders = Orders::new(plan.edit.clone(), options.compare.then(|| Arc::clone(&said)));
    let mut applier = Applier::within_transaction(session, source.digest_seed(), orders);
    let mut totals = Totals::of(Some(sections));
    while let Some((entry, sql)) = source.next().await.map_err(Error::Source)? {
        totals.expect(&entry, sql.len())?;
        let applied = applier.section(&entry, Bytes::from(sql)).await?;
        if entry.kind == SectionKind::Preamble {
            // It has lifted the limit.
            execute(applier.session(), "limit waiting for locks", &limit(options)).await?;
        }
        totals.add(&entry, applied.rows)?;
        report.sections += 1;
        report.bytes += entry.sql_length;
        applied.tell(report);
        (report.rows, report.tables) = (totals.rows(), totals.tables());
        options.tell(report.progress());
    }
    applier.owners().await?.tell(report);
    source.verified().await.map_err(Error::Unverified)?;
    totals.compare(&tables)?;
    let session = applier.into_session();
    if let Some(guards) = guards {
        guards.remove(&session).await?;
    }
    report.durations.apply = seconds(begun.elapsed());

    let (encoding, seed) = (source.database().encoding.clone(), source.digest_seed());
    let proof = Proof { said, edit: &plan.edit, encoding: encoding.clone(), seed, options, new: false };
    let filled = report.filled(tables);
    let session = compare(session, proof, &filled, options, report).await?;
    options.tell(Progress { phase: Phase::Naming, ..report.progress() });
    match session.client.batch_execute("COMMIT").await {
        Ok(()) => Ok(session),
        Err(error) => match Failure::of(&session, error, Rows::AtHand) {
            source @ Failure::Lost { .. } => Err(Error::CommitUncertain { database: report.database.clone(), source }),
            source => Err(Error::Step { act: "commit".to_owned(), source }),
        },
    }
}

/// Reads all that will be applied, before anything is changed. Returns the numbers of the large objects that will be made.
async fn verify(
    source: &mut impl SectionSource,
    sections: &[u32],
    (tables, edit): (&[TableTotals], &Edit),
    options: &RestoreOptions,
    report: &RestoreReport,
) -> Result<BTreeSet<u32>, Error> {
    source.choose(sections.to_vec());
    let mut totals = Totals::of(Some(sections.to_vec()));
    let mut made = BTreeSet::new();
    while let Some((entry, sql)) = source.next().await.map_err(Error::Source)? {
        totals.expect(&entry, sql.len())?;
        totals.add(&entry, entry.rows)?;
        if entry.kind == SectionKind::PreData {
            made.extend(large_objects::made_by(&entry, &sql, edit)?);
        }
        options.tell(Progress { phase: Phase::Verifying, rows: totals.rows(), ..report.progress() });
    }
    source.verified().await.map_err(Error::Unverified)?;
    totals.compare(tables)?;
    Ok(made)
}

async fn compare(
    session: Session,
    proof: Proof<'_>,
    tables: &[TableTotals],
    options: &RestoreOptions,
    report: &mut RestoreReport,
) -> Result<Session, Error> {
    if !options.compare {
        report.warnings.push("what was restored was not compared with the backup".to_owned());
        return Ok(session);
    }
    let begun = Instant::now();
    execute(&session, "prepare to read back what was restored", SETTINGS).await?;
    let reader = Reader::over(session, &proof.encoding, proof.seed);
    report.large_objects = reader.large_objects().await?;
    let relations = reader.relations().await?;
    let recorded = tables.iter().map(|table| (table.schema.clone(), table.table.clone())).collect();
    let mut found = Vec::with_capacity(tables.len());
    for totals in tables {
        let mut digest = RowDigest::default();
        for piece in relations.pieces(totals, &recorded) {
            digest.merge(reader.read(&piece).await?);
        }
        found.push(digest);
        report.compared.tables += 1;
        report.compared.rows += digest.rows();
        report.compared.bytes += digest.bytes();
        options.tell(Progress { phase: Phase::Comparing, rows: report.compared.rows, ..report.progress() });
    }
    judge(tables, &found)?;
    report.rows_equal = true;
    proof.within_transaction(reader.session()).await?.tell(report);
    report.judge(options.choice.is_whole());
    report.durations.compare = seconds(begun.elapsed());
    Ok(reader.into_session())
}

/// What holds while tables are filled.
struct Guards {
    foreign_keys: ForeignKeys,
    triggers: Triggers,
    forced: Forced,
}

impl Guards {
    async fn put(session: &Session, totals: &[TableTotals], options: &RestoreOptions) -> Result<Self, Error> {
        execute(session, "limit waiting for locks", &limit(options)).await?;
        let tables = Tables::find(session, totals).await?;
        let family = tables.family(session).await?;
        let foreign_keys = ForeignKeys::find(session, &family).await?;
        let mut locked = family.clone();
        locked.extend(foreign_keys.tables());
        tables::lock(session, &locked).await?;
        // What was found is only sure now.
        let again = ForeignKeys::find(session, &family).await?;
        if again != foreign_keys || tables.family(session).await? != family {
            return Err(Error::Unfit { why: vec!["its tables were altered meanwhile: restore again".to_owned()] });
        }
        let forced = Forced::find(session, &family).await?;
        // It would hide the rows that are there, too.
        forced.lift(session).await?;
        match options.choice.on_conflict {
            OnConflict::Fail => tables.must_be_empty(session).await?,
            OnConflict::Truncate => {
                tables.must_be_removable(session).await?;
                foreign_keys.must_be_within(&family)?;
            }
        }
        let triggers = Triggers::find(session, &family).await?;
        foreign_keys.must_be_enabled(session).await?;
        foreign_keys.drop(session).await?;
        triggers.disable(session).await?;
        if options.choice.on_conflict == OnConflict::Truncate {
            tables.truncate(session).await?;
        }
        Ok(Self { foreign_keys, triggers, forced })
    }

    async fn remove(self, session: &Session) -> Result<(), Error> {
        self.foreign_keys.add(session).await?;
        self.forced.restore(session).await?;
        self.triggers.restore(session).await
    }
}

fn limit(options: &RestoreOptions) -> String {
    format!("SET LOCAL lock_timeout = {}", options.lock_timeout.as_millis())
}

/// All is committed: that this fails is only told.
async fn analyze(session: &Session, tables: &[TableTotals], report: &mut RestoreReport) {
    for totals in tables {
        let name = sql_text::quote::qualified(&totals.schema, &totals.table);
        let exists = session.client.query_one("SELECT pg_catalog.to_regclass($1) IS NOT NULL", &[&name]).await;
        if !exists.is_ok_and(|row| row.get(0)) {
            continue;
        }
        if let Err(error) = session.client.batch_execute(&format!("ANALYZE {name}")).await {
            let failure = Failure::of(session, error, Rows::AtHand);
            report.warnings.push(format!("analyzing {name} failed: {failure}"));
        }
    }
}

async fn execute(session: &Session, act: &str, sql: &str) -> Result<(), Error> {
    session.client.batch_execute(sql).await.map_err(|error| step(session, act, error))
}

fn step(session: &Session, act: &str, error: tokio_postgres::Error) -> Error {
    let source = Failure::of(session, error, Rows::AtHand);
    match source.code() {
        Some("55P03") => Error::Locked { act: act.to_owned(), source },
        _ => Error::Step { act: act.to_owned(), source },
    }
}

/// Oids, shared by what looks at the same tables.
type Oids = std::collections::BTreeSet<u32>;

fn list(oids: &Oids) -> Vec<u32> {
    oids.iter().copied().collect()
}
