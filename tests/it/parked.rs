//! Runs that are parked while they wait: each writes, to the byte, what it would have written if it had been driven all the
//! time, whatever wakes it. Time stands still here, so the instants are the same.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use restore_drill::journal::event::{CancelBy, Event, GateAnswer, Recorded};
use restore_drill::journal::store::{Store, StoreError};
use restore_drill::run::drive::{Ended, Signal};
use restore_drill::sandbox::{Fault, What};
use restore_drill::words::kind::Verdict;

use crate::harness::life::conclusion;
use crate::harness::paper::START;
use crate::harness::seam::ToldVault;
use crate::harness::still::{Lived, Scene, play};
use crate::harness::worlds;

const LOOK: &str = "backup:DescribeRestoreJob";

fn after(seconds: i64) -> Timestamp {
    START.parse::<Timestamp>().expect("an instant") + SignedDuration::from_secs(seconds)
}

/// A run of a definition whose restore takes so long.
struct Case {
    name: &'static str,
    definition: String,
    takes: &'static str,
    fault: Option<Fault>,
    says: Option<(Timestamp, Signal)>,
}

impl Case {
    fn new(name: &'static str) -> Self {
        Self { name, definition: worlds::ORDERS.to_owned(), takes: "12m", fault: None, says: None }
    }

    fn of(self, definition: String) -> Self {
        Self { definition, ..self }
    }

    fn with(self, what: What) -> Self {
        Self { fault: Some(Fault::new(what)), ..self }
    }

    /// Not in the moment of a look: then two records of that moment may change places.
    fn told(self, seconds: i64, signal: Signal) -> Self {
        Self { says: Some((after(seconds), signal)), ..self }
    }

    fn lives(&self, folder: &Path, parks: bool) -> Lived {
        let file = worlds::QUICK.replace("takes: 1m", &format!("takes: {}", self.takes));
        play(Scene::new(&self.definition, &file), |still| async move {
            if let Some(fault) = self.fault.clone() {
                still.direct.add_fault(fault);
            }
            still.lives(folder, parks, self.says.iter().cloned().collect()).await
        })
    }
}

fn records(lived: &Lived) -> Vec<&Recorded> {
    lived.appends.iter().flatten().collect()
}

fn verdict(ended: &Ended) -> Option<Verdict> {
    match ended {
        Ended::Concluded(state) => Some(conclusion(state).verdict),
        Ended::Stopped(_) => None,
    }
}

/// [`worlds::ORDERS`] with a second database.
fn two() -> String {
    let with = "with: { instance_class: db.t4g.medium, subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }";
    let users = format!(
        "    timeout: 10d\n  users:\n    type: rds\n    resource: arn:aws:rds:eu-west-2:123456789012:db:users\n    {with}\n    \
         timeout: 10d\nprobes:\n  users-there:\n    on: users\n    tcp: {{}}\n    retry: {{ for: 2d, every: 15s }}\n"
    );
    worlds::orders_with("    timeout: 10d\nprobes:\n", &users)
}

/// [`worlds::ORDERS`] with little time for the restore and its removal.
fn short() -> String {
    worlds::orders_with("timeout: 10d\nprobes", "timeout: 20m\nprobes").replace("timeout: 10d }", "timeout: 20m }")
}

/// [`worlds::ORDERS`] with a question to a person, and somebody who waits for the answer.
fn asking() -> String {
    let gate = "  asked:\n    on: orders\n    needs: [go-on]\n    tcp: {}\ngates:\n  go-on: { ask: \"Does it look right?\", needs: \
                [accepts-connections], timeout: 2h }\nteardown: { timeout: 10d }\n";
    worlds::orders_with("teardown: { timeout: 10d }\n", gate)
}

fn yes() -> Signal {
    let text = |text: &str| text.to_owned();
    let answer = GateAnswer { approved: true, by: text("eve"), at: text("eve@desk"), note: text("fine") };
    Signal::Answer { gate: "go-on".parse().expect("a name"), answer }
}

