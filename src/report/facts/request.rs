//! Requests that AWS refused or failed, by the ids that CloudTrail has, too.
//!
//! The journal keeps the ids of what went wrong. What went well it knows by its effects: job ids, ARNs and tokens.

use serde::{Deserialize, Serialize};

use crate::journal::event::{Event, Recorded, StepEnd};
use crate::words::time::show_instant;

/// The most that a report lists: a throttled run has thousands. The journal has all.
const MOST: usize = 200;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFacts {
    /// When its answer was written down.
    pub at: String,
    /// The operation, such as `rds:DeleteDBInstance`, or the step that it ended.
    pub operation: String,
    /// AWS's code for what was wrong.
    pub code: String,
    /// AWS's id of the request.
    pub id: String,
}

/// The first of them, in order.
#[must_use]
pub fn requests(events: &[Recorded]) -> Vec<RequestFacts> {
    let one = |record: &Recorded| {
        let (operation, code, id) = failed(&record.event)?;
        Some(RequestFacts { at: show_instant(record.at), operation, code, id })
    };
    events.iter().filter_map(one).take(MOST).collect()
}

/// Operation, code and id. Of a failed step the journal keeps no operation: the step says what was asked.
fn failed(event: &Event) -> Option<(String, String, String)> {
    match event {
        Event::StepEnded { step, end: StepEnd::Failed(failure) } => {
            Some((step.to_string(), "the step failed".to_owned(), failure.request_id.clone()?))
        }
        Event::Stumbled { error, .. }
        | Event::RestoreRefused { error, .. }
        | Event::StampFailed { error, .. }
        | Event::LeaseTagFailed { error, .. } => {
            Some((error.operation.clone(), error.code.clone(), error.request_id.clone()?))
        }
        _ => None,
    }
}
