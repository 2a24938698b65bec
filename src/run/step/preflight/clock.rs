//! The machine's clock against AWS's: signatures that are five minutes off are refused (facts, appendix B).

use jiff::{SignedDuration, Timestamp};

use crate::cloud::check::Check;
use crate::run::services::Services;
use crate::run::step::preflight::Looking;
use crate::words::kind::CheckId;
use crate::words::time::show_duration;

const ID: CheckId = CheckId::ClockSkew;
const WHAT: &str = "clock";
const MEND: &str = "set this machine's clock by NTP, such as with `timedatectl set-ntp true`";

/// AWS refuses a request that is signed so far from its own time.
const REFUSED: SignedDuration = SignedDuration::from_mins(5);

/// From here on measured ages and lags are doubtful.
const ODD: SignedDuration = SignedDuration::from_mins(1);

/// `Date` has whole seconds, cut.
const GRAIN: SignedDuration = SignedDuration::from_secs(1);

pub(super) async fn check(cx: &Looking<'_>) -> Vec<Check> {
    vec![skew(cx.services).await]
}

/// AWS's time against the times just before and just after it was asked for.
pub(super) async fn skew(services: &Services) -> Check {
    let before = services.clock.now();
    let answer = services.cloud.surroundings.time().await;
    let after = services.clock.now();
    match answer {
        Ok(Some(theirs)) => judge(before, theirs, after),
        Ok(None) => Check::not_checked(ID, WHAT, "AWS's answer carries no `Date` that can be read"),
        Err(error) => Check::unanswered(ID, WHAT, "sts:GetCallerIdentity", &error),
    }
}

/// How slow the answer was says nothing about the clock: only what lies outside of both instants counts.
fn judge(before: Timestamp, theirs: Timestamp, after: Timestamp) -> Check {
    let ahead = before.duration_since(theirs) - GRAIN;
    let behind = theirs.duration_since(after);
    let (off, way) = if ahead > behind { (ahead, "ahead of") } else { (behind, "behind") };
    if off <= ODD {
        return Check::ok(ID, WHAT, "it agrees with AWS's to within a minute");
    }
    let detail = format!("this machine's clock is {} {way} AWS's", show_duration(off));
    if off > REFUSED {
        let detail = format!("{detail}; AWS refuses requests that are signed more than 5m off");
        return Check::failed(ID, WHAT, &detail).mended_by(MEND);
    }
    Check::warning(ID, WHAT, &format!("{detail}; ages and lags are off by as much")).mended_by(MEND)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::judge;
    use crate::cloud::check::CheckResult;

    #[test]
    fn only_what_the_answer_cannot_explain_is_skew() {
        let here: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let later = |seconds: i64| here + SignedDuration::from_secs(seconds);
        let judged = |theirs: i64, took: i64| judge(here, later(theirs), later(took)).result;
        assert_eq!(judged(0, 0), CheckResult::Ok);
        assert_eq!(judged(600, 900), CheckResult::Ok);
        assert_eq!(judged(-61, 0), CheckResult::Ok);
        assert_eq!(judged(-62, 0), CheckResult::Warning);
        assert_eq!(judged(90, 0), CheckResult::Warning);
        assert_eq!(judged(301, 0), CheckResult::Failed);
        assert_eq!(judged(-600, 30), CheckResult::Failed);
        assert!(judge(here, later(-600), here).detail.contains("9m 59s ahead of AWS's"));
        assert!(judge(here, later(600), here).detail.contains("10m behind AWS's"));
    }
}
