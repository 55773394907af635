//! Whether a forgery was taken for what it is not: by a check, which decrypts everything, or by a restore.

use std::collections::BTreeMap;
use std::path::Path;

use file_archive::{Folder, Overwrite, Selection, Target};
use pg_client::ConnectOptions;
use pipeline::{BackupCheck, DatabaseRestore, Deadline, FilesRestore, Progress, Share};
use serde_json::Value;
use testing::faults::replica::Replica;
use testing::unique;
use vault::{BackupChoice, Kind, Selector, Vault};

use crate::forge::Forgery;
use crate::originals::{Original, Originals};

/// What came of one forgery.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// In which words.
    Refused(String),
    /// What came is, to the last byte, a backup that was made, told by its own name; and nothing that counts of it had been altered.
    Unharmed,
    /// The latest was asked for, and an older one came in the place of what was altered, with a finding that says so.
    PassedOver,
    /// The worst: what was altered was taken for sound.
    Accepted(String),
}

/// What the untouched backups are like.
pub(crate) struct Truth {
    /// The report of a check, by the backup's id.
    checks: BTreeMap<String, Value>,
    /// What a restore makes of each.
    restored: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
}

pub(crate) struct Judge {
    pub(crate) originals: Originals,
    pub(crate) replica: Replica,
    truth: Truth,
    /// Of the databases that restores make.
    pub(crate) prefix: String,
}

impl Judge {
    pub(crate) async fn new(originals: Originals) -> Self {
        let replica = Replica::start().await;
        let truth = Truth { checks: BTreeMap::new(), restored: BTreeMap::new() };
        let mut judge = Self { originals, replica, truth, prefix: unique("tamper_") };
        judge.replica.hold("untouched", judge.originals.stored.clone());
        for number in 0..judge.originals.backups.len() {
            let backup = &judge.originals.backups[number];
            let (id, vault) = (backup.id.clone(), judge.vault("untouched", backup));
            for identities in 0..2 {
                let report = judge.check(&vault, backup, by_id(&id), identities).await.unwrap();
                assert!(report["whole"] == true && report["backup"] == *id, "{report}");
                judge.truth.checks.insert(id.clone(), facts(report));
            }
            let backup = &judge.originals.backups[number];
            let (_, restored) = judge.restore(&vault, backup, by_id(&id)).await;
            let (of, restored) = restored.unwrap();
            assert!(of == id && !restored.is_empty(), "{of}");
            judge.truth.restored.insert(id, restored);
        }
        judge
    }

    fn vault(&self, bucket: &str, backup: &Original) -> Vault {
        Vault::new(self.replica.client(), bucket, backup.environment.parse().unwrap())
    }

    /// `restored`: it is restored too.
    pub(crate) async fn judge(&self, bucket: &str, mut forgery: Forgery<'_>, restored: bool) -> Verdict {
        let target = forgery.target;
        // Where the forgery would be the latest, were it taken for sound.
        let may_be_latest = forgery.made_up.is_some() || !self.is_there_a_newer(&target.id);
        let choice = match &forgery.made_up {
            _ if may_be_latest && forgery.random.once_in(3) => Selector::Latest.into(),
            Some(id) if forgery.random.below(4) > 0 => by_id(id),
            _ => by_id(&target.id),
        };
        let identities = usize::from(forgery.random.once_in(8));
        self.replica.hold(bucket, forgery.objects.clone());
        let vault = self.vault(bucket, target);
        let latest = choice.backup == Selector::Latest;
        let checked = self.check(&vault, target, choice.clone(), identities).await;
        let mut verdict = match checked {
            Err(error) => refused(error),
            Ok(report) => self.of_check(&forgery, report, latest),
        };
        if restored && !matches!(verdict, Verdict::Accepted(_)) {
            let (there, restore) = self.restore(&vault, target, choice).await;
            let of_restore = match restore {
                Err(error) => self.of_leftovers(&there).unwrap_or_else(|| refused(error)),
                Ok((of, found)) => self.of_restore(&forgery, &of, &found),
            };
            // Both see the same bytes: a check that is content with less than a restore needs is worth nothing.
            verdict = match (verdict, of_restore) {
                (_, accepted @ Verdict::Accepted(_)) => accepted,
                (Verdict::Unharmed | Verdict::PassedOver, Verdict::Refused(why)) => {
                    Verdict::Accepted(format!("a check found sound what a restore refuses: {why}"))
                }
                (Verdict::Refused(why), Verdict::Unharmed) => {
                    Verdict::Accepted(format!("a restore takes what a check refuses: {why}"))
                }
                (verdict, _) => verdict,
            };
        }
        self.replica.drop_bucket(bucket);
        verdict
    }

