//! What is tried, against the shell of this machine; what that means; and hostile settings.

use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::Isolation;
use super::settings::{Asked, IsolationSettings, Place, Vantage};
use super::tried::{Came, judged, script};
use crate::cloud::error::CloudError;
use crate::cloud::remote::{Invoked, Remote, ScriptEnd, ScriptState};
use crate::definition::model::ProbeReason;
use crate::probe::target::Target;
use crate::probe::{Outcome, ProbeCalls as _};

fn place(host: &str, port: u16) -> Place {
    Place { host: host.to_owned(), port }
}

fn asked(can: Vec<Place>, cannot: Vec<Place>, unresolved: &[&str]) -> Asked {
    let unresolved = unresolved.iter().map(|name| (*name).to_owned()).collect();
    Asked { from: Vantage::Instance("i-0a1b2c3d".to_owned()), can, cannot, unresolved }
}

#[test]
fn the_script_tells_what_is_reached_from_what_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap().port();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let asked = asked(
        vec![place("127.0.0.1", open)],
        vec![place("127.0.0.1", closed), place("none.invalid", 80)],
        &["none.invalid", "localhost"],
    );
    let script = script(&asked);
    assert!(!script.contains("{{"), "{script}");
    for shell in ["sh", "bash"] {
        let ran = Command::new(shell).arg("-c").arg(&script).output().unwrap();
        let said = String::from_utf8(ran.stdout).unwrap();
        let said: Value = serde_json::from_str(said.trim()).unwrap_or_else(|_| panic!("{said}"));
        assert_eq!(said["words"], json!(["reached", "refused", "unknown", "unknown", "reached"]), "{said}");
    }
}

#[test]
fn it_holds_only_while_the_controls_are_reached() {
    use Came::{Reached, Refused, Silent, Unknown};
    let asked = asked(vec![place("ssm.example", 443)], vec![place("db.prod", 5432), place("fd12::7", 80)], &["q.prod"]);
    let seen = judged(&asked, &[Reached, Silent, Refused, Unknown]).unwrap();
    assert_eq!(seen.values["reached"], json!([]));
    assert_eq!(seen.values["blocked"], json!(["db.prod:5432", "[fd12::7]:80", "the name q.prod"]));
    assert_eq!((&seen.values["controls"], seen.facts["db.prod:5432"].as_str()), (&json!(1), "no answer"));

    for (came, reason, part) in [
        ([Reached, Reached, Silent, Unknown], ProbeReason::Expectation, "reaches what it must not: db.prod:5432"),
        ([Reached, Silent, Silent, Reached], ProbeReason::Expectation, "the name q.prod"),
        ([Silent, Silent, Silent, Unknown], ProbeReason::Setup, "ssm.example:443 (no answer)"),
        // What was reached was reached, whatever became of the controls.
        ([Refused, Reached, Silent, Unknown], ProbeReason::Expectation, "db.prod:5432"),
    ] {
        let miss = judged(&asked, &came).unwrap_err();
        assert_eq!(miss.reason, reason, "{}", miss.message);
        assert!(miss.message.contains(part), "{}", miss.message);
    }
    for came in [&[][..], &[Reached], &[Reached; 5]] {
        assert_eq!(judged(&asked, came).unwrap_err().reason, ProbeReason::Setup);
    }
}

#[test]
fn places_are_a_host_and_a_port_and_nothing_else() {
    let check = |settings: Value| Isolation.check(settings.as_object().unwrap());
    for good in [
        json!({ "cannot_reach": ["db.prod:5432", { "host": "10.0.0.5", "port": "443" }, "[fd12::7]:80"] }),
        json!({ "from": { "lambda": "look" }, "cannot_reach": ["${{ vars.db }}"], "can_reach": ["ok.example:443"] }),
        json!({ "cannot_reach": ["a:1"], "can_reach": ["b.example:1"], "cannot_resolve": ["q.prod"] }),
    ] {
        assert_eq!(check(good.clone()), Ok(()), "{good}");
    }
    for (wrong, part) in [
        (json!({ "cannot_reach": ["db.prod"] }), "a host and a port"),
        (json!({ "cannot_reach": ["db.prod:0"] }), "a host and a port"),
        (json!({ "cannot_reach": ["-e:1"] }), "neither a name nor an address"),
        (json!({ "cannot_reach": ["$(reboot):1"] }), "neither a name nor an address"),
        (json!({ "cannot_reach": [{ "host": "a", "prot": 1 }] }), "needs text"),
        (json!({ "cannot_reach": ["a:1"], "can_reach": ["a:1"] }), "cannot be both"),
        (json!({ "cannot_reach": ["a:1"], "cannot_resolve": ["a b"] }), "neither a name nor an address"),
        (json!({ "cannot_reach": ["a:1"], "can_reach": ["10.0.0.1:1"], "cannot_resolve": ["a"] }), "needs a name"),
        (json!({ "cannot_reach": vec!["a:1"; 61] }), "at most 60"),
        (json!({ "from": { "ec2": "i-1" }, "cannot_reach": ["a:1"] }), "ec2"),
    ] {
        let problem = check(wrong.clone()).unwrap_err();
        assert!(problem.contains(part), "{wrong}: {problem}");
    }
}

