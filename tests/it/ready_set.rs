//! Who is asked after what: nobody for nothing, and nobody too late. That nobody is forgotten is held in builds for
//! development after each decision of every other test.

use jiff::SignedDuration;
use restore_drill::aws::resource::facts;
use restore_drill::cloud::error::{CloudError, ErrorKind};
use restore_drill::journal::event::{CancelBy, Class, Event, StepEnd};
use restore_drill::run::decide::{Next, Situation};
use restore_drill::run::guards::Guards;
use restore_drill::run::pace::Looked;
use restore_drill::run::ready_set::ReadySet;

use crate::harness::paper::{ORDERS, Paper, failed, id, job_id, name};
use crate::harness::worlds;

/// A history under the pen, and who is to be asked after each piece of it.
struct Asked {
    paper: Paper,
    set: ReadySet,
}

impl Asked {
    fn begin(definition: &str) -> Self {
        let paper = Paper::begin(&worlds::definition(definition));
        let set = ReadySet::of(&paper.state);
        Self { paper, set }
    }

    fn then(&mut self, seconds: i64, event: &Event) {
        self.paper.then(seconds, event);
        self.set.touch(event, &self.paper.state);
    }

    fn starts(&mut self, step: &str) {
        self.then(0, &Event::StepStarted { step: id(step) });
    }

    fn ends(&mut self, step: &str, end: StepEnd) {
        self.then(0, &Event::StepEnded { step: id(step), end });
    }

    fn passes(&mut self, step: &str) {
        self.starts(step);
        self.ends(step, StepEnd::Passed);
    }

    /// Takes everybody who is to be asked, in order, and has each answer as the engine would.
    fn asked(&mut self) -> Vec<String> {
        let now = self.paper.at;
        self.set.begin_pass(now);
        let (mut asked, mut from) = (Vec::new(), 0);
        let looked = Looked::default();
        while let Some(position) = self.set.next_from(from) {
            from = position + 1;
            let step = &self.paper.state.started.plan.steps[position];
            let state = &self.paper.state;
            let situation = Situation { state, now, looked: &looked, types: facts, guards: Guards::all() };
            let next = situation.next(step);
            // What would be recorded is not: that step would be asked again for ever.
            if !matches!(next, Next::Record(_)) {
                self.set.answered(position, &next);
            }
            asked.push(step.id.to_string());
        }
        asked
    }
}

/// [`worlds::ORDERS`] with a second restore, one at a time.
fn two_at_most_one() -> String {
    let limits = "limits: { max_duration: 10d, max_parallel_restores: 1 }";
    let billing = "  billing:\n    type: rds\n    resource: arn:aws:rds:eu-west-2:123456789012:db:billing\n    \
                   with: { subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }\n    timeout: 10d\nprobes:\n  \
                   billing-answers:\n    on: billing\n    tcp: {}\n    retry: { for: 2d }\n";
    worlds::orders_with("limits: { max_duration: 10d }", limits).replacen("probes:\n", billing, 1)
}

#[test]
fn at_first_everybody_is_asked_in_the_order_of_the_plan_and_then_nobody() {
    let mut asked = Asked::begin(worlds::ORDERS);
    let all: Vec<String> = asked.paper.state.started.plan.steps.iter().map(|step| step.id.to_string()).collect();
    assert_eq!(asked.asked(), all);
    assert_eq!(asked.asked(), [""; 0]);
}

#[test]
fn an_end_asks_those_who_waited_for_it_alone() {
    let mut asked = Asked::begin(worlds::ORDERS);
    asked.asked();
    asked.passes("preflight");
    assert_eq!(asked.asked(), ["pick.orders"]);
    asked.starts("pick.orders");
    assert_eq!(asked.asked(), ["pick.orders"]);
}

#[test]
fn who_needs_a_pass_is_asked_at_once_after_a_failure() {
    let mut asked = Asked::begin(worlds::ORDERS);
    asked.asked();
    asked.passes("preflight");
    asked.starts("pick.orders");
    asked.asked();
    asked.ends("pick.orders", failed(Class::Data));
    assert_eq!(asked.asked(), ["restore.orders"]);
}

