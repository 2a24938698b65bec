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
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::future::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::{SignedDuration, Timestamp};

use crate::cloud::vault::Vault;
use crate::journal::event::Event;
use crate::run::call::{bug, of_step};
use crate::run::pace::{Glance, Looked, Rhythm};
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
    awaits: Box<[Awaited]>,
    /// What else it saw, for whoever drives it again.
    seen: Box<[Glance]>,
}

/// A job that a run waits for.
#[derive(Debug)]
struct Awaited {
    look: JobLook,
    rhythm: Rhythm,
    /// When a call of its step last ended in this process.
    last: Option<Timestamp>,
    /// Whether a look of its step was ever answered in this process.
    saw: bool,
}

impl Awaited {
    fn next_look(&self, now: Timestamp) -> Timestamp {
        self.rhythm.next(self.last, now)
    }

    /// Looks at the job. Nothing if it is as it was.
    async fn looks(&mut self, vault: &dyn Vault, clock: &dyn Clock) -> Option<News> {
        let look = of_step(self.look.step(), self.look.look(vault, clock));
        // A look that panics ends no other run than its own.
        let events = AssertUnwindSafe(look).catch_unwind().await;
        let events = events.unwrap_or_else(|_| vec![bug(&self.look.step())]);
        if events.is_empty() {
            self.last = Some(clock.now());
            return None;
        }
        Some(News { step: self.look.step(), restore: self.look.restore.clone(), events })
    }

    fn into_glance(self) -> Option<Glance> {
        Some(Glance { step: self.look.step(), last: self.last?, saw: self.saw })
    }
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
    /// Of a run that waits for these jobs. There may be many like it, so nothing has room to grow.
    pub(super) fn new(
        run: RunId,
        until: Timestamp,
        heeds: Heeds,
        mut left: Vec<String>,
        awaits: Vec<(JobLook, Rhythm)>,
        seen: impl Iterator<Item = Glance>,
    ) -> Self {
        let awaits = awaits.into_iter().map(|(look, rhythm)| Awaited { look, rhythm, last: None, saw: false });
        let mut awaits: Vec<Awaited> = awaits.collect();
        let steps: HashMap<StepId, usize> = (0..).zip(&awaits).map(|(at, one)| (one.look.step(), at)).collect();
        let mut others = Vec::new();
        for glance in seen {
            match steps.get(&glance.step).and_then(|at| awaits.get_mut(*at)) {
                Some(one) => (one.last, one.saw) = (Some(glance.last), glance.saw),
                None => others.push(glance),
            }
        }
        left.iter_mut().for_each(String::shrink_to_fit);
        left.shrink_to_fit();
        Self { run, until, heeds, left, awaits: awaits.into_boxed_slice(), seen: others.into_boxed_slice() }
    }

    /// Waits, and looks at the jobs when their moments come. Returns when the run is to be driven again, with what there is
    /// new of its jobs. Whoever stops waiting loses nothing.
    pub async fn watch(&mut self, vault: &Arc<dyn Vault>, clock: &Arc<dyn Clock>) -> Vec<News> {
        loop {
            let now = clock.now();
            let look = self.awaits.iter().map(|one| one.next_look(now)).min();
            clock.sleep_until(look.map_or(self.until, |look| look.min(self.until))).await;
            if clock.now() >= self.until {
                return Vec::new();
            }
            // Nearly always it sleeps, and then there is no room for what a look needs.
            if let Some(news) = Box::pin(self.look_in_time(vault.as_ref(), clock.as_ref())).await {
                return news;
            }
        }
    }

    /// Looks at every job whose moment has come, until the run is to be driven again.
    async fn look_in_time(&mut self, vault: &dyn Vault, clock: &dyn Clock) -> Option<Vec<News>> {
        let until = self.until;
        tokio::select! {
            biased;
            seen = self.look(vault, clock) => seen.map(|news| vec![news]),
            () = clock.sleep_until(until) => Some(Vec::new()),
        }
    }

    /// Looks at every job whose moment has come. Nothing if each is as it was.
    async fn look(&mut self, vault: &dyn Vault, clock: &dyn Clock) -> Option<News> {
        let now = clock.now();
        let due = self.awaits.iter_mut().filter(|one| one.next_look(now) <= now);
        let mut looks: FuturesUnordered<_> = due.map(|one| one.looks(vault, clock)).collect();
        while let Some(seen) = looks.next().await {
            if seen.is_some() {
                return seen;
            }
        }
        None
    }

    /// With what the run is driven on.
    #[must_use]
    pub fn woken(self, news: Vec<News>) -> Woken {
        let awaited = self.awaits.into_iter().filter_map(Awaited::into_glance);
        Woken { looked: awaited.chain(self.seen).collect(), news }
    }
}
