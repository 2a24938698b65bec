//! A run as NIST OSCAL assessment results, version 1.1.2, for tools of compliance.
//!
//! Made from the report's context, so it says what the report says and leaves out what the report leaves out. Ids are
//! UUIDs of version 5 from the run's id: the same run gives the same document, to the byte.
//!
//! | OSCAL | what of a run |
//! |---|---|
//! | `import-ap` | the definition: what was to be tested, and what had to hold |
//! | `observations` | each probe, and each objective |
//! | `risks` | each finding, with its date |
//! | `findings` | each control of the definition that drill knows |

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::{Builder, Uuid};

use crate::journal::event::Recorded;
use crate::journal::state::State;
use crate::report::controls::ControlMapping;
use crate::report::facts::finding::FindingFacts;
use crate::report::facts::probe::ProbeFacts;
use crate::report::facts::{Context, Objective, Row, at_verdict, until_verdict};
use crate::words::id::RunId;
use crate::words::text::tame;

/// The version of OSCAL.
pub const OSCAL_VERSION: &str = "1.1.2";

/// Names of ours are in this namespace.
const NAMESPACE: &str = "urn:restore-drill:oscal";

/// Every UUID of a document begins with this.
const ROOT: &str = "6d5f3c50-7d0b-5f0e-9c57-5a1b9e0f2a11";

/// The assessment results of a run. `context` is its report's.
#[must_use]
pub fn assessment_results(state: &State, events: &[Recorded], context: &Context) -> Value {
    let (state, events) = (&at_verdict(state, events), until_verdict(events));
    let ids = Ids { run: state.run };
    let ended = state.concluded.as_ref().map_or(state.last_at, |(at, _)| *at);
    let written = events.last().map_or(ended, |record| record.at);
    let plan = ids.of("definition");
    json!({
        "assessment-results": {
            "uuid": ids.of("assessment-results"),
            "metadata": metadata(&ids, context, written),
            "import-ap": {
                "href": format!("#{plan}"),
                "remarks": "The drill's definition is the plan of this assessment.",
            },
            "results": [result(&ids, context, (state.started_at, ended))],
            "back-matter": {
                "resources": [{
                    "uuid": plan,
                    "title": format!("Definition of the drill {}", context.scope.drill),
                    "rlinks": [{
                        "href": "definition.yaml",
                        "media-type": "application/yaml",
                        "hashes": [{ "algorithm": "SHA-256", "value": context.scope.definition_sha256 }],
                    }],
                }],
            },
        },
    })
}

/// Stable ids: version 5, from the run and a name inside of it.
struct Ids {
    run: RunId,
}

impl Ids {
    fn of(&self, name: &str) -> String {
        let root = Uuid::parse_str(ROOT).unwrap_or_default();
        let text = format!("{}/{name}", self.run);
        let bytes: Vec<u8> = root.as_bytes().iter().copied().chain(text.bytes()).collect();
        // RFC 9562 says SHA-1; nothing here is secured by it.
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes);
        let mut first = [0; 16];
        first.copy_from_slice(&hash.as_ref()[..16]);
        Builder::from_sha1_bytes(first).into_uuid().to_string()
    }
}

fn metadata(ids: &Ids, context: &Context, written: Timestamp) -> Value {
    let owner = ids.of("party/owner");
    let mut metadata = json!({
        "title": line(&format!("{}: {}", context.verdict.heading, context.scope.title)),
        "last-modified": written.to_string(),
        "version": context.scope.run,
        "oscal-version": OSCAL_VERSION,
        "props": [prop("drill-version", &context.scope.tool_version), prop("mode", &context.scope.mode)],
        "roles": [{ "id": "owner", "title": "Answers for the drill" }],
        "parties": [{ "uuid": owner, "type": "organization", "name": line(&context.scope.owner) }],
        "responsible-parties": [{ "role-id": "owner", "party-uuids": [owner] }],
    });
    if let Some(banner) = &context.banner {
        metadata["remarks"] = line(banner).into();
    }
    metadata
}

