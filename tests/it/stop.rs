//! The stop of everything: no runner writes any more but to tear down, and none starts.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use restore_drill::cloud::error::{CloudError, ErrorKind};
use restore_drill::cloud::ground::Secrets;
use restore_drill::journal::event::CancelBy;
use restore_drill::journal::state::State;
use restore_drill::run::stop::StopSwitch;
use restore_drill::sandbox::{Held, Hold, Inventory, Sandbox, When};
use restore_drill::words::kind::Verdict;
use restore_drill::words::secret::Secret;
use rustix::process::Signal;

use crate::harness::check::{assert_harmless, assert_untouched};
use crate::harness::child::{Drill, Running};
use crate::harness::life::{Bench, conclusion};
use crate::harness::worlds;

/// A call that a test waits for comes within this, in real time.
const LIMIT: Duration = Duration::from_secs(60);

/// A repository with one drill, and a world for it.
struct Ground {
    drill: Drill,
    sandbox: Sandbox,
    before: Inventory,
    url: String,
}

impl Ground {
    async fn new() -> Self {
        let sandbox = worlds::start(&worlds::definition(worlds::ORDERS), worlds::QUICK, worlds::STEADY).await;
        let drill = Drill::new().definition("orders", worlds::ORDERS);
        let url = format!("--sandbox={}", sandbox.url());
        Self { drill, before: sandbox.inventory(), sandbox, url }
    }

    /// Starts a run, and returns when it is about to ask for this.
    async fn held_at(&self, operation: &str) -> (Held, Running) {
        let held = self.sandbox.hold(Hold { operation: operation.to_owned(), nth: 1, when: When::Before });
        let running = self.drill.spawn(&["run", "orders", &self.url]);
        tokio::time::timeout(LIMIT, held.reached()).await.unwrap_or_else(|_| panic!("{operation} was never asked for"));
        (held, running)
    }

    async fn stops(&self) {
        let said = self.drill.ask(&["stop", "--all"]).await.ends(0);
        assert!(said.stdout.contains("somebody@"), "it says who: {said:?}");
    }

