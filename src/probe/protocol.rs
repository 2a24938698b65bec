//! What drill and a custom probe say to each other, version 1: one JSON object each way. docs/custom-probes.md is the
//! same for those who write one. A function that asks in drill's place (`via: {lambda: …}`) is spoken to likewise.
//!
//! An answer that cannot be understood is `setup`, never a pass: what was meant is not known.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::definition::model::ProbeReason;
use crate::probe::input::miss;
use crate::probe::output::{clean, listed, start};
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome};
use crate::words::secret::Secret;
use crate::words::text::tame;

/// The version that this drill speaks.
pub(crate) const VERSION: u64 = 1;

/// Facts of one answer, and settings of one description.
const MOST_LINES: usize = 100;

/// What a probe is asked. `settings` are filled already. It holds secrets: it goes to the probe and nowhere else.
pub(crate) fn request(
    kind: &str,
    settings: &Value,
    secrets: &BTreeMap<String, Secret>,
    target: &Target,
    timeout: Duration,
) -> Value {
    let endpoint = target.endpoint.as_ref();
    let secrets: Map<String, Value> =
        secrets.iter().map(|(name, secret)| (name.clone(), secret.expose().into())).collect();
    json!({
        "drill_probe": VERSION,
        "kind": kind,
        "settings": settings,
        "target": {
            "host": endpoint.map(|endpoint| endpoint.host.as_str()),
            "port": endpoint.and_then(|endpoint| endpoint.port),
            "identifier": target.identifier.as_deref(),
            "region": target.region.as_str(),
        },
        "secrets": secrets,
        "timeout_seconds": timeout.as_secs().max(1),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    values: Option<Map<String, Value>>,
    #[serde(default)]
    facts: Map<String, Value>,
    miss: Option<Missed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Missed {
    reason: ProbeReason,
    message: String,
    #[serde(default)]
    values: Map<String, Value>,
}

/// What a program printed, as an outcome.
///
/// # Errors
/// The miss that it tells of; `setup` when it printed anything else than one answer.
pub(crate) fn read(output: &[u8], secrets: &[Secret]) -> Outcome {
    match serde_json::from_slice::<Value>(output) {
        Ok(answer) => self::answer(&answer, secrets),
        Err(error) => {
            let began = start(output, secrets).map_or_else(|| "nothing".to_owned(), |start| format!("`{start}`"));
            Err(misunderstood(&format!("{error}; it printed {began}"), secrets))
        }
    }
}

/// An answer, as an outcome. Secrets are taken out of whatever it says.
///
/// # Errors
/// As [`read`].
pub(crate) fn answer(answer: &Value, secrets: &[Secret]) -> Outcome {
    let Answer { values, facts, miss: missed } =
        Answer::deserialize(answer).map_err(|error| misunderstood(&error.to_string(), secrets))?;
    match (values, missed) {
        (Some(values), None) => Ok(observed(&values, facts, secrets)),
        (None, Some(missed)) => {
            let seen = observed(&missed.values, facts, secrets);
            let said = clean(&missed.message, secrets);
            let silent = "the probe says no more than that it missed";
            let message = if said.trim().is_empty() { silent } else { said.as_str() };
            Err(Miss { observed: Some(seen), ..miss(missed.reason, message) })
        }
        _ => Err(misunderstood("it holds neither `values` nor `miss`, or both", secrets)),
    }
}

fn observed(values: &Map<String, Value>, facts: Map<String, Value>, secrets: &[Secret]) -> Observed {
    let mut seen = listed(values, secrets);
    for (name, fact) in facts.into_iter().take(MOST_LINES) {
        let text = match fact {
            Value::String(text) => clean(&text, secrets),
            other => clean(&other.to_string(), secrets),
        };
        seen.facts.insert(clean(&name, secrets), text);
    }
    seen
}

fn misunderstood(problem: &str, secrets: &[Secret]) -> Miss {
    let problem = clean(problem, secrets);
    let message = format!("the probe's answer is not one of version {VERSION} of the protocol: {problem}");
    miss(ProbeReason::Setup, &message)
}

/// What a custom probe says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Description {
    /// The version of the protocol that it speaks.
    pub drill_probe: u64,
    /// Its name, without `drill-probe-`.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// What it does, in one sentence.
    pub about: String,
    /// The settings that it takes.
    #[serde(default)]
    pub settings: BTreeMap<String, Described>,
}

/// What a custom probe says of one of its settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Described {
    /// What it means.
    #[serde(default)]
    pub about: String,
    /// Whether it must be there.
    #[serde(default)]
    pub required: bool,
}

/// What `--describe` printed, harmless. Keys that this version does not know are left to later ones.
///
/// # Errors
/// A sentence for the user.
pub(crate) fn description(output: &[u8], name: &str) -> Result<Description, String> {
    let told: Description = serde_json::from_slice(output).map_err(|error| tame(&format!("it is not one: {error}")))?;
    if told.drill_probe != VERSION {
        return Err(format!("it speaks version {} of the protocol, this drill version {VERSION}", told.drill_probe));
    }
    if told.name != name {
        return Err(tame(&format!("it calls itself `{}`", told.name)));
    }
    let settings = told.settings.into_iter().take(MOST_LINES);
    let settings = settings
        .map(|(key, setting)| (tame(&key), Described { about: tame(&setting.about), required: setting.required }))
        .collect();
    Ok(Description { version: tame(&told.version), about: tame(&told.about), settings, ..told })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use serde_json::json;

    use super::{answer, description, read, request};
    use crate::cloud::resource::Endpoint;
    use crate::definition::model::ProbeReason;
    use crate::probe::target::Target;
    use crate::words::secret::Secret;

    fn canary() -> [Secret; 1] {
        [Secret::new("canary-9f2c".into())]
    }

    #[test]
    fn a_request_says_what_where_with_what_and_how_long() {
        let endpoint = Endpoint { host: "10.0.0.7".to_owned(), port: None };
        let target = Target { endpoint: Some(endpoint), identifier: Some("i-0a1b".to_owned()), ..Target::for_tests() };
        let secrets = BTreeMap::from([("token".to_owned(), Secret::new("canary-9f2c".into()))]);
        let asked = request("row-count", &json!({ "path": "/" }), &secrets, &target, Duration::from_millis(30_500));
        let wanted = json!({
            "drill_probe": 1, "kind": "row-count", "settings": { "path": "/" },
            "target": { "host": "10.0.0.7", "port": null, "identifier": "i-0a1b", "region": "eu-west-1" },
            "secrets": { "token": "canary-9f2c" }, "timeout_seconds": 30,
        });
        assert_eq!(asked, wanted);
    }

    #[test]
    fn values_and_facts_are_observed_without_secrets() {
        let told = json!({
            "values": { "rows": 5, "names": ["a\u{1b}", "canary-9f2c"], "deep": { "x": 1 } },
            "facts": { "asked canary-9f2c": "x\u{0}", "pages": 3 },
        });
        let seen = answer(&told, &canary()).unwrap();
        assert_eq!((&seen.values["rows"], &seen.values["names"]), (&json!(5), &json!(["a\u{fffd}", "[secret]"])));
        assert_eq!((seen.facts["asked [secret]"].as_str(), seen.facts["pages"].as_str()), ("x\u{fffd}", "3"));
        assert_eq!(seen.values.len(), 2);
    }

    #[test]
    fn a_miss_has_its_reason_its_message_and_what_was_seen() {
        let told = json!({ "miss": { "reason": "query", "message": "no canary-9f2c\nhere", "values": { "rows": 0 } } });
        let missed = answer(&told, &canary()).unwrap_err();
        assert_eq!((missed.reason, missed.message.as_str()), (ProbeReason::Query, "no [secret] here"));
        assert_eq!(missed.observed.unwrap().values["rows"], json!(0));
        let silent = answer(&json!({ "miss": { "reason": "unreachable", "message": "" } }), &[]).unwrap_err();
        assert_eq!(silent.reason, ProbeReason::Unreachable);
        assert!(!silent.message.is_empty());
    }

    #[test]
    fn whatever_else_is_said_is_never_a_pass() {
        for output in [
            "",
            "rows: 5",
            "[]",
            "{}",
            "5",
            r#"{"rows": 5}"#,
            r#"{"values": [5]}"#,
            r#"{"values": {}} {"values": {}}"#,
            r#"{"values": {}, "miss": {"reason": "query", "message": "x"}}"#,
            r#"{"miss": {"reason": "passed", "message": "canary-9f2c"}}"#,
            r#"{"miss": {"reason": "canary-9f2c", "message": "x"}}"#,
        ] {
            let missed = read(output.as_bytes(), &canary()).unwrap_err();
            assert_eq!(missed.reason, ProbeReason::Setup, "{output}");
            assert!(missed.message.contains("version 1") && !missed.message.contains("canary"), "{}", missed.message);
        }
        assert!(read(b" {\"values\": {}}\n", &[]).is_ok());
    }

    #[test]
    fn descriptions_are_of_this_version_and_of_that_probe() {
        let told = |version: u64, name: &str| {
            let settings = json!({ "path": { "about": "Where.\u{1b}", "required": true }, "x": { "type": "later" } });
            json!({ "drill_probe": version, "name": name, "version": "1.2", "about": "Counts.", "settings": settings })
        };
        let good = description(told(1, "row-count").to_string().as_bytes(), "row-count").unwrap();
        assert_eq!((good.version.as_str(), good.settings["path"].about.as_str()), ("1.2", "Where.\u{fffd}"));
        assert!(good.settings["path"].required && !good.settings["x"].required);
        for (told, part) in [
            (told(2, "row-count").to_string(), "version 2"),
            (told(1, "other").to_string(), "`other`"),
            ("usage: …".to_owned(), "it is not one"),
        ] {
            let problem = description(told.as_bytes(), "row-count").unwrap_err();
            assert!(problem.contains(part), "{problem}");
        }
    }
}
