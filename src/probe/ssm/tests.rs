//! `ssm` against a made-up SSM, and its scripts against the shell of this machine.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Script, Ssm, judged};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::remote::{Invoked, Remote, ScriptEnd, ScriptState};
use crate::definition::model::ProbeReason;
use crate::probe::target::Target;
use crate::probe::{Outcome, ProbeCalls as _};

/// Hands out the states one by one, and keeps what it was sent.
struct Instance {
    sent: Mutex<Option<(String, String)>>,
    start: Result<String, CloudError>,
    states: Mutex<VecDeque<Result<ScriptState, CloudError>>>,
}

#[async_trait]
impl Remote for Instance {
    async fn send_script(&self, instance: &str, script: &str, _: Duration) -> Result<String, CloudError> {
        *self.sent.lock().unwrap() = Some((instance.to_owned(), script.to_owned()));
        self.start.clone()
    }

    async fn script_state(&self, _: &str, command: &str) -> Result<ScriptState, CloudError> {
        assert_eq!(command, "command-1");
        self.states.lock().unwrap().pop_front().unwrap()
    }

    async fn invoke(&self, _: &str, _: &Value) -> Result<Invoked, CloudError> {
        unreachable!()
    }
}

fn end(status: &str, exit_code: Option<i32>, stdout: &str) -> ScriptEnd {
    let stderr = "what went wrong\n".to_owned();
    ScriptEnd { status: status.to_owned(), exit_code, stdout: stdout.to_owned(), stderr }
}

fn error(kind: ErrorKind, code: &str) -> CloudError {
    CloudError::new("ssm:SendCommand", kind, code, "no", None)
}

async fn attempt(
    start: Result<String, CloudError>,
    states: Vec<Result<ScriptState, CloudError>>,
) -> (Outcome, (String, String)) {
    let instance = Arc::new(Instance { sent: Mutex::new(None), start, states: Mutex::new(states.into()) });
    let remote = Arc::clone(&instance) as Arc<dyn Remote>;
    let target = Target { remote, identifier: Some("i-1".to_owned()), ..Target::for_tests() };
    let settings = json!({ "script": ["set -e", "check"] });
    let Value::Object(settings) = settings else { unreachable!() };
    Ssm.check(&settings).unwrap();
    let outcome = Ssm.attempt(&settings, &target, Duration::from_secs(30)).await;
    let sent = instance.sent.lock().unwrap().take().unwrap();
    (outcome, sent)
}

#[tokio::test]
async fn a_script_is_sent_to_the_restored_instance_and_watched() {
    let passing = Err(error(ErrorKind::Throttled, "ThrottlingException"));
    let ended = Ok(ScriptState::Ended(end("Success", Some(0), r#"{"rows": 7, "list": []}"#)));
    let (outcome, sent) = attempt(Ok("command-1".to_owned()), vec![passing, ended]).await;
    assert_eq!(sent, ("i-1".to_owned(), "set -e\ncheck\n".to_owned()));
    let seen = outcome.unwrap();
    assert_eq!(seen.values.len(), 1);
    assert_eq!((&seen.values["rows"], seen.facts["exit_code"].as_str()), (&json!(7), "0"));
}

#[tokio::test]
async fn an_instance_that_ssm_does_not_know_is_told_from_a_permission_that_is_missing() {
    for (kind, code, reason, part) in [
        (ErrorKind::Invalid, "InvalidInstanceId", ProbeReason::Connection, "SSM Agent"),
        (ErrorKind::Denied, "AccessDeniedException", ProbeReason::Setup, "IAM"),
    ] {
        let miss = attempt(Err(error(kind, code)), Vec::new()).await.0.unwrap_err();
        assert_eq!(miss.reason, reason, "{}", miss.message);
        assert!(miss.message.contains(part), "{}", miss.message);
    }
}

#[test]
fn each_end_has_its_reason() {
    for (status, code, reason) in [
        ("Failed", Some(3), ProbeReason::ExitCode),
        ("Success", Some(1), ProbeReason::ExitCode),
        ("SomethingNew", None, ProbeReason::ExitCode),
        ("ExecutionTimedOut", None, ProbeReason::Timeout),
        ("DeliveryTimedOut", None, ProbeReason::Connection),
        ("Undeliverable", None, ProbeReason::Connection),
        ("Cancelled", None, ProbeReason::Setup),
        ("AccessDenied", None, ProbeReason::Setup),
    ] {
        let miss = judged(&end(status, code, "")).unwrap_err();
        assert_eq!(miss.reason, reason, "{status}");
        assert!(miss.message.ends_with("it said: what went wrong"), "{}", miss.message);
    }
    let miss = judged(&end("Failed", Some(3), "up\x1b")).unwrap_err();
    let seen = miss.observed.unwrap();
    assert_eq!((seen.facts["exit_code"].as_str(), seen.facts["stdout"].as_str()), ("3", "up\u{fffd}"));
}

fn filled(script: Value, value: &str) -> String {
    let mut target = Target::for_tests();
    target.values.insert("run.id".to_owned(), value.to_owned());
    serde_json::from_value::<Script>(script).unwrap().fill(&target).unwrap()
}

#[test]
fn no_value_is_interpreted_wherever_its_reference_stands() {
    let hostile = "a'; touch owned; '$(touch owned)`touch owned`\"\n touch owned #{{{ssm:x}}";
    let folder = tempfile::tempdir().unwrap();
    let run = |script: &str| {
        let ended = Command::new("sh").arg("-c").arg(script).current_dir(folder.path()).output().unwrap();
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "{script}");
        String::from_utf8(ended.stdout).unwrap()
    };
    let script = filled(json!("printf %s ${{ run.id }}"), hostile);
    assert!(!script.contains("{{"), "{script}");
    assert_eq!(run(&script), hostile);
    for script in [
        "echo '${{ run.id }}'",
        "echo \"${{ run.id }}\"",
        "echo $(echo ${{ run.id }}) # ${{ run.id }}",
        "cat <<EOF\n${{ run.id }}\nEOF",
    ] {
        run(&filled(json!(script), hostile));
    }
}

#[test]
fn the_line_that_names_the_shell_stays_the_first() {
    let script = filled(json!(["#!/bin/bash -e", "echo ${{ run.id }}"]), "x");
    assert_eq!(script, "#!/bin/bash -e\nDRILL_VALUE_1='x'\necho \"$DRILL_VALUE_1\"\n");
    let check = |script: Value| Ssm.check(json!({ "script": script }).as_object().unwrap());
    assert!(check(json!("#!/usr/bin/env bash\necho ${{ run.id }}")).is_ok());
    assert!(check(json!("#!/usr/bin/python3\nprint(1)")).is_ok());
    for other in ["#!/usr/bin/python3\nprint(${{ run.id }})", "#!/bin/${{ run.id }}\ntrue", "#!/bin/sh ${{ run.id }}"] {
        assert!(check(json!(other)).unwrap_err().contains("takes no references"), "{other}");
    }
}
