//! What passed every check → the model, with every default in its place.
//!
//! The parts of the canonical JSON of the shapes are read by the model's own `Deserialize`, so that a definition in a
//! journal and a definition in a file become the same thing by the same code.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::{Error, Map, Value as Json, json};

use crate::cloud::resource::Settings;
use crate::definition::expand::expand;
use crate::definition::model::{
    Action, Definition, Measures, NegativeControl, Probe, Rates, Restore, Retry, Selection, Severity, Template, Undo,
};
use crate::definition::proof::{kind_in, overlaid};
use crate::words::id::Name;
use crate::words::kind::ProbeKind;
use crate::words::shared::Shared;

/// Makes the model. What there may be thousands of is moved out of what was checked, never copied.
///
/// # Errors
/// When the checks let through what the model cannot hold: a defect.
pub fn definition(checked: Json) -> Result<Definition, Error> {
    let mut checked = object(checked);
    let mut whole = moved(
        &mut checked,
        &["name", "title", "owner", "labels", "controls", "objectives", "policy", "source", "destination", "rates"],
    );
    whole.insert("limits".to_owned(), limits(take(&mut checked, "limits")));
    // These are made one by one below.
    whole.insert("restore".to_owned(), json!({}));
    whole.insert("probes".to_owned(), json!({}));
    whole.extend(moved(&mut checked, &["gates", "consistency"]));
    let mut teardown = take(&mut checked, "teardown");
    let mut settled = moved_of(&mut teardown, &["when", "keep_for"]);
    settled.insert("timeout".to_owned(), or(&teardown["timeout"], "PT2H"));
    whole.insert("teardown".to_owned(), Json::Object(settled));
    let mut report = take(&mut checked, "report");
    let mut settled = moved_of(&mut report, &["formats", "redact", "sign", "archive"]);
    settled.insert("runbook".to_owned(), or(&report["runbook"], "default"));
    whole.insert("report".to_owned(), Json::Object(settled));
    let mut definition: Definition = serde_json::from_value(Json::Object(whole))?;
    let (open, restores) = object(take(&mut checked, "restore")).into_iter().partition(|(_, one)| is_open(one));
    definition.selections = each(open, selection)?;
    definition.restore = Shared::new(each(restores, restore)?);
    definition.probes = Shared::new(each(object(take(&mut checked, "probes")), probe)?);
    definition.actions = each(object(take(&mut checked, "actions")), action)?;
    // What is open until the vault was asked is expanded then.
    if definition.selections.is_empty() { Ok(expand(definition, &BTreeMap::new())) } else { Ok(definition) }
}

/// Whether it is a selection.
fn is_open(restore: &Json) -> bool {
    restore.get("select").is_some()
}

/// The entries of a mapping; none of anything else.
fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(entries) => entries,
        _ => Map::new(),
    }
}

/// What is at a key, which keeps its place and becomes null. Null where nothing is.
fn take(from: &mut Map<String, Json>, key: &str) -> Json {
    from.get_mut(key).map(Json::take).unwrap_or_default()
}

fn moved(from: &mut Map<String, Json>, keys: &[&str]) -> Map<String, Json> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), from.get_mut(*key)?.take()))).collect()
}

fn moved_of(from: &mut Json, keys: &[&str]) -> Map<String, Json> {
    from.as_object_mut().map(|from| moved(from, keys)).unwrap_or_default()
}

fn or(json: &Json, default: impl Into<Json>) -> Json {
    if json.is_null() { default.into() } else { json.clone() }
}

/// What is at a key, read as the model reads it.
fn read<T: DeserializeOwned>(from: &mut Map<String, Json>, key: &str) -> Result<T, Error> {
    serde_json::from_value(take(from, key))
}

/// The same, where it may be missing.
fn read_or<T: DeserializeOwned>(from: &mut Map<String, Json>, key: &str, usual: T) -> Result<T, Error> {
    match take(from, key) {
        Json::Null => Ok(usual),
        json => serde_json::from_value(json),
    }
}

fn each<T>(
    from: Map<String, Json>,
    make: fn(Map<String, Json>) -> Result<T, Error>,
) -> Result<BTreeMap<Name, T>, Error> {
    let one = |(name, one): (String, Json)| -> Result<(Name, T), Error> {
        Ok((Name::try_from(name).map_err(Error::custom)?, make(object(one))?))
    };
    from.into_iter().map(one).collect()
}

fn limits(mut checked: Json) -> Json {
    let mut limits = moved_of(&mut checked, &["max_cost_usd", "stop_parameter"]);
    limits.insert("max_duration".to_owned(), or(&checked["max_duration"], "PT8H"));
    limits.insert("max_parallel_restores".to_owned(), or(&checked["max_parallel_restores"], 4));
    Json::Object(limits)
}

fn restore(mut checked: Map<String, Json>) -> Result<Restore, Error> {
    let resource = read(&mut checked, "resource")?;
    let Template { kind, recovery_point, with, metadata, needs, timeout, rates } = template(checked)?;
    Ok(Restore { kind, resource, recovery_point, with, metadata, needs, timeout, rates })
}

