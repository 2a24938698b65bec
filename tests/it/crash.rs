//! A run dies at every event of its journal and another process goes on: it ends as if nothing had happened.
//!
//! A death takes the process only. The world goes on, with whatever was asked of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use restore_drill::journal::event::Event;
use restore_drill::journal::state::State;
use restore_drill::sandbox::Sandbox;
use restore_drill::words::id::RunId;
use restore_drill::words::kind::Verdict;

use crate::harness::check::assert_harmless;
use crate::harness::life::{Bench, Cancels, End, Fate, Pen, conclusion, over};
use crate::harness::worlds;

/// More events than any run here has.
const MOST_EVENTS: u64 = 200;

/// A run, and how it ends if nobody disturbs it.
pub(crate) struct Scenario {
    name: &'static str,
    bench: Bench,
    cancels: Cancels,
    /// How many events its undisturbed run has, the first record included.
    events: u64,
    /// The events that were the last of their append: after them the process may die before anything follows.
    last_of_append: BTreeSet<u64>,
    verdict: Verdict,
}

impl Scenario {
    pub(crate) async fn new(name: &'static str, definition: &str, cancels: Cancels, verdict: Verdict) -> Self {
        let bench = Bench::new(definition).await;
        let (journal, state) = bench.begin().await;
        let mut pen = Pen::new(journal, Fate::Lives);
        let state = over(name, bench.live(name, &mut pen, state, cancels).await);
        assert_eq!(conclusion(&state).verdict, verdict, "{name}: {:?}", conclusion(&state).reasons);
        let mut events = 1;
        let mut last_of_append = BTreeSet::new();
        for count in pen.appends() {
            events += count;
            last_of_append.insert(events);
        }
        assert!(events < MOST_EVENTS, "{name}: {events} events");
        let scenario = Self { name, bench, cancels, events, last_of_append, verdict };
        scenario.assert_kept(&format!("{name}, undisturbed"), &state);
        scenario
    }

    /// One life with this fate; the run, and whether it died.
    async fn live(&self, case: &str, fate: Fate, linger: bool) -> (RunId, bool) {
        let (journal, state) = self.bench.begin().await;
        let run = state.run;
        let pen = Pen::new(journal, fate);
        let sandbox = Arc::clone(&self.bench.sandbox);
        let mut pen = if linger { pen.with_last_words(move || settle(&sandbox)) } else { pen };
        let died = match self.bench.live(case, &mut pen, state, self.cancels).await {
            End::Died => true,
            end => {
                self.assert_kept(case, &over(case, end));
                false
            }
        };
        (run, died)
    }

    async fn crashes_and_goes_on(&self, case: &str, fate: Fate, linger: bool) {
        let (run, died) = self.live(case, fate, linger).await;
        if died {
            let state = self.bench.resume(case, run, self.cancels).await;
            self.assert_kept(case, &state);
        }
    }

    /// Every promise.
    fn assert_kept(&self, case: &str, state: &State) {
        let conclusion = conclusion(state);
        // Who dies before the cancellation is durable was never cancelled.
        let uncancelled = self.cancels.is_some() && state.cancelled.is_none();
        let wanted = if uncancelled { Verdict::Passed } else { self.verdict };
        assert_eq!(conclusion.verdict, wanted, "{case}: {:?}", conclusion.reasons);
        assert_harmless(case, &self.bench.before, &self.bench.inventory());
        self.bench.assert_reported(case, state.run);
    }

    pub(crate) async fn dies_everywhere(&self, linger: bool) {
        for n in 2..=self.events {
            let what = self.name;
            self.crashes_and_goes_on(&format!("{what}: dies before event {n}"), Fate::DiesBefore(n), linger).await;
            if self.last_of_append.contains(&n) {
                self.crashes_and_goes_on(&format!("{what}: dies after event {n}"), Fate::DiesAfter(n), linger).await;
            }
        }
    }

