//! A world and a folder of their own for one run, and the real program in them: started, watched, killed at its moment.
//!
//! Journals, reports and what the program prints go into the temporary folder and leave with it. The program has a process
//! group of its own, so that Ctrl-C reaches the rehearsal alone, and is killed when its handle is dropped.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::cli::error::CliError;
use crate::cli::rehearse::kills::moment::Moment;
use crate::sandbox::spec::WorldSpec;
use crate::sandbox::{Held, Inventory, Options, Sandbox};
use crate::words::kind::Verdict;
use crate::words::text::tame;

/// No process takes longer, in real time: the deadlines of a run are much shorter at the speeds used here.
const LONGEST: Duration = Duration::from_mins(15);

/// No client takes longer to list a world, in real time.
const LONGEST_LISTING: Duration = Duration::from_mins(3);

/// Where the program's own words go.
const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";

/// What all worlds of one campaign share.
pub(crate) struct Scene {
    /// The program: this one.
    pub(crate) program: PathBuf,
    /// The drill's name.
    pub(crate) drill: String,
    /// The repository that it is in.
    pub(crate) dir: PathBuf,
    /// What each world is made from.
    pub(crate) spec: WorldSpec,
    /// The seed of each world.
    pub(crate) seed: u64,
    /// Where worlds keep what is costly to make.
    pub(crate) cache: PathBuf,
    /// A program that lists a world as a client of AWS sees it.
    pub(crate) listing: Option<PathBuf>,
}

/// A world, and a folder for what runs in it leave on this machine.
pub(crate) struct Ground<'a> {
    scene: &'a Scene,
    sandbox: Sandbox,
    folder: TempDir,
}

/// How a process came to its end.
pub(crate) enum Life {
    /// Killed at its moment.
    Killed,
    /// By itself.
    Over(Said),
    /// Killed, because it did not end in time.
    Endless,
}

/// What a process left.
#[derive(Debug)]
pub(crate) struct Said {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl<'a> Ground<'a> {
    /// A fresh world at this speed.
    ///
    /// # Errors
    /// When there can be no folder or no world.
    pub(crate) async fn new(scene: &'a Scene, speed: f64) -> Result<Self, CliError> {
        let folder = tempfile::Builder::new().prefix("drill-kills-").tempdir();
        let folder = folder.map_err(|error| cannot("a temporary folder cannot be made", &error))?;
        let options = Options { port: 0, speed, seed: scene.seed, cache: scene.cache.clone() };
        let sandbox = Sandbox::start(scene.spec.clone(), options).await;
        let sandbox = sandbox.map_err(|error| CliError::Sandbox(Box::new(error)))?;
        Ok(Self { scene, sandbox, folder })
    }

    /// Ends the world, its database servers included, and removes the folder.
    pub(crate) async fn close(self) {
        self.sandbox.stop().await;
    }

    /// What the world has, and what was asked of it.
    pub(crate) fn inventory(&self) -> Inventory {
        self.sandbox.inventory()
    }

    /// `drill run`, killed at this moment if there is one.
    ///
    /// # Errors
    /// When it cannot be started or watched.
    pub(crate) async fn run(&self, moment: Option<Moment>) -> Result<Life, CliError> {
        let url = format!("--sandbox={}", self.sandbox.url());
        self.live(&["run", &self.scene.drill, &url], moment).await
    }

    /// `drill resume`, killed at this moment if there is one.
    ///
    /// # Errors
    /// When it cannot be started or watched.
    pub(crate) async fn resume(&self, run: &str, moment: Option<Moment>) -> Result<Life, CliError> {
        self.live(&["resume", run], moment).await
    }

    /// A command that only reads, to its end.
    ///
    /// # Errors
    /// When it cannot be started or watched, or does not end.
    pub(crate) async fn ask(&self, arguments: &[&str]) -> Result<Said, CliError> {
        match self.live(arguments, None).await? {
            Life::Over(said) => Ok(said),
            Life::Killed | Life::Endless => {
                Err(CliError::Rehearsal(format!("`drill {}` did not end", arguments.join(" "))))
            }
        }
    }