    async fn check(
        &self,
        vault: &Vault,
        target: &Original,
        backup: BackupChoice,
        identities: usize,
    ) -> Result<Value, pipeline::Error> {
        let check = BackupCheck {
            vault,
            identities: &self.originals.identities[identities],
            kind: target.kind,
            backup,
            share: Share::ALL,
            deadline: Deadline::default(),
            progress: Progress::default(),
        };
        Ok(serde_json::to_value(Box::pin(check.run()).await?).unwrap())
    }

    fn of_check(&self, forgery: &Forgery<'_>, report: Value, latest: bool) -> Verdict {
        let id = report["backup"].as_str().unwrap().to_owned();
        let told = report["findings"].as_array().is_some_and(|findings| !findings.is_empty());
        if latest && !told && self.is_there_a_newer(&id) {
            return Verdict::Accepted(format!("checked {id} as the latest, and passed over a newer one in silence"));
        }
        if let Some(altered) = self.altered(forgery, &id) {
            return Verdict::Accepted(format!("checked {id}: {altered}"));
        }
        let facts = facts(report);
        if self.truth.checks[&id] == facts {
            if latest && self.is_there_a_newer(&id) { Verdict::PassedOver } else { Verdict::Unharmed }
        } else {
            Verdict::Accepted(format!("checked as {facts}"))
        }
    }

    fn is_there_a_newer(&self, id: &str) -> bool {
        let backups = &self.originals.backups;
        let Some(one) = backups.iter().find(|backup| backup.id == id) else { return false };
        let same = |other: &&Original| (other.kind, &other.environment) == (one.kind, &one.environment);
        backups.iter().filter(same).any(|other| other.id > one.id)
    }

    /// Why a backup may not be taken for sound.
    fn altered(&self, forgery: &Forgery<'_>, id: &str) -> Option<String> {
        let originals = &self.originals;
        let Some(original) = originals.backups.iter().find(|backup| backup.id == id) else {
            return Some("nobody made it".to_owned());
        };
        let was = |key: &String| {
            let original = originals.stored.iter().find(|version| version.key == *key);
            original.and_then(|version| version.bytes.clone())
        };
        for key in original.volumes().iter().chain([original.manifest()]) {
            if forgery.bytes(key) != was(key) {
                return Some(format!("{key} is not as it was"));
            }
        }
        let said = |bytes: Option<bytes::Bytes>| -> Option<vault::Summary> {
            let mut summary = vault::Summary::parse(&bytes?).ok()?;
            // Who can decrypt stands in the headers of the objects; nobody reads it here.
            summary.recipients = Vec::new();
            Some(summary)
        };
        (said(forgery.bytes(original.summary())) != said(was(original.summary())))
            .then(|| "its summary says otherwise than it did".to_owned())
    }

