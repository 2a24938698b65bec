//! One program on this machine, from start to end: no shell, a process group of its own, bounded output.
//!
//! The program gets PATH, HOME, LANG and TZ and what it is given; nothing else of drill's environment, so no AWS
//! credentials. Dropping the future ends the program and everything in its group. Used by `command`, by `custom`, and to print a report.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{environment, miss};
use crate::probe::output::last_words;
use crate::words::secret::Secret;

/// Standard output is read up to here; more is a miss.
const MOST_OUTPUT_BYTES: usize = 1024 * 1024;

/// The end of standard error that is kept.
const KEPT_ERROR_BYTES: usize = 64 * 1024;

/// Variables of drill's own environment that a program inherits.
const INHERITED: &[&str] = &["PATH", "HOME", "LANG", "TZ"];

/// A program to start.
pub(crate) struct Program {
    /// Its name in messages.
    pub(crate) name: String,
    /// The file, or a name that is looked for in PATH.
    pub(crate) path: PathBuf,
    /// Its arguments, each passed on as it is.
    pub(crate) arguments: Vec<String>,
    /// Where it works; absolute.
    pub(crate) folder: PathBuf,
    /// Variables besides the inherited ones.
    pub(crate) variables: Vec<(String, String)>,
    /// Its standard input; none is an empty one.
    pub(crate) input: Option<Vec<u8>>,
}

/// What a program left.
pub(crate) struct Ended {
    status: ExitStatus,
    /// Standard output, whole.
    pub(crate) output: Vec<u8>,
    errors: Vec<u8>,
}

impl Ended {
    /// Its exit code, in words.
    pub(crate) fn code(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => code.to_string(),
            (None, Some(signal)) => format!("none, signal {signal}"),
            (None, None) => "none".to_owned(),
        }
    }

    /// The miss for a program that did not end with exit code 0.
    pub(crate) fn failure(&self, secrets: &[Secret]) -> Option<Miss> {
        let what = match (self.status.code(), self.status.signal()) {
            (Some(0), _) => return None,
            (Some(code), _) => format!("the program ended with exit code {code}"),
            (None, Some(signal)) => format!("the program was ended by signal {signal}"),
            (None, None) => "the program was ended by an unknown signal".to_owned(),
        };
        let said = last_words(&self.errors, secrets);
        let message = if said.is_empty() { what } else { format!("{what}; it said: {said}") };
        Some(miss(ProbeReason::ExitCode, &message))
    }
}

/// An absolute folder; the empty path is where drill was started.
///
/// # Errors
/// A `setup` miss.
pub(crate) fn absolute(folder: &Path) -> Result<PathBuf, Miss> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::path::absolute(folder)
        .map_err(|error| miss(ProbeReason::Setup, &format!("cannot find the definition's folder: {error}")))
}

/// Runs a program until it ends and both of its outputs are closed. It has no time limit of its own: whoever drops the
/// future ends it.
///
/// # Errors
/// `setup` when it cannot be started or watched, `expectation` when it prints more than 1 MiB.
pub(crate) async fn run(program: Program) -> Result<Ended, Miss> {
    let Program { name, path, arguments, folder, variables, input } = program;
    let mut process = Command::new(path);
    process.args(arguments).current_dir(folder).env_clear().kill_on_drop(true).process_group(0);
    process.stdout(Stdio::piped()).stderr(Stdio::piped());
    process.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    for variable in INHERITED {
        if let Some(value) = environment(variable) {
            process.env(variable, value);
        }
    }
    process.envs(variables);
    let child = process.spawn().map_err(|error| unstarted(&name, &error))?;
    let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
    finish(Running { group, child }, input).await
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

async fn finish(mut running: Running, input: Option<Vec<u8>>) -> Result<Ended, Miss> {
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

async fn feed(stdin: Option<ChildStdin>, input: Option<Vec<u8>>) -> Result<(), Miss> {
    if let (Some(mut stdin), Some(input)) = (stdin, input) {
        // A program need not read what it is given.
        stdin.write_all(&input).await.ok();
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
