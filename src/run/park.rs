//! A run that waits and that nobody drives meanwhile: what is kept of it, and what ends its wait.
//!
//! A run that needs nothing before some moment but news of its restore jobs leaves everything else to its journal: state,
//! plan, services and view are dropped, and whoever drives it again reads them from there. What it saw in this process is
//! kept, because it decides when to look next.
//!
//! Invariant: while a run is parked nothing of it is in flight but looks at jobs, which change nothing. News of a job reaches
//! the run as the outcome of the look that it would have made itself, so its journal is that of a run that was driven all
//! the time.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use crate::cloud::vault::Vault;
use crate::journal::event::Event;
use crate::run::call::{Outcome, bug, of_step};
use crate::run::pace::{Looked, Rhythm};
use crate::run::step::restore::JobLook;
use crate::words::id::{Name, RunId, StepId};
use crate::words::time::Clock;

/// Whoever would be driven again sooner is not parked: that is to read the journal once more.
pub const WORTH_IT: SignedDuration = SignedDuration::from_secs(10);

/// What is kept of a run that waits.
#[derive(Debug)]
pub struct Parked {
    /// The run.
    pub run: RunId,
    /// Then it is driven again, whatever its jobs do.
    pub until: Timestamp,
    /// What else it is driven again for.
    pub heeds: Heeds,
    /// What it may have made and is not gone, in words: for whoever cannot read its journal any more.
    pub left: Vec<String>,
    pub(super) awaits: Vec<(JobLook, Rhythm)>,
    pub(super) looked: Looked,
}

/// What somebody may ask of a run that waits. A signal concerns every run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heeds {
    /// `drill cancel`: it was not ended yet.
    pub cancel: bool,
    /// The stop of everything: there is something that it would end.
    pub stop: bool,
    /// Answers at these gates.
    pub gates: Vec<Name>,
}

/// What a run that was parked is driven on with, besides its journal.
#[derive(Debug)]
pub struct Woken {
    pub(super) looked: Looked,
    pub(super) news: Vec<News>,
}

/// What a look at a restore job brought.
#[derive(Debug)]
pub struct News {
    pub(super) step: StepId,
    pub(super) restore: Name,
    pub(super) events: Vec<Event>,
}

impl Parked {
    /// Waits, and looks at the jobs when their moments come. Returns when the run is to be driven again, with what there is
    /// new of its jobs. Whoever stops waiting loses nothing.
    pub async fn watch(&mut self, vault: &Arc<dyn Vault>, clock: &Arc<dyn Clock>) -> Vec<News> {
        let until = self.until;
        loop {
            let now = clock.now();
            let looks = self.awaits.iter().map(|(look, rhythm)| rhythm.next(self.looked.last(&look.step), now));
            clock.sleep_until(looks.min().map_or(until, |look| look.min(until))).await;
            if clock.now() >= until {
                return Vec::new();
            }
            tokio::select! {
                biased;
                seen = self.look(vault, clock) => {
                    if let Some(news) = seen {
                        return news;
                    }
                }
                () = clock.sleep_until(until) => return Vec::new(),
            }
        }
    }

    /// Looks at every job whose moment has come. Nothing if each is as it was.
    async fn look(&mut self, vault: &Arc<dyn Vault>, clock: &Arc<dyn Clock>) -> Option<Vec<News>> {
        let now = clock.now();
        let (mut looks, mut under_way) = (JoinSet::new(), HashMap::new());
        for (position, (look, rhythm)) in self.awaits.iter().enumerate() {
            if rhythm.next(self.looked.last(&look.step), now) > now {
                continue;
            }
            let (step, look, vault, clock) = (look.step.clone(), look.clone(), Arc::clone(vault), Arc::clone(clock));
            let look: Outcome = Box::pin(async move { look.look(vault.as_ref(), clock.as_ref()).await });
            under_way.insert(looks.spawn(of_step(step, look)).id(), position);
        }
        while let Some(ended) = looks.join_next_with_id().await {
            let (id, events) = ended.map_or_else(|error| (error.id(), None), |(id, events)| (id, Some(events)));
            let Some((look, _)) = under_way.get(&id).and_then(|position| self.awaits.get(*position)) else { continue };
            // Nobody ends a look that is waited for, so it ended in a panic.
            let events = events.unwrap_or_else(|| vec![bug(&look.step)]);
            if !events.is_empty() {
                return Some(vec![News { step: look.step.clone(), restore: look.restore.clone(), events }]);
            }
            self.looked.asked(&look.step, clock.now());
        }
        None
    }

    /// With what the run is driven on.
    #[must_use]
    pub fn woken(self, news: Vec<News>) -> Woken {
        Woken { looked: self.looked, news }
    }
}
