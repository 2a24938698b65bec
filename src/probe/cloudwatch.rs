//! `cloudwatch`: what has a metric of the restored resource been lately?
//!
//! | observed | what |
//! |---|---|
//! | `value`, `newest` | the latest period's statistic, and when that period began |
//! | `least`, `most`, `average` | of the periods' statistics |
//! | `points` | how many periods something was reported in |
//!
//! A metric in which nothing was reported is a miss: CloudWatch tells a wrong name from a silent resource no more than
//! it tells either from one that has just started.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::cloud::data::{MetricAsked, MetricPoint};
use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, shown, typed, unasked};
use crate::probe::output::nothing;
use crate::probe::reading::named;
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::words::time::show_duration;
use crate::yaml::shape::{Field, Shape};

/// CloudWatch's statistics that are one number.
const STATISTICS: &[&str] = &["Average", "Maximum", "Minimum", "SampleCount", "Sum"];

/// One period, in seconds, and what a period is a multiple of.
const MINUTE: i64 = 60;

/// The longest period that CloudWatch keeps apart, in seconds: a day.
const LONGEST_PERIOD: i64 = 86_400;

/// How far back is looked unless the definition says otherwise, in seconds.
const USUAL_LAST: i64 = 10 * MINUTE;

/// CloudWatch answers no more periods at once.
const MOST_POINTS: i64 = 1_440;

/// CloudWatch's metrics have no more dimensions.
const MOST_DIMENSIONS: usize = 30;

/// The kind.
pub struct CloudWatch;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CloudWatchSettings {
    namespace: String,
    metric: String,
    dimension: Option<String>,
    #[serde(default)]
    dimensions: BTreeMap<String, Given>,
    #[serde(default = "average")]
    statistic: String,
    #[serde(default = "minute")]
    period: SignedDuration,
    #[serde(default = "usual_last")]
    last: SignedDuration,
}

fn average() -> String {
    "Average".to_owned()
}

fn minute() -> SignedDuration {
    SignedDuration::from_secs(MINUTE)
}

fn usual_last() -> SignedDuration {
    SignedDuration::from_secs(USUAL_LAST)
}

#[async_trait]
impl ProbeCalls for CloudWatch {
    fn kind(&self) -> ProbeKind {
        ProbeKind::CloudWatch
    }

    fn about(&self) -> &'static str {
        "Read a metric of the restored resource."
    }

    fn holds_when(&self) -> &'static str {
        "the metric has values"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/cloudwatch.md")
    }

    fn fields(&self) -> Vec<Field> {
        let dimensions = Shape::Dictionary { key: Box::new(Shape::Text), of: Box::new(Shape::Template), min: 1 };
        vec![
            Field::required("namespace", Shape::Text, "The metric's namespace, such as AWS/RDS or AWS/EC2."),
            Field::required("metric", Shape::Text, "The metric's name, such as FreeStorageSpace or CPUUtilization."),
            Field::optional(
                "dimension",
                Shape::Text,
                "The dimension whose value is the restored resource's id, such as DBInstanceIdentifier or InstanceId.",
            ),
            Field::optional(
                "dimensions",
                dimensions,
                "Dimensions and their values. Together with `dimension` all of the metric's, or nothing is found.",
            ),
            Field::optional("statistic", Shape::Choice(STATISTICS), "Of each period; Average by default."),
            Field::optional("period", Shape::Duration, "Whole minutes, up to a day; 1m by default."),
            Field::optional("last", Shape::Duration, "How far back to look; 10m by default, at most 1,440 periods."),
        ]
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["cloudwatch:GetMetricStatistics"]
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["metric", "namespace", "dimension", "dimensions"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        typed::<CloudWatchSettings>(settings)?.check()
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: CloudWatchSettings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("no answer within {}", shown(timeout))));
        tokio::time::timeout(timeout, read(&settings, target)).await.unwrap_or_else(late)
    }
}

