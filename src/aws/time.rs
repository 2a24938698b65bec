//! AWS's instants and ours.

use aws_smithy_types::DateTime;
use jiff::Timestamp;

/// AWS's instant; `None` for one that is absent or outside the years that `jiff` knows.
pub(crate) fn instant(time: Option<&DateTime>) -> Option<Timestamp> {
    let time = time?;
    let nanos = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanos).ok()
}

/// Our instant for AWS, cut to seconds: a filter needs no more.
pub(crate) fn date_time(instant: Timestamp) -> DateTime {
    DateTime::from_secs(instant.as_second())
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::{date_time, instant};

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