    /// What a client of AWS lists, if one was named.
    ///
    /// # Errors
    /// When it cannot be started, fails, or takes too long.
    pub(crate) async fn listing(&self) -> Result<Option<String>, CliError> {
        let Some(program) = &self.scene.listing else { return Ok(None) };
        let url = self.sandbox.url();
        let listed = Command::new(program).arg(&url).stdin(Stdio::null()).process_group(0).kill_on_drop(true).output();
        let shown = program.display();
        let Ok(output) = tokio::time::timeout(LONGEST_LISTING, listed).await else {
            return Err(CliError::Rehearsal(format!("`{shown} {url}` did not end")));
        };
        let output = output.map_err(|error| cannot(&format!("`{shown}` cannot be started"), &error))?;
        if !output.status.success() {
            let said = last_lines(&String::from_utf8_lossy(&output.stderr));
            return Err(CliError::Rehearsal(format!("`{shown} {url}` ended with {}: {said}", output.status)));
        }
        Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    async fn live(&self, arguments: &[&str], moment: Option<Moment>) -> Result<Life, CliError> {
        // Set before the process is there: its first request may be the one.
        let held = moment.map(|moment| (moment, self.sandbox.hold(moment.hold())));
        let mut child = self.spawn(arguments)?;
        let waited = tokio::time::timeout(LONGEST, self.until_moment(&mut child, held.as_ref())).await;
        let Ok(ended) = waited else {
            child.kill().await.map_err(|error| unwatched(&error))?;
            return Ok(Life::Endless);
        };
        if let Some(status) = ended? {
            return self.over(status);
        }
        child.kill().await.map_err(|error| unwatched(&error))?;
        // Only now: a request that is let go while its process lives would have an answer.
        drop(held);
        Ok(Life::Killed)
    }

    /// Waits for the moment: nothing once it has come, the status if the process ended by itself before.
    async fn until_moment(
        &self,
        child: &mut Child,
        held: Option<&(Moment, Held)>,
    ) -> Result<Option<ExitStatus>, CliError> {
        let Some((moment, held)) = held else { return ended(child).await.map(Some) };
        tokio::select! {
            () = held.reached() => {}
            status = ended(child) => return status.map(Some),
        }
        let Some(pause) = moment.pause() else { return Ok(None) };
        held.release();
        let clock = self.sandbox.clock();
        let end = clock.now().saturating_add(pause).unwrap_or(Timestamp::MAX);
        tokio::select! {
            () = clock.sleep_until(end) => Ok(None),
            status = ended(child) => status.map(Some),
        }
    }

    fn spawn(&self, arguments: &[&str]) -> Result<Child, CliError> {
        let folder = self.folder.path();
        let file = |name: &str| {
            File::create(folder.join(name))
                .map_err(|error| cannot("a file in a temporary folder cannot be made", &error))
        };
        // Files, not pipes: nobody reads along, and a full pipe would stop the process at a moment of its own.
        let (stdout, stderr) = (file(STDOUT)?, file(STDERR)?);
        let mut command = Command::new(&self.scene.program);
        command.args(arguments).arg("--dir").arg(&self.scene.dir);
        command.arg("--state").arg(folder.join("state")).arg("--reports").arg(folder.join("reports"));
        command.args(["--quiet", "--output", "json"]).env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0).kill_on_drop(true);
        command
            .spawn()
            .map_err(|error| cannot(&format!("`{}` cannot be started", self.scene.program.display()), &error))
    }

    fn over(&self, status: ExitStatus) -> Result<Life, CliError> {
        let read = |name: &str| match fs::read(self.folder.path().join(name)) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => Err(cannot("what `drill` printed cannot be read", &error)),
        };
        Ok(Life::Over(Said { code: status.code(), stdout: read(STDOUT)?, stderr: read(STDERR)? }))
    }
}

impl Said {
    /// Standard output, if it is JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.stdout).ok()
    }

    /// The verdict of a run, and what decided it.
    pub(crate) fn verdict(&self) -> Option<(Verdict, String)> {
        let summary = self.json()?;
        let verdict = Verdict::from_word(summary["verdict"].as_str()?)?;
        let why = summary["failure"]["message"].as_str().unwrap_or("no reason is given");
        Some((verdict, tame(why)))
    }

    /// How it ended and what it said last, as one line.
    pub(crate) fn last_words(&self) -> String {
        let code = self.code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
        format!("{code}: {}", last_lines(&self.stderr))
    }
}

async fn ended(child: &mut Child) -> Result<ExitStatus, CliError> {
    child.wait().await.map_err(|error| unwatched(&error))
}

/// The last lines of a text, as one harmless line.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    tame(&lines[lines.len().saturating_sub(3)..].join("; "))
}

fn unwatched(error: &io::Error) -> CliError {
    cannot("a process cannot be watched", error)
}

fn cannot(what: &str, error: &io::Error) -> CliError {
    CliError::Rehearsal(format!("{what}: {error}"))
}
