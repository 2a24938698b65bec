//! Requests wait for their turn: what AWS documents is not exceeded, what it refuses slows drill down and fails no drill, and
//! what was not sent leaves nothing in doubt. Times and counts are exact: time stands still in these worlds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use restore_drill::cloud::error::{CloudError, ErrorKind};
use restore_drill::journal::event::Event;
use restore_drill::words::id::VaultName;
use restore_drill::words::kind::Verdict;

use crate::harness::check::assert_harmless;
use crate::harness::life::{Bench, Fate, Pen, conclusion};
use crate::harness::still::{Refusal, Says, Scene, Still, play};
use crate::harness::worlds::{self, ACCOUNT};

/// Documented at five a second.
const SLOW_READ: &str = "backup:DescribeBackupVault";
const START: &str = "backup:StartRestoreJob";

/// Every request of the operation up to this one is refused so.
fn refuses(operation: &'static str, times: u32, code: &'static str, retry_after: Option<&'static str>) -> Says {
    let seen = AtomicU32::new(0);
    Box::new(move |asked, _| {
        let is_refused = asked == operation && seen.fetch_add(1, Ordering::SeqCst) < times;
        is_refused.then_some(Refusal { code, retry_after })
    })
}

/// So many looks at the vault at once.
async fn looks(still: &Still, times: usize) -> Vec<Result<(), CloudError>> {
    let vault: VaultName = "prod-rds-vault-dr".parse().expect("a vault's name");
    let looks = (0..times).map(|_| still.cloud.vault.describe_vault(&vault));
    join_all(looks).await.into_iter().map(|answer| answer.map(|_| ())).collect()
}

#[test]
fn a_burst_of_reads_is_spread_over_the_documented_rate_and_none_is_refused() {
    let (answers, sent, refused) = play(Scene::orders(), |still| async move {
        let answers = looks(&still, 60).await;
        let errors = still.direct.inventory().calls.into_iter().filter(|call| call.error.is_some()).count();
        (answers, still.sent(SLOW_READ), errors)
    });
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let wanted: Vec<i64> = (0..60).map(|number: i64| (number - 4).max(0) * 200).collect();
    assert_eq!(sent, wanted, "five at once, then five a second");
    assert_eq!(refused, 0);
}

/// A read waits for at most half a minute: 5 at once, and 150 in 30 seconds.
#[test]
fn a_read_whose_turn_does_not_come_is_not_sent() {
    let (answers, sent) = play(Scene::orders(), |still| async move {
        let answers = looks(&still, 200).await;
        (answers, still.sent(SLOW_READ))
    });
    assert_eq!((sent.len(), sent.last()), (155, Some(&30_000)));
    let held: Vec<&CloudError> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert_eq!(held.len(), 45);
    assert!(held.iter().all(|error| error.kind == ErrorKind::Throttled && error.code == "held_back"), "{held:?}");
}

#[test]
fn a_start_whose_turn_does_not_come_within_two_seconds_is_not_sent_and_not_in_doubt() {
    let (answers, sent, jobs, later) = play(Scene::orders(), |still| async move {
        let point = still.point().await;
        let answers = join_all((0..30).map(|number| still.start_job(&point, number))).await;
        let (sent, jobs) = (still.sent(START), still.direct.inventory().restore_jobs.len());
        still.pass(10).await;
        (answers, sent, jobs, still.start_job(&point, 30).await)
    });
    let wanted: Vec<i64> = (0..15).map(|number: i64| (number - 4).max(0) * 200).collect();
    assert_eq!(sent, wanted, "none is sent after two seconds");
    assert_eq!(jobs, 15, "what was not sent made nothing");
    let held: Vec<&CloudError> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert_eq!(held.len(), 15, "{held:?}");
    for error in held {
        assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Throttled, "held_back"));
        assert!(error.passes() && !error.may_have_happened(), "{error}");
    }
    assert!(later.is_ok(), "{later:?}");
}

#[test]
fn a_throttle_halves_the_rate_and_each_minute_without_one_gives_a_tenth_back() {
    let says = refuses(SLOW_READ, 1, "ThrottlingException", None);
    let (first, sent) = play(Scene::refusing(says), |still| async move {
        let first = looks(&still, 1).await;
        let rest = looks(&still, 11).await;
        assert!(rest.iter().all(Result::is_ok), "{rest:?}");
        still.pass(65).await;
        let rest = looks(&still, 7).await;
        assert!(rest.iter().all(Result::is_ok), "{rest:?}");
        (first, still.sent(SLOW_READ))
    });
    let [Err(error)] = first.as_slice() else { panic!("{first:?}") };
    assert_eq!(
        (error.kind, error.code.as_str()),
        (ErrorKind::Throttled, "ThrottlingException"),
        "the world's own word"
    );
    let halved = (0..11).map(|number: i64| 1_000 + number * 400);
    let risen = [70_000, 70_000, 70_000, 70_000, 70_000, 70_333, 70_666];
    let wanted: Vec<i64> = std::iter::once(0).chain(halved).chain(risen).collect();
    assert_eq!(sent, wanted);
}

