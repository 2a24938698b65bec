//! Where evidence is archived, and for how long, as users write it: `s3://bucket/prefix` and `7y`.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// S3 keeps nothing locked for longer than so many years, and neither do we.
const MOST_YEARS: i64 = 100;

/// The longest prefix, in bytes. A key of S3 has 1,024, and drill, run and file come behind the prefix.
const LONGEST_PREFIX: usize = 512;

/// A text that names no place or no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidArchive {
    /// No `s3://`, or no bucket that S3 would take.
    #[error("`{0}` is not a place in S3; write it like s3://bucket/prefix")]
    Place(String),
    /// A prefix with characters that not every tool takes.
    #[error(
        "`{0}` has a prefix that drill does not write below: it may have letters, digits and `!_.-/`, at most \
         {LONGEST_PREFIX} of them, and no empty part, `.` or `..` between its slashes"
    )]
    Prefix(String),
    /// Not a number of days or years.
    #[error("`{0}` is not a time to keep something for; write it like `7y` or `90d`, at most {MOST_YEARS} years")]
    Retention(String),
}

/// A bucket, and what the keys in it begin with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BucketPath {
    bucket: String,
    prefix: String,
}

impl BucketPath {
    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key of something below the prefix.
    #[must_use]
    pub fn key(&self, parts: &[&str]) -> String {
        let prefix = Some(self.prefix.as_str()).filter(|prefix| !prefix.is_empty());
        prefix.into_iter().chain(parts.iter().copied()).collect::<Vec<&str>>().join("/")
    }
}

impl FromStr for BucketPath {
    type Err = InvalidArchive;

    fn from_str(text: &str) -> Result<Self, InvalidArchive> {
        let shown = || text.chars().take(80).collect::<String>();
        let rest = text.strip_prefix("s3://").ok_or_else(|| InvalidArchive::Place(shown()))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_bucket(bucket) {
            return Err(InvalidArchive::Place(shown()));
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let plain = |c: char| c.is_ascii_alphanumeric() || "!_.-/".contains(c);
        let odd = |part: &str| matches!(part, "" | "." | "..");
        let fits = prefix.len() <= LONGEST_PREFIX && prefix.chars().all(plain);
        if !prefix.is_empty() && (!fits || prefix.split('/').any(odd)) {
            return Err(InvalidArchive::Prefix(shown()));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// The names that S3 gives to new buckets.
fn is_bucket(name: &str) -> bool {
    let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.starts_with(end)
        && name.ends_with(end)
        && name.chars().all(|c| end(c) || matches!(c, '-' | '.'))
        && !name.contains("..")
}

impl fmt::Display for BucketPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl TryFrom<String> for BucketPath {
    type Error = InvalidArchive;

    fn try_from(text: String) -> Result<Self, InvalidArchive> {
        text.parse()
    }
}

impl From<BucketPath> for String {
    fn from(path: BucketPath) -> Self {
        path.to_string()
    }
}

/// How long something is kept: whole days or whole years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Retention {
    count: i64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Days,
    Years,
}

impl Retention {
    /// Until when something stays that is kept from `since` on, in whole seconds. Days are 24 hours, years those of the
    /// calendar in UTC. Nothing beyond the times that can be counted.
    #[must_use]
    pub fn until(self, since: Timestamp) -> Option<Timestamp> {
        let until = match self.unit {
            Unit::Days => since.checked_add(SignedDuration::from_hours(self.count.checked_mul(24)?)).ok()?,
            Unit::Years => {
                let years = Span::new().try_years(self.count).ok()?;
                since.to_zoned(TimeZone::UTC).checked_add(years).ok()?.timestamp()
            }
        };
        Timestamp::from_second(until.as_second()).ok()
    }
}

impl FromStr for Retention {
    type Err = InvalidArchive;

    fn from_str(text: &str) -> Result<Self, InvalidArchive> {
        let wrong = || InvalidArchive::Retention(text.chars().take(40).collect());
        let (digits, unit, most) = match (text.strip_suffix('d'), text.strip_suffix('y')) {
            (Some(digits), _) => (digits, Unit::Days, MOST_YEARS * 365),
            (None, Some(digits)) => (digits, Unit::Years, MOST_YEARS),
            (None, None) => return Err(wrong()),
        };
        let plain = digits.chars().all(|c| c.is_ascii_digit());
        let count = digits.parse::<i64>().ok().filter(|count| plain && (1..=most).contains(count));
        count.map(|count| Self { count, unit }).ok_or_else(wrong)
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Days => "d",
            Unit::Years => "y",
        };
        write!(f, "{}{unit}", self.count)
    }
}

impl TryFrom<String> for Retention {
    type Error = InvalidArchive;

    fn try_from(text: String) -> Result<Self, InvalidArchive> {
        text.parse()
    }
}

impl From<Retention> for String {
    fn from(retention: Retention) -> Self {
        retention.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{BucketPath, Retention};

    #[test]
    fn a_place_is_a_bucket_and_what_keys_begin_with() {
        let path: BucketPath = "s3://audit-archive/drills/eu/".parse().unwrap();
        assert_eq!((path.bucket(), path.to_string().as_str()), ("audit-archive", "s3://audit-archive/drills/eu"));
        assert_eq!(path.key(&["orders", "run", "report.md"]), "drills/eu/orders/run/report.md");
        let bare: BucketPath = "s3://audit-archive".parse().unwrap();
        assert_eq!((bare.key(&["a"]).as_str(), bare.to_string().as_str()), ("a", "s3://audit-archive"));
        for wrong in [
            "audit-archive",
            "s3://",
            "s3://Audit",
            "s3://a..b",
            "s3://audit-archive//x",
            "s3://audit-archive/../x",
            "s3://audit-archive/a b",
        ] {
            assert!(wrong.parse::<BucketPath>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn years_are_those_of_the_calendar() {
        let until = |text: &str, since: &str| {
            let retention: Retention = text.parse().unwrap();
            assert_eq!(retention.to_string(), text);
            retention.until(since.parse().unwrap()).unwrap().to_string()
        };
        assert_eq!(until("7y", "2026-11-21T12:00:00.5Z"), "2033-11-21T12:00:00Z");
        assert_eq!(until("1y", "2028-02-29T00:00:00Z"), "2029-02-28T00:00:00Z");
        assert_eq!(until("90d", "2026-11-21T12:00:00Z"), "2027-02-19T12:00:00Z");
        for wrong in ["", "7", "0d", "101y", "-1y", "+1y", "1.5y", "6m", "y", "36501d"] {
            assert!(wrong.parse::<Retention>().is_err(), "{wrong}");
        }
    }
}
