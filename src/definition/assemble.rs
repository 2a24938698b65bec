//! What passed every check → the model, with every default in its place.
//!
//! The canonical JSON of the shapes is brought into the form that the model's own `Deserialize` reads, so that a
//! definition in a journal and a definition in a file become the same thing by the same code.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::definition::expand::expand;
use crate::definition::model::Definition;
use crate::definition::proof::{kind_of, overlaid};

/// Makes the model.
///
/// # Errors
/// When the checks let through what the model cannot hold: a defect.
pub fn definition(checked: &Json) -> Result<Definition, serde_json::Error> {
    let mut whole = copied(
        checked,
        &["name", "title", "owner", "labels", "controls", "objectives", "policy", "source", "destination", "rates"],
    );
    whole.insert("limits".to_owned(), limits(&checked["limits"]));
    let restores = || checked["restore"].as_object().into_iter().flatten();
    let named = restores().filter(|(_, one)| !is_open(one)).map(|(name, one)| (name.clone(), restore(one)));
    whole.insert("restore".to_owned(), named.collect());
    let open = restores().filter(|(_, one)| is_open(one)).map(|(name, one)| (name.clone(), selection(one)));
    whole.insert("selections".to_owned(), open.collect());
    whole.insert("probes".to_owned(), each(&checked["probes"], probe));
    whole.insert("actions".to_owned(), each(&checked["actions"], action));
    whole.insert("gates".to_owned(), checked.get("gates").cloned().unwrap_or_else(|| json!({})));
    if let Some(group) = checked.get("consistency") {
        whole.insert("consistency".to_owned(), group.clone());
    }
    let mut teardown = copied(&checked["teardown"], &["when", "keep_for"]);
    teardown.insert("timeout".to_owned(), or(&checked["teardown"]["timeout"], "PT2H"));
    whole.insert("teardown".to_owned(), Json::Object(teardown));
    let mut report = copied(&checked["report"], &["formats", "redact", "sign", "archive"]);
    report.insert("runbook".to_owned(), or(&checked["report"]["runbook"], "default"));
    whole.insert("report".to_owned(), Json::Object(report));
    let definition: Definition = serde_json::from_value(Json::Object(whole))?;
    // What is open until the vault was asked is expanded then.
    if definition.selections.is_empty() { Ok(expand(definition, &BTreeMap::new())) } else { Ok(definition) }
}

/// Whether it is a selection.
fn is_open(restore: &Json) -> bool {
    restore.get("select").is_some()
}

fn copied(from: &Json, keys: &[&str]) -> Map<String, Json> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), from.get(key)?.clone()))).collect()
}

fn or(json: &Json, default: impl Into<Json>) -> Json {
    if json.is_null() { default.into() } else { json.clone() }
}

fn each(from: &Json, make: fn(&Json) -> Json) -> Json {
    from.as_object().into_iter().flatten().map(|(name, one)| (name.clone(), make(one))).collect()
}

fn limits(checked: &Json) -> Json {
    let mut limits = copied(checked, &["max_cost_usd", "stop_parameter"]);
    limits.insert("max_duration".to_owned(), or(&checked["max_duration"], "PT8H"));
    limits.insert("max_parallel_restores".to_owned(), or(&checked["max_parallel_restores"], 4));
    Json::Object(limits)
}

fn restore(checked: &Json) -> Json {
    let mut one = copied(checked, &["resource", "with", "needs", "rates"]);
    one.insert("kind".to_owned(), checked["type"].clone());
    one.insert("recovery_point".to_owned(), recovery_point(&checked["recovery_point"]));
    one.insert("metadata".to_owned(), each(&checked["metadata"], as_text));
    one.insert("timeout".to_owned(), or(&checked["timeout"], "PT4H"));
    Json::Object(one)
}

fn selection(checked: &Json) -> Json {
    let select = copied(&checked["select"], &["tags", "arns", "plan", "except"]);
    json!({ "select": select, "template": restore(checked) })
}

