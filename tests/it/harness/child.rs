//! The real `drill`, in a folder of its own and with nothing of this machine's environment but the search path.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// No command takes longer, in real time.
const LONGEST: Duration = Duration::from_secs(120);

/// A repository of drills, and `drill` in it.
pub(crate) struct Drill {
    folder: TempDir,
    home: TempDir,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

/// What a command left.
#[derive(Debug)]
pub(crate) struct Said {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A command under way. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
}

impl Drill {
    pub(crate) fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a folder");
        Self { folder: folder(), home: folder(), arguments: Vec::new(), variables: Vec::new() }
    }

    /// Writes `drills/NAME.yaml`.
    #[must_use]
    pub(crate) fn definition(self, name: &str, yaml: &str) -> Self {
        self.write(&format!("drills/{name}.yaml"), yaml);
        self
    }

    /// An argument of every command, after its own.
    #[must_use]
    pub(crate) fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// A variable of every command's environment, besides the few that each has.
    #[must_use]
    pub(crate) fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Journals and reports in its own folder, wherever the definitions are.
    #[must_use]
    pub(crate) fn in_its_own_folder(self) -> Self {
        let (state, reports) = (self.path().join("state"), self.path().join("reports"));
        self.arg("--state").arg(state.display().to_string()).arg("--reports").arg(reports.display().to_string())
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The home of whoever runs it.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file of the repository.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// Writes a program of the repository.
    pub(crate) fn program(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.write(name, script);
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path().join(name), executable).expect("it can be run");
    }

    /// Starts a command.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        self.started(Command::new(program()), arguments)
    }

    /// Starts a command behind a line of shell, such as `ulimit -n 256`.
    pub(crate) fn spawn_behind(&self, line: &str, arguments: &[&str]) -> Running {
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(format!("{line}; exec \"$0\" \"$@\"")).arg(program());
        self.started(shell, arguments)
    }

    /// Starts a command that can write no file beyond so many blocks of 512 bytes: as on a full disk, writing fails.
    pub(crate) fn spawn_on_a_full_disk(&self, blocks: u64, arguments: &[&str]) -> Running {
        // The signal of a file that is too large would end the program; a full disk has none.
        self.spawn_behind(&format!("trap '' XFSZ; ulimit -f {blocks}"), arguments)
    }

    fn started(&self, mut command: Command, arguments: &[&str]) -> Running {
        command.args(arguments).args(&self.arguments).current_dir(self.path());
        command.env_clear().envs([("TZ", "UTC"), ("LANG", "C.UTF-8"), ("NO_COLOR", "1"), ("USER", "somebody")]);
        command.env("HOME", self.home.path()).env("DRILL_CACHE", cache()).env("PATH", search_path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Running { child: command.spawn().expect("drill starts") }
    }

    /// Runs a command to its end.
    pub(crate) async fn ask(&self, arguments: &[&str]) -> Said {
        self.spawn(arguments).ended().await
    }

    /// The newest run, as `drill status` knows it.
    pub(crate) async fn last_run(&self) -> Value {
        let mut runs = self.ask(&["status", "--output", "json"]).await.json();
        runs["runs"][0].take()
    }

    /// The newest run's id.
    pub(crate) async fn last_id(&self) -> String {
        let run = self.last_run().await;
        run["run"].as_str().unwrap_or_else(|| panic!("no run in {run}")).to_owned()
    }
}

/// The program under test.
pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_drill")
}

impl Running {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it was not waited for")
    }

    /// Nobody reads what it says from now on: its pipes are closed.
    pub(crate) fn nobody_listens(&mut self) {
        drop((self.child.stdout.take(), self.child.stderr.take()));
    }

    /// Sends a signal to it, and to nobody else.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("it can be signalled");
    }

    /// Waits for its end.
    pub(crate) async fn ended(self) -> Said {
        self.ended_within(LONGEST).await
    }

    /// The same for a command that takes longer than others, in real time.
    pub(crate) async fn ended_within(self, longest: Duration) -> Said {
        let output = tokio::time::timeout(longest, self.child.wait_with_output()).await;
        output.unwrap_or_else(|_| panic!("a command did not end within {longest:?}")).expect("its output").into()
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

impl Said {
    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// It ended with this exit code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Both streams, for texts that may stand in either.
    pub(crate) fn all(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// One cache for all tests: what is costly to make is made once.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("drill-cache")
}

#[expect(clippy::disallowed_methods, reason = "programs that probes start are found on the path")]
fn search_path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}
