//! The real program is killed, interrupted and started twice, against a simulated AWS that lives on.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use restore_drill::sandbox::{Held, Hold, Inventory, Options, Sandbox, When, WorldFile, WorldSpec};
use rustix::process::Signal;

use crate::harness::check::{assert_clean, assert_harmless, changes};
use crate::harness::child::{Drill, Running};
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

    fn hold(&self, operation: &str, nth: u32, when: When) -> Held {
        self.sandbox.hold(Hold { operation: operation.to_owned(), nth, when })
    }

    fn starts(&self) -> Running {
        self.drill.spawn(&["run", "orders", &self.url])
    }

    fn assert_harmless(&self, case: &str) {
        assert_harmless(case, &self.before, &self.sandbox.inventory());
    }

    /// Every operation of a run that nobody disturbs, in the order of its first call.
    async fn operations(&self) -> Vec<String> {
        self.drill.ask(&["run", "orders", &self.url]).await.ends(0);
        let mut operations: Vec<String> = Vec::new();
        for call in self.sandbox.inventory().calls {
            if !operations.contains(&call.operation) {
                operations.push(call.operation);
            }
        }
        operations
    }

    /// Every operation of a run that nobody disturbs from the pick on, in the order of its first call there, with the
    /// number that this call has in the whole run: the preflight asks for some of the same.
    async fn operations_from_the_pick(&self) -> Vec<(String, u32)> {
        self.drill.ask(&["run", "orders", &self.url]).await.ends(0);
        let calls = self.sandbox.inventory().calls;
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        let mut operations: Vec<(String, u32)> = Vec::new();
        let mut picks = false;
        for call in &calls {
            let count = counts.entry(call.operation.as_str()).or_default();
            *count += 1;
            // Nobody else describes a recovery point.
            picks |= call.operation == "backup:DescribeRecoveryPoint";
            if picks && !operations.iter().any(|(known, _)| *known == call.operation) {
                operations.push((call.operation.clone(), *count));
            }
        }
        operations
    }

    /// Kills the program at the nth call of this operation, and lets another process go on.
    async fn dies_at(&self, operation: &str, nth: u32, when: When) {
        let case = format!("killed at {operation} {nth}, {when:?} its effect");
        let held = self.hold(operation, nth, when);
        let running = self.starts();
        reached(&case, &held).await;
        running.signal(Signal::KILL);
        let said = running.ended().await;
        assert_eq!(said.code, None, "{case}: {said:?}");
        held.release();
        let run = self.drill.last_id().await;
        let status = self.drill.ask(&["status", &run, "--output", "json"]).await.ends(0).json();
        assert_eq!(status["running"], false, "{case}: the dead hold a lock");
        let resumed = self.drill.ask(&["resume", &run, "--output", "json"]).await.ends(0).json();
        assert_eq!(resumed["verdict"], "passed", "{case}: {resumed:#}");
        self.assert_harmless(&case);
    }
}

