//! What a request to CloudWatch asks for, by CloudWatch's rules.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::service::cloudwatch::series::{MINUTE, Series, minute};

/// No answer has more periods.
const MOST_POINTS: i64 = 1_440;

const STATISTICS: &[&str] = &["Average", "Maximum", "Minimum", "SampleCount", "Sum"];

/// A metric, or a part of its name.
pub(super) struct Wanted {
    namespace: Option<String>,
    name: Option<String>,
    /// A dimension, and its value where one is given.
    dimensions: Vec<(String, Option<String>)>,
}

/// A `GetMetricStatistics`.
pub(super) struct Asked {
    pub(super) wanted: Wanted,
    pub(super) label: String,
    pub(super) statistics: Vec<String>,
    /// Minutes since 1970, the last excluded.
    minutes: (i64, i64),
    /// Minutes of one period.
    period: i64,
}

impl Wanted {
    pub(super) fn read(ask: &Ask) -> Self {
        let dimensions = ask.body.get("Dimensions").and_then(Value::as_array).into_iter().flatten();
        let text = |one: &Value, key: &str| one.get(key).and_then(Value::as_str).map(str::to_owned);
        Self {
            namespace: ask.text("Namespace").map(str::to_owned),
            name: ask.text("MetricName").map(str::to_owned),
            dimensions: dimensions.filter_map(|one| Some((text(one, "Name")?, text(one, "Value")))).collect(),
        }
    }

    /// Whether a metric has all of this.
    pub(super) fn fits(&self, series: &Series) -> bool {
        self.namespace.as_deref().is_none_or(|namespace| namespace == series.namespace)
            && self.name.as_deref().is_none_or(|name| name == series.name)
            && self.dimensions.iter().all(|(name, value)| {
                name == series.dimension && value.as_deref().is_none_or(|value| value == series.id)
            })
    }

    /// Whether this is a metric's whole name: with a dimension less it is another's, which nobody reports.
    pub(super) fn is(&self, series: &Series) -> bool {
        self.fits(series) && self.dimensions.len() == 1
    }
}

impl Asked {
    pub(super) fn read(ask: &Ask) -> Result<Self, Failure> {
        required(ask, "Namespace")?;
        let label = required(ask, "MetricName")?.to_owned();
        let (from, to) = (time(ask, "StartTime")?, time(ask, "EndTime")?);
        if from >= to {
            return Err(invalid("The parameter StartTime must be less than the parameter EndTime."));
        }
        let seconds = ask.body.get("Period").and_then(Value::as_i64).ok_or_else(|| missing("Period"))?;
        if seconds < MINUTE || seconds % MINUTE != 0 || seconds > 86_400 * 365 {
            return Err(invalid("The parameter Period must be a multiple of 60."));
        }
        // A start within a minute is taken back to the minute's own.
        let (from, to) = (minute(from), to.as_second().div_euclid(MINUTE) + i64::from(to.as_second() % MINUTE != 0));
        let asked = Self {
            wanted: Wanted::read(ask),
            label,
            statistics: statistics(ask)?,
            minutes: (from, to),
            period: seconds / MINUTE,
        };
        let count = asked.count();
        if count > MOST_POINTS {
            let message = format!(
                "You have requested up to {count} datapoints, which exceeds the limit of {MOST_POINTS}. You may reduce \
                 the datapoints requested by increasing Period, or decreasing the time range."
            );
            return Err(Failure::bad("InvalidParameterCombination", message));
        }
        Ok(asked)
    }

    fn count(&self) -> i64 {
        (self.minutes.1 - self.minutes.0 + self.period - 1) / self.period
    }

    /// The periods as minutes since 1970, each end excluded, oldest first.
    pub(super) fn periods(&self) -> impl Iterator<Item = (i64, i64)> {
        let (from, to) = self.minutes;
        (0..self.count()).map(move |number| {
            let start = from + number * self.period;
            (start, (start + self.period).min(to))
        })
    }
}

fn missing(name: &str) -> Failure {
    Failure::bad("MissingParameter", format!("The parameter {name} is required."))
}

fn invalid(message: &str) -> Failure {
    Failure::bad("InvalidParameterValue", message)
}

fn required<'a>(ask: &'a Ask, name: &str) -> Result<&'a str, Failure> {
    ask.text(name).filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
}

/// An instant as both protocols carry it: seconds since 1970.
fn time(ask: &Ask, name: &str) -> Result<Timestamp, Failure> {
    let seconds = ask.body.get(name).and_then(Value::as_f64).ok_or_else(|| missing(name))?;
    let since_1970 = SignedDuration::try_from_secs_f64(seconds).ok();
    since_1970
        .and_then(|since| Timestamp::from_duration(since).ok())
        .ok_or_else(|| invalid(&format!("The parameter {name} is no instant.")))
}

fn statistics(ask: &Ask) -> Result<Vec<String>, Failure> {
    let named = ask.body.get("Statistics").and_then(Value::as_array).into_iter().flatten();
    let named: Vec<String> = named.filter_map(Value::as_str).map(str::to_owned).collect();
    if named.is_empty() {
        return Err(Failure::bad(
            "MissingParameter",
            "The parameters Statistics and ExtendedStatistics must not both be empty.",
        ));
    }
    match named.iter().find(|word| !STATISTICS.contains(&word.as_str())) {
        Some(unknown) => Err(invalid(&format!("The value {unknown} for parameter Statistics.member is invalid."))),
        None => Ok(named),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Asked;
    use crate::sandbox::protocol::Ask;

    fn ask(change: Value) -> Ask {
        let mut body = json!({
            "Namespace": "AWS/RDS",
            "MetricName": "CPUUtilization",
            "Dimensions": [{ "Name": "DBInstanceIdentifier", "Value": "orders" }],
            "StartTime": 6_030,
            "EndTime": 6_301.5,
            "Period": 120,
            "Statistics": ["Average"],
        });
        if let (Some(body), Value::Object(change)) = (body.as_object_mut(), change) {
            body.extend(change);
        }
        Ask { body, ..Ask::default() }
    }

    #[test]
    fn periods_begin_at_the_start_s_minute_and_cover_the_end() {
        let asked = Asked::read(&ask(json!({}))).unwrap();
        assert_eq!(asked.periods().collect::<Vec<_>>(), [(100, 102), (102, 104), (104, 106)]);
    }

    #[test]
    fn what_cloudwatch_refuses_is_refused() {
        for (change, code) in [
            (json!({ "Namespace": null }), "MissingParameter"),
            (json!({ "Statistics": [] }), "MissingParameter"),
            (json!({ "Statistics": ["Median"] }), "InvalidParameterValue"),
            (json!({ "StartTime": 7_000 }), "InvalidParameterValue"),
            (json!({ "EndTime": 1e300 }), "InvalidParameterValue"),
            (json!({ "Period": 90 }), "InvalidParameterValue"),
            (json!({ "EndTime": 6_030 + 120 * 1_441 }), "InvalidParameterCombination"),
        ] {
            assert_eq!(Asked::read(&ask(change.clone())).err().unwrap().code, code, "{change}");
        }
    }
}
