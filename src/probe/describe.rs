//! `describe`: what the service says of the restored resource now. It proves settings, not data.
//!
//! Observed: `status`, `endpoint_host`, `endpoint_port`, `parts` (how many), and every fact of the type's look, such as
//! `engine_version`; whole numbers as numbers, everything else as text. A resource that is not there, is being deleted
//! or will never be usable is a miss, whatever is expected.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use crate::cloud::resource::{Observation, Phase, Settings};
use crate::definition::model::ProbeReason;
use crate::probe::input::{miss, shown, typed, unasked};
use crate::probe::output::nothing;
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::words::text::tame;
use crate::yaml::shape::{Field, Shape};

/// The longest text that is taken for a number, in bytes: less than an account's id, and exact.
const LONGEST_NUMBER: usize = 11;

/// The kind.
pub struct Describe;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribeSettings {
    fact: Option<Vec<String>>,
}

#[async_trait]
impl ProbeCalls for Describe {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Describe
    }

    fn about(&self) -> &'static str {
        "Look at what the service says of the restored resource."
    }

    fn holds_when(&self) -> &'static str {
        "the service describes it"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/describe.md")
    }

    fn fields(&self) -> Vec<Field> {
        let names = Shape::List { of: Box::new(Shape::Text), min: 1 };
        vec![Field::optional("fact", names, "The facts that must be there, such as `engine_version`; by default all.")]
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["fact"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        typed::<DescribeSettings>(settings).map(drop)
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: DescribeSettings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let Some(look) = &target.look else {
            return Err(miss(ProbeReason::Setup, "there is no restored resource to look at; say which with `on`"));
        };
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("no answer within {}", shown(timeout))));
        let looked = async { look.look().await.map_err(|error| unasked(&error)) };
        let seen = tokio::time::timeout(timeout, looked).await.unwrap_or_else(late)?;
        judged(&seen, settings.fact.as_deref())
    }
}

fn judged(seen: &Observation, wanted: Option<&[String]>) -> Outcome {
    let observed = observed(seen, wanted);
    let problem = match seen.phase {
        Phase::Gone => Some("the service says that it does not exist".to_owned()),
        Phase::Leaving | Phase::Broken | Phase::Hindered => {
            Some(format!("its status is `{}`: it is not usable, and will not be", seen.status))
        }
        Phase::Pending | Phase::Unknown | Phase::Unfinished | Phase::Ready => missing(seen, wanted),
    };
    match problem {
        None => Ok(observed),
        Some(problem) => Err(Miss { observed: Some(observed), ..miss(ProbeReason::Expectation, &problem) }),
    }
}

fn missing(seen: &Observation, wanted: Option<&[String]>) -> Option<String> {
    let unknown = wanted?.iter().find(|name| !seen.facts.contains_key(*name))?;
    let known: Vec<&str> = seen.facts.keys().map(String::as_str).collect();
    Some(format!("the service says nothing of `{unknown}`; it says `{}`", known.join("`, `")))
}

fn observed(seen: &Observation, wanted: Option<&[String]>) -> Observed {
    let mut observed = nothing();
    for (name, fact) in &seen.facts {
        if wanted.is_none_or(|wanted| wanted.contains(name)) {
            observed.values.insert(tame(name), number(fact).unwrap_or_else(|| tame(fact).into()));
        }
    }
    let mut add = |name: &str, value: Value| observed.values.insert(name.to_owned(), value);
    add("status", tame(&seen.status).into());
    add("parts", seen.parts.len().into());
    if let Some(endpoint) = &seen.endpoint {
        add("endpoint_host", tame(&endpoint.host).into());
        if let Some(port) = endpoint.port {
            add("endpoint_port", port.into());
        }
    }
    observed
}

/// A fact that is a whole number and nothing else: `016` is a name, `16.4` a version. Decimal text still compares as a
/// number in expectations.
fn number(fact: &str) -> Option<Value> {
    let number: i64 = fact.parse().ok()?;
    (fact.len() <= LONGEST_NUMBER && number.to_string() == fact).then(|| number.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use async_trait::async_trait;
    use serde_json::{Value, json};

    use super::Describe;
    use crate::cloud::error::CloudError;
    use crate::cloud::resource::{Endpoint, Observation, Part, Phase};
    use crate::definition::model::ProbeReason;
    use crate::probe::target::{Look, Target};
    use crate::probe::{Outcome, ProbeCalls as _};

    struct Fixed(Observation);

    #[async_trait]
    impl Look for Fixed {
        async fn look(&self) -> Result<Observation, CloudError> {
            Ok(self.0.clone())
        }
    }

    fn instance(phase: Phase) -> Observation {
        let facts = [("engine_version", "16.4"), ("storage_gib", "20"), ("multi_az", "no"), ("vpc", "vpc-1")];
        Observation {
            phase,
            status: "available".to_owned(),
            endpoint: Some(Endpoint { host: "10.0.0.1".to_owned(), port: Some(5432) }),
            protected: false,
            parts: vec![Part::planned("volume", "vol-1")],
            facts: facts.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        }
    }

    async fn attempt(settings: Value, seen: Observation) -> Outcome {
        let Value::Object(settings) = settings else { unreachable!() };
        Describe.check(&settings).unwrap();
        let target = Target { look: Some(Arc::new(Fixed(seen))), ..Target::for_tests() };
        Describe.attempt(&settings, &target, Duration::from_secs(30)).await
    }

    #[tokio::test]
    async fn status_endpoint_parts_and_facts_are_observed() {
        let seen = attempt(json!({}), instance(Phase::Ready)).await.unwrap();
        let wanted = json!({
            "status": "available", "endpoint_host": "10.0.0.1", "endpoint_port": 5432, "parts": 1,
            "engine_version": "16.4", "storage_gib": 20, "multi_az": "no", "vpc": "vpc-1",
        });
        let wanted: BTreeMap<String, Value> = serde_json::from_value(wanted).unwrap();
        assert_eq!(seen.values, wanted);
    }

    #[tokio::test]
    async fn a_fact_that_nobody_knows_and_a_thing_that_is_not_usable_are_misses() {
        let miss = attempt(json!({ "fact": ["engine_versoin"] }), instance(Phase::Ready)).await.unwrap_err();
        assert_eq!(miss.reason, ProbeReason::Expectation);
        assert!(miss.message.contains("`engine_version`"), "{}", miss.message);
        for seen in [Observation::absent(), instance(Phase::Leaving), instance(Phase::Broken)] {
            assert_eq!(attempt(json!({}), seen).await.unwrap_err().reason, ProbeReason::Expectation);
        }
        let nowhere = Describe.attempt(&serde_json::Map::new(), &Target::for_tests(), Duration::from_secs(1)).await;
        assert_eq!(nowhere.unwrap_err().reason, ProbeReason::Setup);
    }
}