fn action(checked: &Json) -> Json {
    let mut one = copied(checked, &["on", "needs", "expect"]);
    one.insert("timeout".to_owned(), or(&checked["timeout"], "PT30S"));
    if let Some(retry) = checked.get("retry") {
        one.insert("retry".to_owned(), retry_of(retry));
    }
    let how = |json: &Json| kind_of(json).map(|(kind, settings)| (kind.word(), settings.clone()));
    if let Some((kind, settings)) = how(checked) {
        one.insert("kind".to_owned(), kind.into());
        one.insert("settings".to_owned(), Json::Object(settings));
    }
    if let Some((kind, settings)) = checked.get("undo").and_then(how) {
        one.insert("undo".to_owned(), json!({ "kind": kind, "settings": settings }));
    }
    Json::Object(one)
}

/// AWS takes strings only (facts 2.0).
fn as_text(value: &Json) -> Json {
    match value {
        Json::String(_) => value.clone(),
        other => other.to_string().into(),
    }
}

fn recovery_point(checked: &Json) -> Json {
    let mut rule = copied(checked, &["max_age", "allow_stopped", "allow_cold"]);
    let pick = match &checked["pick"] {
        Json::String(text) => match text.split_once(':').map(|(word, rest)| (word.trim(), rest.trim())) {
            Some((word, rest)) => json!({ word: rest }),
            None => text.as_str().into(),
        },
        Json::Null => "latest".into(),
        map => map.clone(),
    };
    rule.insert("pick".to_owned(), pick);
    Json::Object(rule)
}

fn probe(checked: &Json) -> Json {
    let mut one = copied(checked, &["on", "needs", "expect", "measures", "severity", "hold", "when", "record", "via"]);
    if let Some(Json::Array(names)) = checked.get("on") {
        one.insert("on".to_owned(), names.first().cloned().unwrap_or_default());
        if names.len() > 1 {
            one.insert("on_each".to_owned(), names.clone().into());
        }
    }
    one.insert("timeout".to_owned(), or(&checked["timeout"], "PT30S"));
    if let Some(retry) = checked.get("retry") {
        one.insert("retry".to_owned(), retry_of(retry));
    }
    if let Some((kind, settings)) = kind_of(checked) {
        one.insert("kind".to_owned(), kind.word().into());
        one.insert("settings".to_owned(), Json::Object(settings.clone()));
        if let Some(control) = checked.get("negative_control")
            && let Some(overlay) = control.get(kind.word()).and_then(Json::as_object)
        {
            let all = overlaid(settings, overlay);
            one.insert("negative_control".to_owned(), json!({ "settings": all, "fails_with": control["fails_with"] }));
        }
    }
    Json::Object(one)
}

/// Where only `for` is given and is short, the usual pause of 15 s would leave no second attempt.
fn retry_of(checked: &Json) -> Json {
    let within: Option<jiff::SignedDuration> = checked["for"].as_str().and_then(|text| text.parse().ok());
    let usual = jiff::SignedDuration::from_secs(15);
    let every = within.filter(|within| *within < usual).unwrap_or(usual);
    let backoff = or(&checked["backoff"], 1.0);
    json!({ "for": checked["for"], "every": or(&checked["every"], every.to_string()), "backoff": backoff })
}

#[cfg(test)]
mod tests {
    use super::{recovery_point, retry_of};
    use crate::definition::model::{Pick, PickRule, Retry};
    use serde_json::json;

    #[test]
    fn every_way_to_pick_is_read() {
        let pick = |json| serde_json::from_value::<PickRule>(recovery_point(&json)).unwrap().pick;
        assert_eq!(pick(json!(null)), Pick::Latest);
        assert_eq!(pick(json!({"pick": "latest"})), Pick::Latest);
        let instant = "2026-11-01T00:00:00Z".parse().unwrap();
        assert_eq!(pick(json!({"pick": "before: 2026-11-01T00:00:00Z"})), Pick::Before(instant));
        assert_eq!(pick(json!({"pick": {"before": "2026-11-01T00:00:00Z"}})), Pick::Before(instant));
        let arn = "arn:aws:rds:eu-west-1:123456789012:snapshot:awsbackup:copyjob-1";
        assert_eq!(pick(json!({"pick": format!("arn: {arn}")})), Pick::Arn(arn.parse().unwrap()));
    }

    #[test]
    fn a_short_retry_has_a_short_pause() {
        let retry: Retry = serde_json::from_value(retry_of(&json!({"for": "PT5S"}))).unwrap();
        assert_eq!((retry.within.as_secs(), retry.every.as_secs()), (5, 5));
    }
}
