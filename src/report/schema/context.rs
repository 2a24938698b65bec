//! The schema of the template's context, as [`crate::report::facts::Context`] serialises.

use serde_json::{Value, json};

use crate::report::facts::VERSION;
use crate::report::schema::{STATUSES, boolean, integer, list, object, or_null, said, text};
use crate::words::kind::Mode;

/// The context.
pub(super) fn context() -> Value {
    object(&[
        ("version", json!({ "const": VERSION })),
        ("banner", said("Null only for evidence from AWS itself.", or_null(text()))),
        ("verdict", verdict()),
        ("scope", scope()),
        ("objectives", list(objective())),
        ("rto_phases", list(row())),
        ("numbers", list(texts(&["name", "value", "note"], &[]))),
        ("tested", list(text())),
        ("not_tested", list(text())),
        ("trend", said("Null for a first run.", or_null(trend()))),
        ("checks", list(texts(&["id", "what", "result", "detail"], &["mend"]))),
        ("restores", list(restore())),
        ("steps", list(step())),
        ("timeline", or_null(timeline())),
        ("diagram", texts(&["graph", "legend"], &["timeline", "left_out"])),
        ("probes", list(probe())),
        ("actions", list(action())),
        ("gates", list(texts(&["name", "ask", "icon", "answer"], &["by", "at", "note", "waited"]))),
        ("people", people()),
        ("waited", or_null(text())),
        ("isolation", isolation()),
        ("cost", or_null(cost())),
        ("teardown", teardown()),
        ("warnings", list(texts(&["at", "step", "text"], &[]))),
        ("deviations", list(text())),
        ("findings", list(texts(&["id", "severity", "text", "owner", "due", "retest"], &["about", "advice"]))),
        ("controls", list(control())),
        ("hidden", said("What the report leaves out on purpose.", list(text()))),
        ("by_hand", list(text())),
        ("requests", list(texts(&["at", "operation", "code", "id"], &[]))),
        ("seal", with(texts(&["head", "last", "signer", "cloudtrail"], &["archive"]), &[("records", integer())])),
    ])
}

/// An object of texts; the second are null where they are not known.
fn texts(always: &[&str], maybe: &[&str]) -> Value {
    let fields: Vec<(&str, Value)> =
        always.iter().map(|key| (*key, text())).chain(maybe.iter().map(|key| (*key, or_null(text())))).collect();
    object(&fields)
}

/// An object with more keys.
fn with(mut schema: Value, fields: &[(&str, Value)]) -> Value {
    for (key, of) in fields {
        schema["properties"][*key] = of.clone();
        if let Some(required) = schema["required"].as_array_mut() {
            required.push((*key).into());
        }
    }
    schema
}

fn row() -> Value {
    texts(&["name", "value"], &[])
}

fn objective() -> Value {
    texts(&["id", "name", "met", "how"], &["target", "measured"])
}

fn verdict() -> Value {
    let reason = texts(&["makes", "text"], &["step", "advice"]);
    let earlier = with(texts(&["word", "at", "head"], &[]), &[("reasons", list(text()))]);
    let fields = [
        ("exit_code", or_null(integer())),
        ("reasons", list(reason)),
        ("earlier", list(earlier)),
        ("cautions", list(text())),
    ];
    with(texts(&["word", "heading", "icon", "sentence"], &[]), &fields)
}

fn scope() -> Value {
    const ALWAYS: [&str; 15] = [
        "drill",
        "title",
        "owner",
        "talked_to",
        "run",
        "started_by",
        "started",
        "tool_version",
        "definition_sha256",
        "source_region",
        "source_account",
        "destination_region",
        "destination_account",
        "vault",
        "restore_role",
    ];
    const MAYBE: [&str; 9] =
        ["seed", "caller", "asked", "ended", "duration", "commit", "previous", "source_role", "access_role"];
    let fields = [
        ("labels", list(row())),
        ("controls", list(text())),
        ("vars", list(row())),
        ("mode", json!({ "enum": Mode::WORDS })),
    ];
    with(texts(&ALWAYS, &MAYBE), &fields)
}