impl CloudWatchSettings {
    fn check(&self) -> Result<(), String> {
        if self.dimension.is_none() && self.dimensions.is_empty() {
            return Err("say whose metric it is: with `dimension`, such as `dimension: DBInstanceIdentifier` for the \
                        restored database, or with `dimensions`"
                .to_owned());
        }
        if self.dimensions.len() >= MOST_DIMENSIONS {
            return Err(format!("a metric has at most {MOST_DIMENSIONS} dimensions"));
        }
        if let Some(twice) = self.dimension.as_ref().filter(|name| self.dimensions.contains_key(*name)) {
            return Err(format!("`{twice}` is in `dimension` and in `dimensions`"));
        }
        self.dimensions.iter().try_for_each(|(name, value)| value.check(&format!("dimensions.{name}")))?;
        let period = self.period.as_secs();
        if self.period.subsec_nanos() != 0 || period % MINUTE != 0 || !(MINUTE..=LONGEST_PERIOD).contains(&period) {
            return Err("`period` is whole minutes, from 1m to 24h".to_owned());
        }
        if self.last < self.period {
            return Err("`last` is shorter than one `period`".to_owned());
        }
        if self.last.as_secs() > period.saturating_mul(MOST_POINTS) {
            return Err(format!("`last` holds more than {MOST_POINTS} periods; make `period` longer"));
        }
        Ok(())
    }

    fn asked(&self, target: &Target) -> Result<MetricAsked, Miss> {
        let mut dimensions = BTreeMap::new();
        for (name, value) in &self.dimensions {
            dimensions.insert(name.clone(), value.fill(&format!("dimensions.{name}"), target)?);
        }
        if let Some(name) = &self.dimension {
            dimensions.insert(name.clone(), named(None, "dimensions", target)?);
        }
        Ok(MetricAsked {
            namespace: self.namespace.clone(),
            name: self.metric.clone(),
            dimensions,
            statistic: self.statistic.clone(),
            period: self.period,
            from: target.now.checked_sub(self.last).unwrap_or(Timestamp::MIN),
            to: target.now,
        })
    }
}

async fn read(settings: &CloudWatchSettings, target: &Target) -> Outcome {
    let asked = settings.asked(target)?;
    let points = target.metrics.metric(&asked).await.map_err(|error| unasked(&error))?;
    let last = show_duration(settings.last);
    match observed(&points) {
        Some(mut seen) => {
            let period = show_duration(asked.period);
            let what =
                format!("{} {}, {} of each {period} in the last {last}", asked.namespace, asked.name, asked.statistic);
            seen.facts.insert("metric".to_owned(), what);
            seen.facts.insert("dimensions".to_owned(), dimensions(&asked));
            Ok(seen)
        }
        None => {
            let message = format!(
                "`{}` of `{}` for {} reported nothing in the last {last}; the metrics of a new resource appear some \
                 minutes after it started: give the probe a `retry`, and check that namespace, metric and every \
                 dimension are the metric's own",
                asked.name,
                asked.namespace,
                dimensions(&asked),
            );
            Err(miss(ProbeReason::Expectation, &message))
        }
    }
}

fn dimensions(asked: &MetricAsked) -> String {
    let pairs: Vec<String> = asked.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(", ")
}

