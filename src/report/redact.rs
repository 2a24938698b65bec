//! What a report leaves out because its definition says so. Decided before the first record: the journal holds the
//! definition, and whoever renders the journal again leaves out the same.
//!
//! Invariant: after [`accounts`] no id of an account stands in a text, where the definition redacts them. The journal
//! itself keeps everything: the run, its resume and its teardown need it, and whoever verifies makes the report again from
//! it. So journal and definition beside a report hold what the report leaves out, and the report says so.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::definition::model::Redaction;
use crate::journal::chain::sha256_hex;
use crate::journal::state::State;

/// The files of a bundle in which nothing is left out.
const BESIDE: &str = "journal.jsonl and definition.yaml of the same bundle";

/// Digits of an account's id.
const DIGITS: usize = 12;

/// Digits of the hash that stand for it. Some hundred accounts share each: nobody can count back.
const SHOWN: usize = 8;

/// What the report says about what it leaves out.
#[must_use]
pub fn hidden(state: &State) -> Vec<String> {
    let settings = &state.started.plan.definition.report;
    let mut out = Vec::new();
    if settings.hides(Redaction::AccountIds) {
        out.push(
            "Ids of AWS accounts: account- and the beginning of a hash stands for each, the same in every report."
                .to_owned(),
        );
    }
    if settings.hides(Redaction::RestoreMetadata) {
        out.push(
            "Values of the restore's settings, but for those that only say what a thing is. The beginning of a hash \
             stands for each."
                .to_owned(),
        );
    }
    if !out.is_empty() {
        out.push(format!(
            "It is left out of the report alone: {BESIDE} hold it, and whoever is given those can read it."
        ));
    }
    out
}

/// What somebody must know before the bundle of a run is handed on whose definition redacts something; nothing for others.
#[must_use]
pub fn warning(state: &State) -> Option<String> {
    let redacts = !state.started.plan.definition.report.redact.is_empty();
    redacts.then(|| {
        format!(
            "`redact` is for the report alone: {BESIDE} hold everything; `drill report {} --share FOLDER` writes the report \
             without them",
            state.run
        )
    })
}

/// The same with every account's id exchanged, where the definition says so.
#[must_use]
pub fn accounts<T: Serialize + DeserializeOwned>(state: &State, shown: T) -> T {
    if !state.started.plan.definition.report.hides(Redaction::AccountIds) {
        return shown;
    }
    let known = known(state);
    let mut value = whole(serde_json::to_value(&shown));
    exchange(&mut value, &known);
    whole(serde_json::from_value(value))
}

/// What became JSON is JSON, and texts for texts leave a value what it was.
fn whole<T>(made: serde_json::Result<T>) -> T {
    made.expect("exchanged texts change no type")
}

fn known(state: &State) -> BTreeSet<String> {
    let definition = &state.started.plan.definition;
    let caller = state.identity.as_ref().map(|identity| identity.account.to_string());
    [definition.source.account.to_string(), definition.destination.account.to_string()]
        .into_iter()
        .chain(caller)
        .collect()
}

fn exchange(value: &mut Value, known: &BTreeSet<String>) {
    match value {
        Value::String(text) => *text = without(text, known),
        Value::Array(items) => items.iter_mut().for_each(|item| exchange(item, known)),
        Value::Object(fields) => fields.iter_mut().for_each(|(_, field)| exchange(field, known)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A run of exactly twelve digits is an account's id if it is a known one, or stands where an ARN has one.
fn without(text: &str, known: &BTreeSet<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let length = from.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, after) = from.split_at(length);
        out.push_str(before);
        let in_arn = out.ends_with(':') && after.starts_with(':');
        if length == DIGITS && (in_arn || known.contains(digits)) {
            out.push_str(&stand_in(digits));
        } else {
            out.push_str(digits);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn stand_in(account: &str) -> String {
    let hash = sha256_hex(format!("drill account {account}").as_bytes());
    format!("account-{}", &hash[..SHOWN])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{stand_in, without};

    #[test]
    fn accounts_are_exchanged_and_other_digits_are_not() {
        let known = BTreeSet::from(["123456789012".to_owned()]);
        let id = stand_in("123456789012");
        assert!(id.len() == 16 && id.starts_with("account-"), "{id}");
        assert_eq!(without("123456789012", &known), id);
        assert_eq!(without("logs-123456789012-eu", &known), format!("logs-{id}-eu"));
        let other = stand_in("210987654321");
        assert_eq!(
            without("arn:aws:kms:eu-west-1:210987654321:key/1", &known),
            format!("arn:aws:kms:eu-west-1:{other}:key/1")
        );
        for text in ["5A3D7C42-0000-4000-8000-000000000003", "1234567890123", "210987654321 rows", "ü12"] {
            assert_eq!(without(text, &known), text);
        }
    }
}