    /// What changed the world, in order.
    fn effects(&self) -> Vec<String> {
        self.sandbox.inventory().effects().map(|call| call.operation.clone()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_whose_restore_was_asked_for_only_tears_down() {
    let case = "stopped in the middle of a start";
    let ground = Ground::new().await;
    let (held, running) = ground.held_at("backup:StartRestoreJob").await;
    ground.stops().await;
    held.release();
    let said = running.ended().await.ends(3);
    assert!(said.stderr.contains("everything was stopped"), "{said:?}");
    let effects = ground.effects();
    assert_eq!(effects.first().map(String::as_str), Some("backup:StartRestoreJob"), "{effects:?}");
    let teardown = |operation: &String| operation.starts_with("rds:Delete") || operation == "rds:ModifyDBInstance";
    assert!(effects.len() > 1 && effects[1..].iter().all(teardown), "{effects:?}");
    assert_harmless(case, &ground.before, &ground.sandbox.inventory());
    assert_eq!(ground.drill.last_run().await["verdict"], "inconclusive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_has_not_begun_its_restore_begins_none_and_none_starts_until_it_is_cleared() {
    let case = "stopped before the restore";
    let ground = Ground::new().await;
    let (held, running) = ground.held_at("backup:ListRecoveryPointsByBackupVault").await;
    ground.stops().await;
    held.release();
    running.ended().await.ends(3);
    assert_untouched(case, &ground.before, &ground.sandbox.inventory());

    let calls = ground.sandbox.inventory().calls.len();
    let file = ground.drill.path().join(".drill").join("STOP");
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let refused = ground.drill.ask(&["run", "orders", &ground.url]).await.ends(3);
    for wanted in ["everything was stopped by somebody@", "nothing was started", "drill stop --all --clear"] {
        assert!(refused.stderr.contains(wanted), "{wanted}: {refused:?}");
    }
    assert_eq!(ground.sandbox.inventory().calls.len(), calls, "a refused run asks for nothing");
    let runs = ground.drill.ask(&["status", "--output", "json"]).await.ends(0);
    assert_eq!(runs.json()["runs"].as_array().map(Vec::len), Some(1), "and leaves nothing");
    assert!(runs.stderr.contains("everything was stopped"), "{runs:?}");
    ground.drill.ask(&["stop", "--all"]).await.ends(0);
    ground.drill.ask(&["stop"]).await.ends(2);
    ground.drill.ask(&["stop", "--all", "--clear"]).await.ends(0);
    ground.drill.ask(&["run", "orders", &ground.url]).await.ends(0);
    assert_harmless(case, &ground.before, &ground.sandbox.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_owed_is_torn_down_while_everything_is_stopped() {
    let case = "resumed while stopped";
    let ground = Ground::new().await;
    let (held, running) = ground.held_at("rds:AddTagsToResource").await;
    running.signal(Signal::KILL);
    running.ended().await;
    held.release();
    ground.stops().await;
    let run = ground.drill.last_id().await;
    ground.drill.ask(&["resume", &run]).await.ends(3);
    assert_harmless(case, &ground.before, &ground.sandbox.inventory());
}

/// Pulled after it was looked at so often.
#[derive(Debug)]
struct After {
    looks: AtomicU32,
    most: u32,
}

impl StopSwitch for After {
    fn stopped(&self) -> Option<String> {
        let looks = self.looks.fetch_add(1, Ordering::SeqCst);
        (looks >= self.most).then(|| "by a test".to_owned())
    }
}

/// Whenever it is pulled, the run tears down and leaves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_stopped_at_every_look() {
    let mut bench = Bench::new(worlds::ORDERS).await;
    let mut stopped = 0;
    for most in 0..12 {
        let case = format!("stopped at look {most}");
        bench.services.stop = Arc::new(After { looks: AtomicU32::new(0), most });
        let state = bench.run(&case).await;
        assert_harmless(&case, &bench.before, &bench.inventory());
        match &state.cancelled {
            Some((_, by)) => {
                assert_eq!((by, conclusion(&state).verdict), (&CancelBy::Stopped, Verdict::Inconclusive), "{case}");
                stopped += 1;
            }
            None => assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{case}"),
        }
    }
    assert!(stopped > 1, "the switch is looked at when the run begins, and before its writes");
}

/// A parameter store with one parameter, which says `stop` from this look on; without one it is missing.
struct Parameter {
    looks: AtomicU32,
    stops_at: Option<u32>,
}

#[async_trait]
impl Secrets for Parameter {
    async fn secret(&self, _id: &str, _key: Option<&str>) -> Result<Secret, CloudError> {
        Err(CloudError::new("secretsmanager:GetSecretValue", ErrorKind::NotFound, "none", "no secret", None))
    }

    async fn parameter(&self, name: &str) -> Result<Secret, CloudError> {
        assert_eq!(name, "/drill/stop");
        let look = self.looks.fetch_add(1, Ordering::SeqCst);
        match self.stops_at {
            None => Err(CloudError::new("ssm:GetParameter", ErrorKind::NotFound, "ParameterNotFound", "none", None)),
            Some(from) if look >= from => Ok(Secret::new("Stop\n".to_owned())),
            Some(_) => Ok(Secret::new("go".to_owned())),
        }
    }

    async fn database_token(&self, _host: &str, _port: u16, _user: &str) -> Result<Secret, CloudError> {
        Err(CloudError::new("rds-db:connect", ErrorKind::Invalid, "none", "no token", None))
    }
}

async fn with_parameter(case: &str, stops_at: Option<u32>) -> (Bench, Arc<Parameter>, State) {
    let limits = "limits: { max_duration: 10d, stop_parameter: /drill/stop }";
    let mut bench = Bench::new(&worlds::orders_with("limits: { max_duration: 10d }", limits)).await;
    let parameter = Arc::new(Parameter { looks: AtomicU32::new(0), stops_at });
    bench.services.cloud.secrets = Arc::clone(&parameter) as Arc<dyn Secrets>;
    let state = bench.run(case).await;
    (bench, parameter, state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_parameter_stops_a_run_before_it_begins_and_while_it_goes_on() {
    let case = "the parameter from the start";
    let (bench, _, state) = with_parameter(case, Some(0)).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Inconclusive);
    assert_untouched(case, &bench.before, &bench.inventory());

    let case = "the parameter later";
    let (bench, parameter, state) = with_parameter(case, Some(1)).await;
    assert_eq!(state.cancelled.as_ref().map(|(_, by)| by), Some(&CancelBy::Stopped), "{case}");
    assert_eq!(parameter.looks.load(Ordering::SeqCst), 2, "nobody asks once it is known");
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_that_is_missing_stops_nothing_and_is_warned_about_once() {
    let case = "no parameter";
    let (bench, parameter, state) = with_parameter(case, None).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{:?}", conclusion(&state).reasons);
    assert!(parameter.looks.load(Ordering::SeqCst) > 1, "it is asked for again");
    let warnings = state.warnings.iter().filter(|warning| warning.text.contains("stop_parameter")).count();
    assert_eq!(warnings, 1, "{:?}", state.warnings);
    assert_harmless(case, &bench.before, &bench.inventory());
}

/// World seconds for each real second, where seconds of the world are a limit.
const UNHURRIED: f64 = 4.0;

/// A look is old after five seconds, and the next one due after thirty: between the two nothing is changed on its word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_parameter_is_looked_at_again_before_a_write() {
    let case = "stopped between two looks";
    let limits = "limits: { max_duration: 10d, stop_parameter: /drill/stop }";
    let text = worlds::orders_with("limits: { max_duration: 10d }", limits);
    let definition = worlds::definition(&text);
    let sandbox = worlds::start(&definition, worlds::QUICK, UNHURRIED).await;
    let place = &definition.destination;
    sandbox.set_parameter(&place.account, &place.region, "/drill/stop", "go");
    let before = sandbox.inventory();
    let drill = Drill::new().definition("orders", &text);
    let pick = "backup:ListRecoveryPointsByBackupVault".to_owned();
    let held = sandbox.hold(Hold { operation: pick, nth: 1, when: When::Before });
    let running = drill.spawn(&["run", "orders", &format!("--sandbox={}", sandbox.url())]);
    tokio::time::timeout(LIMIT, held.reached()).await.expect("the recovery points are listed");
    let clock = sandbox.clock();
    clock.sleep_until(clock.now() + SignedDuration::from_secs(8)).await;
    sandbox.set_parameter(&place.account, &place.region, "/drill/stop", "stop");
    held.release();
    let said = running.ended().await.ends(3);
    assert!(said.stderr.contains("everything was stopped by the parameter"), "{said:?}");
    assert_untouched(case, &before, &sandbox.inventory());
}