/// What the points come to, the oldest of them first. None: there is none.
fn observed(points: &[MetricPoint]) -> Option<Observed> {
    let latest = points.last()?;
    let values = || points.iter().map(|point| point.value);
    // A double holds every count that CloudWatch answers.
    let average = values().sum::<f64>() / f64::from(u32::try_from(points.len()).unwrap_or(u32::MAX));
    let mut seen = nothing();
    let mut add = |name: &str, value: Value| seen.values.insert(name.to_owned(), value);
    add("value", latest.value.into());
    add("newest", latest.at.to_string().into());
    add("least", values().fold(f64::INFINITY, f64::min).into());
    add("most", values().fold(f64::NEG_INFINITY, f64::max).into());
    add("average", average.into());
    add("points", points.len().into());
    Some(seen)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use async_trait::async_trait;
    use serde_json::{Value, json};

    use super::CloudWatch;
    use crate::cloud::data::{MetricAsked, MetricPoint, Metrics};
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::definition::model::ProbeReason;
    use crate::probe::target::Target;
    use crate::probe::{Outcome, ProbeCalls as _};

    /// Answers everything alike, and keeps what it was asked.
    struct Fixed {
        answer: Result<Vec<MetricPoint>, CloudError>,
        asked: Mutex<Option<MetricAsked>>,
    }

    #[async_trait]
    impl Metrics for Fixed {
        async fn metric(&self, asked: &MetricAsked) -> Result<Vec<MetricPoint>, CloudError> {
            *self.asked.lock().unwrap() = Some(asked.clone());
            self.answer.clone()
        }
    }

    fn with(change: Value) -> serde_json::Map<String, Value> {
        let mut settings = serde_json::Map::from_iter([
            ("namespace".to_owned(), json!("AWS/RDS")),
            ("metric".to_owned(), json!("CPUUtilization")),
        ]);
        let Value::Object(change) = change else { unreachable!() };
        settings.extend(change);
        settings
    }

    async fn attempt(change: Value, answer: Result<Vec<MetricPoint>, CloudError>) -> (Outcome, Option<MetricAsked>) {
        let settings = with(change);
        CloudWatch.check(&settings).unwrap();
        let metrics = Arc::new(Fixed { answer, asked: Mutex::new(None) });
        let mut target = Target { metrics: Arc::clone(&metrics) as Arc<dyn Metrics>, ..Target::for_tests() };
        target.identifier = Some("drill-1-orders".to_owned());
        target.values.insert("run.id".to_owned(), "r-1".to_owned());
        let outcome = CloudWatch.attempt(&settings, &target, Duration::from_secs(30)).await;
        let asked = metrics.asked.lock().unwrap().take();
        (outcome, asked)
    }

    fn points(values: &[f64]) -> Vec<MetricPoint> {
        let point = |(second, value): (i64, &f64)| MetricPoint {
            at: jiff::Timestamp::from_second(1_793_491_200 + 60 * second).unwrap(),
            value: *value,
        };
        (0_i64..).zip(values).map(point).collect()
    }

    #[tokio::test]
    async fn the_restored_thing_s_metric_is_asked_for_and_summed_up() {
        let settings =
            json!({ "dimension": "DBInstanceIdentifier", "dimensions": { "Run": "${{ run.id }}" }, "last": "PT5M" });
        let (outcome, asked) = attempt(settings, Ok(points(&[4.5, 9.0, 1.5, 3.0]))).await;
        let seen = outcome.unwrap().values;
        let wanted = json!({
            "value": 3.0, "least": 1.5, "most": 9.0, "average": 4.5, "points": 4, "newest": "2026-11-01T00:03:00Z",
        });
        let wanted: BTreeMap<String, Value> = serde_json::from_value(wanted).unwrap();
        assert_eq!(seen, wanted);
        let asked = asked.unwrap();
        let dimensions: Vec<(&str, &str)> =
            asked.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(dimensions, [("DBInstanceIdentifier", "drill-1-orders"), ("Run", "r-1")]);
        assert_eq!((asked.statistic.as_str(), asked.period.as_secs()), ("Average", 60));
        assert_eq!(
            (asked.from.to_string().as_str(), asked.to.to_string().as_str()),
            ("2026-10-31T23:55:00Z", "2026-11-01T00:00:00Z")
        );
    }

    #[tokio::test]
    async fn silence_and_refusals_are_told_apart() {
        let settings = || json!({ "dimension": "DBInstanceIdentifier" });
        let silent = attempt(settings(), Ok(Vec::new())).await.0.unwrap_err();
        assert_eq!(silent.reason, ProbeReason::Expectation);
        assert!(
            silent.message.contains("reported nothing") && silent.message.contains("`retry`"),
            "{}",
            silent.message
        );
        let denied = CloudError::new("cloudwatch:GetMetricStatistics", ErrorKind::Denied, "AccessDenied", "no", None);
        let denied = attempt(settings(), Err(denied)).await.0.unwrap_err();
        assert_eq!(denied.reason, ProbeReason::Setup);
    }

    #[tokio::test]
    async fn without_anything_restored_there_is_no_id() {
        let settings = with(json!({ "dimension": "InstanceId" }));
        let nowhere = CloudWatch.attempt(&settings, &Target::for_tests(), Duration::from_secs(30)).await;
        assert_eq!(nowhere.unwrap_err().reason, ProbeReason::Setup);
    }

    #[test]
    fn settings_that_cloudwatch_would_refuse_are_refused() {
        let both = json!({ "dimension": "A", "dimensions": { "A": "x" } });
        for (change, part) in [
            (json!({}), "whose metric"),
            (both, "in `dimension` and in `dimensions`"),
            (json!({ "dimension": "A", "period": "PT90S" }), "whole minutes"),
            (json!({ "dimension": "A", "period": "PT48H" }), "whole minutes"),
            (json!({ "dimension": "A", "period": "PT5M", "last": "PT4M" }), "shorter than one"),
            (json!({ "dimension": "A", "last": "PT25H" }), "more than 1440 periods"),
            (json!({ "dimensions": { "A": "${{ nonsense }}" } }), "dimensions.A"),
        ] {
            let problem = CloudWatch.check(&with(change.clone())).unwrap_err();
            assert!(problem.contains(part), "{change}: {problem}");
        }
    }
}
