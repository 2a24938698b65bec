//! What came of a scenario: the world's books, and how each process ended. The judge reads it.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::cli::rehearse::marks::Marks;
use crate::cli::rehearse::stage::Asked;
use crate::cli::rehearse::stand_in::Said;
use crate::cli::rehearse::sweep::Swept;
use crate::journal::event::Recorded;
use crate::journal::state::State;
use crate::journal::verdict::Conclusion;
use crate::sandbox::Inventory;
use crate::words::id::RunId;

/// What came of a scenario.
pub(crate) struct Played {
    /// The world before. Like that of each end, without what was asked of it.
    pub(crate) before: Inventory,
    /// The world after everything, and the runs that were in it.
    pub(crate) after: Inventory,
    pub(crate) runs: Vec<PlayedRun>,
    /// What the first run asked, if somebody listened.
    pub(crate) asked: Vec<Asked>,
    /// A second runner in the same folder was let in.
    pub(crate) second_let_in: bool,
    /// Restore jobs of somebody else.
    pub(crate) others: Vec<String>,
    /// Every trouble came.
    pub(crate) struck: bool,
    /// Panics of its tasks, each with its place.
    pub(crate) panics: Vec<String>,
}

/// What came of one run.
pub(crate) struct PlayedRun {
    pub(crate) marks: Marks,
    /// Every verdict that was reached, or what came in the place of one, each with the world at that moment.
    pub(crate) ends: Vec<End>,
    /// The last known state.
    pub(crate) state: Option<State>,
    pub(crate) records: Vec<Recorded>,
    pub(crate) said: Vec<Said>,
    /// The last record of each append of its first process.
    pub(crate) appends: Vec<u64>,
    /// When it began, by the world's clock.
    pub(crate) began: Timestamp,
    /// Its id.
    pub(crate) run: RunId,
    /// The digits that its names carry.
    pub(crate) digits: String,
    /// Every trouble of its processes came.
    pub(crate) struck: bool,
    pub(crate) report: PathBuf,
    /// The last record before each look whether everything was stopped, and since when it was.
    pub(crate) looks: Vec<u64>,
    pub(crate) stopped: Option<Timestamp>,
    /// So much was asked before the time of what it kept was over.
    pub(crate) asked_until_lease: Option<usize>,
    /// What its first process did that was taken over, after it woke.
    pub(crate) woke: Option<Woke>,
}

/// What a process did after it woke, when another had taken its run over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Woke {
    /// It saw that, and ended.
    pub(crate) ended: bool,
    /// What it changed all the same, by calls that it began after it woke.
    pub(crate) changed: Vec<String>,
}

/// How a process ended by itself.
pub(crate) struct End {
    pub(crate) how: How,
    pub(crate) world: Inventory,
    /// Something is kept on purpose at that moment, and its time is not over.
    pub(crate) keeps: bool,
}

/// See [`End`].
pub(crate) enum How {
    /// With a verdict.
    Concluded(Box<Conclusion>, Timestamp),
    /// The journal could not be written; what may be left, and how many restore jobs were started without an intent in it.
    JournalLost(Vec<String>, usize),
    /// The journal was refused on resume; then a person swept, and this is what the sweep showed and left.
    Refused(String, Swept),
    /// It was not over when it had to be.
    Endless,
    /// An error that should not be.
    Broken(String),
}
