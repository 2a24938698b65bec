//! What `drill sweep` removed although no ledger of this machine has it. It belongs to no run's journal: an intent is
//! durable before anything is asked for, an outcome follows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::words::arn::Arn;
use crate::words::id::{AccountId, JobId, Region};

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepNote {
    /// When, by the clock of the cloud.
    pub at: Timestamp,
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub region: Region,
    /// What.
    pub arn: Arn,
    /// Who typed the ARN, as far as the machine knows: user@host.
    pub by: String,
    /// What was done.
    pub done: Swept,
}

/// What was done about a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Swept {
    /// INTENT. It is removed, because a person typed its ARN and this restore job made it.
    Intended { job: JobId, proof: String },
    /// It was seen to be gone.
    Removed,
    /// It was not removed, or not seen to be gone.
    Stopped { because: String },
}
