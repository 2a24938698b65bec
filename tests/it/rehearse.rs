//! `drill rehearse`: every shipped drill lives through a sample of its own fault space, and whoever takes a guard of the
//! engine away is found out.

use std::path::Path;

use serde_json::Value;

use crate::harness::child::Drill;

/// So many scenarios of each drill that ships are played by each run of the tests.
const SAMPLE: usize = 40;

/// The repository itself.
fn shipped() -> Drill {
    let drill = Drill::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("drills");
    for folder in [from.clone(), from.join("checks")] {
        let to = drill.path().join(folder.strip_prefix(from.parent().expect("it has one")).expect("it is below"));
        std::fs::create_dir_all(&to).expect("a folder");
        for entry in std::fs::read_dir(&folder).expect("drills").filter_map(Result::ok) {
            if entry.path().is_file() {
                std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
            }
        }
    }
    drill
}

async fn rehearsed(name: &str, arguments: &[&str], code: i32) -> Value {
    let words = [&["rehearse", name, "--seed", "7", "--output", "json"], arguments].concat();
    shipped().ask(&words).await.ends(code).json()
}

#[cfg(debug_assertions)]
fn findings(said: &Value) -> Vec<&str> {
    let findings = said["findings"].as_array().expect("a list");
    findings.iter().filter_map(|finding| finding["promise"].as_str()).collect()
}

async fn finds_nothing(name: &str) {
    let said = rehearsed(name, &["--scenarios", &SAMPLE.to_string()], 0).await;
    assert_eq!(said["undisturbed"], "passed", "{said:#}");
    let counted = said["scenarios"].as_u64().zip(said["not_counted"].as_u64()).map(|(came, missed)| came + missed);
    assert_eq!(counted, u64::try_from(SAMPLE).ok(), "{said:#}");
    assert_eq!(said["findings"], serde_json::json!([]));
    let steps = said["table"].as_array().expect("a table");
    assert!(steps.len() > 10, "{said:#}");
}

macro_rules! shipped_drills {
    ($($test:ident: $name:literal;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                finds_nothing($name).await;
            }
        )+

        #[test]
        fn every_shipped_drill_is_rehearsed() {
            let mut shipped: Vec<String> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("drills"))
                .expect("drills")
                .filter_map(Result::ok)
                .filter_map(|entry| entry.file_name().into_string().ok()?.strip_suffix(".yaml").map(str::to_owned))
                .filter(|name| !name.contains('.') && !name.starts_with('_'))
                .collect();
            shipped.sort();
            let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reliability.md");
            let page = std::fs::read_to_string(page).expect("a page");
            let told = format!("{SAMPLE} scenarios of each of the {} drills that ship", shipped.len());
            assert!(page.contains(&told), "docs/reliability.md does not say: {told}");
            let mut here = vec![$($name),+];
            here.sort_unstable();
            assert_eq!(shipped, here);
        }
    };
}

shipped_drills! {
    aurora: "aurora";
    documentdb: "documentdb";
    dynamodb: "dynamodb";
    ebs: "ebs";
    ec2: "ec2";
    efs: "efs";
    fsx: "fsx";
    ledger: "ledger";
    neptune: "neptune";
    rds_billing: "rds-billing";
    rds_minimal: "rds-minimal";
    rds_prod: "rds-prod";
    s3: "s3";
    shop: "shop";
    storage_gateway: "storage-gateway";
}

/// Without this guard, these troubles of this drill break this promise.
#[cfg(debug_assertions)]
async fn is_missed(drill: &str, guard: &str, fault: &str, promise: &str) {
    let whole = rehearsed(drill, &["--fault", fault], 0).await;
    assert_eq!(findings(&whole), Vec::<&str>::new(), "with all guards: {whole:#}");
    let said = rehearsed(drill, &["--fault", fault, "--without", guard], 1).await;
    assert!(findings(&said).contains(&promise), "without {guard}: {said:#}");
    let repeat = said["findings"][0]["repeat"].as_str().expect("it says how to repeat it");
    assert!(repeat.starts_with(&format!("drill rehearse {drill} --seed 7 --only '")), "{repeat}");
}

macro_rules! guards {
    ($($test:ident: $drill:literal without $guard:literal, $fault:literal breaks $promise:literal;)+) => { $(
        #[cfg(debug_assertions)]
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            is_missed($drill, $guard, $fault, $promise).await;
        }
    )+ };
}

guards! {
    a_call_before_its_intent_is_durable: "rds-minimal" without "intent-first", "crash" breaks "I5";
    a_start_that_is_sent_again_without_a_look: "rds-minimal" without "look-first", "crash_away" breaks "I2";
    a_teardown_that_does_not_wait_for_the_job: "rds-minimal" without "wait-for-job", "job_stuck" breaks "I1";
    an_absence_that_was_seen_once: "dynamodb" without "absent-twice", "old_read" breaks "I1";
    a_deletion_of_what_is_somebody_elses: "rds-minimal" without "own-only", "stranger" breaks "I4";
    a_pass_of_what_was_not_measured: "rds-minimal" without "unknown-is-no-pass", "probe_unreachable" breaks "I3";
    a_run_without_deadlines: "rds-minimal" without "deadline", "job_stuck" breaks "I6";
    a_run_that_goes_on_without_its_journal: "rds-minimal" without "stop-without-journal", "disk_full" breaks "I2";
    a_process_that_goes_on_after_it_was_taken_over: "rds-minimal" without "one-writer", "taken_over_late" breaks "I2";
    a_stop_that_nobody_hears: "rds-minimal" without "stop-first", "stop" breaks "verdict";
    a_bound_on_the_cost_that_ends_nothing: "rds-minimal" without "deadline", "max_cost" breaks "verdict";
    a_pass_of_half_a_restore: "s3" without "whole-restore", "job_partial" breaks "I3";
}