fn restore() -> Value {
    const POINT: [&str; 5] = ["arn", "created", "size", "status", "arrived"];
    let look = || list(texts(&["at", "status", "note"], &[]));
    let job = with(texts(&["id", "accepted", "role", "token"], &[]), &[("statuses", look())]);
    let fields = [
        ("point", or_null(texts(&POINT, &["age", "key", "source_vault", "lag"]))),
        ("rejected", list(texts(&["arn", "created", "status", "reason"], &[]))),
        ("job", or_null(job)),
        ("milestones", list(texts(&["name"], &["at", "after"]))),
        ("looks", look()),
        ("metadata", list(with(texts(&["key", "value"], &[]), &[("hidden", boolean())]))),
        ("facts", list(row())),
        ("tags_added", list(row())),
        ("tags_removed", list(row())),
        ("measures", list(objective())),
        ("by_hand", list(texts(&["what", "command"], &[]))),
        ("fill_in", list(text())),
    ];
    with(texts(&["name", "kind", "resource", "rule", "older"], &["metadata_note", "arn", "endpoint"]), &fields)
}

fn step() -> Value {
    let fields = [
        ("status", json!({ "enum": STATUSES })),
        ("attempts", integer()),
        ("stumbles", integer()),
        ("critical", boolean()),
    ];
    with(texts(&["id", "kind", "outcome", "icon"], &["started", "duration", "detail"]), &fields)
}

fn timeline() -> Value {
    let bar = with(
        texts(&["step", "from", "until"], &[]),
        &[("status", json!({ "enum": STATUSES })), ("critical", boolean()), ("waits", boolean())],
    );
    let lane = with(texts(&["name"], &[]), &[("bars", list(bar))]);
    with(texts(&["start", "end"], &[]), &[("lanes", list(lane))])
}

fn trend() -> Value {
    let measure = with(
        texts(&["id", "name"], &["measured", "median", "spread"]),
        &[("passes", integer()), ("regression", boolean())],
    );
    let run = texts(&["run", "at", "verdict"], &["rto", "rpo", "copy_lag", "data_age"]);
    object(&[("notes", list(text())), ("measures", list(measure)), ("runs", list(run))])
}

fn people() -> Value {
    let approval = texts(&["name", "asked", "answer"], &["by", "login", "at", "note", "waited"]);
    with(texts(&["owner", "initiated_by", "separation"], &["credentials", "waited"]), &[("approvals", list(approval))])
}

fn isolation() -> Value {
    let probe = with(texts(&["name"], &["because"]), &[("status", json!({ "enum": STATUSES }))]);
    let known = texts(&["of", "what", "value", "source"], &[]);
    with(texts(&["summary"], &[]), &[("probed", boolean()), ("known", list(known)), ("probes", list(probe))])
}

fn control() -> Value {
    let fields = [
        ("evidences", list(text())),
        ("would_evidence", said("Only of a rehearsal.", list(text()))),
        ("does_not", list(text())),
        ("whole", boolean()),
    ];
    with(texts(&["id", "about"], &["framework"]), &fields)
}

fn probe() -> Value {
    let control = with(
        texts(&["predicted", "result"], &[]),
        &[("changed", list(row())), ("as_predicted", or_null(boolean())), ("attempts", integer())],
    );
    let fields = [
        ("required", boolean()),
        ("status", json!({ "enum": STATUSES })),
        ("settings", list(row())),
        ("expected", list(row())),
        ("observed", list(row())),
        ("facts", list(row())),
        ("explained", list(text())),
        ("attempts", integer()),
        ("control", or_null(control)),
    ];
    with(texts(&["name", "on", "kind", "outcome", "icon", "retry"], &["because", "miss", "last"]), &fields)
}

fn action() -> Value {
    let fields = [("attempts", integer()), ("observed", list(row()))];
    with(texts(&["name", "kind", "icon", "outcome", "result"], &["undo"]), &fields)
}

fn cost() -> Value {
    with(texts(&["estimated", "spent"], &["limit"]), &[("basis", list(row()))])
}

fn teardown() -> Value {
    const ENTRY: [&str; 9] = ["restore", "kind", "arn", "state", "icon", "noted", "witness", "proof", "held"];
    let entry = texts(&ENTRY, &["asked", "accepted", "gone", "hours", "cost"]);
    let fields = [
        ("entries", list(with(entry, &[("tries", integer()), ("failed", list(text()))]))),
        ("left", list(texts(&["arn", "why", "command", "resume"], &[]))),
        ("kept", list(texts(&["arn", "until", "noted", "extend", "end"], &[]))),
    ];
    with(texts(&["summary", "held", "hours"], &["cost"]), &fields)
}
