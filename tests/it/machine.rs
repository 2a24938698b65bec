//! Little to go by: few open files, little memory, one processor, nobody who reads, a terminal that goes away; two
//! runners, one of them paused; a clock that is wrong.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use restore_drill::journal::measure::measure;
use restore_drill::journal::state::State;
use restore_drill::sandbox::{Fault, Held, Hold, Inventory, Sandbox, What, When};
use restore_drill::words::kind::Verdict;
use rustix::process::Signal;

use crate::harness::check::{assert_harmless, assert_untouched};
use crate::harness::child::{Drill, program};
use crate::harness::life::{Bench, conclusion};
use crate::harness::seam::WrongClock;
use crate::harness::worlds;

/// World seconds for each real second, where hours of the world are a limit: four of them are seven real seconds.
const UNHURRIED: f64 = 2_000.0;

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
        Self::at_speed(worlds::STEADY).await
    }

    async fn at_speed(speed: f64) -> Self {
        let sandbox = worlds::start(&worlds::definition(worlds::ORDERS), worlds::QUICK, speed).await;
        let drill = Drill::new().definition("orders", worlds::ORDERS);
        let url = format!("--sandbox={}", sandbox.url());
        Self { drill, before: sandbox.inventory(), sandbox, url }
    }

    fn hold(&self, operation: &str) -> Held {
        self.sandbox.hold(Hold { operation: operation.to_owned(), nth: 1, when: When::Before })
    }

    fn assert_harmless(&self, case: &str) {
        assert_harmless(case, &self.before, &self.sandbox.inventory());
    }
}

async fn reached(case: &str, held: &Held) {
    tokio::time::timeout(LIMIT, held.reached()).await.unwrap_or_else(|_| panic!("{case}: the call never came"));
}

// ---- few files, little memory, one processor ----

/// 256 MiB besides the program itself, in the unit of `ulimit -v`.
fn little_memory() -> String {
    let program = std::fs::metadata(program()).expect("the program is there").len();
    format!("ulimit -v {}", (program + 256 * 1024 * 1024) / 1024)
}

/// The first processor that this process may use.
const ONE_PROCESSOR: &str =
    "taskset -p -c \"$(sed -n 's/^Cpus_allowed_list:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/self/status)\" $$ > /dev/null";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_needs_no_more_than_256_files_256_megabytes_and_one_processor() {
    let ground = Ground::new().await;
    for line in ["ulimit -n 256".to_owned(), little_memory(), ONE_PROCESSOR.to_owned()] {
        let said = ground.drill.spawn_behind(&line, &["run", "orders", &ground.url]).ended().await;
        assert_eq!(said.code, Some(0), "{line}: {said:?}");
        ground.assert_harmless(&line);
    }
}

/// Too few files: wherever they run out, the process says so and ends by an exit code of its own, and whatever it had
/// begun is gone. Where not even the journal opens, nothing was begun. Which limit ends it where depends on what the
/// process inherits, so each is tried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_runs_out_of_files_says_so_and_leaves_nothing() {
    // With no file left for a connection, a run asks again until its time is over.
    let ground = Ground::at_speed(UNHURRIED).await;
    let mut without_a_journal = 0;
    for files in 8..=16 {
        let line = format!("exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; ulimit -n {files}");
        let said = ground.drill.spawn_behind(&line, &["run", "orders", &ground.url]).ended().await;
        assert!(matches!(said.code, Some(0 | 2 | 3)), "{line}: {said:?}");
        assert!(!said.stderr.contains("panicked"), "{line}: {said:?}");
        if said.code != Some(0) {
            assert!(said.stderr.contains("error"), "{line}: {said:?}");
        }
        if said.stderr.contains("drill.db` cannot be used") {
            without_a_journal += 1;
            assert_eq!(said.code, Some(3), "{line}: {said:?}");
            assert_untouched(&line, &ground.before, &ground.sandbox.inventory());
        }
        ground.assert_harmless(&line);
    }
    assert!(without_a_journal > 0, "at no limit the journal was what could not be opened");
    ground.drill.ask(&["run", "orders", &ground.url]).await.ends(0);
    ground.assert_harmless("with as many files as it likes");
}

