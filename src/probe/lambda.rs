//! `lambda`: invoke a function in the destination and look at its answer.
//!
//! Values that AWS or a database wrote reach the function as texts inside of its payload, never as anything else: a
//! reference that is a whole text stays a text.
//!
//! Observed: the scalar fields of an answer that is a JSON object. A function that fails is a miss of `query`.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cloud::remote::Invoked;
use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, check_data, fill_data, miss, shown, typed, unasked};
use crate::probe::output::{nothing, scalars};
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::words::text::tame;
use crate::yaml::shape::{Field, Shape};

/// The kind.
pub struct Lambda;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LambdaSettings {
    function: Given,
    #[serde(default)]
    payload: Map<String, Value>,
}

#[async_trait]
impl ProbeCalls for Lambda {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Lambda
    }

    fn about(&self) -> &'static str {
        "Invoke a Lambda function."
    }

    fn holds_when(&self) -> &'static str {
        "the function answers"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/lambda.md")
    }

    fn fields(&self) -> Vec<Field> {
        let payload = Shape::Dictionary { key: Box::new(Shape::Text), of: Box::new(Shape::Any), min: 0 };
        vec![
            Field::required("function", Shape::Template, "The function's name or ARN, in the destination."),
            Field::optional("payload", payload, "What the function is given, as JSON; references become texts in it."),
        ]
    }

    fn judges(&self) -> bool {
        true
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["lambda:InvokeFunction"]
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["function", "payload"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let settings: LambdaSettings = typed(settings)?;
        settings.function.check("function")?;
        settings.payload.values().try_for_each(|value| check_data(value, "payload"))
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: LambdaSettings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let function = settings.function.fill("function", target)?;
        let payload = fill_data(&Value::Object(settings.payload), "payload", target)?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("no answer within {}", shown(timeout))));
        let invoke = async { target.remote.invoke(&function, &payload).await.map_err(|error| unasked(&error)) };
        let answer = tokio::time::timeout(timeout, invoke).await.unwrap_or_else(late)?;
        judged(answer)
    }
}

fn judged(answer: Invoked) -> Outcome {
    let seen = observed(answer.payload);
    let Some(error) = answer.function_error else { return Ok(seen) };
    let said = seen.values.get("errorMessage").and_then(Value::as_str);
    let said = said.map_or_else(String::new, |said| format!("; it said: {said}"));
    let message = format!("the function failed (`{error}`){said}");
    Err(Miss { observed: Some(seen), ..miss(ProbeReason::Query, &message) })
}

fn observed(payload: Option<Value>) -> Observed {
    let other = match payload {
        Some(Value::Object(fields)) => return scalars(fields, &[]),
        Some(value) => tame(&value.to_string()),
        None => "none, or none that is JSON".to_owned(),
    };
    let mut seen = nothing();
    seen.facts.insert("answer (not a JSON object)".to_owned(), other);
    seen
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use async_trait::async_trait;
    use serde_json::{Value, json};

    use super::Lambda;
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::cloud::remote::{Invoked, Remote, ScriptState};
    use crate::definition::model::ProbeReason;
    use crate::probe::target::Target;
    use crate::probe::{Outcome, ProbeCalls as _};

    /// Answers everything alike, and keeps what it was given.
    struct Function {
        answer: Result<Invoked, CloudError>,
        given: Mutex<Option<(String, Value)>>,
    }

    #[async_trait]
    impl Remote for Function {
        async fn send_script(&self, _: &str, _: &str, _: Duration) -> Result<String, CloudError> {
            unreachable!()
        }

        async fn script_state(&self, _: &str, _: &str) -> Result<ScriptState, CloudError> {
            unreachable!()
        }

        async fn invoke(&self, function: &str, payload: &Value) -> Result<Invoked, CloudError> {
            *self.given.lock().unwrap() = Some((function.to_owned(), payload.clone()));
            self.answer.clone()
        }
    }

    async fn attempt(answer: Result<Invoked, CloudError>) -> (Outcome, (String, Value)) {
        let payload = json!({ "db": { "host": "${{ on.endpoint.host }}" }, "n": 1 });
        let settings = json!({ "function": "check", "payload": payload });
        let Value::Object(settings) = settings else { unreachable!() };
        Lambda.check(&settings).unwrap();
        let function = Arc::new(Function { answer, given: Mutex::new(None) });
        let mut target = Target { remote: Arc::clone(&function) as Arc<dyn Remote>, ..Target::for_tests() };
        target.values.insert("on.endpoint.host".to_owned(), "\"}, ${{ run.id }}".to_owned());
        let outcome = Lambda.attempt(&settings, &target, Duration::from_secs(30)).await;
        let given = function.given.lock().unwrap().take().unwrap();
        (outcome, given)
    }

    #[tokio::test]
    async fn the_payload_carries_values_as_data_and_scalars_are_observed() {
        let answer = Invoked { payload: Some(json!({ "orders": 5, "ok": true, "all": [] })), function_error: None };
        let (outcome, (function, payload)) = attempt(Ok(answer)).await;
        assert_eq!(function, "check");
        assert_eq!(payload, json!({ "db": { "host": "\"}, ${{ run.id }}" }, "n": 1 }));
        let seen = outcome.unwrap();
        assert_eq!((&seen.values["orders"], &seen.values["ok"]), (&json!(5), &json!(true)));
        assert_eq!(seen.values.len(), 2);
    }

    #[tokio::test]
    async fn a_function_that_fails_and_one_that_may_not_be_invoked_are_told_apart() {
        let payload = json!({ "errorMessage": "no table\u{1b}", "errorType": "KeyError" });
        let answer = Invoked { payload: Some(payload), function_error: Some("Unhandled".to_owned()) };
        let miss = attempt(Ok(answer)).await.0.unwrap_err();
        assert_eq!(miss.reason, ProbeReason::Query);
        assert!(miss.message.contains("Unhandled") && miss.message.ends_with("no table\u{fffd}"), "{}", miss.message);
        let denied = CloudError::new("lambda:Invoke", ErrorKind::Denied, "AccessDeniedException", "no", None);
        let miss = attempt(Err(denied)).await.0.unwrap_err();
        assert_eq!(miss.reason, ProbeReason::Setup);
        assert!(miss.message.contains("IAM"), "{}", miss.message);
    }
}
