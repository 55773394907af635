use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Which turn of its schedule a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// When the schedule meant this run to be; when it began, if nothing says so.
    pub time: OffsetDateTime,
    /// Why that is not the schedule's own word.
    pub note: Option<String>,
}

impl Scheduled {
    /// From the event of the schedule, or of a person, as of `now`. No event keeps a backup from being made.
    pub fn of(event: &Value, now: OffsetDateTime) -> Self {
        let fallback = |what: String| {
            let note = format!("{what}: this run counts as scheduled when it began");
            tracing::info!(note, "no scheduled time");
            Self { time: now, note: Some(note) }
        };
        match event.get("scheduled") {
            None | Some(Value::Null) => fallback("the event has no field scheduled".to_owned()),
            Some(Value::String(text)) => match OffsetDateTime::parse(text, &Rfc3339) {
                Ok(time) => Self { time, note: None },
                Err(_) => fallback(format!("the event's field scheduled is {text:?}, which is no time in RFC 3339")),
            },
            Some(_) => fallback("the event's field scheduled is no text".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:07 UTC);

    #[test]
    fn scheduled_time_is_taken_from_the_event() {
        let scheduled = Scheduled::of(&json!({"scheduled": "2026-11-23T12:00:00Z"}), NOW);
        assert_eq!(scheduled, Scheduled { time: datetime!(2026-11-23 12:00 UTC), note: None });
    }

    #[test]
    fn missing_or_literal_time_falls_back_to_now_with_a_note() {
        for (event, said) in [
            (json!({}), "no field scheduled"),
            (json!({"scheduled": null}), "no field scheduled"),
            (json!({"scheduled": "<aws.scheduler.scheduled-time>"}), "<aws.scheduler.scheduled-time>"),
            (json!({"scheduled": 1_763_899_200}), "no text"),
            (json!(["anything"]), "no field scheduled"),
        ] {
            let scheduled = Scheduled::of(&event, NOW);
            let note = scheduled.note.unwrap();
            assert!(scheduled.time == NOW && note.contains(said) && note.contains("when it began"), "{note}");
        }
    }
}