    /// What there is afterwards, and the id of what was restored with the same if the restore says that all is well.
    async fn restore(
        &self,
        vault: &Vault,
        target: &Original,
        backup: BackupChoice,
    ) -> (Content, Result<(String, Content), pipeline::Error>) {
        match target.kind {
            Kind::Database => {
                let into = unique(&self.prefix);
                let server = &self.originals.database.server;
                let restore = DatabaseRestore {
                    vault,
                    identities: &self.originals.identities[0],
                    backup,
                    target: &ConnectOptions::from_url(&server.url("postgres")).unwrap(),
                    into: Some(into.clone()),
                    options: pg_restore::RestoreOptions::default(),
                    deadline: Deadline::default(),
                    progress: Progress::default(),
                };
                match Box::pin(restore.run()).await {
                    Err(error) => (Content::new(), Err(error)),
                    Ok(report) => {
                        assert!(report.restored.equal, "{report:?}");
                        // Rows lie in the order in which several connections wrote them.
                        let mut found: Vec<String> =
                            end_to_end::pg_dump(server, &into).lines().map(str::to_owned).collect();
                        found.sort_unstable();
                        let found = found.join("\n").into_bytes();
                        let client = server.connect("postgres").await;
                        client.batch_execute(&format!("DROP DATABASE {into} WITH (FORCE)")).await.unwrap();
                        let found = Content::from([("pg_dump".to_owned(), found)]);
                        (found.clone(), Ok((report.backup, found)))
                    }
                }
            }
            Kind::Files => {
                let folder = tempfile::tempdir().unwrap();
                let into = Folder::open(folder.path()).unwrap();
                let restore = FilesRestore {
                    vault,
                    identities: &self.originals.identities[0],
                    backup,
                    selection: Selection::All,
                    target: &|_| Target::Folder(into.clone()),
                    overwrite: Overwrite::Never,
                    dry_run: false,
                    ignore_estimate: false,
                    deadline: Deadline::default(),
                    progress: Progress::default(),
                };
                let restored = Box::pin(restore.run()).await;
                let mut found = Content::new();
                read(folder.path(), folder.path(), &mut found);
                let told = |report: pipeline::FilesRestoreReport| match report.restored.failures.first() {
                    None => Ok((report.backup, found.clone())),
                    Some(failure) => {
                        Err(pipeline::Error::Contradiction { backup: report.backup, what: failure.why.clone() })
                    }
                };
                let restored = restored.and_then(told);
                (found, restored)
            }
        }
    }

    fn of_restore(&self, forgery: &Forgery<'_>, id: &str, found: &Content) -> Verdict {
        if let Some(altered) = self.altered(forgery, id) {
            return Verdict::Accepted(format!("restored {id}: {altered}"));
        }
        if self.truth.restored[id] == *found {
            return Verdict::Unharmed;
        }
        Verdict::Accepted(format!("restored {id} otherwise than it was"))
    }

    /// What a restore of files left that failed must be right as far as it goes.
    fn of_leftovers(&self, there: &Content) -> Option<Verdict> {
        let right = |(name, bytes): (&String, &Vec<u8>)| {
            self.truth.restored.values().any(|restored| restored.get(name) == Some(bytes))
        };
        let wrong = there.iter().find(|file| !right(*file))?;
        Some(Verdict::Accepted(format!("a restore that failed left a wrong file: {}", wrong.0)))
    }
}

/// Files by their names; of a database, the lines of `pg_dump`, sorted.
type Content = BTreeMap<String, Vec<u8>>;

fn read(root: &Path, folder: &Path, into: &mut Content) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, into);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            into.insert(name, std::fs::read(&path).unwrap());
        }
    }
}

fn by_id(id: &str) -> BackupChoice {
    Selector::Id(id.parse().unwrap()).into()
}

/// A refusal because the server did not answer as it should would prove nothing.
fn refused(error: pipeline::Error) -> Verdict {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    if [" tries", "NoSuchBucket", "NoSuchKey", "InvalidRange"].iter().any(|word| text.contains(word)) {
        return Verdict::Accepted(format!("the replica failed: {text}"));
    }
    Verdict::Refused(text)
}

/// What is the same in every check of a backup.
fn facts(mut report: Value) -> Value {
    for changing in ["seconds", "findings"] {
        report.as_object_mut().unwrap().remove(changing);
    }
    report
}
