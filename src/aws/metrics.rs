//! Reading metrics. Permission: `cloudwatch:GetMetricStatistics`.

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Statistic};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::time::{date_time, instant};
use crate::cloud::data::{MetricAsked, MetricPoint, Metrics};
use crate::cloud::error::{CloudError, ErrorKind};

const OPERATION: &str = "cloudwatch:GetMetricStatistics";

/// [`Metrics`] over CloudWatch.
pub struct AwsMetrics {
    client: Handle<aws_sdk_cloudwatch::Client>,
}

impl AwsMetrics {
    /// Over the destination's client.
    #[must_use]
    pub fn new(client: Handle<aws_sdk_cloudwatch::Client>) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Metrics for AwsMetrics {
    async fn metric(&self, asked: &MetricAsked) -> Result<Vec<MetricPoint>, CloudError> {
        let period = i32::try_from(asked.period.as_secs()).ok().filter(|seconds| *seconds > 0).ok_or_else(|| {
            CloudError::new(OPERATION, ErrorKind::Invalid, "bad_period", "the period is no time", None)
        })?;
        let dimensions = asked
            .dimensions
            .iter()
            .map(|(name, value)| Dimension::builder().name(name.as_str()).value(value.as_str()).build());
        let ask = self.client.get_metric_statistics().namespace(asked.namespace.as_str());
        let ask = ask
            .metric_name(asked.name.as_str())
            .set_dimensions(Some(dimensions.collect()))
            .statistics(Statistic::from(asked.statistic.as_str()))
            .period(period)
            .start_time(date_time(asked.from))
            .end_time(date_time(asked.to));
        let answer = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        points(answer.datapoints(), &asked.statistic)
    }
}

/// The points, oldest first: CloudWatch gives them in no order. One without its instant has no place among the others,
/// and so the answer as a whole cannot be read.
fn points(given: &[Datapoint], statistic: &str) -> Result<Vec<MetricPoint>, CloudError> {
    let point = |one: &Datapoint| {
        let value = value(one, statistic).filter(|value| value.is_finite())?;
        Some(MetricPoint { at: instant(one.timestamp())?, value })
    };
    let told = given.iter().map(|one| {
        point(one).ok_or_else(|| unreadable(OPERATION, "a data point lacks its instant, or the statistic as a number"))
    });
    let mut points: Vec<MetricPoint> = told.collect::<Result<_, _>>()?;
    points.sort_by_key(|point| point.at);
    Ok(points)
}

fn value(point: &Datapoint, statistic: &str) -> Option<f64> {
    match statistic {
        "Average" => point.average(),
        "Minimum" => point.minimum(),
        "Maximum" => point.maximum(),
        "Sum" => point.sum(),
        "SampleCount" => point.sample_count(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::types::Datapoint;
    use aws_smithy_types::DateTime;

    use super::points;
    use crate::cloud::error::ErrorKind;

    #[test]
    fn points_come_oldest_first_in_whatever_order_they_were_given() {
        let point = |second, value| Datapoint::builder().timestamp(DateTime::from_secs(second)).maximum(value).build();
        let read = points(&[point(120, 2.5), point(60, 1.5), point(180, 3.5)], "Maximum").unwrap();
        let shown: Vec<String> = read.iter().map(|point| format!("{} {}", point.at.as_second(), point.value)).collect();
        assert_eq!(shown, ["60 1.5", "120 2.5", "180 3.5"]);
        assert!(points(&[], "Maximum").unwrap().is_empty());
    }

    #[test]
    fn a_point_without_its_instant_or_its_number_is_no_answer() {
        let at = DateTime::from_secs(60);
        for point in [
            Datapoint::builder().average(1.0).build(),
            Datapoint::builder().timestamp(at).build(),
            Datapoint::builder().timestamp(at).maximum(1.0).build(),
            Datapoint::builder().timestamp(at).average(f64::NAN).build(),
        ] {
            assert_eq!(points(&[point], "Average").unwrap_err().kind, ErrorKind::Unreadable);
        }
    }
}
