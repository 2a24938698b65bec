//! What IAM must allow for a plan.

use std::collections::BTreeSet;

use crate::cloud::resource::Types;
use crate::definition::model::{Definition, Probe, Via};
use crate::plan::step::Plan;
use crate::probe;
use crate::words::kind::{ProbeKind, ResourceKind};

/// What a way through an instance needs: on the instance and on the document that forwards a port; on the session.
const TUNNELS: &[&str] = &["ssm:StartSession", "ssm:TerminateSession", "ssmmessages:OpenDataChannel"];

/// What a function that asks in drill's place needs: on the function.
const FUNCTIONS: &[&str] = &["lambda:InvokeFunction"];

/// What a key of KMS that signs the evidence needs: on the key.
const SIGNING: &[&str] = &["kms:GetPublicKey", "kms:Sign"];

/// What the archive of the evidence needs: on the bucket and below its prefix.
const ARCHIVE: &[&str] = &[
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetObject",
    "s3:GetObjectRetention",
    "s3:ListBucket",
    "s3:PutObject",
    "s3:PutObjectRetention",
];

/// The IAM actions of the drill's own identity: `common` (what every drill needs) and those of the plan's types and
/// kinds, sorted.
#[must_use]
pub fn permissions(plan: &Plan, types: Types, common: &[&str]) -> Vec<String> {
    let mut actions: BTreeSet<&str> = common.iter().copied().collect();
    for kind in kinds(&plan.definition) {
        actions.extend(probe::kind(kind).permissions());
    }
    for probe in plan.definition.probes.values() {
        actions.extend(match &probe.via {
            Some(Via::SsmTunnel(_)) => TUNNELS,
            Some(Via::Lambda(_)) => FUNCTIONS,
            None => &[],
        });
    }
    for restore in plan.definition.restore.values() {
        actions.extend(types(restore.kind).permissions());
    }
    let report = &plan.definition.report;
    if report.sign.is_some() {
        actions.extend(SIGNING);
    }
    if report.archive.is_some() {
        actions.extend(ARCHIVE);
    }
    actions.into_iter().map(str::to_owned).collect()
}

/// Every kind that a probe, an action, an undo or a question of `type: other` uses.
fn kinds(definition: &Definition) -> impl Iterator<Item = ProbeKind> + '_ {
    let probes = definition.probes.values().flat_map(|probe| [Some(probe.kind), measured(probe)]).flatten();
    let actions = definition.actions.values();
    let done = actions.flat_map(|action| [Some(action.kind), action.undo.as_ref().map(|undo| undo.kind)]).flatten();
    let others = definition.restore.values().filter(|restore| restore.kind == ResourceKind::Other);
    let asked = others.flat_map(|restore| restore.with.values()).filter_map(|value| value.as_object());
    let questions = asked.flat_map(|fields| fields.keys().filter_map(|word| ProbeKind::from_word(word)));
    probes.chain(done).chain(questions)
}

/// What a comparison measures on both sides.
fn measured(probe: &Probe) -> Option<ProbeKind> {
    if probe.kind == ProbeKind::Compare { probe::compare::measured(&probe.settings) } else { None }
}
