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
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command as Process};

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, SecretRef, environment, miss, shown, typed};
use crate::probe::output::{last_words, printed};
use crate::probe::target::Target;
use crate::probe::{Miss, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::words::reference::is_variable_name;
use crate::words::secret::Secret;
use crate::words::text::tame;
use crate::yaml::shape::{Field, Shape};

/// Standard output is read up to here; more is a miss.
const MOST_OUTPUT_BYTES: usize = 1024 * 1024;

/// The end of standard error that is kept.
const KEPT_ERROR_BYTES: usize = 64 * 1024;

/// Variables of drill's own environment that a program inherits.
const INHERITED: &[&str] = &["PATH", "HOME", "LANG", "TZ"];

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
        for name in settings.secret_env.keys() {
            check_variable(name)?;
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
    let (mut process, name) = prepare(settings, target)?;
    for (variable, reference) in &settings.secret_env {
        let secret = reference.read(target).await?;
        process.env(variable, secret.expose());
        secrets.push(secret);
    }
    // The longest first: one secret may be a part of another.
    secrets.sort_by_key(|secret: &Secret| Reverse(secret.expose().len()));
    let input = settings.stdin.as_ref().map(|stdin| stdin.fill("stdin", target)).transpose()?;
    process.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let child = process.spawn().map_err(|error| unstarted(&name, &error))?;
    let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
    let ended = finish(Running { group, child }, input).await?;
    judge(&ended, &secrets)
}

fn prepare(settings: &CommandSettings, target: &Target) -> Result<(Process, String), Miss> {
    let mut argv = Vec::new();
    for (index, argument) in settings.argv.iter().enumerate() {
        argv.push(argument.fill(&format!("argv[{index}]"), target)?);
    }
    let mut argv = argv.into_iter();
    let name = argv.next().ok_or_else(|| miss(ProbeReason::Setup, "`argv` names no program"))?;
    let folder = absolute(&target.folder)?;
    // Whether a relative program is looked for before or after the change of folder differs by platform.
    let program = if name.contains('/') { folder.join(&name) } else { PathBuf::from(&name) };
    let mut process = Process::new(program);
    process.args(argv).current_dir(folder).env_clear().kill_on_drop(true).process_group(0);
    process.stdout(Stdio::piped()).stderr(Stdio::piped());
    for variable in INHERITED {
        if let Some(value) = environment(variable) {
            process.env(variable, value);
        }
    }
    if let Some(endpoint) = &target.endpoint {
        process.env("DRILL_ENDPOINT_HOST", &endpoint.host);
        if let Some(port) = endpoint.port {
            process.env("DRILL_ENDPOINT_PORT", port.to_string());
        }
    }
    for (variable, value) in &settings.env {
        process.env(variable, value.fill(&format!("env.{variable}"), target)?);
    }
    Ok((process, name))
}

fn absolute(folder: &Path) -> Result<PathBuf, Miss> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::path::absolute(folder)
        .map_err(|error| miss(ProbeReason::Setup, &format!("cannot find the definition's folder: {error}")))
}

fn unstarted(name: &str, error: &io::Error) -> Miss {
    let message = match error.kind() {
        io::ErrorKind::NotFound if name.contains('/') => {
            format!("the program `{name}` was not found; it is looked for from the definition's folder")
        }
        io::ErrorKind::NotFound => format!("the program `{name}` was not found in PATH"),
        io::ErrorKind::PermissionDenied => format!("the program `{name}` is not executable (chmod +x)"),
        _ => format!("the program `{name}` could not be started: {error}"),
    };
    miss(ProbeReason::Setup, &message)
}

/// A started program. Fields drop in order: first its whole group is ended, then the program is reaped.
struct Running {
    group: Group,
    child: Child,
}

/// The program's process group, ended when dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // Already gone is what is wanted.
            kill_process_group(leader, Signal::KILL).ok();
        }
    }
}

/// What a program left.
struct Ended {
    status: ExitStatus,
    output: Vec<u8>,
    errors: Vec<u8>,
}

async fn finish(mut running: Running, input: Option<String>) -> Result<Ended, Miss> {
    let child = &mut running.child;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let ended = async { child.wait().await.map_err(|error| unread(&error)) };
    let (status, output, errors, ()) = tokio::try_join!(ended, answer(stdout), tail(stderr), feed(stdin, input))?;
    // It ended by itself and both pipes are closed: the group's number may belong to others from now on.
    running.group.0 = None;
    Ok(Ended { status, output, errors })
}

fn unread(error: &io::Error) -> Miss {
    miss(ProbeReason::Setup, &format!("the program could not be watched: {error}"))
}

async fn feed(stdin: Option<ChildStdin>, input: Option<String>) -> Result<(), Miss> {
    if let (Some(mut stdin), Some(input)) = (stdin, input) {
        // A program need not read what it is given.
        stdin.write_all(input.as_bytes()).await.ok();
        stdin.shutdown().await.ok();
    }
    Ok(())
}

async fn answer(stdout: Option<ChildStdout>) -> Result<Vec<u8>, Miss> {
    let mut output = Vec::new();
    if let Some(stdout) = stdout {
        let most = u64::try_from(MOST_OUTPUT_BYTES).unwrap_or(u64::MAX);
        stdout.take(most + 1).read_to_end(&mut output).await.map_err(|error| unread(&error))?;
    }
    if output.len() > MOST_OUTPUT_BYTES {
        return Err(miss(ProbeReason::Expectation, "the program printed more than 1 MiB; it was ended"));
    }
    Ok(output)
}

async fn tail(stderr: Option<ChildStderr>) -> Result<Vec<u8>, Miss> {
    let mut kept = Vec::new();
    let Some(mut stderr) = stderr else { return Ok(kept) };
    let mut chunk = vec![0_u8; 8 * 1024];
    loop {
        let count = stderr.read(&mut chunk).await.map_err(|error| unread(&error))?;
        if count == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(chunk.get(..count).unwrap_or_default());
        let surplus = kept.len().saturating_sub(KEPT_ERROR_BYTES);
        kept.drain(..surplus);
    }
}

fn judge(ended: &Ended, secrets: &[Secret]) -> Outcome {
    let mut seen = printed(&ended.output, secrets);
    let failure = match (ended.status.code(), ended.status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some((code.to_string(), format!("the program ended with exit code {code}"))),
        (None, signal) => {
            let signal = signal.map_or_else(|| "unknown".to_owned(), |number| number.to_string());
            Some((format!("none, signal {signal}"), format!("the program was ended by signal {signal}")))
        }
    };
    let Some((code, mut message)) = failure else {
        seen.facts.insert("exit_code".to_owned(), "0".to_owned());
        return Ok(seen);
    };
    seen.facts.insert("exit_code".to_owned(), code);
    let said = last_words(&ended.errors, secrets);
    if !said.is_empty() {
        message = format!("{message}; it said: {said}");
    }
    Err(Miss { observed: Some(seen), ..miss(ProbeReason::ExitCode, &message) })
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
