use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use pg_client::{ConnectOptions, Session};
use sql_text::quote;
use sql_volume::SectionKind;
use tokio_postgres::error::SqlState;

use crate::access::Unread;
use crate::cancel::CancelOnDrop;
use crate::catalog::{Catalog, TableData};
use crate::crew::{Plan, Reader};
use crate::dump::{Dump, DumpedTable, Stage, Warning};
use crate::encoding::encode;
use crate::error::Error;
use crate::handover::{Draft, handover};
use crate::lock::{Locked, backend_pid, contended_names, lock_and_snapshot, rollback};
use crate::options::{Content, DumpOptions};
use crate::selection::Selection;
use crate::session::{Server, fault};
use crate::slices::{Slice, Table};
use crate::snapshot::Snapshot;
use crate::watch::Watcher;
use crate::{large_objects, sequences, slices, statements};

/// How often definitions may change while they are read.
const ATTEMPTS: u32 = 5;

impl Dump {
    /// Connects, locks, takes the snapshot, reads the catalog, and begins to read the data.
    ///
    /// # Errors
    /// [`Error`]; nothing is then left open.
    pub async fn open(connect: &ConnectOptions, options: DumpOptions) -> Result<Self, Error> {
        let mut leading = connect.clone();
        let side = Session::connect(connect).await?;
        let server = Server::read(&side.client).await?;
        if let Some(address) = side.address() {
            leading = leading.pinned_to(address);
        }
        let leader = Session::connect(&leading).await?;
        let waiting = CancelOnDrop::new(leader.canceller());
        let read = read_catalog(&server, &leader, &side, &options).await?;
        waiting.keep();

        // Without rows there is nothing to share out.
        let count = if options.content == Content::Schema { 0 } else { options.connections.saturating_sub(2) };
        let workers = workers(&server, &leading, &read.snapshot, count).await?;
        let mut ours = vec![backend_pid(&leader).await?, backend_pid(&side).await?];
        for worker in &workers {
            ours.push(backend_pid(worker).await?);
        }
        Self::start(Opened { server, leader, side, workers, ours, read }, options).await
    }

    async fn start(opened: Opened, options: DumpOptions) -> Result<Self, Error> {
        let Opened { server, leader, side, workers, ours, read } = opened;
        let Read { snapshot, mut catalog, mut warnings, sequences } = read;
        let not_dumped = Warning { code: "not-dumped", objects: std::mem::take(&mut catalog.not_dumped) };
        let in_circles = Warning { code: "circular-foreign-keys", objects: std::mem::take(&mut catalog.in_circles) };
        let on_members = Warning { code: "extension-table-changed", objects: std::mem::take(&mut catalog.on_members) };
        warnings.extend([not_dumped, in_circles, on_members].into_iter().filter(|warning| !warning.objects.is_empty()));
        let roles_unread = std::mem::take(&mut catalog.roles.unread);
        if !roles_unread.is_empty() {
            warnings.push(Warning { code: "roles-not-read", objects: roles_unread });
        }
        let (before, after) = definitions(&catalog, &server, &side, options.section_bytes).await?;

        let sizes = slices::sizes(&leader, &catalog.tables).await?;
        let objects = catalog.large_objects.len();
        let estimate = sizes.values().map(|size| size.main + size.toast).sum::<u64>()
            + if objects == 0 { 0 } else { large_objects::size(&leader).await? };
        let headers = catalog.tables.iter().map(|table| table.copy_header.clone()).collect();
        let headers = encode(&side, &server.encoding, headers).await?;
        let dumped = dumped(&catalog.tables);
        let (in_order, tables): (Vec<Table>, Vec<Table>) = std::mem::take(&mut catalog.tables)
            .into_iter()
            .zip(headers)
            .map(|(data, header)| Table { data: Arc::new(data), header: header.into() })
            .partition(|table| table.data.in_order);
        let plan = Plan::new(
            in_order.iter().map(Slice::whole).collect(),
            slices::plan(&server, &tables, &sizes, &options),
            &catalog.large_objects,
            sequences,
        );

        let cancellers = std::iter::once(&leader).chain(&workers).map(Session::canceller).collect();
        let (outlet, intake, used) = handover(options.section_bytes);
        let options = Arc::new(options);
        let reader = Reader::new(Arc::new(server), Arc::clone(&options), outlet);
        let crew = tokio::spawn(reader.read_all(leader, workers, plan));
        let watcher = Watcher::start(side, ours.clone(), &options, crew.abort_handle());
        Ok(Self {
            inventory: catalog.inventory().clone(),
            tables: dumped,
            database: catalog.database,
            requires: catalog.requires,
            roles: catalog.roles.sql,
            warnings,
            estimate,
            snapshot,
            stage: Stage::BeforeData,
            before,
            after,
            intake,
            used,
            crew: Some(crew),
            leader: None,
            watcher: Some(watcher),
            ours,
            cancellers,
            large: None,
            seq: 0,
            barrier: None,
            failed: false,
        })
    }
}

