//! AWS's instants and ours.

use aws_smithy_types::DateTime;
use jiff::{SignedDuration, Timestamp};

/// How far AWS's clock and the machine's may be apart. Requests signed more than five minutes off are refused (facts
/// 1.2), but a clock may jump after it was checked.
pub(crate) const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(15);

/// AWS's instant; `None` for one that is absent or outside the years that `jiff` knows.
pub(crate) fn instant(time: Option<&DateTime>) -> Option<Timestamp> {
    let time = time?;
    let nanos = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanos).ok()
}

/// Whether something was made at or after `since`, as far as two clocks can tell. What has no time was not.
pub(crate) fn made_since(made: Option<&DateTime>, since: Timestamp) -> bool {
    instant(made).is_some_and(|made| since.duration_since(made) <= CLOCK_TOLERANCE)
}

/// Our instant for AWS, cut to seconds: a filter needs no more.
pub(crate) fn date_time(instant: Timestamp) -> DateTime {
    DateTime::from_secs(instant.as_second())
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use jiff::Timestamp;

    use super::{date_time, instant, made_since};

    #[test]
    fn what_is_older_than_the_intent_was_not_made_by_it() {
        let since = Timestamp::from_second(1_767_225_600).unwrap();
        let made = |second: i64| made_since(Some(&DateTime::from_secs(second)), since);
        assert!(made(1_767_225_600) && made(1_767_229_200) && made(1_767_225_600 - 900));
        assert!(!made(1_767_225_600 - 901));
        assert!(!made_since(None, since));
    }

    #[test]
    fn instants_go_there_and_back() {
        let there = DateTime::from_secs_and_nanos(1_516_925_490, 87_000_000);
        let here = instant(Some(&there)).unwrap();
        assert_eq!(here.to_string(), "2018-01-26T00:11:30.087Z");
        assert_eq!(date_time(here).secs(), 1_516_925_490);
        assert_eq!(instant(None), None);
        assert_eq!(instant(Some(&DateTime::from_secs(i64::MAX))), None);
    }
}
