//! What IAM must allow for a plan.

use std::collections::BTreeSet;

use crate::cloud::resource::Types;
use crate::plan::step::Plan;

/// The IAM actions of the drill's own identity: `common` (what every drill needs) and those of the plan's types, sorted.
#[must_use]
pub fn permissions(plan: &Plan, types: Types, common: &[&str]) -> Vec<String> {
    let mut actions: BTreeSet<&str> = common.iter().copied().collect();
    for restore in plan.definition.restore.values() {
        actions.extend(types(restore.kind).permissions());
    }
    actions.into_iter().map(str::to_owned).collect()
}