#[test]
fn an_answer_that_says_how_long_is_obeyed() {
    let says = refuses(SLOW_READ, 1, "TooManyRequestsException", Some("7"));
    let sent = play(Scene::refusing(says), |still| async move {
        looks(&still, 1).await;
        looks(&still, 1).await;
        still.sent(SLOW_READ)
    });
    assert_eq!(sent, [0, 7_000]);
}

/// A place that is not free is no rate that was exceeded: nobody is slowed down.
#[test]
fn what_is_full_halves_nothing() {
    let says = refuses(START, 3, "LimitExceededException", None);
    let (refused, sent) = play(Scene::refusing(says), |still| async move {
        let point = still.point().await;
        let refused = join_all((0..3).map(|number| still.start_job(&point, number))).await;
        for answer in join_all((3..6).map(|number| still.start_job(&point, number))).await {
            answer.expect("there is room again");
        }
        (refused, still.sent(START))
    });
    let codes: Vec<&str> = refused.iter().filter_map(|answer| Some(answer.as_ref().err()?.code.as_str())).collect();
    assert_eq!(codes, ["LimitExceededException"; 3]);
    assert_eq!(sent, [0, 0, 0, 0, 0, 200]);
}

/// AWS Backup allows two requests of each kind a second, and half as many from the second minute on.
fn allows_little(start: Timestamp) -> Says {
    let last: Mutex<BTreeMap<String, Timestamp>> = Mutex::default();
    Box::new(move |operation, now| {
        if !operation.starts_with("backup:") {
            return None;
        }
        let is_late = now.duration_since(start) > SignedDuration::from_mins(1);
        let between = SignedDuration::from_millis(if is_late { 1_000 } else { 500 });
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_early = last.get(operation).is_some_and(|last| now.duration_since(*last) < between);
        if is_early {
            return Some(Refusal { code: "ThrottlingException", retry_after: None });
        }
        last.insert(operation.to_owned(), now);
        None
    })
}

#[test]
fn drills_whose_rates_are_lower_than_documented_and_halved_half_way_take_longer_and_all_pass() {
    const DRILLS: usize = 10;
    let start = "2026-11-21T12:00:00Z".parse().expect("an instant");
    let (verdicts, counts, before, after) = play(Scene::refusing(allows_little(start)), |still| async move {
        let before = still.direct.inventory();
        let runs = (0..DRILLS).map(|number| still.drives(number, Arc::clone(&still.cloud.vault)));
        let verdicts = join_all(runs).await;
        (verdicts, still.counts(), before, still.direct.inventory())
    });
    assert_eq!(verdicts, [Verdict::Passed; DRILLS], "a throttle fails no drill");
    assert_eq!(after.restore_jobs.len(), DRILLS, "and starts nothing twice");
    assert_harmless("halved rates", &before, &after);
    let (sent, refused) = counts;
    assert!(refused > 0, "nothing was refused in {sent} requests");
}

/// Of a hundred requests to AWS Backup so many are refused, by chance that repeats; until then, if it ends.
fn refuses_of_a_hundred(percent: u32, until: Option<Timestamp>) -> Says {
    let chance = Mutex::new(7_u32);
    Box::new(move |operation, now| {
        if !operation.starts_with("backup:") || until.is_some_and(|until| now >= until) {
            return None;
        }
        let mut drawn = chance.lock().unwrap_or_else(PoisonError::into_inner);
        *drawn = drawn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let is_refused = (*drawn >> 16) % 100 < percent;
        is_refused.then_some(Refusal { code: "ThrottlingException", retry_after: None })
    })
}

/// What AWS documents for a second; twice as much fits into the second that begins after a rest.
const DOCUMENTED: [(&str, usize); 5] = [
    (SLOW_READ, 5),
    (START, 5),
    ("backup:DescribeRestoreJob", 15),
    ("backup:ListRestoreJobs", 20),
    ("backup:ListRecoveryPointsByBackupVault", 20),
];

