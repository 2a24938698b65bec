//! `command`: run a program here and look at its exit code and at the JSON object that it prints.
//!
//! No shell. The program gets PATH, HOME, LANG and TZ, `DRILL_ENDPOINT_HOST` and `DRILL_ENDPOINT_PORT` where they are
//! known, and what the definition lists; nothing else of drill's environment, so no AWS credentials. Values that AWS or
//! a database wrote reach it only as arguments, variables or standard input. It works in the definition's folder, and a
//! program with a `/` in its name is looked for there. It and everything in its process group end with the attempt's
//! time-out.
//!
//! Observed: the scalar fields of the JSON object on standard output. Facts: `exit_code`, and what was left out.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, SecretRef, miss, shown, typed};
use crate::probe::output::printed;
use crate::probe::process::{self, Ended, Program, absolute};
use crate::probe::target::Target;
use crate::probe::{Miss, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::words::reference::is_variable_name;
use crate::words::secret::Secret;
use crate::words::text::tame;
use crate::yaml::shape::{Field, Shape};

/// The kind.
pub struct Command;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandSettings {
    argv: Vec<Given>,
    #[serde(default)]
    env: BTreeMap<String, Given>,
    #[serde(default)]
    secret_env: BTreeMap<String, SecretRef>,
    stdin: Option<Given>,
}

#[async_trait]
impl ProbeCalls for Command {
    fn kind(&self) -> ProbeKind {
        ProbeKind::Command
    }

    fn about(&self) -> &'static str {
        "Run a program here."
    }

    fn holds_when(&self) -> &'static str {
        "the program ends with exit code 0"
    }

    fn page(&self) -> &'static str {
        include_str!("pages/command.md")
    }

    fn fields(&self) -> Vec<Field> {
        let variable = || {
            Box::new(Shape::Parsed {
                what: "a variable's name",
                format: Some("^[A-Za-z_][A-Za-z0-9_]{0,63}$"),
                parse: check_variable,
            })
        };
        let texts = Shape::Dictionary { key: variable(), of: Box::new(Shape::Template), min: 0 };
        let secrets = Shape::Dictionary { key: variable(), of: Box::new(Shape::SecretRef), min: 0 };
        let argv = Shape::List { of: Box::new(Shape::Template), min: 1 };
        vec![
            Field::required("argv", argv, "The program and its arguments. No shell: each is passed on as it is."),
            Field::optional("env", texts, "Variables for the program, besides PATH, HOME, LANG and TZ."),
            Field::optional("secret_env", secrets, "Variables whose values are secrets."),
            Field::optional("stdin", Shape::Template, "What the program reads from standard input."),
        ]
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["argv", "env", "secret_env", "stdin"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let settings: CommandSettings = typed(settings)?;
        if settings.argv.is_empty() {
            return Err("`argv` names no program".to_owned());
        }
        for (index, argument) in settings.argv.iter().enumerate() {
            argument.check(&format!("argv[{index}]"))?;
        }
        for (name, value) in &settings.env {
            check_variable(name)?;
            value.check(&format!("env.{name}"))?;
        }
        for (name, secret) in &settings.secret_env {
            check_variable(name)?;
            secret.check(&format!("secret_env.{name}"))?;
            if settings.env.contains_key(name) {
                return Err(format!("`{name}` is in `env` and in `secret_env`"));
            }
        }
        settings.stdin.as_ref().map_or(Ok(()), |stdin| stdin.check("stdin"))
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings: CommandSettings = typed(settings).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        let late = |_| Err(miss(ProbeReason::Timeout, &format!("not done within {}; it was ended", shown(timeout))));
        // Dropping the attempt ends the process group.
        tokio::time::timeout(timeout, run(&settings, target)).await.unwrap_or_else(late)
    }
}

fn check_variable(name: &str) -> Result<(), String> {
    if !is_variable_name(name) {
        return Err(format!("`{}` cannot name a variable", tame(name)));
    }
    if name.starts_with("DRILL_ENDPOINT_") {
        return Err(format!("`{name}` is set by drill"));
    }
    Ok(())
}

async fn run(settings: &CommandSettings, target: &Target) -> Outcome {
    let mut secrets = Vec::new();
    let mut program = prepare(settings, target)?;
    for (variable, reference) in &settings.secret_env {
        let secret = reference.read(target).await?;
        program.variables.push((variable.clone(), secret.expose().to_owned()));
        secrets.push(secret);
    }
    // The longest first: one secret may be a part of another.
    secrets.sort_by_key(|secret: &Secret| Reverse(secret.expose().len()));
    let input = settings.stdin.as_ref().map(|stdin| stdin.fill("stdin", target)).transpose()?;
    program.input = input.map(String::into_bytes);
    let ended = process::run(program).await?;
    judge(&ended, &secrets)
}

fn prepare(settings: &CommandSettings, target: &Target) -> Result<Program, Miss> {
    let mut argv = Vec::new();
    for (index, argument) in settings.argv.iter().enumerate() {
        argv.push(argument.fill(&format!("argv[{index}]"), target)?);
    }
    let mut argv = argv.into_iter();
    let name = argv.next().ok_or_else(|| miss(ProbeReason::Setup, "`argv` names no program"))?;
    let folder = absolute(&target.folder)?;
    // Whether a relative program is looked for before or after the change of folder differs by platform.
    let path = if name.contains('/') { folder.join(&name) } else { PathBuf::from(&name) };
    let mut variables = Vec::new();
    if let Some(endpoint) = &target.endpoint {
        variables.push(("DRILL_ENDPOINT_HOST".to_owned(), endpoint.host.clone()));
        variables.extend(endpoint.port.map(|port| ("DRILL_ENDPOINT_PORT".to_owned(), port.to_string())));
    }
    for (variable, value) in &settings.env {
        variables.push((variable.clone(), value.fill(&format!("env.{variable}"), target)?));
    }
    Ok(Program { name, path, arguments: argv.collect(), folder, variables, input: None })
}

fn judge(ended: &Ended, secrets: &[Secret]) -> Outcome {
    let mut seen = printed(&ended.output, secrets);
    seen.facts.insert("exit_code".to_owned(), ended.code());
    match ended.failure(secrets) {
        None => Ok(seen),
        Some(failure) => Err(Miss { observed: Some(seen), ..failure }),
    }
}

#[cfg(test)]
mod tests {
    use super::Command;
    use crate::probe::ProbeCalls as _;
    use serde_json::{Value, json};

    fn check(settings: Value) -> Result<(), String> {
        let Value::Object(settings) = settings else { unreachable!() };
        Command.check(&settings)
    }

    #[test]
    fn settings_are_checked() {
        let good = json!({ "argv": ["true"], "env": { "A_1": "x" }, "secret_env": { "B": { "env": "B" } } });
        assert_eq!(check(good), Ok(()));
        for (settings, part) in [
            (json!({ "argv": [] }), "names no program"),
            (json!({ "argv": [["a"]] }), "argv[0]"),
            (json!({ "argv": ["a"], "env": { "A B": "x" } }), "cannot name a variable"),
            (json!({ "argv": ["a"], "env": { "DRILL_ENDPOINT_HOST": "x" } }), "set by drill"),
            (json!({ "argv": ["a"], "secret_env": { "PW": "canary-9f2c" } }), "a secret is a reference"),
            (json!({ "argv": ["a"], "env": { "A": "x" }, "secret_env": { "A": { "env": "B" } } }), "in `secret_env`"),
        ] {
            let problem = check(settings).unwrap_err();
            assert!(problem.contains(part) && !problem.contains("canary"), "{problem}");
        }
    }
}