#[test]
fn a_hostile_value_is_no_host() {
    let mut target = Target { identifier: Some("i-0a1b2c3d".to_owned()), ..Target::for_tests() };
    target.values.insert("vars.db".to_owned(), "x'; touch owned; ':1".to_owned());
    let settings = json!({ "cannot_reach": ["${{ vars.db }}"] });
    let settings: IsolationSettings = serde_json::from_value(settings).unwrap();
    assert_eq!(settings.fill(&target).unwrap_err().reason, ProbeReason::Setup);
    let volume = Target { identifier: Some("vol-1".to_owned()), ..Target::for_tests() };
    let settings: IsolationSettings = serde_json::from_value(json!({ "cannot_reach": ["a:1"] })).unwrap();
    let miss = settings.fill(&volume).unwrap_err();
    assert!(miss.message.contains("`from: { ssm: i-… }`"), "{}", miss.message);
    let asked = settings.fill(&target).unwrap();
    assert_eq!(asked.can, [place("ssm.eu-west-1.amazonaws.com", 443)]);
}

/// One answer for whoever is asked.
struct There {
    end: ScriptEnd,
    invoked: Invoked,
    given: Mutex<Option<Value>>,
}

#[async_trait]
impl Remote for There {
    async fn send_script(&self, _: &str, _: &str, _: Duration) -> Result<String, CloudError> {
        Ok("command-1".to_owned())
    }

    async fn script_state(&self, _: &str, _: &str) -> Result<ScriptState, CloudError> {
        Ok(ScriptState::Ended(self.end.clone()))
    }

    async fn invoke(&self, _: &str, payload: &Value) -> Result<Invoked, CloudError> {
        *self.given.lock().unwrap() = Some(payload.clone());
        Ok(self.invoked.clone())
    }
}

async fn attempt(from: Value, end: ScriptEnd, payload: Value) -> (Outcome, Option<Value>) {
    let invoked = Invoked { payload: Some(payload), function_error: None };
    let there = Arc::new(There { end, invoked, given: Mutex::new(None) });
    let target = Target { remote: Arc::clone(&there) as Arc<dyn Remote>, ..Target::for_tests() };
    let settings = json!({ "from": from, "cannot_reach": ["db.prod:5432"], "cannot_resolve": ["q.prod"] });
    let Value::Object(settings) = settings else { unreachable!() };
    Isolation.check(&settings).unwrap();
    let outcome = Isolation.attempt(&settings, &target, Duration::from_secs(30)).await;
    let given = there.given.lock().unwrap().take();
    (outcome, given)
}

fn end(status: &str, exit_code: i32, stdout: &str) -> ScriptEnd {
    let stdout = stdout.to_owned();
    ScriptEnd { status: status.to_owned(), exit_code: Some(exit_code), stdout, stderr: String::new() }
}

#[tokio::test]
async fn where_nothing_can_be_tried_nothing_is_measured() {
    for (status, code, stdout, part) in [
        ("Success", 0, r#"{"how":"","names":true,"words":[]}"#, "nothing to try a connection with"),
        ("Success", 0, r#"{"how":"bash","names":false,"words":[]}"#, "cannot look names up"),
        ("Success", 0, "sizzle", "did not say"),
        ("Success", 0, r#"{"how":"bash","names":true,"words":["reached"]}"#, "1 answers came back for 3 places"),
        ("Failed", 127, "", "exit code 127"),
        ("Undeliverable", -1, "", "never reached the instance"),
    ] {
        let (outcome, _) = attempt(json!({ "ssm": "i-0a1b2c3d" }), end(status, code, stdout), json!({})).await;
        let miss = outcome.unwrap_err();
        assert_eq!(miss.reason, ProbeReason::Setup, "{}", miss.message);
        assert!(miss.message.contains(part), "{}", miss.message);
    }
    let words = r#"{"how":"nc","names":true,"words":["reached","silent","unknown"]}"#;
    let (outcome, _) = attempt(json!({ "ssm": "i-0a1b2c3d" }), end("Success", 0, words), json!({})).await;
    assert_eq!(outcome.unwrap().values["controls"], json!(1));
}

#[tokio::test]
async fn a_function_is_told_what_to_try_and_answers_for_each() {
    let nothing = || end("Success", 0, "");
    let answer = json!({ "values": { "came": ["reached", "silent", "unknown"] } });
    let (outcome, given) = attempt(json!({ "lambda": "look" }), nothing(), answer).await;
    assert_eq!(outcome.unwrap().values["blocked"], json!(["db.prod:5432", "the name q.prod"]));
    let given = given.unwrap();
    assert_eq!(given["kind"], "isolation");
    let wanted = json!({ "reach": ["ssm.eu-west-1.amazonaws.com:443", "db.prod:5432"], "resolve": ["q.prod"] });
    assert_eq!(given["settings"], wanted);

    for other in [
        json!({}),
        json!({ "ok": true }),
        json!({ "values": { "came": "no" } }),
        json!({ "values": { "came": ["yes"] } }),
    ] {
        let (outcome, _) = attempt(json!({ "lambda": "look" }), nothing(), other.clone()).await;
        assert_eq!(outcome.unwrap_err().reason, ProbeReason::Setup, "{other}");
    }
}
