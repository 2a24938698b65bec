//! What programs, custom probes, bucket owners and database servers say: it is read or refused, bounded, harmless, and the
//! secret that they were told is in nothing of it.

use restore_drill::probe::outside::{answered, describes, encryption, is_manifest, last_words, printed};
use restore_drill::probe::{Miss, Observed};
use restore_drill::words::secret::Secret;
use restore_drill::words::text::is_hostile;
use serde_json::Value;

/// The secret that every program here was told.
const CANARY: &str = "canary-9f2c";

pub(crate) fn run(data: &[u8]) {
    let secrets = [Secret::new(CANARY.to_owned())];
    observed(&printed(data, &secrets));
    harmless(&last_words(data, &secrets));
    match answered(data, &secrets) {
        Ok(seen) => observed(&seen),
        Err(Miss { message, observed: seen, .. }) => {
            harmless(&message);
            seen.iter().for_each(observed);
        }
    }
    // Each may be what it is taken for, or not.
    let _ = (describes(data, "fuzzed"), encryption(data));
    if let Ok(text) = std::str::from_utf8(data) {
        let columns = ["key", "size"].map(str::to_owned);
        let _ = (is_manifest(text, None), is_manifest(text, Some(&columns)));
    }
}

fn observed(seen: &Observed) {
    seen.values.keys().chain(seen.facts.keys()).chain(seen.facts.values()).for_each(|text| harmless(text));
    seen.values.values().for_each(value);
}

fn value(value: &Value) {
    match value {
        Value::String(text) => harmless(text),
        Value::Array(items) => items.iter().for_each(self::value),
        Value::Object(_) => panic!("an object was observed: {value}"),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn harmless(text: &str) {
    assert!(!text.chars().any(is_hostile), "{text:?}");
    assert!(!text.contains(CANARY), "{text:?}");
    assert!(text.chars().count() <= 5_000, "a text of {} bytes", text.len());
}
