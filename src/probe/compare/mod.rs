//! `compare`: the same measurement of what was restored and of its source.
//!
//! `settings` is what a definition says; `difference` holds the two measurements against each other, value by value.
//! What is measured is another kind, asked twice at the same time: once of the restored resource, once of its source,
//! with the settings of `source` laid over the others. The source is only read.
//!
//! Observed: each compared value as `NAME`, the source's as `NAME.source`, and of numbers how much more was restored as
//! `NAME.difference`. A value that is not as it should be is a miss. That the source cannot be measured says nothing of
//! what was restored: then nothing was measured.

mod difference;
mod settings;

use std::time::Duration;

use async_trait::async_trait;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::compare::difference::{compare, told};
use crate::probe::compare::settings::CompareSettings;
use crate::probe::input::{miss, shown};
use crate::probe::source::{side, unread};
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome, ProbeCalls, kind};
use crate::words::kind::ProbeKind;
use crate::yaml::shape::Field;

/// The kind.
pub struct Compare;

#[async_trait]
impl ProbeCalls for Compare {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Compare
    }

    fn about(&self) -> &'static str {
        "Measure the same on the source and on the restored side."
    }

    fn holds_when(&self) -> &'static str {
        "both sides say the same, within what may differ"
    }

    fn page(&self) -> &'static str {
        include_str!("../pages/compare.md")
    }

    fn fields(&self) -> Vec<Field> {
        settings::fields()
    }

    fn reads_data(&self) -> bool {
        true
    }

    fn judges(&self) -> bool {
        true
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["sql", "sql_schema", "dynamodb", "s3", "http", "source"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        CompareSettings::read(settings)?.check()
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings = CompareSettings::read(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        // At once: the two should be of one moment, and each has all of the time.
        let (restored, source) = tokio::join!(
            measure(settings.kind, &settings.restored, target, timeout),
            measure_source(&settings, target, timeout),
        );
        judged(&restored?, source, &settings)
    }
}

/// What a comparison measures, so that a plan can tell which permissions it needs.
#[must_use]
pub fn measured(settings: &Settings) -> Option<ProbeKind> {
    settings::measured(settings)
}

async fn measure(measured: ProbeKind, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
    let late = |_| Err(miss(ProbeReason::Timeout, &format!("not measured within {}", shown(timeout))));
    tokio::time::timeout(timeout, kind(measured).attempt(settings, target, timeout)).await.unwrap_or_else(late)
}

async fn measure_source(settings: &CompareSettings, target: &Target, timeout: Duration) -> Outcome {
    let source = side(target)?;
    measure(settings.kind, &settings.source, source, timeout).await.map_err(unread)
}

/// The values of a measurement that are never the same on both sides: they are compared only where they are named.
fn unlike(measured: ProbeKind) -> &'static [&'static str] {
    match measured {
        ProbeKind::Http => &["milliseconds", "location"],
        // When the restore wrote the objects, not when they were made.
        ProbeKind::S3 => &["newest"],
        // The service counts them about every six hours.
        ProbeKind::DynamoDb => &["item_count", "size_bytes"],
        _ => &[],
    }
}