fn selection(mut checked: Map<String, Json>) -> Result<Selection, Error> {
    let select = moved_of(&mut take(&mut checked, "select"), &["tags", "arns", "plan", "except"]);
    Ok(Selection { select: serde_json::from_value(Json::Object(select))?, template: template(checked)? })
}

fn template(mut checked: Map<String, Json>) -> Result<Template, Error> {
    let metadata = object(take(&mut checked, "metadata"));
    Ok(Template {
        kind: read(&mut checked, "type")?,
        recovery_point: serde_json::from_value(recovery_point(take(&mut checked, "recovery_point")))?,
        with: object(take(&mut checked, "with")),
        metadata: metadata.into_iter().map(|(key, value)| (key, as_text(value))).collect(),
        needs: read_or(&mut checked, "needs", Vec::new())?,
        timeout: read_or(&mut checked, "timeout", SignedDuration::from_hours(4))?,
        rates: read_or(&mut checked, "rates", Rates::default())?,
    })
}

fn action(mut checked: Map<String, Json>) -> Result<Action, Error> {
    let (kind, settings) = how(&mut checked).ok_or_else(|| Error::custom("an action without a kind"))?;
    let undo = how(&mut object(take(&mut checked, "undo")));
    Ok(Action {
        kind,
        settings,
        on: read(&mut checked, "on")?,
        needs: read_or(&mut checked, "needs", Vec::new())?,
        retry: retry(take(&mut checked, "retry"))?,
        timeout: read_or(&mut checked, "timeout", SignedDuration::from_secs(30))?,
        expect: read_or(&mut checked, "expect", BTreeMap::new())?,
        undo: undo.map(|(kind, settings)| Undo { kind, settings }),
    })
}

/// The kind of a probe or an action, and its settings.
fn how(checked: &mut Map<String, Json>) -> Option<(ProbeKind, Settings)> {
    let (kind, _) = kind_in(checked)?;
    Some((kind, object(take(checked, kind.word()))))
}

/// AWS takes strings only (facts 2.0).
fn as_text(value: Json) -> String {
    match value {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

fn recovery_point(mut checked: Json) -> Json {
    let mut rule = moved_of(&mut checked, &["max_age", "allow_stopped", "allow_cold"]);
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

fn probe(mut checked: Map<String, Json>) -> Result<Probe, Error> {
    let (kind, settings) = how(&mut checked).ok_or_else(|| Error::custom("a probe without a kind"))?;
    let on: Vec<Name> = read(&mut checked, "on")?;
    let on_each = if on.len() > 1 { on.clone() } else { Vec::new() };
    Ok(Probe {
        on: on.into_iter().next().ok_or_else(|| Error::custom("a probe on nothing"))?,
        on_each,
        kind,
        negative_control: control(object(take(&mut checked, "negative_control")), kind, &settings)?,
        settings,
        needs: read_or(&mut checked, "needs", Vec::new())?,
        retry: retry(take(&mut checked, "retry"))?,
        timeout: read_or(&mut checked, "timeout", SignedDuration::from_secs(30))?,
        expect: read_or(&mut checked, "expect", BTreeMap::new())?,
        measures: read_or(&mut checked, "measures", Measures::default())?,
        hold: read(&mut checked, "hold")?,
        when: read(&mut checked, "when")?,
        record: read_or(&mut checked, "record", Vec::new())?,
        via: read(&mut checked, "via")?,
        severity: read_or(&mut checked, "severity", Severity::default())?,
    })
}

fn control(
    mut checked: Map<String, Json>,
    kind: ProbeKind,
    settings: &Settings,
) -> Result<Option<NegativeControl>, Error> {
    let Some(overlay) = checked.get(kind.word()).and_then(Json::as_object) else { return Ok(None) };
    let settings = overlaid(settings, overlay);
    Ok(Some(NegativeControl { settings, fails_with: read(&mut checked, "fails_with")? }))
}

/// Where only `for` is given and is short, the usual pause of 15 s would leave no second attempt.
fn retry(checked: Json) -> Result<Retry, Error> {
    let Json::Object(mut checked) = checked else { return Ok(Retry::default()) };
    let usual = Retry::default();
    let within = read(&mut checked, "for")?;
    Ok(Retry {
        within,
        every: read_or(&mut checked, "every", usual.every.min(within))?,
        backoff: read_or(&mut checked, "backoff", usual.backoff)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{recovery_point, retry};
    use crate::definition::model::{Pick, PickRule};
    use serde_json::json;

    #[test]
    fn every_way_to_pick_is_read() {
        let pick = |json| serde_json::from_value::<PickRule>(recovery_point(json)).unwrap().pick;
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
        let retry = retry(json!({"for": "PT5S"})).unwrap();
        assert_eq!((retry.within.as_secs(), retry.every.as_secs()), (5, 5));
    }
}