#[test]
fn a_cancellation_concerns_everybody_who_is_not_over() {
    let mut asked = Asked::begin(worlds::ORDERS);
    asked.asked();
    asked.passes("preflight");
    asked.asked();
    asked.then(0, &Event::CancelRequested { by: CancelBy::Command });
    let all = asked.paper.state.started.plan.steps.iter().map(|step| step.id.to_string());
    let rest: Vec<String> = all.filter(|step| step != "preflight").collect();
    assert_eq!(asked.asked(), rest);
}

/// What waits for a place is not asked before something happens that may free one.
#[test]
fn who_waits_for_a_place_is_asked_when_one_may_be_free() {
    let mut asked = Asked::begin(&two_at_most_one());
    asked.asked();
    asked.passes("preflight");
    asked.starts("pick.orders");
    asked.paper.picks(0);
    asked.ends("pick.orders", StepEnd::Passed);
    asked.starts("pick.billing");
    asked.ends("pick.billing", StepEnd::Passed);
    asked.starts("restore.orders");
    let waits = asked.asked();
    assert!(waits.contains(&"restore.billing".to_owned()), "its needs are over: {waits:?}");
    assert!(!asked.asked().contains(&"restore.billing".to_owned()), "nothing changed");
    asked.ends("restore.orders", failed(Class::Data));
    assert!(asked.asked().contains(&"restore.billing".to_owned()));
}

#[test]
fn a_moment_asks_who_named_it_and_nobody_else() {
    let mut asked = Asked::begin(worlds::ORDERS);
    asked.asked();
    asked.passes("preflight");
    asked.starts("pick.orders");
    let operation = "backup:ListRecoveryPointsByBackupVault";
    let error = CloudError::new(operation, ErrorKind::Throttled, "ThrottlingException", "slow down", None);
    asked.then(0, &Event::Stumbled { step: id("pick.orders"), error });
    assert_eq!(asked.asked(), ["pick.orders"]);
    let pause = asked.set.wake().expect("it pauses");
    assert_eq!(pause, asked.paper.at + SignedDuration::from_secs(2));
    assert_eq!(asked.asked(), [""; 0], "the pause is not over");
    asked.paper.at = pause;
    assert_eq!(asked.asked(), ["pick.orders"]);
    assert_eq!(asked.set.wake(), None, "it makes its request");
}

/// While a call is under way its step is busy; the end of the call frees it, and a call of no step concerns everybody.
#[test]
fn the_end_of_a_call_asks_its_step() {
    let mut asked = Asked::begin(worlds::ORDERS);
    asked.asked();
    asked.starts("preflight");
    assert_eq!(asked.asked(), ["preflight"]);
    assert!(asked.set.is_busy(0));
    asked.set.released(&id("preflight"));
    assert!(!asked.set.is_busy(0));
    assert_eq!(asked.asked(), ["preflight"]);
    asked.set.released(&id("stop"));
    assert_eq!(asked.asked().len(), asked.paper.state.started.plan.steps.len());
}

#[test]
fn who_is_held_up_is_asked_at_each_decision_until_it_is_not() {
    let mut asked = Asked::begin(worlds::ORDERS);
    asked.asked();
    asked.starts("preflight");
    assert_eq!(asked.asked(), ["preflight"]);
    asked.set.held_up(0);
    assert!(!asked.set.is_busy(0));
    assert_eq!(asked.asked(), ["preflight"]);
    assert!(asked.set.is_busy(0), "now it calls");
    assert_eq!(asked.asked(), [""; 0]);
}

/// What is known of a restore concerns its own steps, and its probes.
#[test]
fn what_is_seen_of_a_restore_asks_the_steps_about_it() {
    let mut asked = Asked::begin(worlds::ORDERS);
    asked.asked();
    asked.passes("preflight");
    asked.starts("pick.orders");
    asked.paper.picks(0);
    asked.ends("pick.orders", StepEnd::Passed);
    asked.starts("restore.orders");
    asked.paper.intends();
    asked.asked();
    asked.then(0, &Event::RestoreAccepted { restore: name(ORDERS), job: job_id(), found: false });
    let about = asked.asked();
    assert!(about.contains(&"restore.orders".to_owned()), "{about:?}");
    assert!(!about.contains(&"report".to_owned()) && !about.contains(&"preflight".to_owned()), "{about:?}");
}
