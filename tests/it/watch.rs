//! Looks at restore jobs that several runs share: one list spares many looks, and nothing that a list leaves out, tells late,
//! tells twice or fails to tell makes a run believe what is not so. Times and counts are exact: time stands still here.

use std::sync::Arc;

use futures_util::future::join_all;
use jiff::SignedDuration;
use restore_drill::cloud::error::{CloudError, ErrorKind};
use restore_drill::cloud::vault::{JobStatus, RestoreJob, Vault};
use restore_drill::run::watch::Watch;
use restore_drill::sandbox::fault::Lasting;
use restore_drill::sandbox::file::Span;
use restore_drill::sandbox::{Fault, What};
use restore_drill::words::id::JobId;
use restore_drill::words::kind::Verdict;

use crate::harness::check::assert_harmless;
use crate::harness::seam::ToldVault;
use crate::harness::still::{Scene, Still, play};

const LOOK: &str = "backup:DescribeRestoreJob";
const LIST: &str = "backup:ListRestoreJobs";

/// Runs that share their looks, each with a job that is under way.
struct Runs {
    still: Still,
    watches: Vec<Watch>,
    jobs: Vec<JobId>,
}

impl Runs {
    /// So many, over AWS Backup told like this, when their jobs are `RUNNING`.
    async fn new(still: &Still, count: usize, told: impl FnOnce(&mut ToldVault)) -> Self {
        let point = still.point().await;
        let mut jobs = Vec::new();
        for number in 0..count {
            jobs.push(still.start_job(&point, number).await.expect("it is accepted"));
        }
        let mut vault = ToldVault::of(Arc::clone(&still.cloud.vault));
        told(&mut vault);
        let first = Watch::new(Arc::new(vault), still.clock.clone());
        let mut watches: Vec<Watch> = (1..count).map(|_| first.beside()).collect();
        watches.insert(0, first);
        still.pass(20).await;
        Self { still: still.clone(), watches, jobs }
    }

    /// Everybody asks at once.
    async fn ask(&self) -> Vec<Result<RestoreJob, CloudError>> {
        join_all(self.watches.iter().zip(&self.jobs).map(|(watch, job)| watch.restore_job(job))).await
    }

    /// The same where nothing fails.
    async fn see(&self) -> Vec<RestoreJob> {
        self.ask().await.into_iter().map(|answer| answer.expect("it is answered")).collect()
    }

    /// How many looks and lists were sent so far.
    fn counts(&self) -> (usize, usize) {
        (self.still.sent(LOOK).len(), self.still.sent(LIST).len())
    }

    /// What AWS Backup says of each job by itself.
    async fn truth(&self) -> Vec<RestoreJob> {
        let looks = self.jobs.iter().map(|job| self.still.cloud.vault.restore_job(job));
        join_all(looks).await.into_iter().map(|answer| answer.expect("it is there")).collect()
    }
}

fn statuses(jobs: &[RestoreJob]) -> Vec<&str> {
    jobs.iter().map(|job| job.status.word()).collect()
}

#[test]
fn a_run_that_is_alone_looks_at_each_of_its_jobs_at_once() {
    play(Scene::orders(), |still| async move {
        let mut runs = Runs::new(&still, 4, |_| {}).await;
        // One run with four restores.
        runs.watches.truncate(1);
        let begun = still.sent(LOOK).len();
        for round in 1..=3 {
            let alone = &runs.watches[0];
            let seen = join_all(runs.jobs.iter().map(|job| alone.restore_job(job))).await;
            assert!(seen.iter().all(Result::is_ok), "{seen:?}");
            assert_eq!(runs.counts(), (begun + 4 * round, 0), "round {round}");
        }
        let looks = still.sent(LOOK);
        assert!(looks.iter().all(|at| *at == looks[0]), "nobody waits for others: {looks:?}");
    });
}

#[test]
fn several_runs_share_one_list_and_see_what_each_would_have_seen() {
    play(Scene::orders(), |still| async move {
        let runs = Runs::new(&still, 10, |_| {}).await;
        let first = runs.see().await;
        assert_eq!(runs.counts(), (1, 1), "who asks first is alone, as far as it is known");
        let asked = still.sent(LOOK)[0];
        assert_eq!(still.sent(LIST), [asked + 5_000], "others had five seconds to ask");
        let second = runs.see().await;
        assert_eq!(runs.counts(), (1, 2));
        let truth = runs.truth().await;
        assert_eq!((first, second), (truth.clone(), truth));
    });
}

