//! Real kills of the real program: `drill run` as a process of its own, over the wire against a simulated AWS that lives
//! on, killed with SIGKILL at a random moment, and resumed.
//!
//! | file | what it does |
//! |---|---|
//! | `moment` | chooses when a run dies, from a seed; pure |
//! | `ground` | a world, a folder and the processes in it |
//! | `judge` | what must hold of the world afterwards; pure |
//! | `tally` | what it all came to, for people and programs |
//!
//! Each kill has a world, a folder and a seed of its own, so that one number repeats it. A run that nobody disturbs comes
//! first: it says how many requests there are to choose from, and how a killed run has to end.

mod ground;
mod judge;
mod moment;
mod tally;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;

use futures_util::stream::{self, StreamExt as _};

use crate::cli::connect::{environment, world_spec};
use crate::cli::error::CliError;
use crate::cli::place::Place;
use crate::cli::rehearse::kills::ground::{Ground, Life, Said, Scene};
pub use crate::cli::rehearse::kills::judge::FindingKind;
use crate::cli::rehearse::kills::judge::{End, Expected, Seen, completed, judge};
use crate::cli::rehearse::kills::moment::{Moment, Moments};
use crate::cli::rehearse::kills::tally::Outcome;
pub use crate::cli::rehearse::kills::tally::{Finding, Kills};
use crate::cli::signals::Signals;
use crate::cli::ui::{Output, Ui};
use crate::cli::validate::load_or_explain;
use crate::words::kind::Verdict;

/// World seconds for each real second: a run takes some seconds, and a process that starts anew loses some minutes.
const SPEED: f64 = 300.0;

/// What ended otherwise than expected is tried again at this speed: on a busy machine a hurried clock strikes deadlines
/// that no AWS would.
const SLOW: f64 = 60.0;

/// So many kills at the same time, each in its own world: they mostly wait.
const LANES: usize = 2;

/// The seed of worlds whose file names none. Not the seed of the kills: all of them die in the same world.
const WORLD_SEED: u64 = 42;

/// A moment that did not come is chosen again so often. Long before that it is the first request.
const MOST_ATTEMPTS: u32 = 40;

/// The variable that names a program which lists a world: it is given the world's URL, and what it prints before a run
/// and after it must be the same. With a client of AWS in it, the world is also judged by somebody else's eyes.
pub const LISTING: &str = "DRILL_KILLS_LISTING";

/// What to kill, and how often.
#[derive(Debug, Clone)]
pub struct KillPlan {
    /// The drill's name.
    pub drill: String,
    /// The repository that it is in.
    pub dir: PathBuf,
    /// How many runs.
    pub kills: u32,
    /// The seed of the first kill; each further one has the next number.
    pub seed: u64,
}

/// Kills runs of a drill over the wire and resumes them, and judges by the world's own inventory.
///
/// Nothing is written outside of temporary folders, but for the cache of simulated worlds. The first signal ends it.
///
/// # Errors
/// When there is no such drill, its undisturbed run is not clean already, or a world, a folder or a process cannot be had.
pub async fn kill_over_the_wire(plan: &KillPlan) -> Result<Kills, CliError> {
    let mut signals = Signals::listen();
    let scene = scene(plan)?;
    let expected = tokio::select! {
        expected = undisturbed(&scene) => expected?,
        _ = signals.receiver().recv() => return Err(CliError::Rehearsal("it was ended by a signal".to_owned())),
    };
    let mut kills = Kills::none_yet(plan, &expected);
    let seeds = (0..u64::from(plan.kills)).map(|nth| plan.seed.wrapping_add(nth));
    let mut outcomes = pin!(stream::iter(seeds).map(|seed| killed(&scene, &expected, seed)).buffered(LANES));
    loop {
        tokio::select! {
            outcome = outcomes.next() => match outcome {
                Some(outcome) => kills.add(plan, outcome?),
                None => break,
            },
            _ = signals.receiver().recv() => {
                kills.ended_early = true;
                break;
            }
        }
    }
    Ok(kills)
}

fn scene(plan: &KillPlan) -> Result<Scene, CliError> {
    let place = Place::of(plan.dir.clone());
    let path = place.definition(&plan.drill)?;
    let loaded = load_or_explain(&path, &BTreeMap::new(), &Ui::new(Output::Text, true))?;
    let spec = world_spec(&loaded.definition, None, &place)?;
    let program = std::env::current_exe()
        .map_err(|error| CliError::Rehearsal(format!("the program of this process cannot be found: {error}")))?;
    Ok(Scene {
        program,
        drill: plan.drill.clone(),
        dir: plan.dir.clone(),
        seed: spec.seed.unwrap_or(WORLD_SEED),
        spec,
        cache: place.cache(),
        listing: environment(LISTING).filter(|program| !program.is_empty()).map(PathBuf::from),
    })
}

/// What a run does that nobody disturbs.
async fn undisturbed(scene: &Scene) -> Result<Expected, CliError> {
    let expected = undisturbed_at(scene, SPEED).await?;
    if expected.verdict == Verdict::Passed { Ok(expected) } else { undisturbed_at(scene, SLOW).await }
}

async fn undisturbed_at(scene: &Scene, speed: f64) -> Result<Expected, CliError> {
    let ground = Ground::new(scene, speed).await?;
    let expected = measured(&ground, scene).await;
    ground.close().await;
    expected
}

