//! A run as NIST OSCAL assessment results, version 1.2.3, for tools of compliance.
//!
//! Made from the report's context, so it says what the report says and leaves out what the report leaves out. Ids are
//! UUIDs of version 5 from the run's id: the same run gives the same document, to the byte. What OSCAL reads as Markdown
//! (titles, descriptions, remarks, statements) is escaped for it; what it reads as a plain value is one tamed line.
//!
//! | OSCAL | what of a run |
//! |---|---|
//! | `import-ap` | the definition: what was to be tested, and what had to hold |
//! | `local-definitions` | each restore as an inventory item, with its recovery point and what was made of it |
//! | `observations` | each probe, and each objective; their subjects are the restores |
//! | `risks` | each finding, with its date |
//! | `findings` | each control of the definition that drill knows |
//! | `back-matter` | the definition and the journal, as they lie in the run's evidence |

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::{Builder, Uuid};

use crate::journal::event::Recorded;
use crate::journal::state::State;
use crate::report::controls::ControlMapping;
use crate::report::facts::finding::FindingFacts;
use crate::report::facts::probe::ProbeFacts;
use crate::report::facts::restore::RestoreFacts;
use crate::report::facts::{Context, Objective, Row, at_verdict, until_verdict};
use crate::report::markdown;
use crate::words::id::RunId;
use crate::words::kind::{Mode, ProbeKind, Verdict};
use crate::words::text::tame;

/// The version of OSCAL.
pub const OSCAL_VERSION: &str = "1.2.3";

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
    let asked: BTreeMap<&str, Timestamp> = state
        .probes
        .iter()
        .filter_map(|(name, probe)| probe.tried.last().map(|(_, at, _)| (name.as_str(), *at)))
        .collect();
    json!({
        "assessment-results": {
            "uuid": ids.of("assessment-results"),
            "metadata": metadata(&ids, context, written),
            "import-ap": {
                "href": format!("#{plan}"),
                "remarks": "The drill's definition is the plan of this assessment.",
            },
            "results": [result(&ids, context, &asked, (state.started_at, ended))],
            "back-matter": { "resources": resources(&ids, context) },
        },
    })
}

/// What the document points to: both lie beside the report in the run's evidence.
fn resources(ids: &Ids, context: &Context) -> Value {
    json!([
        {
            "uuid": ids.of("definition"),
            "title": markup(&format!("Definition of the drill {}", context.scope.drill)),
            "rlinks": [{
                "href": "definition.yaml",
                "media-type": "application/yaml",
                "hashes": [{ "algorithm": "SHA-256", "value": context.scope.definition_sha256 }],
            }],
        },
        {
            "uuid": ids.of("journal"),
            "title": markup(&format!("Journal of the run {}", context.scope.run)),
            "description": "Every record of the run, each with the hash of the one before.",
            "props": [prop("journal-head", &context.seal.head)],
            "rlinks": [{ "href": "journal.jsonl", "media-type": "application/jsonl" }],
        },
    ])
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
        "title": markup(&format!("{}: {}", context.verdict.heading, context.scope.title)),
        "last-modified": written.to_string(),
        "version": context.scope.run,
        "oscal-version": OSCAL_VERSION,
        "props": [prop("drill-version", &context.scope.tool_version), prop("mode", &context.scope.mode)],
        "roles": [{ "id": "owner", "title": "Answers for the drill" }],
        "parties": [{ "uuid": owner, "type": "organization", "name": line(&context.scope.owner) }],
        "responsible-parties": [{ "role-id": "owner", "party-uuids": [owner] }],
    });
    if let Some(banner) = &context.banner {
        metadata["remarks"] = markup(banner).into();
    }
    metadata
}

