//! A plan for programs.

use serde_json::{Map, Value, json};

use crate::cloud::check::Check;
use crate::cloud::vault::Picked;
use crate::plan::estimate::{Cost, RestoreCost};
use crate::plan::show::View;
use crate::plan::step::Step;
use crate::words::id::Name;

/// Version of the JSON that [`json()`] writes.
///
/// | version | since | change |
/// |---|---|---|
/// | 1 | 0.1.0 | first |
pub const VERSION: u32 = 1;

/// The plan as one JSON object, ending in a newline:
///
/// ```json
/// {"version":1,"drill":"rds-prod","title":"…",
///  "steps":[{"id":"pick.orders","kind":"pick","needs":[{"step":"preflight","until":"passed","why":"chain"}],
///            "timeout_seconds":600}],
///  "recovery_points":{"orders":{"chosen":{"arn":"…","created":"…","size_bytes":1,"status":"COMPLETED"},
///                     "rejected":[{"arn":"…","created":"…","status":"…","reason":"…"}],"older":33}},
///  "preflight":[{"id":"role.trust","what":"…","result":"ok","detail":"…","mend":null}],
///  "estimate_seconds":1500,"cost":{"usd":null,"restores":{"orders":{"usd":null,"basis":"…"}}},"permissions":["backup:StartRestoreJob"]}
/// ```
///
/// `recovery_points` and `preflight` are null when nobody was asked, and `chosen` is null when nothing is eligible.
/// `until` is `passed` or `settled` (ended, however); `why` is `chain`, `explicit`, `reference` or `teardown`.
#[must_use]
pub fn json(view: &View<'_>) -> String {
    let definition = &view.plan.definition;
    let points = view.points.map(|points| {
        points.iter().map(|(name, picked)| (name.to_string(), point(picked))).collect::<Map<String, Value>>()
    });
    let value = json!({
        "version": VERSION,
        "drill": definition.name,
        "title": definition.title,
        "steps": view.plan.steps.iter().map(step).collect::<Vec<Value>>(),
        "recovery_points": points,
        "preflight": view.checks.map(|checks| checks.iter().map(check).collect::<Vec<Value>>()),
        "estimate_seconds": view.estimate.map(|estimate| estimate.as_secs()),
        "cost": view.cost.map(cost),
        "permissions": view.permissions,
    });
    format!("{value:#}\n")
}

fn cost(cost: &Cost) -> Value {
    let one = |(name, one): (&Name, &RestoreCost)| (name.to_string(), json!({ "usd": one.usd, "basis": one.basis }));
    json!({ "usd": cost.usd, "restores": cost.restores.iter().map(one).collect::<Map<String, Value>>() })
}

/// One finding of a preflight. Every key is always there: `mend` is null where there is none.
#[must_use]
pub fn check(check: &Check) -> Value {
    json!({
        "id": check.id,
        "what": check.what,
        "result": check.result,
        "detail": check.detail,
        "mend": check.mend,
    })
}

fn step(step: &Step) -> Value {
    json!({
        "id": step.id,
        "kind": step.work.kind(),
        "needs": step.needs,
        "timeout_seconds": step.timeout.as_secs(),
    })
}

fn point(picked: &Picked) -> Value {
    let chosen = picked.chosen.as_ref().map(|point| {
        json!({
            "arn": point.arn,
            "created": point.created,
            "size_bytes": point.size_bytes,
            "status": point.status,
            "encryption_key": point.encryption_key,
            "source_vault": point.source_vault,
        })
    });
    json!({ "chosen": chosen, "rejected": picked.rejected, "older": picked.older, "copy": picked.copy })
}