// ---- nobody listens ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_that_nobody_takes_is_no_reason_to_fail() {
    let ground = Ground::new().await;
    let closed = "exec >&- 2>&-";
    let said = ground.drill.spawn_behind(closed, &["run", "orders", &ground.url]).ended().await;
    assert_eq!(said.code, Some(0), "closed from the start: {said:?}");
    ground.assert_harmless(closed);

    let case = "the reader goes away in the middle";
    let held = ground.hold("backup:DescribeRestoreJob");
    let mut running = ground.drill.spawn(&["run", "orders", &ground.url, "--output", "json"]);
    reached(case, &held).await;
    running.nobody_listens();
    held.release();
    let said = running.ended().await;
    assert_eq!(said.code, Some(0), "{case}: {said:?}");
    ground.assert_harmless(case);
    assert_eq!(ground.drill.last_run().await["verdict"], "passed");
}

/// The terminal goes away, somebody is impatient: the first signal tears down, whichever it is, and a second stops at once
/// and leaves a journal that the next process goes on with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_of_every_kind_tear_down_and_two_of_them_leave_what_is_owed() {
    let ground = Ground::new().await;
    let case = "SIGHUP";
    let held = ground.hold("backup:DescribeRestoreJob");
    let running = ground.drill.spawn(&["run", "orders", &ground.url]);
    reached(case, &held).await;
    running.signal(Signal::HUP);
    held.release();
    running.ended().await.ends(3);
    ground.assert_harmless(case);

    for (first, second) in [(Signal::TERM, Signal::TERM), (Signal::HUP, Signal::INT), (Signal::INT, Signal::TERM)] {
        let case = format!("{first:?}, then {second:?}");
        let looks = ground.hold("backup:DescribeRestoreJob");
        let again =
            ground.sandbox.hold(Hold { operation: "backup:DescribeRestoreJob".to_owned(), nth: 2, when: When::Before });
        let running = ground.drill.spawn(&["run", "orders", &ground.url]);
        reached(&case, &looks).await;
        running.signal(first);
        // The teardown's own look at the job: the first was heard.
        reached(&case, &again).await;
        running.signal(second);
        let said = running.ended().await.ends(4);
        looks.release();
        again.release();
        assert!(said.stdout.contains("may still exist"), "{case}: {said:?}");
        let run = ground.drill.last_id().await;
        let resumed = ground.drill.ask(&["resume", &run, "--output", "json"]).await.ends(3).json();
        assert_eq!(resumed["verdict"], "inconclusive", "{case}: {resumed:#}");
        ground.assert_harmless(&case);
    }
}

// ---- two runners ----

/// A process that is paused keeps its lock: nobody takes its run over, and when it wakes it is still alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_process_is_not_taken_over_and_goes_on_when_it_wakes() {
    let case = "paused before its start";
    let ground = Ground::new().await;
    let held = ground.hold("backup:StartRestoreJob");
    let paused = ground.drill.spawn(&["run", "orders", &ground.url]);
    reached(case, &held).await;
    paused.signal(Signal::STOP);
    let run = ground.drill.last_id().await;
    let asked = ground.sandbox.inventory().calls.len();
    for second in [vec!["run", "orders", ground.url.as_str()], vec!["resume", run.as_str()]] {
        let said = ground.drill.ask(&second).await.ends(3);
        assert!(said.stderr.contains("is running already"), "{second:?}: {said:?}");
    }
    ground.drill.ask(&["resume", "--all"]).await.ends(0);
    let after = ground.sandbox.inventory();
    assert_eq!(after.calls.len(), asked, "{case}: the others asked for something: {:?}", &after.calls[asked..]);
    assert_untouched(case, &ground.before, &after);
    paused.signal(Signal::CONT);
    held.release();
    paused.ended().await.ends(0);
    ground.assert_harmless(case);
}

/// A process is paused, its host is declared dead, and somebody removes the file of its lock: another goes on with the run.
/// The first sees that when it wakes, and changes nothing more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_process_that_was_taken_over_changes_nothing_when_it_wakes() {
    let case = "taken over while it was paused";
    let ground = Ground::new().await;
    let held = ground.hold("backup:DescribeRestoreJob");
    let paused = ground.drill.spawn(&["run", "orders", &ground.url]);
    reached(case, &held).await;
    paused.signal(Signal::STOP);
    held.release();
    let run = ground.drill.last_id().await;
    let lock = ground.drill.path().join(".drill/sandbox/locks/orders.lock");
    std::fs::remove_file(lock).expect("the lock has a file");
    ground.drill.ask(&["resume", &run]).await.ends(0);
    ground.assert_harmless(case);
    let before = ground.sandbox.inventory().calls.len();
    paused.signal(Signal::CONT);
    let said = paused.ended().await.ends(3);
    assert!(said.stderr.contains("another process has taken run"), "{case}: {said:?}");
    let after = ground.sandbox.inventory();
    let changed: Vec<&str> = after.effects_after(before).map(|call| call.operation.as_str()).collect();
    assert!(changed.is_empty(), "{case}: {changed:?}");
    ground.assert_harmless(case);
    assert_eq!(ground.drill.last_run().await["verdict"], "passed");
}

