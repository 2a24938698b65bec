//! Earlier runs, read from the journals for the verbs that look back; and what they have in common.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::cli::error::CliError;
use crate::cli::place::Place;
use crate::cli::ui::{Ui, clean};
use crate::history::past::{Past, past};
use crate::history::trend::Measured;
use crate::journal::measure::Measure;
use crate::journal::store::{Origin, RunRow, Store};
use crate::words::id::RunId;
use crate::words::kind::Mode;
use crate::words::time::show_duration;

/// Runs of one drill that are looked at, unless more are asked for: older ones say little of today.
pub const MOST: usize = 60;

/// Earlier runs, newest first.
#[derive(Debug, Default)]
pub struct Pasts {
    /// Those that could be read.
    pub read: Vec<Past>,
    /// The others, each with the reason.
    pub unreadable: Vec<(RunId, String)>,
}

/// The journals of real runs, or of rehearsals; none if there never was one.
///
/// # Errors
/// When they cannot be opened.
pub fn journals(place: &Place, rehearsals: bool) -> Result<Option<Store>, CliError> {
    place.existing(if rehearsals { Mode::Sandbox } else { Mode::Aws })
}

/// Reads runs. A journal that cannot be read hides none of the others.
#[must_use]
pub fn read(store: &Store, rows: impl IntoIterator<Item = RunRow>) -> Pasts {
    let mut pasts = Pasts::default();
    for row in rows {
        match store.state(&row.run) {
            Ok(state) => pasts.read.push(Past { origin: row.origin, ..past(&state) }),
            Err(error) => pasts.unreadable.push((row.run, whole(&error))),
        }
    }
    pasts
}

/// An error with everything beneath it, in one line.
#[must_use]
pub fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    clean(&text)
}

/// Says which runs could not be read.
pub fn say_unreadable(pasts: &Pasts, ui: &Ui) {
    for (run, why) in &pasts.unreadable {
        ui.say(&format!("run {run} is left out: {why}"));
    }
}

/// The same for programs.
#[must_use]
pub fn unreadable_json(pasts: &Pasts) -> Value {
    pasts.unreadable.iter().map(|(run, why)| json!({ "run": run, "because": why })).collect()
}

/// A duration, or a sign for none.
#[must_use]
pub fn shown(duration: Option<SignedDuration>) -> String {
    duration.map_or_else(|| "-".to_owned(), show_duration)
}

/// How a run ended: the verdict, what it was before, and whether nobody known says so.
#[must_use]
pub fn verdict(past: &Past) -> String {
    let mut text = past.verdict().map_or_else(|| "not over".to_owned(), |verdict| verdict.to_string());
    for earlier in past.earlier_verdicts.iter().rev() {
        text.push_str(&format!(", {earlier} before"));
    }
    text + from(&past.origin)
}

/// A remark on where a journal comes from; none where this machine wrote it.
#[must_use]
pub fn from(origin: &Origin) -> &'static str {
    match origin {
        Origin::Here => "",
        Origin::Signed { .. } => " (imported)",
        Origin::Unknown => " (imported, signer unknown)",
    }
}

/// The same for programs: null where this machine wrote it.
#[must_use]
pub fn imported_json(origin: &Origin) -> Value {
    match origin {
        Origin::Here => Value::Null,
        Origin::Signed { key_id } => json!({ "trusted": true, "key_id": key_id }),
        Origin::Unknown => json!({ "trusted": false, "key_id": null }),
    }
}

/// Seconds, whole where they are; null for none.
#[must_use]
pub fn seconds(duration: Option<SignedDuration>) -> Value {
    match duration {
        Some(duration) if duration.subsec_nanos() == 0 => json!(duration.as_secs()),
        Some(duration) => json!(duration.as_secs_f64()),
        None => Value::Null,
    }
}

/// What a run measured of one thing.
#[must_use]
pub fn measured(past: &Past, of: Measured) -> Option<SignedDuration> {
    past.measures().and_then(|measures| of.of(measures).value)
}

/// One run for programs: what all verbs that look back say of it.
#[must_use]
pub fn run_json(past: &Past) -> Value {
    let measure = |of: Measured| {
        let measure = past.measures().map(|measures| of.of(measures));
        let value = json!({
            "seconds": seconds(measure.and_then(|measure| measure.value)),
            "target_seconds": seconds(measure.and_then(|measure| measure.target)),
            "met": measure.and_then(Measure::met),
        });
        (of.word().to_owned(), value)
    };
    json!({
        "run": past.run,
        "drill": past.drill,
        "mode": past.mode,
        "started": past.started.to_string(),
        "verdict": past.verdict(),
        "earlier_verdicts": past.earlier_verdicts,
        "imported": imported_json(&past.origin),
        "drill_version": past.version,
        "definition_sha256": past.text_sha256,
        "measures": Measured::ALL.into_iter().map(measure).collect::<serde_json::Map<_, _>>(),
        "phases": phases_json(past),
        "restores": restores_json(past),
    })
}

fn phases_json(past: &Past) -> Value {
    let phases = past.measures().into_iter().flat_map(|measures| &measures.rto_phases);
    phases.map(|(name, took)| (name.clone(), seconds(Some(*took)))).collect::<serde_json::Map<_, _>>().into()
}

fn restores_json(past: &Past) -> Value {
    let restores = past.restores.iter().map(|(name, one)| {
        let value = json!({
            "type": one.kind,
            "resource": one.resource,
            "recovery_point": one.point,
            "created": one.created.map(|created| created.to_string()),
            "size_bytes": one.size_bytes,
            "key": one.key,
            "backup_plan": one.backup_plan,
            "facts": one.facts,
        });
        (name.to_string(), value)
    });
    restores.collect::<serde_json::Map<_, _>>().into()
}