/// One, fifty and a hundred of a hundred requests are throttled, the last for ten minutes: each drill passes, nothing is
/// started twice, and what is sent stays within 1.2 times what AWS documents, in any ten seconds.
#[test]
fn throttles_of_any_share_fail_no_drill_and_are_answered_with_no_more_requests() {
    const DRILLS: usize = 10;
    let start: Timestamp = "2026-11-21T12:00:00Z".parse().expect("an instant");
    for (percent, minutes) in [(1, None), (50, None), (100, Some(10))] {
        let case = format!("{percent} of a hundred");
        let until = minutes.map(|minutes| start + SignedDuration::from_mins(minutes));
        let scene = Scene::refusing(refuses_of_a_hundred(percent, until));
        let (verdicts, counts, before, after, sent) = play(scene, |still| async move {
            let before = still.direct.inventory();
            let runs = (0..DRILLS).map(|number| still.drives(number, Arc::clone(&still.cloud.vault)));
            let verdicts = join_all(runs).await;
            let sent = DOCUMENTED.map(|(operation, each)| (operation, each, still.sent(operation)));
            (verdicts, still.counts(), before, still.direct.inventory(), sent)
        });
        assert_eq!(verdicts, [Verdict::Passed; DRILLS], "{case}");
        assert_eq!(after.restore_jobs.len(), DRILLS, "{case}");
        assert_harmless(&case, &before, &after);
        let (all, refused) = counts;
        assert!(refused > 0, "{case}: nothing was refused in {all} requests");
        for (operation, each_second, at) in sent {
            for first in &at {
                let within = at.iter().filter(|one| (*first..*first + 10_000).contains(*one)).count();
                assert!(within * 10 <= 12 * 11 * each_second, "{case}: {within} of {operation} from {first} ms on");
            }
        }
        if percent == 100 {
            // Ten minutes in which every answer is a refusal: each drill asks less and less often.
            assert!(refused <= DRILLS * 30, "{case}: {refused} requests were refused");
        }
    }
}

/// A start that AWS wants to see again later is not sent before, however often that is said, and starts one job.
#[test]
fn a_burst_of_answers_that_say_how_long_delays_a_drill_and_fails_none() {
    let says = refuses(START, 3, "ThrottlingException", Some("30"));
    let (verdict, sent, jobs) = play(Scene::refusing(says), |still| async move {
        let verdict = still.drives(0, Arc::clone(&still.cloud.vault)).await;
        (verdict, still.sent(START), still.direct.inventory().restore_jobs.len())
    });
    assert_eq!((verdict, sent.len(), jobs), (Verdict::Passed, 4, 1), "{sent:?}");
    assert!(sent.windows(2).all(|two| two[1] - two[0] >= 30_000), "{sent:?}");
}

/// The SDK's own retries stop for good after a hundred throttles. drill uses none of them: nothing is used up, and each
/// question is one request.
#[test]
fn a_hundred_throttles_use_nothing_up() {
    const THROTTLES: u32 = 150;
    let says = refuses(SLOW_READ, THROTTLES, "ThrottlingException", None);
    let (refused, last, sent) = play(Scene::refusing(says), |still| async move {
        let mut refused = 0;
        for _ in 0..THROTTLES {
            refused += looks(&still, 1).await.iter().filter(|answer| answer.is_err()).count();
        }
        (refused, looks(&still, 1).await, still.sent(SLOW_READ).len())
    });
    assert_eq!((refused, sent), (150, 151));
    assert!(last.iter().all(Result::is_ok), "{last:?}");
}

// ---- whose the credentials are ----

/// The preflight asks STS; no change asks again, because a key never changes its account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_the_caller_is_is_not_asked_again_before_each_change() {
    let case = "one key";
    let mut bench = Bench::new(worlds::ORDERS).await;
    let asked = |bench: &Bench| {
        let calls = bench.inventory().calls;
        let start = calls.iter().position(|call| call.operation == START).expect("it was started");
        calls[start..].iter().filter(|call| call.operation == "sts:GetCallerIdentity").count()
    };
    let (journal, state) = bench.begin().await;
    let run = state.run;
    let fate = Fate::DiesOnce(|event| matches!(event, Event::RestoreAccepted { .. }));
    bench.live(case, &mut Pen::new(journal, fate), state, None).await;
    assert_eq!(asked(&bench), 0);
    // The next process knows nothing of what STS said to the last one.
    bench.use_account(ACCOUNT).await;
    let state = bench.resume(case, run, None).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{:?}", conclusion(&state).reasons);
    assert_eq!(asked(&bench), 1, "once for its key, before its first change");
    let after = bench.inventory();
    assert!(after.effects().filter(|call| call.operation.starts_with("rds:")).count() >= 2, "{:?}", after.calls);
    assert_harmless(case, &bench.before, &after);
}