/// How often a trouble came by itself.
fn struck(said: &Value, fault: &str) -> u64 {
    let table = said["table"].as_array().expect("a table");
    table.iter().filter(|cell| cell["fault"] == fault).filter_map(|cell| cell["scenarios"].as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn takeovers_stops_and_costs_come_everywhere_and_break_nothing() {
    for (fault, least) in [("taken_over", 10), ("taken_over_late", 10), ("stop", 3), ("max_cost", 3)] {
        let said = rehearsed("rds-minimal", &["--fault", fault], 0).await;
        assert_eq!(said["findings"], serde_json::json!([]), "{fault}: {said:#}");
        assert!(struck(&said, fault) >= least, "{fault}: {said:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_was_restored_in_part_is_no_pass_and_is_removed() {
    let said = rehearsed("s3", &["--fault", "job_partial"], 0).await;
    assert!(struck(&said, "job_partial") > 0, "{said:#}");
    assert_eq!(said["verdicts"]["passed"], Value::Null, "{said:#}");
    let other = shipped().ask(&["rehearse", "rds-minimal", "--fault", "job_partial"]).await.ends(2);
    assert!(other.stderr.contains("this drill has no fault `job_partial`"), "{other:?}");
}

/// `rds-minimal`, which keeps what it restored as this says.
fn keeping(teardown: &str) -> Drill {
    let drill = shipped();
    let whole = std::fs::read_to_string(drill.path().join("drills/rds-minimal.yaml")).expect("the drill");
    let kept = whole.replace("name: rds-minimal", "name: kept") + &format!("\nteardown: {teardown}\n");
    drill.write("drills/kept.yaml", &kept);
    drill
}

/// The end of a lease has troubles of its own, also of one that only a failure makes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_lease_meets_its_own_troubles_and_leaves_nothing() {
    for (teardown, alone) in [("{ when: manual, keep_for: 4h }", true), ("{ when: on_pass, keep_for: 4h }", false)] {
        for fault in ["lease_end_throttle", "lease_end_error_500", "lease_end_reset_before", "lease_end_reset_after"] {
            let words = ["rehearse", "kept", "--seed", "7", "--fault", fault, "--output", "json"];
            let said = keeping(teardown).ask(&words).await.ends(0).json();
            assert_eq!(said["findings"], serde_json::json!([]), "{teardown}: {said:#}");
            let combined = said["combinations"].as_u64().unwrap_or(0);
            let came = if alone { struck(&said, fault) } else { combined };
            assert!(came > 0, "{teardown}, {fault}: {said:#}");
        }
    }
}

/// A job that was aborted names nothing, its volume bears no name, and the journal is lost: a sweep still shows the job.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_aborted_job_left_is_shown_without_a_journal() {
    for drill in ["ebs", "storage-gateway"] {
        let restore = if drill == "ebs" { "cache" } else { "archive" };
        let only = format!("job_aborted_leftover@{restore} zero_tail@14");
        let said = rehearsed(drill, &["--only", &only], 0).await;
        assert_eq!(
            (&said["verdicts"]["journal refused"], &said["findings"]),
            (&1.into(), &serde_json::json!([])),
            "{said:#}"
        );
    }
}

/// What is kept on purpose is no leak while its lease holds, and goes with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_that_keeps_what_it_restored() {
    let words = ["rehearse", "kept", "--seed", "7", "--scenarios", "40", "--output", "json"];
    let said = keeping("{ when: manual, keep_for: 4h }").ask(&words).await.ends(0).json();
    assert_eq!((&said["undisturbed"], &said["findings"]), (&"passed".into(), &serde_json::json!([])), "{said:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_seed_rehearses_the_same() {
    let first = rehearsed("rds-minimal", &["--scenarios", "30"], 0).await;
    let second = rehearsed("rds-minimal", &["--scenarios", "30"], 0).await;
    assert_eq!(first, second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_scenario_is_repeated_by_its_name() {
    let said = rehearsed("rds-minimal", &["--only", "job_stuck@inventory crash@12"], 0).await;
    assert_eq!(said["combinations"].as_u64().zip(said["scenarios"].as_u64()), Some((1, 1)), "{said:#}");
    let said = rehearsed("rds-minimal", &["--only", "taken_over_late@12"], 0).await;
    assert_eq!((struck(&said, "taken_over_late"), &said["scenarios"]), (1, &Value::from(1)), "{said:#}");
    let wrong = shipped().ask(&["rehearse", "rds-minimal", "--only", "nonsense@1"]).await.ends(2);
    assert!(wrong.stderr.contains("`nonsense@1` is no trouble"), "{wrong:?}");
    // A green that tried nothing is none.
    let never = shipped().ask(&["rehearse", "rds-minimal", "--seed", "7", "--only", "crash@9999"]).await.ends(2);
    assert!(never.stderr.contains("`crash@9999` never came") && never.stderr.contains("--only"), "{never:?}");
    let none = shipped().ask(&["rehearse", "rds-minimal", "--scenarios", "0"]).await.ends(2);
    assert!(none.stderr.contains("at least 1"), "{none:?}");
    let unknown = shipped().ask(&["rehearse", "rds-minimal", "--fault", "job_stuk"]).await.ends(2);
    assert!(unknown.stderr.contains("job_stuck"), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_leaves_nothing_in_the_repository() {
    let drill = shipped();
    drill.ask(&["rehearse", "rds-minimal", "--scenarios", "5", "--seed", "7"]).await.ends(0);
    let names = std::fs::read_dir(drill.path()).expect("it is there").filter_map(Result::ok);
    let names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    assert_eq!(names, ["drills"]);
}
