//! How long a run will take: the critical path over usual times.

use std::collections::HashMap;

use jiff::SignedDuration;

use crate::cloud::resource::Types;
use crate::plan::step::{Plan, Step, Work};
use crate::words::id::StepId;

/// The critical path, from what each step usually takes. A guess from the facts until a drill has a history.
#[must_use]
pub fn estimate(plan: &Plan, types: Types) -> SignedDuration {
    let mut ends: HashMap<&StepId, SignedDuration> = HashMap::new();
    for step in &plan.steps {
        let begins = step.needs.iter().filter_map(|need| ends.get(&need.step)).max().copied().unwrap_or_default();
        ends.insert(&step.id, begins + usual(plan, step, types));
    }
    ends.into_values().max().unwrap_or_default()
}

fn usual(plan: &Plan, step: &Step, types: Types) -> SignedDuration {
    match &step.work {
        Work::Restore(name) => plan
            .definition
            .restore
            .get(name)
            .map_or(SignedDuration::ZERO, |restore| SignedDuration::from_mins(types(restore.kind).usual_minutes())),
        Work::Finish(_) => SignedDuration::from_mins(8),
        Work::Ready(_) | Work::Probe(_) | Work::Action(_) | Work::Undo(_) => SignedDuration::from_secs(20),
        Work::Gate(_) => SignedDuration::ZERO,
        Work::Teardown(_) => SignedDuration::from_mins(4),
        Work::Preflight | Work::Pick(_) | Work::Report => SignedDuration::from_secs(2),
    }
}