#[test]
fn a_job_that_ended_well_is_seen_in_the_list_and_not_watched_any_more() {
    play(Scene::orders(), |still| async move {
        let runs = Runs::new(&still, 3, |_| {}).await;
        runs.see().await;
        still.pass(120).await;
        let before = runs.counts();
        let seen = runs.see().await;
        assert_eq!(statuses(&seen), ["COMPLETED"; 3]);
        assert!(seen.iter().all(|job| job.created_resource.is_some() && job.completed.is_some()), "{seen:?}");
        assert_eq!(runs.counts(), (before.0, before.1 + 1));
        // The one that is left is alone, whoever else is there.
        runs.watches[0].restore_job(&runs.jobs[0]).await.expect("it is answered");
        assert_eq!(runs.counts(), (before.0 + 1, before.1 + 1));
        assert_eq!(seen, runs.truth().await);
    });
}

/// How a list tells of the second job.
type Tells = fn(u32, Vec<RestoreJob>) -> Result<Vec<RestoreJob>, CloudError>;

fn told_as(jobs: Vec<RestoreJob>, status: &JobStatus) -> Vec<RestoreJob> {
    let second = |(index, job): (usize, RestoreJob)| match index {
        1 => RestoreJob { status: status.clone(), ..job },
        _ => job,
    };
    jobs.into_iter().enumerate().map(second).collect()
}

/// A word of a list alone is never the end of a job, nor a step back, nor its absence.
#[test]
fn what_a_list_omits_repeats_or_tells_oddly_is_looked_at() {
    let cases: [(&str, Tells); 7] = [
        ("omitted", |_, mut jobs| {
            jobs.remove(1);
            Ok(jobs)
        }),
        ("gone back", |times, jobs| Ok(if times == 1 { jobs } else { told_as(jobs, &JobStatus::Pending) })),
        ("told twice", |_, jobs| {
            let twice = told_as(jobs.clone(), &JobStatus::Pending);
            Ok(jobs.into_iter().chain(twice).collect())
        }),
        ("failed", |_, jobs| Ok(told_as(jobs, &JobStatus::Failed))),
        ("aborted", |_, jobs| Ok(told_as(jobs, &JobStatus::Aborted))),
        ("unknown", |_, jobs| Ok(told_as(jobs, &JobStatus::Other("NOVEL".to_owned())))),
        ("completed, having made nothing", |_, jobs| {
            let mut jobs = told_as(jobs, &JobStatus::Completed);
            jobs[1].created_resource = None;
            Ok(jobs)
        }),
    ];
    for (case, list) in cases {
        play(Scene::orders(), |still| async move {
            let runs = Runs::new(&still, 3, |vault| vault.list = list).await;
            runs.see().await;
            let before = runs.counts();
            let seen = runs.see().await;
            assert_eq!(runs.counts(), (before.0 + 1, before.1 + 1), "{case}: one list, and one look at the odd one");
            assert_eq!(seen, runs.truth().await, "{case}");
        });
    }
}

#[test]
fn a_list_that_tells_the_same_twice_is_believed_and_one_that_lags_only_delays() {
    play(Scene::orders(), |still| async move {
        let twice: Tells = |_, jobs| Ok([jobs.clone(), jobs].concat());
        let runs = Runs::new(&still, 3, |vault| vault.list = twice).await;
        runs.see().await;
        let before = runs.counts();
        assert_eq!(statuses(&runs.see().await), ["RUNNING"; 3]);
        assert_eq!(runs.counts(), (before.0, before.1 + 1));
    });
    play(Scene::orders(), |still| async move {
        let lags: Tells = |times, jobs| Ok(if times == 2 { told_as(jobs, &JobStatus::Running) } else { jobs });
        let runs = Runs::new(&still, 3, |vault| vault.list = lags).await;
        runs.see().await;
        still.pass(120).await;
        assert_eq!(statuses(&runs.see().await), ["COMPLETED", "RUNNING", "COMPLETED"]);
        assert_eq!(
            runs.watches[1].restore_job(&runs.jobs[1]).await.expect("it is answered").status,
            JobStatus::Completed
        );
    });
}

/// A status that nobody knows is looked at once, and then the list may repeat it.
#[test]
fn what_a_look_confirmed_is_not_looked_at_again() {
    play(Scene::orders(), |still| async move {
        let novel = |job: RestoreJob| RestoreJob { status: JobStatus::Other("NOVEL".to_owned()), ..job };
        let runs = Runs::new(&still, 3, |vault| {
            vault.job = |_, job| RestoreJob { status: JobStatus::Other("NOVEL".to_owned()), ..job };
            vault.list = |_, jobs| {
                let novel = |job: RestoreJob| RestoreJob { status: JobStatus::Other("NOVEL".to_owned()), ..job };
                Ok(jobs.into_iter().map(novel).collect())
            };
        })
        .await;
        runs.see().await;
        assert_eq!(runs.counts(), (3, 1));
        let seen = runs.see().await;
        assert_eq!(runs.counts(), (3, 2));
        let truth: Vec<RestoreJob> = runs.truth().await.into_iter().map(novel).collect();
        assert_eq!(seen, truth);
    });
}