fn result(ids: &Ids, context: &Context, (started, ended): (Timestamp, Timestamp)) -> Value {
    let mut observations: Vec<Value> =
        context.probes.iter().map(|probe| probe_observation(ids, probe, ended)).collect();
    observations.extend(context.objectives.iter().map(|objective| objective_observation(ids, objective, ended)));
    let mut result = json!({
        "uuid": ids.of("result"),
        "title": line(&format!("Run {} of {}", context.scope.run, context.scope.drill)),
        "description": line(&context.verdict.sentence),
        "start": started.to_string(),
        "end": ended.to_string(),
        "props": [prop("verdict", &context.verdict.word), prop("journal-head", &context.seal.head)],
        "reviewed-controls": reviewed(context),
        "observations": observations,
    });
    // An empty list is no list in OSCAL.
    let risks: Vec<Value> = context.findings.iter().map(|finding| risk(ids, finding)).collect();
    let known = context.controls.iter().filter(|control| control.framework.is_some());
    let findings: Vec<Value> = known.map(|control| finding(ids, context, control)).collect();
    for (key, list) in [("risks", risks), ("findings", findings)] {
        if !list.is_empty() {
            result[key] = list.into();
        }
    }
    let limits: Vec<&str> = context.not_tested.iter().map(String::as_str).collect();
    result["remarks"] = line(&format!("Not tested: {}", limits.join(" "))).into();
    result
}

/// What the definition maps the drill to; nothing of it is claimed to be whole.
fn reviewed(context: &Context) -> Value {
    let controls: Vec<Value> =
        context.controls.iter().map(|control| json!({ "control-id": control_id(&control.id) })).collect();
    let selection = if controls.is_empty() {
        json!({ "description": "The definition maps the drill to no control." })
    } else {
        json!({ "description": "The owner's own mapping.", "include-controls": controls })
    };
    json!({ "control-selections": [selection] })
}

fn probe_observation(ids: &Ids, probe: &ProbeFacts, ended: Timestamp) -> Value {
    let rows = |rows: &[Row]| -> String {
        rows.iter().map(|row| format!("{}: {}", row.name, row.value)).collect::<Vec<_>>().join("; ")
    };
    let mut evidence = vec![json!({ "description": line(&format!("Expected: {}", rows(&probe.expected))) })];
    if !probe.observed.is_empty() {
        evidence.push(json!({ "description": line(&format!("Observed: {}", rows(&probe.observed))) }));
    }
    if let Some(control) = &probe.control {
        evidence.push(json!({ "description": line(&format!("Negative control: {}", control.result)) }));
    }
    let why = probe.miss.as_deref().or(probe.because.as_deref()).unwrap_or_default();
    json!({
        "uuid": ids.of(&format!("probe/{}", probe.name)),
        "title": line(&format!("Probe {}", probe.name)),
        "description": line(&format!("The {} probe {} of {}: {}. {why}", probe.kind, probe.name, probe.on, probe.outcome)),
        "props": [
            prop("outcome", &probe.status),
            prop("required", if probe.required { "true" } else { "false" }),
            prop("attempts", &probe.attempts.to_string()),
        ],
        "methods": ["TEST"],
        "types": ["control-objective"],
        "relevant-evidence": evidence,
        "collected": ended.to_string(),
    })
}

fn objective_observation(ids: &Ids, objective: &Objective, ended: Timestamp) -> Value {
    let measured = objective.measured.as_deref().unwrap_or("not measured");
    let target = objective.target.as_deref().unwrap_or("none");
    json!({
        "uuid": ids.of(&format!("objective/{}", objective.id)),
        "title": line(&objective.name),
        "description": line(&format!("Measured: {measured}. Target: {target}. {}", objective.how)),
        "props": [prop("measured", measured), prop("target", target), prop("met", &objective.met)],
        "methods": ["EXAMINE"],
        "types": ["control-objective"],
        "collected": ended.to_string(),
    })
}

