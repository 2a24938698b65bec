//! `via: {lambda: FUNCTION}`: a function in the restored network asks in drill's place.
//!
//! It is given what a custom probe is given and answers likewise ([`crate::probe::protocol`]): the kind, its settings
//! with their references filled, where the restored resource answers. Secrets stay references, for what a function is
//! given is seen by whoever may look at it: the function reads them itself, by its own role.
//!
//! A function that fails, is late or does not understand says nothing of what was restored: `setup`, never a pass.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::cloud::remote::Invoked;
use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{fill_data, miss, shown, unasked};
use crate::probe::protocol;
use crate::probe::target::Target;
use crate::probe::{Miss, Outcome};
use crate::words::kind::ProbeKind;
use crate::words::text::tame;

/// Settings that hold secrets: one reference, or several by name.
const SECRETS: [&str; 4] = ["password", "secret_headers", "secret_env", "secrets"];

/// Secrets that are on drill's side alone.
const HERE: [&str; 3] = ["env", "file", "master_password_reset"];

/// One attempt of a probe of this kind, made by a function of the destination. Real time.
pub async fn attempt(
    function: &str,
    kind: ProbeKind,
    settings: &Settings,
    target: &Target,
    timeout: Duration,
) -> Outcome {
    readable_there(settings)?;
    let settings = fill_data(&Value::Object(settings.clone()), kind.word(), target)?;
    // It is given less time, so that its own answer is heard and not only that it is late.
    let given = timeout * 9 / 10;
    let request = protocol::request(kind.word(), &settings, &BTreeMap::new(), target, given);
    let answered = tokio::time::timeout(timeout, target.remote.invoke(function, &request)).await;
    let answered = answered.map_err(|_| {
        let message = format!("the function `{function}` did not answer within {}", shown(timeout));
        miss(ProbeReason::Setup, &message)
    })?;
    let payload = said(function, answered.map_err(|error| unasked(&error))?)?;
    let mut seen = protocol::answer(&payload, &[])?;
    seen.facts.insert("asked by".to_owned(), format!("the function {}", tame(function)));
    Ok(seen)
}

/// Whether the function can read what it is told to read.
fn readable_there(settings: &Settings) -> Result<(), Miss> {
    for key in SECRETS {
        let Some(value) = settings.get(key) else { continue };
        let references: Vec<&Value> = match value {
            Value::Object(several) if key != "password" => several.values().collect(),
            one => vec![one],
        };
        let kept_by = |reference: &&Value| HERE.into_iter().find(|here| reference.get(*here).is_some());
        if let Some(here) = references.iter().find_map(kept_by) {
            let message = format!(
                "a function cannot read the secret of `{key}`, which is kept by `{here}` on this machine; keep it in \
                 Secrets Manager, as `{{ secretsmanager: … }}`"
            );
            return Err(miss(ProbeReason::Setup, &message));
        }
    }
    Ok(())
}