#[test]
fn a_list_that_fails_is_everybodys_error_and_nobodys_absence() {
    play(Scene::orders(), |still| async move {
        let fails: Tells = |times, jobs| match times {
            2 => Err(CloudError::new(LIST, ErrorKind::Unavailable, "InternalFailure", "the second page", None)),
            _ => Ok(jobs),
        };
        let runs = Runs::new(&still, 3, |vault| vault.list = fails).await;
        runs.see().await;
        let before = runs.counts();
        let answers = runs.ask().await;
        assert_eq!(runs.counts(), (before.0, before.1 + 1), "nobody looks behind its back");
        let codes: Vec<&str> = answers.iter().filter_map(|answer| Some(answer.as_ref().err()?.code.as_str())).collect();
        assert_eq!(codes, ["InternalFailure"; 3]);
        assert_eq!(runs.see().await, runs.truth().await, "the next list is another one");
    });
}

/// Lists take ten seconds here.
fn slow_lists(still: &Still) {
    let lasts = Some(Lasting::For(Span(SignedDuration::from_secs(10))));
    still.direct.add_fault(Fault { lasts, ..Fault::new(What::Slow).on(LIST) });
}

#[test]
fn only_a_list_that_was_begun_after_the_question_answers_it() {
    play(Scene::orders(), |still| async move {
        let runs = Runs::new(&still, 4, |_| {}).await;
        runs.see().await;
        slow_lists(&still);
        let (lists, begun) = (still.sent(LIST).len(), still.sent(LIST)[0]);
        let ask = |index: usize| runs.watches[index].restore_job(&runs.jobs[index]);
        let late = async {
            still.pass(8).await;
            tokio::join!(ask(2), ask(3))
        };
        let (first, second, (third, fourth)) = tokio::join!(ask(0), ask(1), late);
        for answer in [first, second, third, fourth] {
            answer.expect("it is answered");
        }
        let since: Vec<i64> = still.sent(LIST)[lists..].iter().map(|at| at - begun).collect();
        assert_eq!(since, [5_000, 15_000], "who asked while the first was under way had one of their own");
    });
}

#[test]
fn a_run_that_ends_while_it_lists_for_all_takes_nobody_along() {
    // Gives up before the list, and while it is under way.
    for (patience, wanted) in [(2, vec![5_000]), (8, vec![5_000, 8_000])] {
        play(Scene::orders(), |still| async move {
            let runs = Runs::new(&still, 3, |_| {}).await;
            runs.see().await;
            slow_lists(&still);
            let (lists, begun) = (still.sent(LIST).len(), still.sent(LIST)[0]);
            let ask = |index: usize| runs.watches[index].restore_job(&runs.jobs[index]);
            let ends = async {
                tokio::select! {
                    answer = ask(0) => panic!("it was answered: {answer:?}"),
                    () = still.pass(patience) => {}
                }
            };
            let ((), second, third) = tokio::join!(ends, ask(1), ask(2));
            second.expect("it is answered");
            third.expect("it is answered");
            let since: Vec<i64> = still.sent(LIST)[lists..].iter().map(|at| at - begun).collect();
            assert_eq!(since, wanted, "it gave up after {patience} s");
        });
    }
}

/// Whole drills through lists that omit, lag, repeat and fail in turn.
#[test]
fn drills_that_share_lists_of_every_kind_pass_and_leave_nothing() {
    const DRILLS: usize = 4;
    let in_turn: Tells = |times, mut jobs| match times % 5 {
        1 => {
            jobs.pop();
            Ok(jobs)
        }
        2 => Ok(told_as(jobs, &JobStatus::Pending)),
        3 => Ok([jobs.clone(), told_as(jobs, &JobStatus::Failed)].concat()),
        4 => Err(CloudError::new(LIST, ErrorKind::Unavailable, "InternalFailure", "the second page", None)),
        _ => Ok(jobs),
    };
    let (verdicts, lists, before, after) = play(Scene::orders(), |still| async move {
        let before = still.direct.inventory();
        let mut vault = ToldVault::of(Arc::clone(&still.cloud.vault));
        vault.list = in_turn;
        let first = Watch::new(Arc::new(vault), still.clock.clone());
        let runs = (0..DRILLS).map(|number| still.drives(number, Arc::new(first.beside())));
        let verdicts = join_all(runs).await;
        (verdicts, still.sent(LIST).len(), before, still.direct.inventory())
    });
    assert_eq!(verdicts, [Verdict::Passed; DRILLS]);
    assert!(lists >= 2, "they share {lists} lists");
    assert_eq!(after.restore_jobs.len(), DRILLS);
    assert_harmless("lists of every kind", &before, &after);
}