async fn reached(case: &str, held: &Held) {
    tokio::time::timeout(LIMIT, held.reached()).await.unwrap_or_else(|_| panic!("{case}: the call never came"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_change_before_and_after_its_effect() {
    let ground = Ground::new().await;
    let operations = ground.operations().await;
    let changing: Vec<&String> = operations.iter().filter(|operation| changes(operation)).collect();
    assert!(changing.len() >= 4, "{operations:?}");
    for operation in changing {
        for when in [When::Before, When::After] {
            ground.dies_at(operation, 1, when).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_some_looks() {
    let ground = Ground::new().await;
    // From the pick on: the preflight has little time at this speed, and changes nothing.
    let operations = ground.operations_from_the_pick().await;
    let reads: Vec<&(String, u32)> = operations.iter().filter(|(operation, _)| !changes(operation)).collect();
    assert!(reads.len() >= 6, "{operations:?}");
    for (position, (operation, nth)) in reads.into_iter().enumerate().filter(|(position, _)| position % 2 == 0) {
        let when = if position % 4 == 0 { When::After } else { When::Before };
        ground.dies_at(operation, *nth, when).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_runner_of_the_same_drill_asks_for_nothing() {
    let ground = Ground::new().await;
    let held = ground.hold("backup:StartRestoreJob", 1, When::Before);
    let first = ground.starts();
    reached("two runners", &held).await;
    let before = ground.sandbox.inventory().calls.len();
    let second = ground.starts().ended().await.ends(3);
    assert!(second.stderr.contains("is running already"), "{second:?}");
    assert_eq!(ground.sandbox.inventory().calls.len(), before, "the second runner asked for something");
    let run = ground.drill.last_id().await;
    let resumed = ground.drill.ask(&["resume", &run]).await.ends(3);
    assert!(resumed.stderr.contains("is running already"), "{resumed:?}");
    held.release();
    first.ended().await.ends(0);
    ground.assert_harmless("two runners");
}

async fn interrupted(signal: Signal) {
    let case = format!("{signal:?} in the middle of the restore");
    let ground = Ground::new().await;
    let held = ground.hold("backup:DescribeRestoreJob", 1, When::Before);
    let running = ground.starts();
    reached(&case, &held).await;
    running.signal(signal);
    held.release();
    let said = running.ended().await.ends(3);
    assert!(said.stdout.contains("inconclusive"), "{case}: {said:?}");
    ground.assert_harmless(&case);
    let last = ground.drill.last_run().await;
    assert_eq!(last["verdict"], "inconclusive", "{case}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_tears_down() {
    interrupted(Signal::INT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_tears_down() {
    interrupted(Signal::TERM).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_ctrl_c_stops_at_once_and_says_what_is_left() {
    let case = "two Ctrl-C";
    let ground = Ground::new().await;
    let first = ground.hold("backup:DescribeRestoreJob", 1, When::Before);
    let second = ground.hold("backup:DescribeRestoreJob", 2, When::Before);
    let running = ground.starts();
    reached(case, &first).await;
    running.signal(Signal::INT);
    // The teardown's own look at the job: the first Ctrl-C was heard.
    reached(case, &second).await;
    running.signal(Signal::INT);
    let said = running.ended().await.ends(4);
    first.release();
    second.release();
    assert!(said.stdout.contains("may still exist: arn:aws:rds:") && said.stdout.contains("drill resume"), "{said:?}");
    let run = ground.drill.last_id().await;
    let resumed = ground.drill.ask(&["resume", &run, "--output", "json"]).await.ends(3).json();
    assert_eq!(resumed["verdict"], "inconclusive", "{resumed:#}");
    ground.assert_harmless(case);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_run_first_tears_down_what_a_killed_one_left() {
    let case = "a new run after a kill";
    let ground = Ground::new().await;
    let held = ground.hold("rds:AddTagsToResource", 1, When::Before);
    let running = ground.starts();
    reached(case, &held).await;
    running.signal(Signal::KILL);
    running.ended().await;
    held.release();
    assert_eq!(ground.sandbox.inventory().restore_jobs.len(), 1, "{case}");
    let said = ground.drill.ask(&["run", "orders", &ground.url]).await.ends(0);
    assert!(said.stderr.contains("its teardown comes first"), "{said:?}");
    let after = ground.sandbox.inventory();
    assert_clean(case, &ground.before, &after);
    assert_eq!(after.restore_jobs.len(), 2, "{case}: {:?}", after.restore_jobs);
    ground.assert_harmless(case);
    let runs = ground.drill.ask(&["status", "--output", "json"]).await.json();
    let verdicts: Vec<&str> =
        runs["runs"].as_array().into_iter().flatten().filter_map(|run| run["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["passed", "inconclusive"], "newest first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_a_new_password_is_set_and_it_is_known_afterwards() {
    let probe = "  logs-in:\n    on: orders\n    retry: { for: 2d, every: 1m }\n    \
                 sql: { database: shop, user: postgres, password: { master_password_reset: true }, query: SELECT 1 AS one }\n    \
                 expect: { one: { equals: 1 } }\n";
    let definition = worlds::orders_probed_by(probe);
    let file = WorldFile::read("test.world.yaml", worlds::QUICK).expect("the world file is right");
    let spec = WorldSpec::from_definition(&worlds::definition(&definition)).overlay(file);
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("drill-cache");
    let options = Options { port: 0, speed: worlds::STEADY, seed: 42, cache };
    let sandbox = Sandbox::start(spec, options).await.expect("a world with database servers");
    let drill = Drill::new().definition("orders", &definition);
    let url = format!("--sandbox={}", sandbox.url());
    let ground = Ground { drill, before: sandbox.inventory(), sandbox, url };
    for when in [When::Before, When::After] {
        ground.dies_at("rds:ModifyDBInstance", 1, when).await;
    }
}