fn judged(restored: &Observed, source: Outcome, settings: &CompareSettings) -> Outcome {
    let source = source.map_err(|missed| Miss { observed: Some(restored.clone()), ..missed })?;
    let names = settings.values.as_deref();
    let compared = compare(restored, &source, names, unlike(settings.kind), settings.tolerance);
    let mut seen = compared.seen;
    for (side, facts) in [("restored", &restored.facts), ("source", &source.facts)] {
        let facts = facts.iter().map(|(name, fact)| (format!("{side}: {name}"), fact.clone()));
        seen.facts.extend(facts);
    }
    if compared.faults.is_empty() {
        return Ok(seen);
    }
    Err(Miss { observed: Some(seen), ..miss(ProbeReason::Expectation, &told(&compared.faults)) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use async_trait::async_trait;
    use serde_json::{Value, json};

    use super::Compare;
    use crate::cloud::data::{Item, Items, KeyValue, Table, Tables};
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::definition::model::ProbeReason;
    use crate::probe::target::Target;
    use crate::probe::{Outcome, ProbeCalls as _};

    /// A table `carts` with so many items; with none, nobody answers.
    struct Carts(Option<u64>);

    fn refused<T>(kind: ErrorKind) -> Result<T, CloudError> {
        Err(CloudError::new("dynamodb:DescribeTable", kind, "no", "no", None))
    }

    #[async_trait]
    impl Tables for Carts {
        async fn table(&self, name: &str) -> Result<Table, CloudError> {
            let Some(item_count) = self.0 else { return std::future::pending().await };
            if name != "carts" {
                return refused(ErrorKind::NotFound);
            }
            Ok(Table {
                status: "ACTIVE".to_owned(),
                item_count,
                size_bytes: 0,
                keys: BTreeMap::new(),
                types: BTreeMap::new(),
                indexes: BTreeMap::new(),
                billing: "PAY_PER_REQUEST".to_owned(),
            })
        }

        async fn scan(&self, _: &str, _: u32, _: Option<&str>) -> Result<Items, CloudError> {
            refused(ErrorKind::Denied)
        }

        async fn item(&self, _: &str, _: &BTreeMap<String, KeyValue>) -> Result<Option<Item>, CloudError> {
            refused(ErrorKind::Denied)
        }
    }

    fn holds(items: Option<u64>) -> Target {
        Target { tables: Arc::new(Carts(items)), identifier: Some("carts".to_owned()), ..Target::for_tests() }
    }

    async fn attempt(change: Value, restored: Target, source: Option<Target>) -> Outcome {
        let mut settings = json!({ "dynamodb": {}, "values": ["item_count"] });
        let (Value::Object(all), Value::Object(change)) = (&mut settings, change) else { unreachable!() };
        all.extend(change);
        Compare.check(all).unwrap();
        let target = Target { source: source.map(Arc::new), ..restored };
        Compare.attempt(all, &target, Duration::from_millis(300)).await
    }

    #[tokio::test]
    async fn both_sides_are_measured_and_held_against_each_other() {
        let (restored, source) = (holds(Some(99)), holds(Some(100)));
        let within = json!({ "within": "1%" });
        let seen = attempt(within, restored.clone(), Some(source.clone())).await.unwrap().values;
        assert_eq!((&seen["item_count"], &seen["item_count.source"]), (&json!(99), &json!(100)));
        assert_eq!(seen["item_count.difference"], json!(-1));
        let missed = attempt(json!({}), restored, Some(source)).await.unwrap_err();
        assert_eq!(missed.reason, ProbeReason::Expectation);
        let wanted = "what was restored is not like its source: item_count: expected the same, the source has 100, \
                      what was restored 99 (1 less, -1.00%)";
        assert_eq!(missed.message, wanted);
        assert_eq!(missed.observed.unwrap().values["item_count.source"], json!(100));
    }

    #[tokio::test]
    async fn a_source_that_cannot_be_measured_fails_nothing() {
        for (source, part) in [
            (None, "no source to compare with"),
            (Some(holds(None)), "the source cannot be measured"),
            (Some(Target { identifier: Some("gone".to_owned()), ..holds(Some(1)) }), "the source cannot be measured"),
        ] {
            let missed = attempt(json!({}), holds(Some(99)), source);
            let missed = tokio::time::timeout(Duration::from_secs(60), missed).await.unwrap().unwrap_err();
            assert_eq!(missed.reason, ProbeReason::Setup, "{}", missed.message);
            assert!(missed.message.contains(part), "{}", missed.message);
        }
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_restored_side_comes_first() {
        let missed = attempt(json!({ "dynamodb": { "table": "typo" } }), holds(Some(1)), Some(holds(None)));
        assert_eq!(missed.await.unwrap_err().reason, ProbeReason::Query);
    }
}
