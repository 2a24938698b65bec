//! Lambda: invoking the functions that a definition names. Every function answers what it was given, and `ok`; one that
//! asks in drill's place (`function`) answers what it found.
//!
//! A payload with a text `simulated_error` is one that the function fails on.

use axum::http::{HeaderName, header};
use serde_json::{Value, json};

use crate::sandbox::function::Errand;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol, Route, Target};
use crate::sandbox::service::{Deed, ServiceCalls};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::lambda::name;
use crate::sandbox::world::World;

/// Lambda.
pub(crate) struct Lambda;

impl ServiceCalls for Lambda {
    fn signing_name(&self) -> &'static str {
        "lambda"
    }

    fn protocol(&self) -> Protocol {
        Protocol::RestJson
    }

    fn route(&self, target: &Target) -> Option<Route> {
        match (target.method.as_str(), target.parts) {
            ("POST", ["2015-03-31", "functions", function, "invocations"]) => {
                Some(("Invoke", vec![(*function).to_owned()]))
            }
            _ => None,
        }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["Invoke"]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        if ask.operation == "Invoke" {
            invoke(world, &caller.place(), ask)
        } else {
            Err(Failure::unknown(&ask.operation))
        }
    }

    fn deed(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Option<Deed> {
        let place = caller.place();
        let function = world.site(&place).shelves.lambda.functions.get(name(ask.label(0)));
        if ask.operation != "Invoke" || !function.is_some_and(|function| function.probes) {
            return None;
        }
        let payload = serde_json::from_slice::<Value>(&ask.raw).ok()?;
        // What is no question of a probe is answered like any other.
        payload.get("drill_probe")?;
        let errand = Errand::read(world, &place, &payload);
        Some(Box::pin(async move { Ok(answered(Vec::new(), &errand.run().await)) }))
    }

    fn changed(&self, ask: &Ask) -> Option<String> {
        (ask.operation == "Invoke").then(|| ask.label(0).to_owned())
    }
}

fn invoke(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    let function = name(ask.label(0));
    if !world.site(place).shelves.lambda.functions.contains_key(function) {
        let message =
            format!("Function not found: arn:aws:lambda:{}:{}:function:{function}", place.region, place.account);
        return Err(Failure::new(404, "ResourceNotFoundException", message));
    }
    let payload = if ask.raw.is_empty() { Ok(Value::Null) } else { serde_json::from_slice::<Value>(&ask.raw) };
    let payload = payload
        .map_err(|_| Failure::bad("InvalidRequestContentException", "Could not parse request body into json"))?;
    let failed = payload.get("simulated_error").and_then(Value::as_str).map(str::to_owned);
    Ok(match failed {
        Some(message) => {
            let failure = (HeaderName::from_static("x-amz-function-error"), "Unhandled".to_owned());
            answered(vec![failure], &json!({ "errorMessage": message, "errorType": "Error" }))
        }
        None => answered(Vec::new(), &echoed(payload)),
    })
}

fn answered(mut headers: Vec<(HeaderName, String)>, body: &Value) -> Answer {
    headers.extend([
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (HeaderName::from_static("x-amz-executed-version"), "$LATEST".to_owned()),
    ]);
    Answer::Raw { status: 200, headers, body: body.to_string().into_bytes() }
}

fn echoed(payload: Value) -> Value {
    match payload {
        Value::Object(mut members) => {
            members.insert("ok".to_owned(), Value::Bool(true));
            Value::Object(members)
        }
        Value::Null => json!({ "ok": true }),
        other => json!({ "ok": true, "payload": other }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::echoed;

    #[test]
    fn a_function_answers_what_it_was_given() {
        assert_eq!(echoed(json!({ "orders": 3 })), json!({ "orders": 3, "ok": true }));
        assert_eq!(echoed(json!(null)), json!({ "ok": true }));
    }
}
