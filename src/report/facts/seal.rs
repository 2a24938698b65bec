//! What ties a report to its journal, and what an auditor needs to find both, and AWS's own record, again.

use serde::{Deserialize, Serialize};

use crate::definition::model::{ArchiveSettings, SignBy};
use crate::journal::event::Recorded;
use crate::journal::state::State;
use crate::words::time::show_instant;

/// What ties the report to its journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// Hash of the last record that the report is made from.
    pub head: String,
    /// How many records that are.
    pub records: u64,
    /// When the last of them was written.
    pub last: String,
    /// Whose key was to sign the evidence.
    pub signer: String,
    /// Where a copy is kept that nobody may change, and for how long; null where the definition asks for none.
    pub archive: Option<String>,
    /// The span in which CloudTrail has what the run did.
    pub cloudtrail: String,
}

/// The seal of a run's report.
#[must_use]
pub fn seal(state: &State, events: &[Recorded]) -> Seal {
    let definition = &state.started.plan.definition;
    let report = &definition.report;
    let end = state.concluded.as_ref().map_or(state.last_at, |(at, _)| *at);
    let (there, here) = (&definition.destination.region, &definition.source.region);
    let regions = if there == here { there.to_string() } else { format!("{there} and {here}") };
    Seal {
        head: events.last().map_or_else(|| "no records".to_owned(), |record| record.hash.to_string()),
        records: events.last().map_or(0, |record| record.seq),
        last: show_instant(events.last().map_or(state.started_at, |record| record.at)),
        signer: match &report.sign {
            Some(SignBy::Kms(key)) => format!("the key {key} of AWS KMS, if it could be used"),
            None => "the key of the machine that ran it, if it had one".to_owned(),
        },
        archive: report.archive.as_ref().map(|archive| {
            let ArchiveSettings { s3, retain, mode, .. } = archive;
            format!("{s3} for {retain} from the verdict on, under Object Lock ({mode})")
        }),
        cloudtrail: format!("from {} to {}, in {regions}", show_instant(state.started_at), show_instant(end)),
    }
}