#[test]
fn a_run_that_was_parked_writes_what_it_would_have_written_without() {
    let cases = [
        (Case::new("news of its job"), Some(Verdict::Passed)),
        (Case::new("news of two jobs").of(two()), Some(Verdict::Passed)),
        (Case::new("a job that failed").with(What::JobFailed), Some(Verdict::Failed)),
        (Case::new("the end of its time").of(short()).with(What::JobStuck), Some(Verdict::Leaked)),
        (
            Case::new("the end of the run's time").of(worlds::orders_with("max_duration: 10d", "max_duration: 9m")),
            Some(Verdict::Inconclusive),
        ),
        (Case::new("Ctrl-C").told(307, Signal::Cancel), Some(Verdict::Inconclusive)),
        (Case::new("a second Ctrl-C").told(307, Signal::Stop), None),
        (Case::new("an answer").of(asking()).told(3_607, yes()), Some(Verdict::Passed)),
        (Case::new("no answer").of(asking()), Some(Verdict::Inconclusive)),
    ];
    for (case, expected) in cases {
        // The same folder, because its name is in the first record.
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().join("own");
        fs::create_dir(&own).expect("a folder");
        let driven = case.lives(&own, false);
        fs::remove_dir_all(&own).and_then(|()| fs::create_dir(&own)).expect("it is empty again");
        let parked = case.lives(&own, true);
        assert_eq!(verdict(&driven.ended), expected, "{}: {:?}", case.name, driven.ended);
        assert!(driven.parked_until.is_empty(), "{}", case.name);
        assert!(!parked.parked_until.is_empty(), "{}: it was never parked", case.name);
        let (wanted, written) = (records(&driven), records(&parked));
        let differs = wanted.iter().zip(&written).find(|(wanted, written)| wanted != written);
        assert_eq!(differs, None, "{}", case.name);
        assert_eq!(wanted.len(), written.len(), "{}", case.name);
    }
}

/// A look that shows what was seen before wakes nobody: of a run that waits for an hour only what changed is written, and it
/// was read again as often.
#[test]
fn a_job_that_goes_on_as_it_did_wakes_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = worlds::QUICK.replace("takes: 1m", "takes: 5h");
    let (lived, looks) = play(Scene::new(worlds::ORDERS, &file), |still| async move {
        let lived = still.lives(folder.path(), true, Vec::new()).await;
        (lived, still.sent(LOOK).len())
    });
    let parked = lived.parked_until.len();
    assert!(looks > 100 && parked < 20, "{looks} looks, parked {parked} times");
}

/// While a run is parked its drill is locked, and what is asked of it goes to its journal alone.
#[test]
fn whoever_is_parked_keeps_its_drill_locked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    play(Scene::new(worlds::ORDERS, &worlds::QUICK.replace("takes: 1m", "takes: 12m")), |still| async move {
        let looks_in = async {
            still.pass(5 * 60).await;
            let store = Store::open(&path.join("state")).expect("a folder of journals");
            let locked = store.lock(&"orders".parse().expect("a name"));
            assert!(matches!(locked, Err(StoreError::Locked { .. })), "{locked:?}");
            store.runs(None).expect("the list is whole").len()
        };
        let (lived, runs) = tokio::join!(still.lives(path, true, Vec::new()), looks_in);
        let at = after(300);
        assert!(lived.parked_until.iter().any(|until| *until > at) && runs == 1);
        assert_eq!(verdict(&lived.ended), Some(Verdict::Passed));
    });
}

/// Both signals come before it is awake: it stops at once, and whoever goes on with it clears up and restores nothing more.
#[test]
fn a_run_that_is_woken_by_two_ctrl_c_stops_and_is_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let says = vec![(after(307), Signal::Cancel), (after(307), Signal::Stop)];
    let file = worlds::QUICK.replace("takes: 1m", "takes: 12m");
    let lived =
        play(Scene::new(worlds::ORDERS, &file), |still| async move { still.lives(folder.path(), true, says).await });
    assert!(lived.parked_until.iter().any(|until| *until > after(307)), "it was not parked");
    assert_eq!(verdict(&lived.ended), None, "{:?}", lived.ended);
    let last = records(&lived).last().map(|record| &record.event);
    assert_eq!(last, Some(&Event::CancelRequested { by: CancelBy::Signal }));
}

/// A look that was made for a run that is parked is told like its own, whatever becomes of it.
#[test]
fn a_look_that_ends_in_a_panic_is_the_end_of_its_step_for_a_run_that_is_parked_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("own");
    let own = own.as_path();
    let file = worlds::QUICK.replace("takes: 1m", "takes: 12m");
    let lives = |parks: bool| {
        fs::create_dir(own).expect("a folder");
        let lived = play(Scene::new(worlds::ORDERS, &file), |mut still| async move {
            let mut vault = ToldVault::of(Arc::clone(&still.cloud.vault));
            vault.job = |look, job| {
                assert_ne!(look, 3, "this look ends in a panic");
                job
            };
            still.cloud.vault = Arc::new(vault);
            still.lives(own, parks, Vec::new()).await
        });
        fs::remove_dir_all(own).expect("it is there");
        lived
    };
    let (driven, parked) = (lives(false), lives(true));
    let is_bug = |record: &&&Recorded| {
        matches!(record.event, Event::StepEnded { .. }) && format!("{record:?}").contains("ended in a panic")
    };
    assert_eq!(records(&parked).iter().filter(is_bug).count(), 1, "{:?}", parked.ended);
    assert_eq!(verdict(&parked.ended), Some(Verdict::Inconclusive));
    assert_eq!(records(&driven), records(&parked));
}
