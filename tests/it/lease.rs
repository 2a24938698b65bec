//! What a run keeps on purpose: it says until when, it is no leak, and it goes when its lease ends.

use jiff::{SignedDuration, Timestamp};
use restore_drill::journal::event::Event;
use restore_drill::journal::state::State;
use restore_drill::report::json::summary;
use restore_drill::run::step::lease::expires;
use restore_drill::sandbox::inventory::Thing;
use restore_drill::sandbox::{Fault, Held, Hold, Inventory, Sandbox, What, When};
use restore_drill::words::id::RunId;
use restore_drill::words::kind::Verdict;

use crate::harness::check::assert_harmless;
use crate::harness::child::Drill;
use crate::harness::life::{Bench, Cancels, End, Fate, Pen, conclusion, over};
use crate::harness::worlds;

/// A probe that always fails.
const FAILS: &str = "  is-right:\n    on: orders\n    command: { argv: [\"false\"] }\n";

/// With this `teardown.when`, and a lease of four hours.
fn keeping(definition: &str, when: &str) -> String {
    let own = "teardown: { timeout: 10d }";
    assert!(definition.contains(own), "the definition has another teardown");
    definition.replace(own, &format!("teardown: {{ when: {when}, keep_for: 4h, timeout: 10d }}"))
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// The databases that restores made and that are there.
fn databases(inventory: &Inventory) -> Vec<&Thing> {
    inventory.restored().filter(|thing| thing.kind == "rds:db").collect()
}

/// One database is kept, marked as it should be, and the run says so everywhere.
#[track_caller]
fn assert_kept(case: &str, bench: &Bench, state: &State) -> Timestamp {
    let until = state.lease().unwrap_or_else(|| panic!("{case}: nothing is kept"));
    let inventory = bench.inventory();
    let there = databases(&inventory);
    assert_eq!(there.len(), 1, "{case}: {there:?}");
    assert_eq!(there[0].tags.get("drill:expires"), Some(&expires(until)), "{case}: {:?}", there[0].tags);
    assert_eq!(there[0].tags.get("drill:run"), Some(&state.run.to_string()), "{case}");
    assert!(!state.owes_at(until - SignedDuration::from_secs(1)) && state.owes_at(until), "{case}");
    let rows = bench.rows();
    let row = rows.iter().find(|row| row.run == state.run).expect("it is listed");
    assert_eq!(row.kept_until, Some(until), "{case}");
    let json = summary(state, None);
    assert_eq!(json["kept_until"], until.to_string(), "{case}");
    let kept: Vec<&serde_json::Value> =
        json["created"].as_array().into_iter().flatten().filter(|one| one["state"] == "kept").collect();
    assert!(kept.len() == 1 && kept[0]["removed"] == false, "{case}: {json:#}");
    bench.assert_reported(case, state.run);
    let report = std::fs::read_to_string(bench.evidence().join("report.md")).expect("there is a report");
    assert!(report.contains("kept on purpose until") && report.contains("Kept until"), "{case}: {report}");
    assert!(!report.contains("nothing was left behind"), "{case}: {report}");
    until
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_says_until_when_and_goes_with_its_lease() {
    let case = "a run that keeps";
    let bench = Bench::new(&keeping(worlds::ORDERS, "manual")).await;
    let state = bench.run(case).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{:?}", conclusion(&state).reasons);
    let until = assert_kept(case, &bench, &state);
    let (_, _, lease) = state.kept().next().expect("something is kept");
    assert_eq!(until.duration_since(lease.since), hours(4), "from the moment in which it is kept");
    let ended = bench.end_lease(case, state.run).await;
    assert_eq!(conclusion(&ended).verdict, Verdict::Passed, "{:?}", conclusion(&ended).reasons);
    assert_eq!(conclusion(&ended).measures, conclusion(&state).measures, "the end of a lease measures nothing");
    assert_harmless(case, &bench.before, &bench.inventory());
    assert_eq!(bench.rows()[0].kept_until, None);
    assert!(ended.lease().is_none() && !ended.owes_at(until));
    bench.assert_reported(case, state.run);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_proved_is_torn_down_and_what_failed_is_kept() {
    let bench = Bench::new(&keeping(worlds::ORDERS, "on_pass")).await;
    let state = bench.run("a pass").await;
    assert_eq!((conclusion(&state).verdict, state.lease()), (Verdict::Passed, None));
    assert_harmless("a pass", &bench.before, &bench.inventory());

    let case = "a failure";
    let bench = Bench::new(&keeping(&worlds::orders_probed_by(FAILS), "on_pass")).await;
    let state = bench.run(case).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Failed, "{:?}", conclusion(&state).reasons);
    assert_kept(case, &bench, &state);
    let ended = bench.end_lease(case, state.run).await;
    assert_eq!(conclusion(&ended).verdict, Verdict::Failed, "{:?}", conclusion(&ended).reasons);
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_restores_only_the_one_that_failed_is_kept() {
    let case = "one of two";
    let (head, _) = worlds::ORDERS.split_once("probes:").expect("there are probes");
    let definition = format!(
        "{head}  billing:\n    type: rds\n    resource: arn:aws:rds:eu-west-2:123456789012:db:billing\n    \
         with: {{ subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }}\n    timeout: 10d\n\
         probes:\n  answers:\n    on: orders\n    tcp: {{}}\n    retry: {{ for: 2d }}\n  \
         is-right:\n    on: billing\n    command: {{ argv: [\"false\"] }}\nteardown: {{ timeout: 10d }}\n"
    );
    let bench = Bench::new(&keeping(&definition, "on_pass")).await;
    let state = bench.run(case).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Failed, "{:?}", conclusion(&state).reasons);
    let kept: Vec<&str> = state.kept().map(|(name, _, _)| name.as_str()).collect();
    assert_eq!(kept, ["billing"]);
    assert_kept(case, &bench, &state);
    bench.end_lease(case, state.run).await;
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_ended_keeps_nothing() {
    let case = "a cancelled run";
    let bench = Bench::new(&keeping(worlds::ORDERS, "manual")).await;
    let (journal, state) = bench.begin().await;
    let once: Cancels = Some(|event| matches!(event, Event::RestoreAccepted { .. }));
    let state = over(case, bench.live(case, &mut Pen::new(journal, Fate::Lives), state, once).await);
    assert_eq!((conclusion(&state).verdict, state.lease()), (Verdict::Inconclusive, None));
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_extended_and_its_tag_with_it() {
    let case = "an extension";
    let bench = Bench::new(&keeping(worlds::ORDERS, "manual")).await;
    let state = bench.run(case).await;
    let until = state.lease().expect("something is kept") + hours(8);
    let event = Event::LeaseExtended { until, by: "somebody@somewhere".to_owned() };
    let (mut pen, state) = bench.reopen(state.run, event).await;
    let state = over(case, bench.live(case, &mut pen, state, None).await);
    drop(pen);
    assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{:?}", conclusion(&state).reasons);
    assert_eq!(assert_kept(case, &bench, &state), until);
    bench.end_lease(case, state.run).await;
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_cannot_be_tagged_is_a_leak_that_names_itself() {
    let case = "no tags";
    let bench = Bench::new(&keeping(worlds::ORDERS, "manual")).await;
    bench.sandbox.add_fault(Fault::new(What::AccessDenied).on("rds:AddTagsToResource"));
    let state = bench.run(case).await;
    let conclusion_of = conclusion(&state);
    assert_eq!(conclusion_of.verdict, Verdict::Leaked, "{:?}", conclusion_of.reasons);
    let leak = conclusion_of.reasons.first().expect("a reason");
    let advice = leak.advice.as_deref().unwrap_or_default();
    assert!(leak.text.contains("is kept until") && advice.contains("drill keep"), "{leak:?}");
    assert_eq!(summary(&state, None)["created"][0]["state"], "present");
    let ended = bench.end_lease(case, state.run).await;
    assert_eq!(conclusion(&ended).verdict, Verdict::Passed, "{:?}", conclusion(&ended).reasons);
    assert_harmless(case, &bench.before, &bench.inventory());
}

/// Whatever happens to the process, one thing is kept at the end, marked, and it goes with the lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_keeps_dies_at_every_event() {
    let bench = Bench::new(&keeping(worlds::ORDERS, "manual")).await;
    let events = bench.run("undisturbed").await.seq;
    bench.end_lease("undisturbed", bench.rows()[0].run).await;
    for n in 2..=events {
        let case = format!("a run that keeps dies before event {n}");
        let run = dies(&bench, &case, Fate::DiesBefore(n)).await;
        let state = bench.resume(&case, run, None).await;
        assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{case}: {:?}", conclusion(&state).reasons);
        assert_kept(&case, &bench, &state);
        bench.end_lease(&case, run).await;
        assert_harmless(&case, &bench.before, &bench.inventory());
    }
}

async fn dies(bench: &Bench, case: &str, fate: Fate) -> RunId {
    let (journal, state) = bench.begin().await;
    let run = state.run;
    match bench.live(case, &mut Pen::new(journal, fate), state, None).await {
        // A run may have fewer events than the undisturbed one: looks that bring nothing new are not recorded.
        End::Died | End::Over(_) => run,
        End::Lost(error) => panic!("{case}: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_lease_dies_at_every_event() {
    let bench = Bench::new(&keeping(worlds::ORDERS, "manual")).await;
    let kept = bench.run("undisturbed").await;
    let ended = bench.end_lease("undisturbed", kept.run).await;
    for more in 1..=ended.seq - kept.seq - 3 {
        let case = format!("the end of a lease dies before its event {more}");
        let kept = bench.run(&case).await;
        let end = Event::LeaseEnded { by: restore_drill::journal::event::LeaseEnd::Expired };
        let (pen, state) = bench.reopen(kept.run, end).await;
        let fate = Fate::DiesBefore(pen.written() + more);
        let mut pen = pen.with_fate(fate);
        let end = bench.live(&case, &mut pen, state, None).await;
        drop(pen);
        let state = match end {
            End::Died => bench.resume(&case, kept.run, None).await,
            end => over(&case, end),
        };
        assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{case}: {:?}", conclusion(&state).reasons);
        assert_eq!(state.lease(), None, "{case}");
        assert_harmless(&case, &bench.before, &bench.inventory());
    }
}

/// A repository with one drill, and a world in another process for it.
struct Ground {
    drill: Drill,
    sandbox: Sandbox,
    before: Inventory,
    url: String,
}

impl Ground {
    async fn new() -> Self {
        let sandbox = worlds::start(&worlds::definition(worlds::ORDERS), worlds::QUICK, worlds::STEADY).await;
        let other = worlds::orders_with("name: orders\n", "name: other\n");
        let drill = Drill::new().definition("orders", worlds::ORDERS).definition("other", &other);
        let url = format!("--sandbox={}", sandbox.url());
        Self { drill, before: sandbox.inventory(), sandbox, url }
    }

    /// Runs the drill and keeps what it restores, for two days of the world's time. Returns the run.
    async fn keeps(&self) -> String {
        let said = self.drill.ask(&["run", "orders", &self.url, "--keep", "48h"]).await.ends(0);
        assert!(said.stdout.contains("passed") && said.stdout.contains("kept until"), "{said:?}");
        assert_eq!(databases(&self.sandbox.inventory()).len(), 1, "it is kept");
        self.drill.last_id().await
    }

    async fn status(&self, run: &str) -> String {
        self.drill.ask(&["status", run]).await.ends(0).stdout
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_run_counts_down_expires_and_is_removed_by_the_next_run_of_any_drill() {
    let ground = Ground::new().await;
    let run = ground.keeps().await;
    let status = ground.status(&run).await;
    assert!(status.contains("passed, kept, 4") && status.contains(" left"), "{status}");
    assert!(ground.drill.ask(&["status"]).await.ends(0).stdout.contains(" left"));
    ground.drill.ask(&["resume", "--all"]).await.ends(0);
    let said = ground.drill.ask(&["run", "other", &ground.url]).await.ends(0);
    assert!(!said.stderr.contains("time is over"), "{said:?}");
    assert_eq!(databases(&ground.sandbox.inventory()).len(), 1, "a lease that is not over stays");
    ground.sandbox.advance(hours(72));
    assert!(ground.status(&run).await.contains("expired, not removed yet"));
    let said = ground.drill.ask(&["run", "other", &ground.url]).await.ends(0);
    assert!(said.stderr.contains(&run) && said.stderr.contains("time is over"), "{said:?}");
    assert_harmless("an expired lease", &ground.before, &ground.sandbox.inventory());
    let json = ground.drill.ask(&["status", &run, "--output", "json"]).await.ends(0).json();
    assert_eq!((&json["verdict"], &json["created"][0]["state"]), (&"passed".into(), &"gone".into()), "{json:#}");
    assert!(json["kept_until"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_made_longer_and_ended_by_hand() {
    let ground = Ground::new().await;
    let run = ground.keeps().await;
    let before = ground.drill.ask(&["status", &run, "--output", "json"]).await.ends(0).json();
    let longer = ground.drill.ask(&["keep", &run, "--for", "200h", "--output", "json"]).await.ends(0).json();
    let until = |json: &serde_json::Value| json["kept_until"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    assert!(until(&longer) > until(&before), "{longer:#}");
    let inventory = ground.sandbox.inventory();
    let tag = databases(&inventory)[0].tags.get("drill:expires").cloned();
    assert_eq!(tag, until(&longer).map(expires));
    ground.sandbox.advance(hours(72));
    assert!(ground.status(&run).await.contains(" left"), "it would be over by now");
    let ended = ground.drill.ask(&["keep", &run, "--end"]).await.ends(0);
    assert!(ended.stdout.contains("gone"), "{ended:?}");
    assert_harmless("a lease ended by hand", &ground.before, &ground.sandbox.inventory());
    let nothing = ground.drill.ask(&["keep", &run, "--end"]).await.ends(2);
    assert!(nothing.stderr.contains("keeps nothing"), "{nothing:?}");
    ground.drill.ask(&["keep", &run]).await.ends(2);
    ground.drill.ask(&["keep", &run, "--for", "0s"]).await.ends(2);
    ground.drill.ask(&["keep", &run, "--for", "1h", "--end"]).await.ends(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resume_ends_a_lease_and_nobody_touches_one_whose_drill_is_running() {
    let ground = Ground::new().await;
    let run = ground.keeps().await;
    let rule = Hold { operation: "backup:StartRestoreJob".to_owned(), nth: 1, when: When::Before };
    let held: Held = ground.sandbox.hold(rule);
    let running = ground.drill.spawn(&["run", "orders", &ground.url]);
    let limit = std::time::Duration::from_secs(60);
    tokio::time::timeout(limit, held.reached()).await.expect("the restore is asked for");
    let refused = ground.drill.ask(&["keep", &run, "--end"]).await.ends(3);
    assert!(refused.stderr.contains("is running already"), "{refused:?}");
    held.release();
    running.ended().await.ends(0);
    ground.drill.ask(&["resume", &run]).await.ends(0);
    assert_harmless("a resumed lease", &ground.before, &ground.sandbox.inventory());
}

/// What is kept is billed: 900 days are a slip of the keyboard.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_lease_is_longer_than_thirty_days() {
    let ground = Ground::new().await;
    let said = ground.drill.ask(&["run", "orders", &ground.url, "--keep", "900d"]).await.ends(2);
    assert!(said.stderr.contains("at most 30d"), "{said:?}");
    let run = ground.keeps().await;
    let said = ground.drill.ask(&["keep", &run, "--for", "721h"]).await.ends(2);
    assert!(said.stderr.contains("at most 30d"), "{said:?}");
    ground.drill.ask(&["keep", &run, "--end"]).await.ends(0);
    assert_harmless("a bounded lease", &ground.before, &ground.sandbox.inventory());
}

/// What is kept in a simulated AWS inside the process goes with it, and a later run says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_in_a_world_that_ended_is_over() {
    let drill = Drill::new().definition("orders", worlds::ORDERS).definition("orders.world", worlds::QUICK);
    let said = drill.ask(&["run", "orders", "--sandbox", "--keep", "4h"]).await.ends(0);
    // Nobody is told to use a command that the end of the process takes away.
    assert!(said.stdout.contains("ends with this process") && !said.stdout.contains("drill keep"), "{said:?}");
    let run = drill.last_id().await;
    let status = drill.ask(&["status", &run]).await.ends(0).stdout;
    assert!(status.contains("its simulated AWS has ended"), "{status}");
    drill.ask(&["keep", &run, "--for", "4h"]).await.ends(2);
    drill.ask(&["keep", &run, "--end"]).await.ends(0);
    let json = drill.ask(&["status", &run, "--output", "json"]).await.ends(0).json();
    assert_eq!((&json["verdict"], &json["created"][0]["state"]), (&"passed".into(), &"gone".into()), "{json:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_everything_is_stopped_a_run_names_the_leases_that_it_does_not_end() {
    let ground = Ground::new().await;
    let run = ground.keeps().await;
    ground.drill.ask(&["stop", "--all"]).await.ends(0);
    let said = ground.drill.ask(&["run", "other", &ground.url]).await.ends(3);
    assert!(!said.stderr.contains(&run), "its time is not over: {said:?}");
    ground.sandbox.advance(hours(72));
    let said = ground.drill.ask(&["run", "other", &ground.url]).await.ends(3);
    let ends_it = format!("drill keep {run} --end");
    for wanted in ["everything was stopped", run.as_str(), "time is over", ends_it.as_str()] {
        assert!(said.stderr.contains(wanted), "`{wanted}`: {said:?}");
    }
    assert_eq!(databases(&ground.sandbox.inventory()).len(), 1, "nothing was removed");
    ground.drill.ask(&["keep", &run, "--end"]).await.ends(0);
    assert_harmless("ended while everything is stopped", &ground.before, &ground.sandbox.inventory());
}

impl Ground {
    /// As if the process had died between its verdict and its report.
    fn loses_the_report(&self) {
        let state = self.drill.path().join(".drill/sandbox");
        let cut =
            "DELETE FROM records WHERE seq > (SELECT seq FROM records WHERE body LIKE '{\"event\":\"concluded\"%');";
        let database = rusqlite::Connection::open(state.join("drill.db")).expect("a database");
        database.execute_batch(cut).expect("it is SQL");
        assert!(database.changes() > 0, "the report's records follow the verdict");
        // It remembers how many records there were.
        std::fs::remove_file(state.join("locks/orders.lock")).expect("it is there");
    }
}

/// Whatever comes first writes the report, and then finds that the time is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_over_ends_even_where_the_report_was_still_to_be_written() {
    for verb in ["run", "resume", "resume --all", "sweep", "keep"] {
        let ground = Ground::new().await;
        let run = ground.keeps().await;
        ground.loses_the_report();
        ground.sandbox.advance(hours(72));
        let arguments = match verb {
            "run" => vec!["run", "other", ground.url.as_str()],
            "resume" => vec!["resume", run.as_str()],
            "resume --all" => vec!["resume", "--all"],
            "sweep" => vec!["sweep", ground.url.as_str(), "--yes"],
            _ => vec!["keep", run.as_str(), "--end"],
        };
        ground.drill.ask(&arguments).await.ends(0);
        assert_harmless(verb, &ground.before, &ground.sandbox.inventory());
        let json = ground.drill.ask(&["status", &run, "--output", "json"]).await.ends(0).json();
        assert_eq!(
            (&json["verdict"], &json["created"][0]["state"]),
            (&"passed".into(), &"gone".into()),
            "{verb}: {json:#}"
        );
    }
}

/// Whoever resumes a run that was cut off lets it end as it would have: what it keeps stays for its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_not_over_outlives_the_writing_of_the_report() {
    let ground = Ground::new().await;
    let run = ground.keeps().await;
    ground.loses_the_report();
    let said = ground.drill.ask(&["resume", &run]).await.ends(0);
    assert!(said.stdout.contains("kept until"), "{said:?}");
    assert_eq!(databases(&ground.sandbox.inventory()).len(), 1, "it is kept");
    ground.drill.ask(&["resume", &run]).await.ends(0);
    assert_harmless("resumed once more", &ground.before, &ground.sandbox.inventory());
}
