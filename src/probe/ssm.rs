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

use crate::cloud::remote::ScriptEnd;
use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, shown, typed, valueless};
use crate::probe::output::{nothing, scalars, start};
use crate::probe::script::{self, quoted, trouble};
use crate::probe::target::Target;
use crate::probe::{Miss, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::words::reference::{Part, Template};
use crate::yaml::shape::{Field, Shape};

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

    fn about(&self) -> &'static str {
        "Run a script on an instance, through SSM."
    }

    fn holds_when(&self) -> &'static str {
        "the script ends with exit code 0"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/ssm.md")
    }

    fn fields(&self) -> Vec<Field> {
        let script = Shape::OneOrMore(Box::new(Shape::Template));
        vec![
            Field::optional("instance", Shape::Template, "The instance's id; by default the restored one's."),
            Field::required("script", script, "A shell script, or its lines. A reference is one word, without quotes."),
        ]
    }

    fn judges(&self) -> bool {
        true
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ssm:GetCommandInvocation", "ssm:SendCommand"]
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
    let text = settings.script.fill(target)?;
    judged(&script::run(target.remote.as_ref(), &instance, &text, timeout).await?)
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
    match trouble(end) {
        None => Ok(seen),
        Some(trouble) => Err(Miss { observed: Some(seen), ..trouble }),
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