/// A lock is the operating system's: what its file says is only for people, even if the number belongs to a process that
/// lives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_file_of_a_dead_process_stops_nobody_whoever_has_its_number() {
    let ground = Ground::new().await;
    ground.drill.ask(&["run", "orders", &ground.url]).await.ends(0);
    let run = ground.drill.last_id().await;
    let lock = ground.drill.path().join(".drill/sandbox/locks/orders.lock");
    let own = std::process::id();
    for word in [format!("run {run}, process 1"), format!("run {run}, process {own}"), "\u{1b}[2J\0".to_owned()] {
        std::fs::write(&lock, &word).expect("the lock file can be written");
        let status = ground.drill.ask(&["status", &run, "--output", "json"]).await.ends(0).json();
        assert_eq!(status["running"], false, "{word:?}");
        ground.drill.ask(&["run", "orders", &ground.url]).await.ends(0);
        ground.assert_harmless(&format!("{word:?}"));
    }
}

/// Who looks whether a drill is running is no run, and whoever begins one waits until they have looked.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_the_lock_is_no_run_and_refuses_none() {
    use std::io::Read as _;

    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};

    let case = "a look at the lock";
    let ground = Ground::new().await;
    let held = ground.hold("rds:AddTagsToResource");
    let running = ground.drill.spawn(&["run", "orders", &ground.url]);
    reached(case, &held).await;
    running.signal(Signal::KILL);
    running.ended().await;
    held.release();
    let run = ground.drill.last_id().await;

    // As `drill status` does it, only for longer.
    let path = ground.drill.path().join(".drill/sandbox/locks/orders.lock");
    let look = std::fs::File::open(&path).expect("the lock can be opened");
    look.lock_shared().expect("nobody runs the drill");
    let status = ground.drill.ask(&["status", &run, "--output", "json"]).await.ends(0).json();
    assert_eq!(status["running"], false, "another look: {status:#}");
    let opened = init(CreateFlags::CLOEXEC).expect("files can be watched");
    add_watch(&opened, path.as_path(), WatchFlags::OPEN).expect("the lock can be watched");
    let running = ground.drill.spawn(&["run", "orders", &ground.url]);
    let opening = tokio::task::spawn_blocking(move || std::fs::File::from(opened).read(&mut [0; 512]));
    let asked = tokio::time::timeout(LIMIT, opening).await.expect("nobody wanted the lock");
    assert!(matches!(asked, Ok(Ok(1..))), "nobody wanted the lock: {asked:?}");
    look.unlock().expect("it was locked");
    let said = running.ended().await.ends(0);
    assert!(said.stderr.contains("its teardown comes first"), "{said:?}");
    ground.assert_harmless(case);
}

// ---- clocks ----

#[track_caller]
fn assert_honest_times(case: &str, state: &State) {
    let measures = measure(state);
    let rto = measures.rto.value.unwrap_or_else(|| panic!("{case}: no RTO: {}", measures.rto.how));
    // The restore job alone takes a minute of AWS's time.
    assert!(rto >= SignedDuration::from_mins(1), "{case}: an RTO of {rto:?}");
    let sum = measures.rto_phases.iter().fold(SignedDuration::ZERO, |sum, (_, time)| sum + *time);
    assert_eq!(sum, rto, "{case}: {:?}", measures.rto_phases);
    let all = [&measures.rto, &measures.rpo, &measures.copy_lag];
    let negative = all.into_iter().filter_map(|one| one.value).any(|value| value.is_negative());
    let negative = negative || measures.rto_phases.iter().any(|(_, time)| time.is_negative());
    assert!(!negative, "{case}: {measures:?}");
}

