//! `ssm`: run a script on an instance in the destination, through SSM, and look at its exit code and at the JSON object
//! that it prints.
//!
//! A reference stands for one word of the shell. Its value is never a part of the script's own text: it is assigned to
//! a variable before the first line, as a single-quoted word, and the reference becomes `"$DRILL_VALUE_1"`. So a value
//! that AWS or a database wrote is never interpreted, neither by the shell nor by SSM (`{{ssm:NAME}}`), wherever the
//! reference stands. Write references without quotes around them, and hand none to `eval` or to shell arithmetic.
//!
//! The script runs as root with `sh`, or with the shell that its first line names. The attempt's time-out bounds the
//! waiting; SSM ends the script after the same time.
//!
//! Observed: the scalar fields of the JSON object on standard output. Facts: `exit_code`, the start of `stdout`.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use crate::cloud::error::CloudError;
use crate::cloud::remote::{ScriptEnd, ScriptState};
use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, shown, typed, unasked, valueless};
use crate::probe::output::{last_words, nothing, scalars, start};
use crate::probe::target::Target;
use crate::probe::{Miss, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::words::reference::{Part, Template};
use crate::yaml::shape::{Field, Shape};

/// The pause before the first look at a script that was sent. Real time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Interpreters that understand `NAME='value'`.
const SHELLS: &[&str] = &["sh", "bash", "dash", "ksh", "zsh"];

/// The kind.
pub struct Ssm;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SsmSettings {
    instance: Option<Given>,
    script: Script,
}

/// One text, or its lines.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Script {
    Lines(Vec<Given>),
    Text(Given),
}

#[async_trait]
impl ProbeCalls for Ssm {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Ssm
    }

    fn fields(&self) -> Vec<Field> {
        let script = Shape::OneOrMore(Box::new(Shape::Template));
        vec![
            Field::optional("instance", Shape::Template, "The instance's id; by default the restored one's."),
            Field::required("script", script, "A shell script, or its lines. A reference is one word, without quotes."),
        ]
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["instance", "script"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let settings: SsmSettings = typed(settings)?;
        settings.instance.as_ref().map_or(Ok(()), |instance| instance.check("instance"))?;
        let lines = settings.script.templates()?;
        check_interpreter(&lines)
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: SsmSettings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("the script did not end within {}", shown(timeout))));
        tokio::time::timeout(timeout, run(&settings, target, timeout)).await.unwrap_or_else(late)
    }
}

async fn run(settings: &SsmSettings, target: &Target, timeout: Duration) -> Outcome {
    let instance = match &settings.instance {
        Some(given) => given.fill("instance", target)?,
        None => target.identifier.clone().ok_or_else(|| {
            miss(ProbeReason::Setup, "nobody knows the id of a restored instance; say where to run with `instance`")
        })?,
    };
    let script = settings.script.fill(target)?;
    let remote = &target.remote;
    let command = remote.send_script(&instance, &script, timeout).await.map_err(|error| unsent(&instance, &error))?;
    let mut wait = FIRST_PAUSE;
    loop {
        pause(wait).await;
        wait = (wait * 2).min(LONGEST_PAUSE);
        match remote.script_state(&instance, &command).await {
            Ok(ScriptState::Ended(end)) => return judged(&end),
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

fn judged(end: &ScriptEnd) -> Outcome {
    let mut seen = match serde_json::from_str(&end.stdout) {
        Ok(Value::Object(fields)) => scalars(fields, &[]),
        _ => nothing(),
    };
    if let Some(start) = start(end.stdout.as_bytes(), &[]) {
        seen.facts.insert("stdout".to_owned(), start);
    }
    let code = end.exit_code.map_or_else(|| "none".to_owned(), |code| code.to_string());
    seen.facts.insert("exit_code".to_owned(), code);
    if end.status == "Success" && end.exit_code.is_none_or(|code| code == 0) {
        return Ok(seen);
    }
    let (reason, message) = unsuccessful(end);
    let said = last_words(end.stderr.as_bytes(), &[]);
    let said = if said.is_empty() { said } else { format!("; it said: {said}") };
    Err(Miss { observed: Some(seen), ..miss(reason, &format!("{message}{said}")) })
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

impl Script {
    fn lines(&self) -> &[Given] {
        match self {
            Self::Lines(lines) => lines,
            Self::Text(text) => std::slice::from_ref(text),
        }
    }

    fn templates(&self) -> Result<Vec<Template>, String> {
        self.lines().iter().map(|line| line.template("script")).collect()
    }

    /// The script as it is sent.
    fn fill(&self, target: &Target) -> Result<String, Miss> {
        let setup = |problem: String| miss(ProbeReason::Setup, &problem);
        let lines = self.templates().map_err(setup)?;
        check_interpreter(&lines).map_err(setup)?;
        let (mut script, mut assignments, mut count) = (String::new(), String::new(), 0_usize);
        for line in &lines {
            for part in line.parts() {
                match part {
                    Part::Text(text) => script.push_str(text),
                    Part::Reference(reference) => {
                        let value = target.values.get(&reference.text());
                        let value = value.ok_or_else(|| valueless("script", reference))?;
                        if value.contains('\0') {
                            return Err(setup(format!("the value of `{reference}` is nothing that a shell can hold")));
                        }
                        count += 1;
                        assignments.push_str(&format!("DRILL_VALUE_{count}={}\n", quoted(value)));
                        script.push_str(&format!("\"$DRILL_VALUE_{count}\""));
                    }
                }
            }
            script.push('\n');
        }
        // The line that names the shell stays the first.
        Ok(match script.split_once('\n') {
            Some((first, rest)) if first.starts_with("#!") => format!("{first}\n{assignments}{rest}"),
            _ => format!("{assignments}{script}"),
        })
    }
}

/// `text` as one single-quoted word. `{{` is taken apart: SSM replaces what stands between `{{` and `}}`.
fn quoted(text: &str) -> String {
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

/// References need a shell: another language would read the assignments as something else.
fn check_interpreter(lines: &[Template]) -> Result<(), String> {
    if lines.iter().all(|line| line.references().next().is_none()) {
        return Ok(());
    }
    let Some(Part::Text(text)) = lines.first().and_then(|line| line.parts().first()) else { return Ok(()) };
    let Some(interpreter) = text.strip_prefix("#!") else { return Ok(()) };
    let (named, ended) = match interpreter.split_once('\n') {
        Some((named, _)) => (named, true),
        None => (interpreter, lines.first().is_some_and(|line| line.parts().len() == 1)),
    };
    let mut words = named.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
    let first = words.next().unwrap_or_default();
    let program = if first == "env" { words.next().unwrap_or_default() } else { first };
    if !ended {
        return Err("the line that names the shell takes no references".to_owned());
    }
    if SHELLS.contains(&program) {
        return Ok(());
    }
    Err(format!("a script for `{program}` takes no references: only a shell's does ({})", SHELLS.join(", ")))
}

#[cfg(test)]
mod tests;
