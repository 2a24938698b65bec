//! Things go wrong in the world, one at a time: the verdict is right, and nothing is left or everything is said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use restore_drill::cloud::error::CloudError;
use restore_drill::cloud::vault::{
    FoundJob, JobStatus, Metadata, PointDetail, RecoveryPoint, RestoreJob, StartRestore, Vault, VaultState,
};
use restore_drill::journal::event::{CancelBy, Event};
use restore_drill::journal::state::State;
use restore_drill::run::drive::DriveError;
use restore_drill::sandbox::fault::Lasting;
use restore_drill::sandbox::file::Span;
use restore_drill::sandbox::{Fault, Hold, What, When};
use restore_drill::words::arn::Arn;
use restore_drill::words::id::{JobId, VaultName};
use restore_drill::words::kind::Verdict;

use crate::harness::check::{
    assert_clean, assert_harmless, assert_one_restore, assert_only_own_touched, assert_untouched,
};
use crate::harness::child::Drill;
use crate::harness::life::{Bench, End, Fate, Pen, conclusion, over};
use crate::harness::worlds::{self, HERE, THERE};

/// A fault, narrowed down.
fn fault(what: What, narrow: impl FnOnce(&mut Fault)) -> Fault {
    let mut fault = Fault::new(what);
    narrow(&mut fault);
    fault
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

#[track_caller]
fn assert_verdict(case: &str, state: &State, wanted: Verdict) {
    let conclusion = conclusion(state);
    assert_eq!(conclusion.verdict, wanted, "{case}: {:?}", conclusion.reasons);
}

/// The reasons' texts and advice, in one piece.
fn reasons(state: &State) -> String {
    let one = |reason: &restore_drill::journal::verdict::Reason| {
        format!("{} -> {}", reason.text, reason.advice.as_deref().unwrap_or_default())
    };
    conclusion(state).reasons.iter().map(one).collect::<Vec<String>>().join("\n")
}

/// The definition with one more line in its restore.
fn orders_restored_with(line: &str) -> String {
    worlds::orders_with("    timeout: 10d\n", &format!("    {line}\n    timeout: 10d\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_job_that_ends_badly_leaves_nothing_whatever_it_left() {
    let bench = Bench::new(worlds::ORDERS).await;
    for (what, wanted) in [(What::JobFailed, Verdict::Failed), (What::JobAborted, Verdict::Inconclusive)] {
        for (partial, with_arn) in [(false, false), (true, false), (true, true)] {
            let case = format!("{what:?}, leaves something: {partial}, says so: {with_arn}");
            bench.sandbox.add_fault(fault(what, |fault| {
                fault.times = Some(1);
                (fault.leaves_partial, fault.with_arn) = (partial, with_arn);
            }));
            let state = bench.run(&case).await;
            assert_verdict(&case, &state, wanted);
            assert_harmless(&case, &bench.before, &bench.inventory());
            bench.assert_reported(&case, state.run);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_never_names_what_it_made_is_no_obstacle() {
    let case = "a job without an ARN";
    let bench = Bench::new(worlds::ORDERS).await;
    bench.sandbox.add_fault(Fault::new(What::JobWithoutArn));
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Passed);
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_stuck_beyond_its_time_is_waited_for_and_torn_down() {
    let case = "a job stuck for three hours";
    for shows_instance in [false, true] {
        let mut bench = Bench::new(worlds::ORDERS).await;
        bench.allow("restore", hours(1));
        bench.sandbox.add_fault(fault(What::JobStuck, |fault| {
            fault.lasts = Some(Lasting::For(Span(hours(3))));
            fault.leaves_partial = shows_instance;
        }));
        let state = bench.run(case).await;
        assert_verdict(case, &state, Verdict::Inconclusive);
        assert!(reasons(&state).contains("was not over within 1h"), "{}", reasons(&state));
        assert_harmless(case, &bench.before, &bench.inventory());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_stuck_for_ever_is_named() {
    let case = "a job stuck for ever";
    let mut bench = Bench::new(worlds::ORDERS).await;
    bench.allow("restore", hours(1));
    bench.allow("teardown", hours(2));
    bench.sandbox.add_fault(fault(What::JobStuck, |fault| fault.lasts = Some(Lasting::Forever)));
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Leaked);
    let after = bench.inventory();
    let job = after.restore_jobs.first().expect("there is a job");
    let name = format!("drill-{}-orders", state.run.short());
    let said = reasons(&state);
    for wanted in [job.id.as_str(), name.as_str(), "drill resume", "cannot be stopped"] {
        assert!(said.contains(wanted), "`{wanted}` is not in:\n{said}");
    }
    assert_eq!(job.status, "RUNNING");
    assert_one_restore(case, &after);
    assert_only_own_touched(case, &bench.before, &after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_is_waited_out() {
    let faults = [(What::Throttle, 40), (What::Error500, 25), (What::ExpiredToken, 2), (What::ResetBefore, 15)];
    for (what, times) in faults {
        let case = format!("{what:?} for the first {times} requests");
        let bench = Bench::new(worlds::ORDERS).await;
        bench.sandbox.add_fault(fault(what, |fault| fault.times = Some(times)));
        let state = bench.run(&case).await;
        assert_verdict(&case, &state, Verdict::Passed);
        assert_harmless(&case, &bench.before, &bench.inventory());
        let records = bench.records(state.run);
        let again = records.iter().filter(|record| matches!(record.event, Event::Stumbled { .. })).count();
        assert!(again > 0, "{case}: nothing was asked again");
    }
}

/// Of every service and over the wire. What is refused for minutes without an exception is in `limiter`, where time is exact.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_of_throttles_makes_a_run_slower_and_never_fails_it() {
    for share in [0.01, 0.5] {
        let case = format!("{share} of all requests are throttled");
        let bench = Bench::new(worlds::ORDERS).await;
        bench.sandbox.add_fault(fault(What::Throttle, |fault| fault.probability = Some(share)));
        let state = bench.run(&case).await;
        assert_verdict(&case, &state, Verdict::Passed);
        assert_harmless(&case, &bench.before, &bench.inventory());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_answer_never_came_is_made_once() {
    let bench = Bench::new(worlds::ORDERS).await;
    let changes = [
        "backup:StartRestoreJob",
        "rds:AddTagsToResource",
        "rds:RemoveTagsFromResource",
        "rds:DeleteDBInstance",
        "backup:ListRestoreJobs",
    ];
    for operation in changes {
        for what in [What::Throttle, What::Error500, What::ResetBefore, What::ResetAfter] {
            let case = format!("{what:?} of {operation}");
            bench.sandbox.add_fault(fault(what, |fault| {
                fault.operation = Some(operation.to_owned());
                fault.times = Some(2);
            }));
            if operation == "backup:ListRestoreJobs" {
                // Only asked for when a start is in doubt.
                bench.sandbox.add_fault(fault(What::ResetAfter, |fault| {
                    fault.operation = Some("backup:StartRestoreJob".to_owned());
                    fault.times = Some(1);
                }));
            }
            let state = bench.run(&case).await;
            assert_verdict(&case, &state, Verdict::Passed);
            assert_harmless(&case, &bench.before, &bench.inventory());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_cannot_be_seen_at_first_are_not_started_again() {
    let case = "stale reads and a lost answer";
    let bench = Bench::new(worlds::ORDERS).await;
    bench.sandbox.add_fault(fault(What::StaleReads, |fault| {
        fault.lasts = Some(Lasting::For(Span(SignedDuration::from_secs(30))));
    }));
    bench.sandbox.add_fault(fault(What::ResetAfter, |fault| {
        fault.operation = Some("backup:StartRestoreJob".to_owned());
        fault.times = Some(1);
    }));
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Passed);
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_delete_leaks_says_so_and_is_mended_by_resume() {
    let case = "a denied delete";
    let bench = Bench::new(worlds::ORDERS).await;
    bench.sandbox.add_fault(fault(What::DenyDelete, |fault| fault.times = Some(1)));
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Leaked);
    assert_eq!(conclusion(&state).verdict.exit_code(), 4);
    let after = bench.inventory();
    let left: Vec<&str> = after.restored().map(|thing| thing.arn.as_str()).collect();
    let said = reasons(&state);
    assert!(!left.is_empty());
    let name = format!("drill-{}-orders", state.run.short());
    for wanted in [left[0], "aws rds delete-db-instance", name.as_str(), "drill resume"] {
        assert!(said.contains(wanted), "`{wanted}` is not in:\n{said}");
    }
    // Permitted again: the teardown ends, and the verdict is what the probes earned.
    let state = bench.resume(case, state.run, None).await;
    assert_verdict(case, &state, Verdict::Passed);
    assert_harmless(case, &bench.before, &bench.inventory());
    bench.assert_reported(case, state.run);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_permission_to_look_nothing_is_started() {
    let looks = ["rds:DescribeDBInstances", "backup:DescribeBackupVault", "backup:ListRecoveryPointsByBackupVault"];
    for operation in looks {
        let case = format!("{operation} is denied");
        let bench = Bench::new(worlds::ORDERS).await;
        bench.sandbox.add_fault(Fault::new(What::AccessDenied).on(operation));
        let state = bench.run(&case).await;
        assert_verdict(&case, &state, Verdict::Inconclusive);
        assert_untouched(&case, &bench.before, &bench.inventory());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_start_leaves_nothing_to_look_for() {
    let case = "a denied start";
    let bench = Bench::new(worlds::ORDERS).await;
    // Denied when it is asked for, and not in a simulation of policies: the preflight would find that.
    bench.sandbox.add_fault(Fault { times: Some(100), ..Fault::new(What::AccessDenied).on("backup:StartRestoreJob") });
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Inconclusive);
    let after = bench.inventory();
    assert_clean(case, &bench.before, &after);
    assert!(after.restore_jobs.is_empty(), "{:?}", after.restore_jobs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_that_cannot_be_set_are_a_warning_and_the_job_is_witness_enough() {
    let case = "denied tags";
    let bench = Bench::new(worlds::ORDERS).await;
    bench.sandbox.add_fault(Fault::new(What::AccessDenied).on("rds:AddTagsToResource"));
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Passed);
    assert!(state.warnings.iter().any(|warning| warning.text.contains("tags")), "{:?}", state.warnings);
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_stay_expired_and_a_region_that_stays_away_are_inconclusive() {
    let away = fault(What::Unreachable, |fault| fault.region = Some(THERE.to_owned()));
    for fault in [Fault::new(What::ExpiredToken), away] {
        let case = format!("{:?}, always", fault.what);
        // The preflight has its own time: a quarter of an hour.
        let bench = Bench::strict(worlds::ORDERS, worlds::QUICK).await;
        bench.sandbox.add_fault(fault);
        let state = bench.run(&case).await;
        assert_verdict(&case, &state, Verdict::Inconclusive);
        assert_untouched(&case, &bench.before, &bench.inventory());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_source_region_it_restores_and_only_the_lag_is_not_measured() {
    for (objectives, wanted) in [("{ rpo: 30d }", Verdict::Passed), ("{ copy_lag: 30d }", Verdict::Failed)] {
        let case = format!("no source region, objectives {objectives}");
        let definition = worlds::orders_with("limits:", &format!("objectives: {objectives}\nlimits:"));
        let bench = Bench::new(&definition).await;
        bench.sandbox.add_fault(fault(What::Unreachable, |fault| fault.region = Some(HERE.to_owned())));
        let state = bench.run(&case).await;
        assert_verdict(&case, &state, wanted);
        assert_eq!(conclusion(&state).measures.copy_lag.value, None, "{case}");
        assert_harmless(&case, &bench.before, &bench.inventory());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_eligible_fails_and_restores_nothing() {
    let stale = fault(What::StaleCopy, |fault| fault.age = Some(Span(hours(72))));
    let too_old = orders_restored_with("recovery_point: { max_age: 26h }");
    let none = orders_restored_with("recovery_point: { pick: { before: \"2020-01-01T00:00:00Z\" } }");
    for (case, definition, fault, wanted) in [
        ("the newest copy is three days old", too_old, Some(stale), "`max_age`"),
        ("the key is disabled", worlds::ORDERS.to_owned(), Some(Fault::new(What::KeyDisabled)), "Disabled"),
        ("none is old enough", none, None, "newer than"),
    ] {
        let bench = Bench::new(&definition).await;
        if let Some(fault) = fault {
            bench.sandbox.add_fault(fault);
        }
        let state = bench.run(case).await;
        assert_verdict(case, &state, Verdict::Failed);
        let picked = state.picked.values().next().expect("it was picked from");
        assert_eq!(picked.chosen, None, "{case}");
        assert!(picked.rejected.iter().any(|one| one.reason.contains(wanted)), "{case}: {:#?}", picked.rejected);
        let (_, conclusion) = state.concluded.as_ref().expect("it has a verdict");
        let said = &conclusion.reasons.first().expect("it says why").text;
        assert!(said.contains(wanted), "{case}: what rules most of them out is said first: {said}");
        assert_untouched(case, &bench.before, &bench.inventory());
        bench.assert_reported(case, state.run);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletion_protection_is_switched_off_first() {
    let bench = Bench::new(&orders_restored_with("metadata: { DeletionProtection: \"true\" }")).await;
    let case = "a protected restore";
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Passed);
    let after = bench.inventory();
    assert_harmless(case, &bench.before, &after);
    assert!(after.effects().any(|call| call.operation == "rds:ModifyDBInstance"), "it was never protected");

    let case = "a protected restore that failed";
    bench.sandbox.add_fault(fault(What::JobFailed, |fault| fault.leaves_partial = true));
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Failed);
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inherited_tags_are_off_and_the_drills_are_on_before_anything_is_deleted() {
    let case = "tags";
    let bench = Bench::new(worlds::ORDERS).await;
    let rule = Hold { operation: "rds:DeleteDBInstance".to_owned(), nth: 1, when: When::Before };
    let held = bench.sandbox.hold(rule);
    let look = async {
        let reached = tokio::time::timeout(Duration::from_secs(30), held.reached()).await;
        reached.expect("it is to be deleted");
        let tags = bench.inventory().restored().map(|thing| thing.tags.clone()).find(|tags| !tags.is_empty());
        held.release();
        tags.expect("it carries tags")
    };
    let (state, tags) = tokio::join!(bench.run(case), look);
    assert_verdict(case, &state, Verdict::Passed);
    assert!(tags.keys().all(|key| key.starts_with("drill:")), "{tags:?}");
    assert_eq!(tags.get("drill:run"), Some(&state.run.to_string()));
    let stamp = state.ledger.values().next().and_then(|entry| entry.stamp.clone()).expect("it was journalled");
    assert!(stamp.remove.contains_key("backup"), "{:?}", stamp.remove);
}

/// AWS Backup, with a word for a running job that nobody has heard of.
struct NewWords(Arc<dyn Vault>);

#[async_trait]
impl Vault for NewWords {
    async fn describe_vault(&self, vault: &VaultName) -> Result<VaultState, CloudError> {
        self.0.describe_vault(vault).await
    }

    async fn recovery_points(&self, vault: &VaultName, resource: &Arn) -> Result<Vec<RecoveryPoint>, CloudError> {
        self.0.recovery_points(vault, resource).await
    }

    async fn describe_point(&self, vault: &VaultName, point: &Arn) -> Result<PointDetail, CloudError> {
        self.0.describe_point(vault, point).await
    }

    async fn restore_metadata(&self, vault: &VaultName, point: &Arn) -> Result<Metadata, CloudError> {
        self.0.restore_metadata(vault, point).await
    }

    async fn start_restore(&self, ask: &StartRestore) -> Result<JobId, CloudError> {
        self.0.start_restore(ask).await
    }

    async fn restore_job(&self, job: &JobId) -> Result<RestoreJob, CloudError> {
        let mut job = self.0.restore_job(job).await?;
        if !job.status.is_terminal() {
            job.status = JobStatus::from_word("CREATING_DATABASE");
        }
        Ok(job)
    }

    async fn find_restore_job(
        &self,
        resource_type: Option<&str>,
        point: &Arn,
        mark: (&str, &str),
        since: Timestamp,
    ) -> Result<FoundJob, CloudError> {
        self.0.find_restore_job(resource_type, point, mark, since).await
    }

    async fn points_of_type(&self, vault: &VaultName, resource_type: &str) -> Result<Vec<RecoveryPoint>, CloudError> {
        self.0.points_of_type(vault, resource_type).await
    }

    async fn point_tags(&self, point: &Arn) -> Result<BTreeMap<String, String>, CloudError> {
        self.0.point_tags(point).await
    }

    async fn restore_jobs(&self, since: Timestamp) -> Result<Vec<RestoreJob>, CloudError> {
        self.0.restore_jobs(since).await
    }

    async fn restore_job_metadata(&self, job: &JobId) -> Result<Option<Metadata>, CloudError> {
        self.0.restore_job_metadata(job).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_nobody_knows_is_warned_about_and_not_over() {
    let case = "an unknown status";
    let mut bench = Bench::new(worlds::ORDERS).await;
    // Slow enough that the job is seen before it is over.
    bench.sandbox.add_fault(fault(What::JobStuck, |fault| fault.lasts = Some(Lasting::For(Span(hours(1))))));
    bench.services.cloud.vault = Arc::new(NewWords(Arc::clone(&bench.services.cloud.vault)));
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Passed);
    let warned = state.warnings.iter().filter(|warning| warning.text.contains("CREATING_DATABASE")).count();
    assert!(warned > 0, "{:?}", state.warnings);
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_cannot_be_written_starts_nothing_more_and_leaves_nothing() {
    let bench = Bench::new(worlds::ORDERS).await;
    let (journal, state) = bench.begin().await;
    let mut pen = Pen::new(journal, Fate::Lives);
    over("undisturbed", bench.live("undisturbed", &mut pen, state, None).await);
    let appends = u64::try_from(pen.appends().len()).expect("few appends");
    drop(pen);
    for n in 1..=appends {
        let case = format!("append {n} of {appends} fails");
        let (journal, state) = bench.begin().await;
        let run = state.run;
        let mut pen = Pen::new(journal, Fate::Breaks(n));
        let end = bench.live(&case, &mut pen, state, None).await;
        let made = u64::try_from(pen.appends().len()).expect("few appends");
        drop(pen);
        match end {
            End::Lost(DriveError::Journal { left, .. }) => assert!(left.is_empty(), "{case}: {left:?}"),
            // What is seen of a job depends on when it is looked at: this run needed fewer appends.
            End::Over(_) if made < n => continue,
            End::Lost(other) => panic!("{case}: {other}"),
            End::Over(_) | End::Died => panic!("{case}: it ended as if the journal had been written"),
        }
        assert_harmless(&case, &bench.before, &bench.inventory());
        // The journal knows less than what happened. The next run of the drill ends this one.
        let Some((journal, state)) = bench.take_over(run, Some(CancelBy::NewerRun)).await else { continue };
        let state = over(&case, bench.live(&case, &mut Pen::new(journal, Fate::Lives), state, None).await);
        let verdict = conclusion(&state).verdict;
        assert!(verdict != Verdict::Leaked, "{case}: {}", reasons(&state));
        assert_harmless(&case, &bench.before, &bench.inventory());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_credentials_of_another_account_nothing_is_changed() {
    let case = "another account";
    let mut bench = Bench::new(worlds::ORDERS).await;
    bench.use_account("999999999999").await;
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Inconclusive);
    assert!(reasons(&state).contains("999999999999"), "{}", reasons(&state));
    assert_untouched(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_must_fail_and_for_the_predicted_reason() {
    for (control, fails_with, wanted, said) in [
        ("[\"false\"]", "exit_code", Verdict::Passed, ""),
        ("[\"true\", again]", "exit_code", Verdict::Failed, "proves nothing"),
        ("[\"false\"]", "timeout", Verdict::Failed, "another reason"),
        ("[no-such-program-anywhere]", "exit_code", Verdict::Inconclusive, "could not run"),
    ] {
        let case = format!("control {control}, predicted {fails_with}");
        let probe = format!(
            "  is-right:\n    on: orders\n    command: {{ argv: [\"true\"] }}\n    \
             negative_control: {{ command: {{ argv: {control} }}, fails_with: {fails_with} }}\n"
        );
        let bench = Bench::new(&worlds::orders_probed_by(&probe)).await;
        let state = bench.run(&case).await;
        assert_verdict(&case, &state, wanted);
        assert!(reasons(&state).contains(said), "{case}: {}", reasons(&state));
        assert_harmless(&case, &bench.before, &bench.inventory());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_ends_with_four_and_names_what_is_left() {
    let definition = worlds::definition(worlds::ORDERS);
    let sandbox = worlds::start(&definition, worlds::QUICK, worlds::STEADY).await;
    let before = sandbox.inventory();
    sandbox.add_fault(fault(What::DenyDelete, |fault| fault.times = Some(1)));
    let drill = Drill::new().definition("orders", worlds::ORDERS).arg("--quiet");
    let url = format!("--sandbox={}", sandbox.url());
    let said = drill.ask(&["run", "orders", &url]).await.ends(4);
    let name = sandbox.inventory().restored().map(|thing| thing.arn.clone()).next().expect("it leaked");
    let name = name.rsplit(':').next().unwrap_or_default().to_owned();
    for wanted in ["leaked", "aws rds delete-db-instance", name.as_str(), "drill resume"] {
        assert!(said.all().contains(wanted), "`{wanted}` is not in:\n{}", said.all());
    }
    // Who runs it removes nothing in AWS itself.
    let led = format!("aws rds delete-db-instance --endpoint-url {} --region ", sandbox.url());
    assert!(said.all().contains(&led), "`{led}` is not in:\n{}", said.all());
    assert!(drill.path().join(".drill").is_dir());
    let id = drill.last_id().await;
    let resumed = drill.ask(&["resume", &id, "--output", "json"]).await.ends(0).json();
    assert_eq!(resumed["verdict"], "passed");
    assert_eq!(resumed["created"][0]["removed"], true);
    assert_harmless("resumed by command", &before, &sandbox.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_ends_with_one_when_a_probe_misses() {
    let probe = "  is-right:\n    on: orders\n    command: { argv: [\"false\"] }\n";
    let text = worlds::orders_probed_by(probe);
    let sandbox = worlds::start(&worlds::definition(&text), worlds::QUICK, worlds::STEADY).await;
    let before = sandbox.inventory();
    let drill = Drill::new().definition("orders", &text);
    let url = format!("--sandbox={}", sandbox.url());
    let said = drill.ask(&["run", "orders", &url, "--output", "json"]).await.ends(1).json();
    assert_eq!((&said["verdict"], &said["exit_code"]), (&"failed".into(), &1.into()));
    assert_eq!(said["failure"]["step"], "probe.is-right");
    assert_harmless("a probe that misses", &before, &sandbox.inventory());
}

/// A grant that is missing says nothing about the recovery point.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_grant_is_the_surroundings_fault() {
    let case = "the restore role may not use the key";
    let bench = Bench::new(worlds::ORDERS).await;
    bench.sandbox.add_fault(Fault::new(What::MissingGrant));
    let state = bench.run(case).await;
    assert_verdict(case, &state, Verdict::Inconclusive);
    assert_harmless(case, &bench.before, &bench.inventory());
}