fn risk(ids: &Ids, finding: &FindingFacts) -> Value {
    let mut risk = json!({
        "uuid": ids.of(&format!("finding/{}", finding.id)),
        "title": line(&format!("{} ({})", finding.id, finding.severity)),
        "description": line(&finding.text),
        "statement": line(&format!("Shown mended by {}.", finding.retest)),
        "props": [prop("severity", &finding.severity), prop("owner", &finding.owner)],
        "status": "open",
        "deadline": format!("{}T00:00:00Z", finding.due),
    });
    if let Some(advice) = &finding.advice {
        risk["remediations"] = json!([{
            "uuid": ids.of(&format!("finding/{}/advice", finding.id)),
            "lifecycle": "recommendation",
            "title": line(&format!("What to do about {}", finding.id)),
            "description": line(advice),
        }]);
    }
    risk
}

/// Satisfied only by a passed run against AWS that showed everything that a restore drill can show of the control; the
/// remarks say what that leaves open.
fn finding(ids: &Ids, context: &Context, control: &ControlMapping) -> Value {
    let token = control_id(&control.id);
    let state = if control.whole { "satisfied" } else { "not-satisfied" };
    let reason = if control.whole { "pass" } else { "other" };
    let shown = if control.evidences.is_empty() { "Nothing.".to_owned() } else { control.evidences.join(" ") };
    let observations = context.probes.iter().map(|probe| format!("probe/{}", probe.name));
    let observations = observations.chain(context.objectives.iter().map(|one| format!("objective/{}", one.id)));
    let related: Vec<Value> = observations.map(|name| json!({ "observation-uuid": ids.of(&name) })).collect();
    json!({
        "uuid": ids.of(&format!("control/{}", control.id)),
        "title": line(&control.id),
        "description": line(&format!("{} This run evidences: {shown}", control.about)),
        "target": {
            "type": "objective-id",
            "target-id": format!("{token}_obj"),
            "status": {
                "state": state,
                "reason": reason,
                "remarks": line(&format!("Advisory. It does not evidence: {}", control.does_not.join(" "))),
            },
        },
        "related-observations": related,
    })
}

/// A control's id as a token: NIST's as its catalogue has it (`cp-4`), the others with their framework in front.
fn control_id(id: &str) -> String {
    let id = id.strip_prefix("nist-800-53:").unwrap_or(id).to_lowercase();
    let token: String =
        id.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' }).collect();
    if token.starts_with(|c: char| c.is_ascii_alphabetic()) { token } else { format!("_{token}") }
}

fn prop(name: &str, value: &str) -> Value {
    json!({ "name": name, "ns": NAMESPACE, "value": line(value) })
}

/// One line with something in it: what OSCAL takes as a value.
fn line(text: &str) -> String {
    let tamed = tame(text);
    let text = tamed.trim();
    if text.is_empty() { "–".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{Ids, control_id};
    use crate::words::id::RunId;

    #[test]
    fn ids_are_stable_different_and_of_version_5() {
        let one = Ids { run: RunId::new(1, [1; 10]) };
        let other = Ids { run: RunId::new(1, [2; 10]) };
        assert_eq!(one.of("result"), one.of("result"));
        assert_ne!(one.of("result"), one.of("definition"));
        assert_ne!(one.of("result"), other.of("result"));
        assert_eq!(one.of("result").as_bytes()[14], b'5');
    }

    #[test]
    fn controls_are_tokens() {
        for (id, token) in [
            ("nist-800-53:CP-9", "cp-9"),
            ("soc2:A1.3", "soc2_a1.3"),
            ("hipaa:164.308(a)(7)", "hipaa_164.308_a__7_"),
            ("7 of ours", "_7_of_ours"),
            ("", "_"),
        ] {
            assert_eq!(control_id(id), token);
        }
    }
}
