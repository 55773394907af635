use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What the schedule of a backup, or a person, says.
#[derive(Debug, Default, Deserialize)]
pub struct Scheduled {
    /// When the schedule meant this run to be, RFC 3339.
    #[serde(default)]
    scheduled: Option<String>,
}

impl Scheduled {
    /// When the schedule meant the run to be, if it says so.
    pub fn time(&self) -> Option<OffsetDateTime> {
        self.scheduled.as_deref().and_then(|time| OffsetDateTime::parse(time, &Rfc3339).ok())
    }
}