struct Opened {
    server: Server,
    leader: Session,
    side: Session,
    workers: Vec<Session>,
    ours: Vec<i32>,
    read: Read,
}

/// What was read of one moment.
struct Read {
    snapshot: Snapshot,
    catalog: Catalog,
    warnings: Vec<Warning>,
    /// The sections of the sequences' values.
    sequences: Vec<Draft>,
}

/// Locks, takes the snapshot and reads the catalog, until nothing that takes no lock (a view, a function) has changed meanwhile.
async fn read_catalog(server: &Server, leader: &Session, side: &Session, options: &DumpOptions) -> Result<Read, Error> {
    let mut objects = Vec::new();
    for _ in 0..ATTEMPTS {
        let Locked { snapshot, selection, unread } = lock_and_snapshot(server, leader, side, options).await?;
        let savepoint = async |sql| {
            leader.client.batch_execute(sql).await.map_err(|error| fault(leader, "read the catalog", error))
        };
        savepoint("SAVEPOINT catalog").await?;
        match read_at(server, leader, side, &snapshot, selection, &unread, options).await {
            Ok((catalog, warnings, sequences)) => {
                objects = catalog.changed_since(&leader.client, &side.client).await?;
                if objects.is_empty() {
                    savepoint("RELEASE SAVEPOINT catalog").await?;
                    return Ok(Read { snapshot, catalog, warnings, sequences });
                }
            }
            // The functions that tell definitions see the current catalog: they fail for what the snapshot shows and is gone,
            // and they need locks on what somebody may be about to drop.
            Err(error) => {
                let refused = error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE);
                objects = if refused { contended_names(side).await? } else { Vec::new() };
                if savepoint("ROLLBACK TO SAVEPOINT catalog").await.is_err() {
                    return Err(error);
                }
                objects.extend(Catalog::moved_since(&leader.client, &side.client).await?);
                if objects.is_empty() && !refused {
                    return Err(error);
                }
            }
        }
        rollback(leader).await?;
    }
    Err(Error::DefinitionsMove { attempts: ATTEMPTS, objects })
}

/// The catalog, and the sequences' values. These are no part of any snapshot: read after it, they are at least as high as the
/// rows; read now, they need a lock while no one is likely to wait for ours.
async fn read_at(
    server: &Server,
    leader: &Session,
    side: &Session,
    snapshot: &Snapshot,
    selection: Selection,
    unread: &Unread,
    options: &DumpOptions,
) -> Result<(Catalog, Vec<Warning>, Vec<Draft>), Error> {
    let reading = async {
        server.begin_with(side, &snapshot.name).await?;
        Ok(Catalog::read_selected(&leader.client, &side.client, selection, &unread.large_objects).await?)
    };
    let catalog: Result<Catalog, Error> = reading.await;
    // From now on it is to see what the snapshot doesn't.
    rollback(side).await?;
    let mut catalog = catalog?;
    let mut warnings = set_aside_unlogged(server, leader, &mut catalog).await?;
    warnings.extend(set_aside_unread(unread, &mut catalog));
    let values = std::mem::take(&mut catalog.sequences);
    let sequences = sequences::read(server, leader, side, &values, options.section_bytes).await?;
    Ok((catalog, warnings, sequences))
}