fn result(
    ids: &Ids,
    context: &Context,
    asked: &BTreeMap<&str, Timestamp>,
    (started, ended): (Timestamp, Timestamp),
) -> Value {
    let probes = context.probes.iter();
    let mut observations: Vec<Value> = probes
        .map(|probe| probe_observation(ids, probe, asked.get(probe.name.as_str()).copied().unwrap_or(ended)))
        .collect();
    let all: Vec<&str> = context.restores.iter().map(|restore| restore.name.as_str()).collect();
    observations.extend(context.objectives.iter().map(|one| objective_observation(ids, one, &all, ended)));
    let mut result = json!({
        "uuid": ids.of("result"),
        "title": markup(&format!("Run {} of {}", context.scope.run, context.scope.drill)),
        "description": markup(&context.verdict.sentence),
        "start": started.to_string(),
        "end": ended.to_string(),
        "props": [prop("verdict", &context.verdict.word), prop("journal-head", &context.seal.head)],
        "reviewed-controls": reviewed(context),
        "observations": observations,
        "remarks": markup(&format!("Not tested: {}", context.not_tested.join(" "))),
    });
    let items: Vec<Value> = context.restores.iter().map(|restore| inventory_item(ids, restore)).collect();
    if !items.is_empty() {
        result["local-definitions"] = json!({ "inventory-items": items });
    }
    // An empty list is no list in OSCAL.
    for (key, list) in [("risks", risks(ids, context)), ("findings", findings(ids, context))] {
        if !list.is_empty() {
            result[key] = list.into();
        }
    }
    result
}

/// What the definition maps the drill to; nothing of it is claimed to be whole. OSCAL has no results without a control.
fn reviewed(context: &Context) -> Value {
    let tokens: BTreeSet<String> = context.controls.iter().map(|control| control_id(&control.id)).collect();
    let (about, tokens) = if tokens.is_empty() {
        let own = BTreeSet::from([control_id(&format!("drill {}", context.scope.drill))]);
        ("The definition maps the drill to no control. The drill itself stands here, which is in no catalog.", own)
    } else {
        ("The mapping of the drill's owner. Ids of other frameworks than NIST's have its name in front.", tokens)
    };
    let controls: Vec<Value> = tokens.into_iter().map(|token| json!({ "control-id": token })).collect();
    json!({ "control-selections": [{ "description": about, "include-controls": controls }] })
}

/// What was restored, and from what: the subject of the observations.
fn inventory_item(ids: &Ids, restore: &RestoreFacts) -> Value {
    let mut props = vec![prop("type", &restore.kind), prop("source-resource", &restore.resource)];
    if let Some(point) = &restore.point {
        props.push(prop("recovery-point", &point.arn));
        props.push(prop("recovery-point-created", &point.created));
    }
    props.extend(restore.job.as_ref().map(|job| prop("restore-job", &job.id)));
    props.extend(restore.arn.as_ref().map(|arn| prop("restored-resource", arn)));
    json!({
        "uuid": ids.of(&format!("restore/{}", restore.name)),
        "description": markup(&format!("What the run restores as {} ({})", restore.name, restore.kind)),
        "props": props,
    })
}

fn subjects(ids: &Ids, restores: &[&str]) -> Vec<Value> {
    let one = |name: &&str| json!({ "subject-uuid": ids.of(&format!("restore/{name}")), "type": "inventory-item" });
    restores.iter().map(one).collect()
}

fn probe_observation(ids: &Ids, probe: &ProbeFacts, collected: Timestamp) -> Value {
    let rows = |rows: &[Row]| -> String {
        rows.iter().map(|row| format!("{}: {}", row.name, row.value)).collect::<Vec<_>>().join("; ")
    };
    let mut evidence = vec![json!({ "description": markup(&format!("Expected: {}", rows(&probe.expected))) })];
    if !probe.observed.is_empty() {
        evidence.push(json!({
            "href": format!("#{}", ids.of("journal")),
            "description": markup(&format!("Observed: {}", rows(&probe.observed))),
        }));
    }
    if let Some(control) = &probe.control {
        evidence.push(json!({ "description": markup(&format!("Negative control: {}", control.result)) }));
    }
    let why = probe.miss.as_deref().or(probe.because.as_deref()).unwrap_or_default();
    let asks_a_person = probe.kind == ProbeKind::Manual.word();
    let about = format!("The {} probe {} of {}: {}. {why}", probe.kind, probe.name, probe.on, probe.outcome);
    json!({
        "uuid": ids.of(&format!("probe/{}", probe.name)),
        "title": markup(&format!("Probe {}", probe.name)),
        "description": markup(&about),
        "props": [
            prop("outcome", &probe.status),
            prop("required", if probe.required { "true" } else { "false" }),
            prop("attempts", &probe.attempts.to_string()),
        ],
        "methods": [if asks_a_person { "INTERVIEW" } else { "TEST" }],
        "types": ["control-objective"],
        "subjects": subjects(ids, &[probe.on.as_str()]),
        "relevant-evidence": evidence,
        "collected": collected.to_string(),
    })
}