async fn measured(ground: &Ground<'_>, scene: &Scene) -> Result<Expected, CliError> {
    let listing = ground.listing().await?;
    let before = ground.inventory();
    let Life::Over(said) = ground.run(None).await? else {
        return Err(CliError::Rehearsal("a run that nobody disturbs did not come to an end".to_owned()));
    };
    let Some((verdict, why)) = said.verdict() else {
        let said = said.last_words();
        return Err(CliError::Rehearsal(format!("a run that nobody disturbs ended without a verdict, {said}")));
    };
    let after = ground.inventory();
    let expected = Expected {
        verdict,
        requests: u32::try_from(after.calls.len().saturating_sub(before.calls.len())).unwrap_or(u32::MAX),
        jobs: after.restore_jobs.len(),
        completed: completed(&after),
        listing,
    };
    let listing = ground.listing().await?;
    let seen = Seen { before, after, end: End::Concluded(verdict, why), journal: None, listing };
    match judge(&expected, &seen).first() {
        None => Ok(expected),
        Some(found) => Err(CliError::Rehearsal(format!(
            "a run that nobody disturbs does not leave the world as it was, so kills cannot be judged: {}; see `drill run {} \
             --sandbox`",
            found.what, scene.drill
        ))),
    }
}

/// One kill; again in a slower world, if all that is wrong is the verdict.
async fn killed(scene: &Scene, expected: &Expected, seed: u64) -> Result<Outcome, CliError> {
    let outcome = killed_at(scene, expected, seed, SPEED).await?;
    tracing::info!(seed, moments = %outcome.moments, findings = outcome.found.len(), "killed and resumed");
    let late = !outcome.found.is_empty() && outcome.found.iter().all(|found| found.kind == FindingKind::Verdict);
    if !late {
        return Ok(outcome);
    }
    let slow = killed_at(scene, expected, seed, SLOW).await?;
    Ok(Outcome { slowed: slow.found.is_empty(), ..slow })
}

async fn killed_at(scene: &Scene, expected: &Expected, seed: u64, speed: f64) -> Result<Outcome, CliError> {
    for attempt in 0..MOST_ATTEMPTS {
        let moments = Moments::choose(seed, expected.requests, attempt);
        let ground = Ground::new(scene, speed).await?;
        let outcome = killed_on(&ground, expected, seed, moments).await;
        ground.close().await;
        if let Some(outcome) = outcome? {
            return Ok(outcome);
        }
    }
    Err(CliError::Rehearsal(format!("no run of `{}` lasted long enough to be killed", scene.drill)))
}

/// One kill on fresh ground; nothing, if the run ended before its moment came.
async fn killed_on(
    ground: &Ground<'_>,
    expected: &Expected,
    seed: u64,
    moments: Moments,
) -> Result<Option<Outcome>, CliError> {
    let before = ground.inventory();
    let last = match ground.run(Some(moments.of_run)).await? {
        Life::Over(_) => return Ok(None),
        Life::Endless => Last::of(End::Endless),
        Life::Killed => resumed(ground, moments.of_resume).await?,
    };
    // The world first: a client's own requests are none of the run's.
    let after = ground.inventory();
    let listing = ground.listing().await?;
    let seen = Seen { before, after, end: last.end, journal: last.journal, listing };
    Ok(Some(Outcome {
        seed,
        moments,
        killed_resumes: last.killed,
        resumed: last.resumed,
        slowed: false,
        found: judge(expected, &seen),
    }))
}

/// What the processes after a killed one came to.
struct Last {
    end: End,
    journal: Option<String>,
    killed: u32,
    resumed: u32,
}

impl Last {
    fn of(end: End) -> Self {
        Self { end, journal: None, killed: 0, resumed: 0 }
    }
}

/// Resumes the run that was killed until it is over; the first resume dies at its moment, if it has one.
async fn resumed(ground: &Ground<'_>, mut moment: Option<Moment>) -> Result<Last, CliError> {
    let run = match run_of(&ground.ask(&["status"]).await?) {
        Ok(Some(run)) => run,
        Ok(None) => return Ok(Last::of(End::NeverBegan)),
        Err(why) => return Ok(Last { journal: Some(why.clone()), ..Last::of(End::Without(why)) }),
    };
    let mut last = Last::of(End::Endless);
    loop {
        match ground.resume(&run, moment.take()).await? {
            Life::Killed => last.killed += 1,
            Life::Endless => break,
            Life::Over(said) => {
                last.resumed += 1;
                last.end = match said.verdict() {
                    Some((verdict, why)) => End::Concluded(verdict, why),
                    None => End::Without(said.last_words()),
                };
                break;
            }
        }
    }
    let logs = ground.ask(&["logs", &run]).await?;
    last.journal = (logs.code != Some(0)).then(|| logs.last_words());
    Ok(last)
}

/// The one run in the journals, by what `drill status` says; nothing before its first record.
///
/// # Errors
/// When the journals cannot be read.
fn run_of(status: &Said) -> Result<Option<String>, String> {
    let runs = status.json().filter(|_| status.code == Some(0)).ok_or_else(|| status.last_words())?;
    Ok(runs["runs"][0]["run"].as_str().map(str::to_owned))
}
