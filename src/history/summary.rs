//! What later runs' first records need of a run that is over. The journal keeps it beside the verdict, as text.

use serde::{Deserialize, Serialize};

use crate::history::past::earlier;
use crate::journal::event::{Earlier, LastPass};
use crate::journal::recorded::recorded;
use crate::journal::state::State;
use crate::words::kind::Verdict;

/// What a run that is over leaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of drill that wrote it: another one may need more.
    by: String,
    /// What came of it.
    pub earlier: Earlier,
    /// What it recorded, if it passed.
    pub recorded: Option<LastPass>,
}

impl Summary {
    /// That of a run that is over.
    #[must_use]
    pub fn of(state: &State) -> Option<Self> {
        let earlier = earlier(state)?;
        let recorded = (earlier.verdict == Verdict::Passed).then(|| recorded(state));
        Some(Self { by: env!("CARGO_PKG_VERSION").to_owned(), earlier, recorded })
    }

    /// One that was kept as text, if this version kept it.
    #[must_use]
    pub fn kept(text: &str) -> Option<Self> {
        let summary: Self = serde_json::from_str(text).ok()?;
        (summary.by == env!("CARGO_PKG_VERSION")).then_some(summary)
    }
}

/// The text that a journal keeps of a run that is over.
#[must_use]
pub fn summarize(state: &State) -> Option<String> {
    serde_json::to_string(&Summary::of(state)?).ok()
}