async fn workers(
    server: &Server,
    connect: &ConnectOptions,
    snapshot: &Snapshot,
    count: usize,
) -> Result<Vec<Session>, Error> {
    let connecting = (0..count).map(|_| async {
        let session = Session::connect(connect).await?;
        server.begin_with(&session, &snapshot.name).await?;
        Ok::<_, Error>(session)
    });
    futures_util::future::try_join_all(connecting).await
}

/// Takes out what a standby has no rows or values of, and tells of it.
async fn set_aside_unlogged(server: &Server, leader: &Session, catalog: &mut Catalog) -> Result<Vec<Warning>, Error> {
    let sequences = sequences::without_value(server, leader, &catalog.sequences).await?;
    let mut objects = Vec::new();
    catalog.tables.retain(|table| {
        let kept = !(server.in_recovery && table.unlogged);
        if !kept {
            objects.push(quote::qualified(&table.schema, &table.name));
        }
        kept
    });
    catalog.sequences.retain(|sequence| {
        let kept = !sequences.contains(&sequence.oid);
        if !kept {
            objects.push(quote::qualified(&sequence.schema, &sequence.name));
        }
        kept
    });
    Ok(if objects.is_empty() { Vec::new() } else { vec![Warning { code: "unlogged-on-standby", objects }] })
}

/// Takes out what our role may not read, whose definitions stay, and tells of it.
fn set_aside_unread(unread: &Unread, catalog: &mut Catalog) -> Option<Warning> {
    let oids = unread.relations();
    let mut objects = Vec::new();
    catalog.tables.retain(|table| {
        let kept = !oids.contains(&table.oid);
        if !kept {
            objects.push(table.qualified());
        }
        kept
    });
    catalog.sequences.retain(|sequence| {
        let kept = !oids.contains(&sequence.oid);
        if !kept {
            objects.push(quote::qualified(&sequence.schema, &sequence.name));
        }
        kept
    });
    (!objects.is_empty()).then_some(Warning { code: "rows-not-dumped", objects })
}

/// The sections before and after the data.
async fn definitions(
    catalog: &Catalog,
    server: &Server,
    side: &Session,
    section_bytes: usize,
) -> Result<(VecDeque<Draft>, VecDeque<Draft>), Error> {
    let mut after = statements::cut(catalog.post_data(), section_bytes);
    match after.last_mut() {
        Some(last) => last.push_str(Catalog::trailer()),
        None => after.push(Catalog::trailer().to_owned()),
    }
    let encoded = async |kind, texts| {
        let texts = encode(side, &server.encoding, texts).await?;
        Ok::<_, Error>(texts.into_iter().map(move |sql| statements::draft(kind, sql)))
    };
    let mut before: VecDeque<Draft> = encoded(SectionKind::Preamble, vec![catalog.preamble()]).await?.collect();
    before.extend(encoded(SectionKind::PreData, statements::cut(catalog.pre_data(), section_bytes)).await?);
    Ok((before, encoded(SectionKind::PostData, after).await?.collect()))
}

/// The tables that rows are counted for; rows of several partitions may be counted for their root.
fn dumped(tables: &[TableData]) -> Vec<DumpedTable> {
    let mut known = HashSet::new();
    tables
        .iter()
        .filter(|table| known.insert(table.counted_as()))
        .map(|table| DumpedTable {
            schema: table.counted_as().0.to_owned(),
            table: table.counted_as().1.to_owned(),
            columns: table.columns.clone(),
            generated: table.generated.clone(),
        })
        .collect()
}

/// Waits until the server has ended the sessions `pids`, and ends them itself after a while.
pub(super) async fn wait_until_gone(side: &Session, pids: &[i32]) -> Result<(), Error> {
    let act = "wait until the dump's sessions have ended";
    for look in 0u32.. {
        let left = side
            .client
            .query_one(
                "SELECT count(*), count(CASE WHEN $2 THEN pg_catalog.pg_terminate_backend(pid) END)
                 FROM pg_catalog.pg_stat_activity WHERE pid = ANY ($1) AND pid <> pg_catalog.pg_backend_pid()",
                &[&pids, &(look == 40)],
            )
            .await
            .map_err(|error| fault(side, act, error))?;
        if left.get::<_, i64>(0) == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
