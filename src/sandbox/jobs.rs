//! The restore jobs of one account and region, in the order in which they were accepted.
//!
//! Invariant: every job to which something may still happen by itself stands in `due`, under the moment before which nothing
//! does. So what is not due is not looked at, however many jobs there ever were.

use std::collections::{BTreeSet, HashMap};
use std::slice;

use jiff::Timestamp;

use crate::sandbox::restore::RestoreJob;

/// The jobs.
#[derive(Default)]
pub(crate) struct Jobs {
    all: Vec<RestoreJob>,
    /// The position of each, by its id in capitals.
    by_id: HashMap<String, usize>,
    by_token: HashMap<String, Vec<usize>>,
    due: BTreeSet<(Timestamp, usize)>,
}

impl Jobs {
    /// One more was accepted.
    pub(crate) fn push(&mut self, job: RestoreJob) {
        let at = self.all.len();
        self.by_id.insert(job.id.to_ascii_uppercase(), at);
        if let Some(token) = &job.token {
            self.by_token.entry(token.clone()).or_default().push(at);
        }
        self.all.push(job);
        self.plan(at);
    }

    /// All of them.
    pub(crate) fn iter(&self) -> slice::Iter<'_, RestoreJob> {
        self.all.iter()
    }

    /// All of them, to change what is of no moment.
    pub(crate) fn iter_mut(&mut self) -> slice::IterMut<'_, RestoreJob> {
        self.all.iter_mut()
    }

    /// The one of this id, however it is written.
    pub(crate) fn find(&self, id: &str) -> Option<&RestoreJob> {
        self.by_id.get(&id.to_ascii_uppercase()).and_then(|at| self.all.get(*at))
    }

    /// Those that were asked for with this token.
    pub(crate) fn with_token(&self, token: &str) -> impl Iterator<Item = &RestoreJob> {
        self.by_token.get(token).into_iter().flatten().filter_map(|at| self.all.get(*at))
    }

    /// The job at this position.
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut RestoreJob> {
        self.all.get_mut(at)
    }

    /// Before this moment nothing happens to any of them.
    #[cfg(any(debug_assertions, test))]
    pub(crate) fn first_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(moment, _)| *moment)
    }

    /// The positions of those that are due, in order. Whoever takes them [plans](Self::plan) each again.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<usize> {
        let mut taken = Vec::new();
        while let Some(&(moment, at)) = self.due.first()
            && moment <= now
        {
            self.due.pop_first();
            taken.push(at);
        }
        taken.sort_unstable();
        taken
    }

    /// Notes when something may happen to the job at this position.
    pub(crate) fn plan(&mut self, at: usize) {
        self.due.extend(self.all.get(at).and_then(RestoreJob::due).map(|moment| (moment, at)));
    }
}
