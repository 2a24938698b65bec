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
use crate::cli::rehearse::trouble::{Runner, Scenario, Trouble};
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
    /// For the second machine, once there was one.
    elsewhere: Option<Stage>,
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
        Ok(Self { script: script.clone(), stage, pause: None, elsewhere: None, scratch, played: 0 })
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
        let is_elsewhere = |trouble: &Trouble| matches!(trouble, Trouble::Runner(Runner::OtherMachine));
        let has_second = scenario.0.iter().any(is_elsewhere);
        prepare(&mut self.pause, pauses, &self.script, &panics)?;
        prepare(&mut self.elsewhere, has_second, &self.script, &panics)?;
        let runtime = runtime(Some(Arc::clone(&clock)), &panics)?;
        if listens {
            self.stage.listen();
        }
        let pause = self.pause.as_ref().filter(|_| pauses);
        let elsewhere = self.elsewhere.as_ref().filter(|_| has_second);
        let play = Play { script: &self.script, stage: &self.stage, pause, elsewhere, folder: &folder, clock };
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

/// Makes a stage, if one is needed that is not there.
fn prepare(stage: &mut Option<Stage>, is_needed: bool, script: &Script, panics: &Panics) -> Result<(), CliError> {
    if is_needed && stage.is_none() {
        *stage = Some(runtime(None, panics)?.block_on(Stage::new(script.definition()))?);
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::{Panics, Player, Script, runtime};
    use crate::aws::resource::facts;
    use crate::definition::load::check_text;
    use crate::run::guards::Guards;
    use crate::sandbox::WorldSpec;

    const MINIMAL: &str = include_str!("../../../drills/rds-minimal.yaml");

    fn script() -> Script {
        let loaded = check_text("rds-minimal.yaml", MINIMAL.as_bytes(), None, &BTreeMap::new(), facts);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{:?}", problems.diagnostics));
        let world = (WorldSpec::from_definition(&loaded.definition), 11);
        let starts = "2026-11-21T12:00:00Z".parse().unwrap();
        let script = Script::new(&loaded, world, (PathBuf::new(), BTreeMap::new()), (starts, Guards::all()));
        runtime(None, &Panics::default()).unwrap().block_on(script).unwrap()
    }

    /// What the clients of one process know, such as who it is, the other machine has to ask for itself.
    #[test]
    fn a_second_machine_knows_nothing_of_the_first() {
        let mut player = Player::new(&script()).unwrap();
        let mut asks_who_it_is = |scenario: &str| {
            let played = player.play(&scenario.parse().unwrap(), false).unwrap();
            played.after.calls.iter().filter(|call| call.operation == "sts:GetCallerIdentity").count()
        };
        let alone = asks_who_it_is("");
        assert!(alone > 0);
        assert_eq!(asks_who_it_is("second_machine"), 2 * alone);
        assert_eq!(asks_who_it_is(""), alone);
    }
}
