//! Time: the clock that everything else is given, and durations as users write them.

use async_trait::async_trait;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// Where "now" comes from. The command line constructs one: the machine's, or the simulated world's.
///
/// Journal times, deadlines, polling and retries go by this clock. Time-outs of real sockets do not: a socket is real
/// in the sandbox too.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
    /// Returns once `now()` has reached `instant`.
    async fn sleep_until(&self, instant: Timestamp);
}

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDuration {
    /// A bare number.
    #[error("a duration needs a unit, such as `{0}s`, `{0}m` or `{0}h`")]
    NoUnit(String),
    /// Anything else.
    #[error("`{0}` is not a duration; write it like `90s`, `15m`, `1h30m` or `7d`")]
    Unreadable(String),
    /// Negative, or longer than ten years.
    #[error("`{0}` is out of range: a duration is between 0 and 10 years")]
    OutOfRange(String),
}

/// Reads `90m`, `1h 30m`, `7d`. Days are 24 hours, weeks seven days; months and years are refused.
///
/// # Errors
/// When the text has no unit, is no duration, is negative or longer than ten years.
pub fn parse_duration(text: &str) -> Result<SignedDuration, InvalidDuration> {
    let shown = || text.chars().take(40).collect::<String>();
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(InvalidDuration::NoUnit(shown()));
    }
    let span: jiff::Span = text.parse().map_err(|_| InvalidDuration::Unreadable(shown()))?;
    let relative = jiff::SpanRelativeTo::days_are_24_hours();
    let duration = span.to_duration(relative).map_err(|_| InvalidDuration::Unreadable(shown()))?;
    if duration.is_negative() || duration > SignedDuration::from_hours(24 * 3_660) {
        return Err(InvalidDuration::OutOfRange(shown()));
    }
    Ok(duration)
}

/// `2d 3h`, `1h 2m 3s`, `4.2s`, `350ms`: at most three units, the way tables and reports show durations.
#[must_use]
pub fn show_duration(duration: SignedDuration) -> String {
    let sign = if duration.is_negative() { "-" } else { "" };
    let millis = duration.as_millis().unsigned_abs();
    let seconds = millis / 1_000;
    // Up to two days, people count backups in hours.
    let days = if seconds < 2 * 86_400 { 0 } else { seconds / 86_400 };
    let (hours, minutes, rest) = (seconds / 3_600 - days * 24, seconds / 60 % 60, seconds % 60);
    let shown = match (days, hours, minutes) {
        (0, 0, 0) if millis < 1_000 => format!("{millis}ms"),
        (0, 0, 0) if seconds < 10 && millis % 1_000 / 100 > 0 => format!("{seconds}.{}s", millis % 1_000 / 100),
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, m) => units(&[(m, "m"), (rest, "s")]),
        (0, h, m) => units(&[(h, "h"), (m, "m"), (rest, "s")]),
        (d, h, m) => units(&[(d, "d"), (h, "h"), (m, "m")]),
    };
    format!("{sign}{shown}")
}

/// Units down to the last one that is not zero: `1h`, `1h 0m 5s`.
fn units(units: &[(u128, &str)]) -> String {
    let last = units.iter().rposition(|(count, _)| *count > 0).unwrap_or(0);
    let shown: Vec<String> = units[..=last].iter().map(|(count, unit)| format!("{count}{unit}")).collect();
    shown.join(" ")
}

/// `2026-11-21 03:00:12 UTC`: how people read an instant.
#[must_use]
pub fn show_instant(instant: Timestamp) -> String {
    let at = Offset::UTC.to_datetime(instant);
    if !(0..=9_999).contains(&at.year()) {
        return instant.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    }
    let [month, day] = [at.month(), at.day()].map(i16::from);
    let [hour, minute, second] = [at.hour(), at.minute(), at.second()].map(i16::from);
    let parts = [
        (at.year() / 100, ""),
        (at.year() % 100, "-"),
        (month, "-"),
        (day, " "),
        (hour, ":"),
        (minute, ":"),
        (second, " UTC"),
    ];
    // A report shows some for each step: a format that is read for each of them would be most of the work.
    let mut shown = String::with_capacity("2026-11-21 03:00:12 UTC".len());
    for (two_digits, after) in parts {
        shown.extend([two_digits / 10, two_digits % 10].map(digit));
        shown.push_str(after);
    }
    shown
}

fn digit(value: i16) -> char {
    u32::try_from(value).ok().and_then(|value| char::from_digit(value, 10)).unwrap_or('0')
}

#[cfg(test)]
mod tests {
    use super::{InvalidDuration, parse_duration, show_duration, show_instant};
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn instants_are_shown_to_the_second() {
        for (text, shown) in [
            ("2026-11-21T03:00:12Z", "2026-11-21 03:00:12 UTC"),
            ("1969-12-31T23:59:59.999999999Z", "1969-12-31 23:59:59 UTC"),
            ("0007-01-02T00:00:00.5Z", "0007-01-02 00:00:00 UTC"),
            ("9999-12-30T21:59:59Z", "9999-12-30 21:59:59 UTC"),
        ] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(show_instant(at), shown);
            assert_eq!(show_instant(at), at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
        }
        let before = Timestamp::MIN;
        assert_eq!(show_instant(before), before.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    }

    #[test]
    fn durations_need_units() {
        assert_eq!(parse_duration("90m").unwrap(), SignedDuration::from_mins(90));
        assert_eq!(parse_duration("1h30m").unwrap(), SignedDuration::from_mins(90));
        assert_eq!(parse_duration("7d").unwrap(), SignedDuration::from_hours(168));
        assert!(matches!(parse_duration("90"), Err(InvalidDuration::NoUnit(_))));
        for text in ["", "soon", "90 parsecs", "1y", "-5m"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_shown_as_people_say_them() {
        for (seconds, shown) in [
            (3.0, "3s"),
            (4.25, "4.2s"),
            (59.0, "59s"),
            (754.0, "12m 34s"),
            (3_723.0, "1h 2m 3s"),
            (183_600.0, "2d 3h"),
        ] {
            assert_eq!(show_duration(SignedDuration::from_secs_f64(seconds)), shown);
        }
        assert_eq!(show_duration(SignedDuration::from_millis(350)), "350ms");
    }
}