fn said(function: &str, answer: Invoked) -> Result<Value, Miss> {
    let broken = |what: &str| Err(miss(ProbeReason::Setup, &format!("the function `{function}` {what}")));
    match (answer.function_error, answer.payload) {
        (Some(error), payload) => {
            let words = payload.as_ref().and_then(|payload| payload.get("errorMessage")).and_then(Value::as_str);
            let words = words.map_or_else(String::new, |words| format!("; it said: {}", tame(words)));
            broken(&format!("failed (`{error}`){words}"))
        }
        (None, Some(payload)) => Ok(payload),
        (None, None) => broken("answered nothing, or nothing that is JSON"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use async_trait::async_trait;
    use serde_json::{Value, json};

    use super::attempt;
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::cloud::remote::{Invoked, Remote, ScriptState};
    use crate::cloud::resource::Endpoint;
    use crate::definition::model::ProbeReason;
    use crate::probe::Outcome;
    use crate::probe::target::Target;
    use crate::words::kind::ProbeKind;

    /// Answers everything alike, or never; keeps what it was given.
    struct Function {
        answer: Option<Result<Invoked, CloudError>>,
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
            match &self.answer {
                Some(answer) => answer.clone(),
                None => std::future::pending().await,
            }
        }
    }

    async fn asked(answer: Option<Result<Invoked, CloudError>>, settings: Value) -> (Outcome, Option<(String, Value)>) {
        let function = Arc::new(Function { answer, given: Mutex::new(None) });
        let mut target = Target { remote: Arc::clone(&function) as Arc<dyn Remote>, ..Target::for_tests() };
        target.endpoint = Some(Endpoint { host: "db.internal".to_owned(), port: Some(5432) });
        target.values.insert("restore.orders.identifier".to_owned(), "7".to_owned());
        let Value::Object(settings) = settings else { unreachable!() };
        let outcome = attempt("ask", ProbeKind::Sql, &settings, &target, Duration::from_millis(300)).await;
        let given = function.given.lock().unwrap().take();
        (outcome, given)
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands beside functions that answer nothing")]
    fn payload(payload: Value) -> Option<Result<Invoked, CloudError>> {
        Some(Ok(Invoked { payload: Some(payload), function_error: None }))
    }

    #[tokio::test]
    async fn the_function_is_given_the_question_and_its_answer_is_observed() {
        let settings = json!({
            "query": "SELECT 1", "params": ["${{ restore.orders.identifier }}"], "password": { "secretsmanager": "drill/orders" },
        });
        let (outcome, given) = asked(payload(json!({ "values": { "n": 1 }, "facts": {} })), settings).await;
        let seen = outcome.unwrap();
        assert_eq!((&seen.values["n"], seen.facts["asked by"].as_str()), (&json!(1), "the function ask"));
        let (function, request) = given.unwrap();
        assert_eq!((function.as_str(), &request["kind"]), ("ask", &json!("sql")));
        assert_eq!(request["target"]["host"], json!("db.internal"));
        assert_eq!(request["settings"]["params"], json!(["7"]));
        assert_eq!(request["settings"]["password"], json!({ "secretsmanager": "drill/orders" }));
        assert_eq!(request["secrets"], json!({}));
    }

    #[tokio::test]
    async fn a_miss_keeps_its_reason_and_whatever_else_is_said_is_no_pass() {
        let missed = payload(json!({ "miss": { "reason": "authentication", "message": "no" } }));
        assert_eq!(asked(missed, json!({})).await.0.unwrap_err().reason, ProbeReason::Authentication);
        let denied = CloudError::new("lambda:Invoke", ErrorKind::Denied, "AccessDeniedException", "no", None);
        let failed = Invoked {
            payload: Some(json!({ "errorMessage": "boom\u{1b}" })),
            function_error: Some("Unhandled".to_owned()),
        };
        for (answer, part) in [
            (Some(Err(denied)), "AccessDenied"),
            (Some(Ok(failed)), "boom\u{fffd}"),
            (Some(Ok(Invoked { payload: None, function_error: None })), "nothing"),
            (payload(json!({ "ok": true })), "version 1 of the protocol"),
            (None, "did not answer within"),
        ] {
            let missed = asked(answer, json!({})).await.0.unwrap_err();
            assert_eq!(missed.reason, ProbeReason::Setup, "{}", missed.message);
            assert!(missed.message.contains(part), "{}", missed.message);
        }
    }

    #[tokio::test]
    async fn a_secret_that_only_this_machine_knows_is_not_asked_for_there() {
        for settings in [
            json!({ "password": { "env": "DB" } }),
            json!({ "password": { "master_password_reset": true } }),
            json!({ "secret_headers": { "authorization": { "file": "token" } } }),
        ] {
            let (outcome, given) = asked(payload(json!({ "values": {} })), settings).await;
            let missed = outcome.unwrap_err();
            assert_eq!(missed.reason, ProbeReason::Setup);
            assert!(missed.message.contains("Secrets Manager") && given.is_none(), "{}", missed.message);
        }
        // A header of that name is no secret.
        let fine = json!({ "headers": { "env": "prod" }, "secret_headers": { "env": { "secretsmanager": "x" } } });
        assert!(asked(payload(json!({ "values": {} })), fine).await.0.is_ok());
    }
}
