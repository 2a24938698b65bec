//! Plays many scenarios on every core: each thread has a stage of its own, and a runtime for each scenario whose idle
//! moments move the world's time.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::cli::error::CliError;
use crate::cli::rehearse::judge::{Finding, judge};
use crate::cli::rehearse::life::Play;
use crate::cli::rehearse::panics::Panics;
use crate::cli::rehearse::played::{How, Played};
use crate::cli::rehearse::script::Script;
use crate::cli::rehearse::stage::Stage;
use crate::cli::rehearse::trouble::{Scenario, Trouble};
use crate::sandbox::IdleClock;
use crate::words::kind::Verdict;

/// A scenario that stands still in real time is a bug, not a long drill.
const STUCK: Duration = Duration::from_secs(120);

/// What came of a scenario, in short.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) scenario: Scenario,
    /// The first verdict; none where a process ended without one.
    pub(crate) verdict: Option<Verdict>,
    /// The journal was refused.
    pub(crate) refused: bool,
    pub(crate) findings: Vec<Finding>,
    /// Every trouble of it came.
    pub(crate) struck: bool,
    /// How many calls were made.
    pub(crate) calls: usize,
}

/// Plays scenarios one after the other on one thread.
pub(crate) struct Player {
    script: Script,
    stage: Stage,
    /// For a process that is paused, once there was one.
    pause: Option<Stage>,
    scratch: tempfile::TempDir,
    played: u64,
}

impl Player {
    /// A player with a stage of its own.
    ///
    /// # Errors
    /// When the stage or its folder cannot be made.
    pub(crate) fn new(script: &Script) -> Result<Self, CliError> {
        let stage = runtime(None, &Panics::default())?.block_on(Stage::new(script.definition()))?;
        let scratch = scratch()?;
        Ok(Self { script: script.clone(), stage, pause: None, scratch, played: 0 })
    }

    /// Plays a scenario; `listens` writes down what it asks.
    ///
    /// # Errors
    /// When its folder cannot be used.
    pub(crate) fn play(&mut self, scenario: &Scenario, listens: bool) -> Result<Played, CliError> {
        self.played += 1;
        let folder = self.scratch.path().join(self.played.to_string());
        let clock = IdleClock::new(self.script.starts);
        let panics = Panics::default();
        panics.listen();
        let pauses = scenario.0.iter().any(|trouble| matches!(trouble, Trouble::Takeover { .. }));
        if pauses && self.pause.is_none() {
            self.pause = Some(runtime(None, &panics)?.block_on(Stage::new(self.script.definition()))?);
        }
        let runtime = runtime(Some(Arc::clone(&clock)), &panics)?;
        if listens {
            self.stage.listen();
        }
        let pause = self.pause.as_ref().filter(|_| pauses);
        let play = Play { script: &self.script, stage: &self.stage, pause, folder: &folder, clock };
        let played = runtime.block_on(async { tokio::time::timeout(STUCK, play.play(scenario)).await });
        drop(runtime);
        match played {
            Ok(played) => Ok(Played { panics: panics.heard(), ..played.map_err(CliError::Store)? }),
            Err(_) => Err(CliError::usage(format!("the rehearsal `{scenario}` stands still; please report it"))),
        }
    }

    /// Plays and judges.
    ///
    /// # Errors
    /// As [`Player::play`].
    pub(crate) fn judged(&mut self, scenario: &Scenario, usual: Option<Verdict>) -> Result<Judged, CliError> {
        let played = self.play(scenario, false)?;
        let findings = judge(&self.script, scenario, &played, usual);
        let _ = std::fs::remove_dir_all(self.scratch.path().join(self.played.to_string()));
        let ends = || played.runs.iter().flat_map(|run| &run.ends);
        let verdict = ends().find_map(|end| match &end.how {
            How::Concluded(conclusion, _) => Some(conclusion.verdict),
            _ => None,
        });
        let refused = ends().any(|end| matches!(end.how, How::Refused(..)));
        Ok(Judged {
            scenario: scenario.clone(),
            verdict,
            refused,
            findings,
            struck: played.struck,
            calls: played.after.calls.len(),
        })
    }
}

/// A folder for journals and reports, in memory where the machine has one: nothing of it is kept.
fn scratch() -> Result<tempfile::TempDir, CliError> {
    let failed = |source| CliError::Read { path: PathBuf::from("a temporary folder"), source };
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).map_err(failed)
}

fn runtime(clock: Option<Arc<IdleClock>>, panics: &Panics) -> Result<tokio::runtime::Runtime, CliError> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // Instances of a world have web servers, though nobody connects to them here.
    builder.enable_all();
    let ears = panics.clone();
    builder.on_thread_start(move || ears.listen());
    if let Some(clock) = clock {
        builder.on_thread_park(move || {
            clock.jump();
        });
    }
    builder.build().map_err(CliError::Runtime)
}

/// Plays all of them, on so many threads. `seen` hears of each as it ends; `enough` says when to stop early.
///
/// # Errors
/// The first that a player had.
pub(crate) fn play_all(
    script: &Script,
    scenarios: &[Scenario],
    usual: Option<Verdict>,
    threads: usize,
    seen: &(dyn Fn(&Judged) + Sync),
    enough: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Judged>, CliError> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, Judged)>> = Mutex::default();
    let work = || -> Result<(), CliError> {
        let mut player = Player::new(script)?;
        while !enough() {
            let index = next.fetch_add(1, Ordering::SeqCst);
            let Some(scenario) = scenarios.get(index) else { break };
            let judged = player.judged(scenario, usual)?;
            seen(&judged);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((index, judged));
        }
        Ok(())
    };
    let ended: Vec<Result<(), CliError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let panicked = || CliError::usage("drill has a bug: a rehearsal ended in a panic; please report it");
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked()))).collect()
    });
    ended.into_iter().collect::<Result<Vec<()>, _>>()?;
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, judged)| judged).collect())
}
