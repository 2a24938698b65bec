//! CloudWatch: the metrics of databases and instances, one value each minute. boto3 and the `aws` command line speak
//! JSON to it, the Rust SDK speaks CBOR.

mod asked;
mod series;

use serde_json::{Map, Value, json};

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol, Wire, cbor};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::service::cloudwatch::asked::{Asked, Wanted};
use crate::sandbox::service::cloudwatch::series::{Series, all, instant_of, minute};
use crate::sandbox::service::page::cut;
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;

/// A page of `ListMetrics`.
const PAGE: usize = 500;

/// CloudWatch.
pub(crate) struct CloudWatch;

impl ServiceCalls for CloudWatch {
    fn signing_name(&self) -> &'static str {
        "monitoring"
    }

    fn prefix(&self) -> &'static str {
        "cloudwatch"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.0" }
    }

    fn spoken(&self, wire: &Wire) -> Protocol {
        if cbor::is_spoken(wire) { Protocol::Cbor } else { self.protocol() }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["GetMetricStatistics", "ListMetrics"]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        let place = caller.place();
        let answer = match ask.operation.as_str() {
            "GetMetricStatistics" => statistics(world, &place, ask),
            "ListMetrics" => list(world, &place, ask),
            other => Err(Failure::unknown(other)),
        };
        answer.map(Answer::Json)
    }
}

/// Periods in no order, and only those in which something was reported. What nobody knows is no error: it is empty.
fn statistics(world: &World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let asked = Asked::read(ask)?;
    let now = minute(world.now);
    let mut points = Vec::new();
    if let Some(series) = all(world, place).into_iter().find(|series| asked.wanted.is(series)) {
        for (from, to) in asked.periods() {
            points.extend(point(&series, &asked, (from, to.min(now))));
        }
    }
    points.reverse();
    Ok(json!({ "Label": asked.label, "Datapoints": points }))
}

/// One period, its end excluded: the statistics that were asked for. None without a report.
fn point(series: &Series, asked: &Asked, (from, to): (i64, i64)) -> Option<Value> {
    let values: Vec<f64> = (from.max(series.first)..to).map(|minute| series.value(minute)).collect();
    let count = f64::from(u32::try_from(values.len()).ok().filter(|count| *count > 0)?);
    let sum: f64 = values.iter().sum();
    let mut shown = Map::new();
    shown.insert("Timestamp".to_owned(), instant(instant_of(from)?));
    shown.insert("Unit".to_owned(), series.unit.into());
    for statistic in &asked.statistics {
        let value = match statistic.as_str() {
            "Average" => sum / count,
            "Sum" => sum,
            "SampleCount" => count,
            "Minimum" => values.iter().copied().fold(f64::INFINITY, f64::min),
            _ => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        };
        shown.insert(statistic.clone(), value.into());
    }
    Some(Value::Object(shown))
}

fn list(world: &World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let wanted = Wanted::read(ask);
    let found = all(world, place).into_iter().filter(|series| wanted.fits(series)).map(|series| {
        json!({
            "Namespace": series.namespace,
            "MetricName": series.name,
            "Dimensions": [{ "Name": series.dimension, "Value": series.id }],
        })
    });
    let page = cut(found.collect(), "Metrics", PAGE, ask.text("NextToken"))
        .map_err(|_| Failure::bad("InvalidParameterValue", "Value for parameter NextToken is invalid."))?;
    let mut answer = json!({ "Metrics": page.items });
    if let (Some(map), Some(token)) = (answer.as_object_mut(), page.token) {
        map.insert("NextToken".to_owned(), token.into());
    }
    Ok(answer)
}
