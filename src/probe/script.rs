//! Scripts on instances, through SSM: sending one and waiting for its end, what its end means, and how a value becomes
//! one word of it. Used by `ssm`, `ebs`, `efs`, `fsx` and `isolation`.
//!
//! Invariant: a value that AWS, a database or a user wrote is never a part of a script's own text. It is a single-quoted
//! word, in which neither the shell nor SSM (`{{ssm:NAME}}`) interprets anything.

use std::time::Duration;

use crate::cloud::error::CloudError;
use crate::cloud::remote::{Remote, ScriptEnd, ScriptState};
use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{miss, unasked};
use crate::probe::output::last_words;

/// The pause before the first look at a script that was sent. Real time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Sends a script and waits for its end, however long that takes: the caller bounds it. SSM ends the script `within` this
/// time after it began.
///
/// # Errors
/// A miss when the script could not be sent, or nobody may ask what became of it.
pub(crate) async fn run(
    remote: &dyn Remote,
    instance: &str,
    script: &str,
    within: Duration,
) -> Result<ScriptEnd, Miss> {
    let command = remote.send_script(instance, script, within).await.map_err(|error| unsent(instance, &error))?;
    let mut wait = FIRST_PAUSE;
    loop {
        pause(wait).await;
        wait = (wait * 2).min(LONGEST_PAUSE);
        match remote.script_state(instance, &command).await {
            Ok(ScriptState::Ended(end)) => return Ok(end),
            Ok(ScriptState::UnderWay) => {}
            // The script runs on whatever becomes of one look; the time-out is the bound.
            Err(error) if error.passes() => {}
            Err(error) => return Err(unasked(&error)),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a script on an instance takes real time, bounded by the attempt's")]
async fn pause(wait: Duration) {
    tokio::time::sleep(wait).await;
}

/// SSM's word for an instance whose SSM Agent did not report in is the target's fault; the rest is not.
fn unsent(instance: &str, error: &CloudError) -> Miss {
    if error.code != "InvalidInstanceId" {
        return unasked(error);
    }
    let message = format!(
        "SSM cannot reach `{instance}`: {error}; check that the SSM Agent runs on it, that its instance profile holds \
         AmazonSSMManagedInstanceCore, and that its subnet reaches the endpoints of SSM"
    );
    miss(ProbeReason::Connection, &message)
}

/// Why a script did not succeed, with the last words that it said; nothing if it did.
pub(crate) fn trouble(end: &ScriptEnd) -> Option<Miss> {
    if end.status == "Success" && end.exit_code.is_none_or(|code| code == 0) {
        return None;
    }
    let (reason, message) = unsuccessful(end);
    let said = last_words(end.stderr.as_bytes(), &[]);
    let said = if said.is_empty() { said } else { format!("; it said: {said}") };
    Some(miss(reason, &format!("{message}{said}")))
}

/// SSM's status, in its short and its detailed form.
fn unsuccessful(end: &ScriptEnd) -> (ProbeReason, String) {
    let status = end.status.as_str();
    match (status, end.exit_code) {
        ("Success" | "Failed", Some(code)) => {
            (ProbeReason::ExitCode, format!("the script ended with exit code {code}"))
        }
        ("ExecutionTimedOut", _) | ("TimedOut", Some(_)) => {
            (ProbeReason::Timeout, format!("SSM ended the script, which took too long (`{status}`)"))
        }
        ("TimedOut" | "DeliveryTimedOut" | "Undeliverable", _) => {
            (ProbeReason::Connection, format!("the script never reached the instance (`{status}`)"))
        }
        ("AccessDenied", _) => {
            let mend = "allow `ssm:SendCommand` for the instance and for the document AWS-RunShellScript";
            (ProbeReason::Setup, format!("SSM did not permit the script (`{status}`); {mend}"))
        }
        ("Cancelled" | "Canceled" | "Terminated", _) => {
            (ProbeReason::Setup, format!("somebody or a limit of SSM ended the script (`{status}`); run it again"))
        }
        (_, code) => {
            let code = code.map_or_else(String::new, |code| format!(", exit code {code}"));
            (ProbeReason::ExitCode, format!("the script did not succeed (`{status}`{code})"))
        }
    }
}

/// The same trouble where the instance only looks for drill: that no script runs there says nothing about what was
/// restored.
pub(crate) fn on_our_side(trouble: Miss) -> Miss {
    match trouble.reason {
        ProbeReason::Connection | ProbeReason::ExitCode => Miss { reason: ProbeReason::Setup, ..trouble },
        _ => trouble,
    }
}

/// `text` as one single-quoted word. `{{` is taken apart: SSM replaces what stands between `{{` and `}}`.
pub(crate) fn quoted(text: &str) -> String {
    let mut word = String::from("'");
    let mut last = '\'';
    for c in text.chars() {
        match c {
            '\'' => word.push_str(r"'\''"),
            '{' if last == '{' => word.push_str("''{"),
            c => word.push(c),
        }
        last = c;
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use super::{on_our_side, quoted, trouble};
    use crate::cloud::remote::ScriptEnd;
    use crate::definition::model::ProbeReason;

    #[test]
    fn a_word_is_closed_whatever_is_in_it() {
        assert_eq!(quoted("/mnt/drill"), "'/mnt/drill'");
        assert_eq!(quoted("a'; reboot; '"), r"'a'\''; reboot; '\'''");
        assert!(!quoted("#{{{{ssm:x}}").contains("{{"));
    }

    #[test]
    fn a_host_that_runs_no_script_says_nothing_of_what_was_restored() {
        let end = |status: &str, exit_code| ScriptEnd {
            status: status.to_owned(),
            exit_code,
            stdout: String::new(),
            stderr: "no such program\n".to_owned(),
        };
        assert!(trouble(&end("Success", Some(0))).is_none());
        for (status, code, reason) in [
            ("Undeliverable", None, ProbeReason::Setup),
            ("Failed", Some(127), ProbeReason::Setup),
            ("ExecutionTimedOut", None, ProbeReason::Timeout),
        ] {
            let miss = on_our_side(trouble(&end(status, code)).unwrap());
            assert_eq!(miss.reason, reason, "{}", miss.message);
            assert!(miss.message.ends_with("it said: no such program"), "{}", miss.message);
        }
    }
}