    /// Dies, goes on, dies again somewhere later, goes on.
    async fn dies_twice(&self, times: u32) {
        let mut chance = Chance(0x5EED_0001);
        for _ in 0..times {
            let first = chance.between(2, self.events);
            let more = chance.between(1, 12);
            let case = format!("{}: dies before event {first}, then after {more} more", self.name);
            let (run, died) = self.live(&case, Fate::DiesBefore(first), false).await;
            if !died {
                continue;
            }
            let Some((journal, state)) = self.bench.take_over(run, None).await else { continue };
            let pen = Pen::new(journal, Fate::Lives);
            let second = Fate::DiesAfter(pen.written() + more);
            let end = self.bench.live(&case, &mut pen.with_fate(second), state, self.cancels).await;
            let state = match end {
                End::Died => self.bench.resume(&case, run, self.cancels).await,
                end => over(&case, end),
            };
            self.assert_kept(&case, &state);
        }
    }
}

/// Lets requests under way reach the world: returns once the world has not been asked anything for a while.
fn settle(sandbox: &Sandbox) {
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    let mut asked = sandbox.inventory().calls.len();
    let mut quiet = 0;
    for _ in 0..200 {
        let _ = never.recv_timeout(std::time::Duration::from_millis(3));
        let now = sandbox.inventory().calls.len();
        quiet = if now == asked { quiet + 1 } else { 0 };
        asked = now;
        if quiet == 3 {
            return;
        }
    }
}

/// A small generator: the same choices in every run.
struct Chance(u64);

impl Chance {
    fn between(&mut self, least: u64, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        least + self.0 % (most - least + 1)
    }
}

async fn passing() -> Scenario {
    Scenario::new("a run that passes", worlds::ORDERS, None, Verdict::Passed).await
}

async fn failing() -> Scenario {
    let probe = "  is-right:\n    on: orders\n    command: { argv: [\"false\"] }\n";
    Scenario::new("a run that fails its probe", &worlds::orders_probed_by(probe), None, Verdict::Failed).await
}

async fn cancelled() -> Scenario {
    let once: Cancels = Some(|event| matches!(event, Event::RestoreAccepted { .. }));
    Scenario::new("a run that is cancelled", worlds::ORDERS, once, Verdict::Inconclusive).await
}

/// Two databases and several probes: at any moment something else is under way.
async fn crowded() -> Scenario {
    let (head, _) = worlds::ORDERS.split_once("probes:").expect("there are probes");
    let definition = format!(
        "{head}  billing:\n    type: rds\n    resource: arn:aws:rds:eu-west-2:123456789012:db:billing\n    \
         with: {{ subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }}\n    timeout: 10d\n\
         probes:\n  \
         orders-answers:\n    on: orders\n    tcp: {{}}\n    retry: {{ for: 2d }}\n  \
         orders-stays:\n    on: orders\n    tcp: {{}}\n    retry: {{ for: 2d }}\n  \
         billing-answers:\n    on: billing\n    tcp: {{}}\n    retry: {{ for: 2d }}\nteardown: {{ timeout: 10d }}\n"
    );
    Scenario::new("two restores at once", &definition, None, Verdict::Passed).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_passes_dies_at_every_event() {
    passing().await.dies_everywhere(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_fails_its_probe_dies_at_every_event() {
    failing().await.dies_everywhere(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_cancelled_dies_at_every_event() {
    cancelled().await.dies_everywhere(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_with_much_under_way_dies_at_every_event_while_its_requests_still_arrive() {
    crowded().await.dies_everywhere(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_dies_twice() {
    passing().await.dies_twice(16).await;
    failing().await.dies_twice(8).await;
    cancelled().await.dies_twice(8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_probes_hold_and_have_conditions_dies_at_every_event() {
    let probes = "  stays:\n    on: orders\n    tcp: {}\n    hold: 2h\n    retry: { for: 2d, every: 1h }\n  \
                  deep:\n    on: orders\n    when: { value: \"${{ run.id }}\", matches: ^never }\n    tcp: { port: 1 }\n";
    let definition = worlds::orders_probed_by(probes);
    Scenario::new("a run that holds", &definition, None, Verdict::Passed).await.dies_everywhere(false).await;
}