fn objective_observation(ids: &Ids, objective: &Objective, restores: &[&str], ended: Timestamp) -> Value {
    let measured = objective.measured.as_deref().unwrap_or("not measured");
    let target = objective.target.as_deref().unwrap_or("none");
    let mut observation = json!({
        "uuid": ids.of(&format!("objective/{}", objective.id)),
        "title": markup(&objective.name),
        "description": markup(&format!("Measured: {measured}. Target: {target}. {}", objective.how)),
        "props": [prop("measured", measured), prop("target", target), prop("met", &objective.met)],
        "methods": ["EXAMINE"],
        "types": ["control-objective"],
        "collected": ended.to_string(),
    });
    if !restores.is_empty() {
        observation["subjects"] = subjects(ids, restores).into();
    }
    observation
}

fn risks(ids: &Ids, context: &Context) -> Vec<Value> {
    let probes: BTreeSet<&str> = context.probes.iter().map(|probe| probe.name.as_str()).collect();
    context.findings.iter().map(|finding| risk(ids, finding, &probes)).collect()
}

fn risk(ids: &Ids, finding: &FindingFacts, probes: &BTreeSet<&str>) -> Value {
    let mut risk = json!({
        "uuid": ids.of(&format!("finding/{}", finding.id)),
        "title": markup(&format!("{} ({})", finding.id, finding.severity)),
        "description": markup(&finding.text),
        "statement": markup(&format!("Shown mended by {}.", finding.retest)),
        "props": [prop("severity", &finding.severity), prop("owner", &finding.owner)],
        "status": "open",
        // Due on that day: until its end.
        "deadline": format!("{}T23:59:59Z", finding.due),
    });
    let probe = finding.about.as_deref().and_then(|about| about.strip_prefix("probe."));
    if let Some(probe) = probe.filter(|probe| probes.contains(probe)) {
        risk["related-observations"] = json!([{ "observation-uuid": ids.of(&format!("probe/{probe}")) }]);
    }
    if let Some(advice) = &finding.advice {
        risk["remediations"] = json!([{
            "uuid": ids.of(&format!("finding/{}/advice", finding.id)),
            "lifecycle": "recommendation",
            "title": markup(&format!("What to do about {}", finding.id)),
            "description": markup(advice),
        }]);
    }
    risk
}

/// One for each control that drill knows, however often the definition names it.
fn findings(ids: &Ids, context: &Context) -> Vec<Value> {
    let observations = context.probes.iter().map(|probe| format!("probe/{}", probe.name));
    let observations = observations.chain(context.objectives.iter().map(|one| format!("objective/{}", one.id)));
    let related: Vec<Value> = observations.map(|name| json!({ "observation-uuid": ids.of(&name) })).collect();
    let mut told = BTreeSet::new();
    let known = context.controls.iter().filter(|control| control.framework.is_some() && told.insert(&control.id));
    known.map(|control| finding(ids, context, control, &related)).collect()
}

/// Satisfied only by a passed run against AWS that showed everything that a restore drill can show of the control; the
/// remarks say what that leaves open. It fails a control only where a run against AWS failed: a rehearsal judges nothing.
fn finding(ids: &Ids, context: &Context, control: &ControlMapping, related: &[Value]) -> Value {
    let token = control_id(&control.id);
    let has_failed = context.verdict.word == Verdict::Failed.word() && context.scope.mode == Mode::Aws.word();
    let (state, reason) = match (control.whole, has_failed) {
        (true, _) => ("satisfied", "pass"),
        (false, true) => ("not-satisfied", "fail"),
        (false, false) => ("not-satisfied", "other"),
    };
    let shown = if control.evidences.is_empty() { "Nothing.".to_owned() } else { control.evidences.join(" ") };
    json!({
        "uuid": ids.of(&format!("control/{}", control.id)),
        "title": markup(&control.id),
        "description": markup(&format!("It asks that {}. This run evidences: {shown}", control.about)),
        "target": {
            "type": "objective-id",
            "target-id": format!("{token}_obj"),
            "status": {
                "state": state,
                "reason": reason,
                "remarks": markup(&format!("Advisory. It does not evidence: {}", control.does_not.join(" "))),
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

/// Text where OSCAL reads Markdown: it is shown as it is, and is never empty.
fn markup(text: &str) -> String {
    markdown::cell(text).into_owned()
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