/// A machine whose clock is four minutes wrong all the time, and whose start is lost besides: the job is found by its mark.
/// AWS takes no request that is signed ten minutes off (facts 1.2): that is found before anything is asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_a_little_wrong_changes_nothing_and_a_very_wrong_one_begins_nothing() {
    for minutes in [-10, -4, 4, 10] {
        for lost in [false, true] {
            let case = format!("{minutes} minutes wrong, the answer lost: {lost}");
            let mut bench = Bench::at_speed(worlds::ORDERS, worlds::QUICK, UNHURRIED).await;
            WrongClock::stands_in(&mut bench, SignedDuration::ZERO, SignedDuration::from_mins(minutes));
            if lost {
                let start = Fault::new(What::ResetAfter).on("backup:StartRestoreJob");
                bench.sandbox.add_fault(Fault { times: Some(1), ..start });
            }
            let state = bench.run(&case).await;
            let said = &conclusion(&state).reasons;
            if minutes.abs() < 5 {
                assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{case}: {said:?}");
                assert_honest_times(&case, &state);
            } else {
                assert_eq!(conclusion(&state).verdict, Verdict::Inconclusive, "{case}: {said:?}");
                assert!(said.iter().any(|reason| reason.text.contains("clock is")), "{case}: {said:?}");
                assert!(bench.inventory().restore_jobs.is_empty(), "{case}");
            }
            assert_harmless(&case, &bench.before, &bench.inventory());
        }
    }
}

/// The clock is set while the run is under way. Back: nothing is measured as negative. Forward: what is late is late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_under_way_makes_no_time_negative() {
    for (case, by) in [
        ("set back by ten minutes", SignedDuration::from_mins(-10)),
        ("set back by an hour", SignedDuration::from_hours(-1)),
        ("set forward by six hours", SignedDuration::from_hours(6)),
    ] {
        for (nth, operation) in
            [(1, "backup:StartRestoreJob"), (1, "rds:AddTagsToResource"), (1, "rds:DeleteDBInstance")]
        {
            let case = format!("{case} at {operation}");
            let mut bench = Bench::new(worlds::ORDERS).await;
            let told = WrongClock::waits(&mut bench, by);
            let held = bench.sandbox.hold(Hold { operation: operation.to_owned(), nth, when: When::Before });
            let jumps = async {
                reached(&case, &held).await;
                told.store(true, Ordering::SeqCst);
                held.release();
            };
            let (state, ()) = tokio::join!(bench.run(&case), jumps);
            assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{case}: {:?}", conclusion(&state).reasons);
            let measures = measure(&state);
            let times = measures.rto_phases.iter().map(|(_, time)| *time).chain(measures.rto.value);
            assert!(times.clone().all(|time| !time.is_negative()), "{case}: {measures:?}");
            assert!(times.count() > 1, "{case}: nothing was measured");
            assert_harmless(&case, &bench.before, &bench.inventory());
        }
    }
}

/// The machine sleeps for six hours while the job runs: within the run's time that costs time only, beyond it the run ends
/// with its teardown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_sleeps_for_six_hours_goes_on_or_tears_down() {
    for (case, allowed, wanted) in
        [("ten days are allowed", 240, Verdict::Passed), ("four hours are allowed", 4, Verdict::Inconclusive)]
    {
        let mut bench = Bench::at_speed(worlds::ORDERS, worlds::QUICK, UNHURRIED).await;
        bench.plan.definition.limits.max_duration = SignedDuration::from_hours(allowed);
        bench.plan.steps.iter_mut().for_each(|step| step.timeout = SignedDuration::from_hours(240));
        let rule = Hold { operation: "backup:DescribeRestoreJob".to_owned(), nth: 1, when: When::Before };
        let held = bench.sandbox.hold(rule);
        let sleeps = async {
            reached(case, &held).await;
            bench.sandbox.advance(SignedDuration::from_hours(6));
            held.release();
        };
        let (state, ()) = tokio::join!(bench.run(case), sleeps);
        assert_eq!(conclusion(&state).verdict, wanted, "{case}: {:?}", conclusion(&state).reasons);
        if wanted == Verdict::Passed {
            let rto = measure(&state).rto.value.expect("it was measured");
            assert!(rto >= SignedDuration::from_hours(6), "{case}: the sleep is part of the RTO: {rto:?}");
        }
        assert_harmless(case, &bench.before, &bench.inventory());
    }
}
