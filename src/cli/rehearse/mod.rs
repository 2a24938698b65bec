//! `drill rehearse`: a drill lives through everything that can go wrong with it.
//!
//! ```text
//! definition ─script─▶ undisturbed run ─space─▶ scenarios ─crew─▶ life ─judge─▶ findings ─tally─▶ table, JSON
//!                                                              (one world each, below the wire, on idle time)
//! ```
//!
//! The engine, the official SDKs and the journals are the real ones. What is not: the network (`stage`), the workload
//! that probes would ask (`stand_in`), and time (`sandbox::idle`).

mod crew;
mod damage;
mod judge;
pub mod kills;
mod life;
mod marks;
mod panics;
mod pass;
mod pen;
mod played;
mod script;
mod slumber;
mod space;
mod stage;
mod stand_in;
mod sweep;
mod switch;
mod tally;
mod time;
mod trouble;
mod watch;
mod weather;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;

use crate::cli::connect::{seed_or_random, world_spec};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::rehearse::crew::{Player, play_all};
use crate::cli::rehearse::judge::judge;
use crate::cli::rehearse::kills::{KillPlan, kill_over_the_wire};
use crate::cli::rehearse::played::{How, Played};
use crate::cli::rehearse::script::Script;
use crate::cli::rehearse::space::{Combinations, Places};
use crate::cli::rehearse::tally::Tally;
use crate::cli::rehearse::trouble::{Lie, Scenario, Trouble};
use crate::cli::run::VarArgs;
use crate::cli::templates::templates;
use crate::cli::ui::Ui;
use crate::cli::validate::load_or_explain;
use crate::definition::model::{Definition, Probe, Severity, TeardownWhen};
use crate::run::guards::{Guard, Guards};
use crate::words::kind::{ProbeKind, Verdict};
use crate::words::text::tame;
use crate::words::time::parse_duration;

/// At least so many scenarios, unless the options say otherwise: some never come and are not counted, and 1,000 should be
/// left.
const SCENARIOS: usize = 1_200;

/// Rehearses a drill in the simulated AWS through everything that can go wrong with it: each request, each restore job,
/// each record of the journal, each step; and combinations of these.
///
/// Exit code: 0 nothing was found, 1 something was, 2 usage.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The drill's name: drills/NAME.yaml
    name: String,

    /// Combinations of several troubles until so much time is over, besides each trouble alone
    #[arg(long, value_name = "DURATION", value_parser = budget)]
    budget: Option<std::time::Duration>,

    /// At most so many scenarios, spread over all of them [default: each trouble alone, and combinations up to 1200]
    #[arg(long, value_name = "NUMBER", value_parser = scenarios)]
    scenarios: Option<usize>,

    /// Only troubles of this kind, as the table names them; may be given several times
    #[arg(long, value_name = "FAULT")]
    fault: Vec<String>,

    /// Seed of the world and of combinations
    #[arg(long)]
    seed: Option<u64>,

    /// Besides, or alone without --budget and --scenarios: so many runs of the program are killed (SIGKILL) at random
    /// moments, over the wire, and resumed
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    kills: u32,

    /// Only this scenario, as a finding prints it
    #[arg(long, value_name = "SCENARIO")]
    only: Option<String>,

    /// What the simulated AWS holds [default: drills/NAME.world.yaml if it exists, else made from the definition]
    #[arg(long, value_name = "FILE")]
    world: Option<std::path::PathBuf>,

    /// Take a guard of the engine away, to see that the rehearsal notices
    #[arg(long, value_name = "GUARD", hide = true)]
    without: Option<String>,

    #[command(flatten)]
    vars: VarArgs,
}

fn scenarios(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("a rehearsal of no scenario shows nothing: give at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("it is not a whole number".to_owned()),
    }
}

fn budget(text: &str) -> Result<std::time::Duration, String> {
    let parsed = parse_duration(text).map_err(|error| error.to_string())?;
    std::time::Duration::try_from(parsed).map_err(|error| error.to_string())
}

/// See [`Args`].
///
/// # Errors
/// When the definition or the options are wrong, or a rehearsal cannot be played.
pub async fn rehearse(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let path = place.definition(&args.name)?;
    let loaded = load_or_explain(&path, &args.vars.map()?, ui)?;
    let spec = world_spec(&loaded.definition, args.world.clone(), place)?;
    let seed = seed_or_random(args.seed.or(spec.seed));
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let templates = templates(place, &loaded.definition)?;
    let guards = guards(args.without.as_deref())?;
    let starts = today();
    let script = Script::new(&loaded, (spec, seed), (folder, templates), (starts, guards)).await?;
    let (only, faults) = (args.only.clone(), args.fault.clone());
    let wanted = Wanted { only, faults, scenarios: args.scenarios, budget: args.budget, seed };
    let quiet = ui.clone();
    let mut tally = if args.only_kills() {
        Tally::new(None)
    } else {
        // Threads of their own: a rehearsal's time is not that of this runtime.
        let tally = tokio::task::spawn_blocking(move || explore(&script, &wanted, &quiet)).await;
        tally.map_err(|_| CliError::usage("drill has a bug: the rehearsal panicked; please report it"))??
    };
    if tally.tried_nothing() && !args.only_kills() {
        return Err(CliError::usage(nothing_came(args)));
    }
    if args.kills > 0 {
        let plan = KillPlan { drill: args.name.clone(), dir: place.dir().to_owned(), kills: args.kills, seed };
        tally.kills(kill_over_the_wire(&plan).await?);
    }
    let name = loaded.definition.name.to_string();
    if ui.is_json() {
        ui.json(&tally.json(&name, seed));
    } else {
        ui.print(&tally.text(&name, seed));
    }
    Ok(if tally.is_clean() { Exit::Passed } else { Exit::Failed })
}

/// A green that tried nothing is none.
fn nothing_came(args: &Args) -> String {
    match &args.only {
        Some(only) => format!(
            "nothing was rehearsed: `{}` never came in a run of `{}`, which has fewer records, requests or steps; without \
             `--only` the table shows what it has",
            tame(only),
            args.name
        ),
        None => {
            "nothing was rehearsed: none of the chosen scenarios came; choose more with `--scenarios`, or others with \
                 `--fault`"
                .to_owned()
        }
    }
}

impl Args {
    /// Nothing but kills.
    fn only_kills(&self) -> bool {
        let budget = self.budget.is_some_and(|budget| !budget.is_zero());
        self.kills > 0 && !budget && self.scenarios.is_none() && self.only.is_none()
    }
}

struct Wanted {
    only: Option<String>,
    faults: Vec<String>,
    scenarios: Option<usize>,
    budget: Option<std::time::Duration>,
    seed: u64,
}

/// Midnight before now: worlds begin there unless their file says otherwise.
fn today() -> jiff::Timestamp {
    let now = crate::words::time::Clock::now(&crate::cli::clock::MachineClock);
    let past = now.as_second().rem_euclid(86_400);
    jiff::Timestamp::from_second(now.as_second() - past).unwrap_or(now)
}

#[cfg(debug_assertions)]
fn guards(without: Option<&str>) -> Result<Guards, CliError> {
    let Some(name) = without else { return Ok(Guards::all()) };
    let guard = Guard::ALL.into_iter().find(|guard| guard.name() == name);
    let known: Vec<&str> = Guard::ALL.iter().map(|guard| guard.name()).collect();
    let unknown = || CliError::usage(format!("there is no guard `{name}`; known: {}", known.join(", ")));
    guard.map(Guards::without).ok_or_else(unknown)
}

#[cfg(not(debug_assertions))]
fn guards(without: Option<&str>) -> Result<Guards, CliError> {
    match without {
        None => Ok(Guards::all()),
        Some(_) => {
            let known: Vec<&str> = Guard::ALL.iter().map(|guard| guard.name()).collect();
            let what = "guards can be taken away in builds for development only";
            Err(CliError::usage(format!("{what} ({})", known.join(", "))))
        }
    }
}

fn explore(script: &Script, wanted: &Wanted, ui: &Ui) -> Result<Tally, CliError> {
    let mut player = Player::new(script)?;
    let undisturbed = Scenario::default();
    let played = player.play(&undisturbed, true)?;
    let places = Places::of(&played);
    let usual = played.runs.first().and_then(|run| run.ends.first()).and_then(|end| match &end.how {
        How::Concluded(conclusion, _) => Some(conclusion.verdict),
        _ => None,
    });
    let mut tally = Tally::new(usual);
    tally.undisturbed(judge(script, &undisturbed, &played, None), reasons(&played));
    if let Some(only) = &wanted.only {
        let scenario: Scenario =
            only.parse().map_err(|error: trouble::NoTrouble| CliError::usage(error.to_string()))?;
        let judged = player.judged(&scenario, usual)?;
        tally.count(&judged, &places);
        return Ok(tally);
    }
    let mut singles = places.singles(script.definition());
    let mut pairs = pairs(&mut player, script.definition())?;
    drop(player);
    let known = singles.iter().chain(pairs.iter().flat_map(|pair| &pair.0));
    check_faults(known.map(Trouble::word).collect(), &wanted.faults)?;
    let is_wanted = |trouble: &Trouble| wanted.faults.is_empty() || wanted.faults.contains(&trouble.word());
    singles.retain(is_wanted);
    pairs.retain(|pair| pair.0.iter().any(is_wanted));
    let scenarios = choose(&singles, &pairs, wanted);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let done = AtomicUsize::new(0);
    let seen = |judged: &crew::Judged| {
        let count = done.fetch_add(1, Ordering::SeqCst) + 1;
        if !judged.findings.is_empty() && !ui.is_json() {
            ui.say(&format!("found something: {}", judged.scenario));
        }
        if count.is_multiple_of(250) && !ui.is_json() && !ui.quiet {
            ui.say(&format!("  {count} scenarios"));
        }
    };
    for judged in play_all(script, &scenarios, usual, threads, &seen, &|| false)? {
        tally.count(&judged, &places);
    }
    if let Some(budget) = wanted.budget {
        let clock = crate::cli::clock::MachineClock;
        let now = || crate::words::time::Clock::now(&clock);
        let long = SignedDuration::try_from(budget).unwrap_or(SignedDuration::ZERO);
        let until = now().saturating_add(long).unwrap_or(jiff::Timestamp::MAX);
        let mut more = Combinations::new(singles, wanted.seed).skip(scenarios.len());
        while now() < until {
            let batch: Vec<Scenario> = more.by_ref().take(200).collect();
            for judged in play_all(script, &batch, usual, threads, &seen, &|| now() >= until)? {
                tally.count(&judged, &places);
            }
        }
    }
    Ok(tally)
}

/// The end of a lease that only a failure makes, with each of its troubles: where nothing but what failed is kept, the run
/// that nobody disturbs has no lease.
fn pairs(player: &mut Player, definition: &Definition) -> Result<Vec<Scenario>, CliError> {
    let asked = |probe: &Probe| probe.severity == Severity::Required && probe.kind != ProbeKind::Manual;
    let probe = definition.probes.iter().find(|(_, probe)| asked(probe)).map(|(name, _)| name.clone());
    let Some(probe) = probe.filter(|_| definition.teardown.when == TeardownWhen::OnPass) else { return Ok(Vec::new()) };
    let fails = Trouble::Probe { how: Lie::Wrong, probe };
    let places = Places::of(&player.play(&Scenario(vec![fails.clone()]), true)?);
    Ok(places.lease_ends().into_iter().map(|trouble| Scenario(vec![fails.clone(), trouble])).collect())
}

fn check_faults(known: BTreeSet<String>, wanted: &[String]) -> Result<(), CliError> {
    let Some(unknown) = wanted.iter().find(|word| !known.contains(*word)) else { return Ok(()) };
    let known: Vec<String> = known.into_iter().collect();
    Err(CliError::usage(format!("this drill has no fault `{unknown}`; it has: {}", known.join(", "))))
}

/// Each trouble alone, what comes in pairs only, then combinations up to the usual number; or as many as wanted, spread over
/// all of these.
fn choose(singles: &[Trouble], pairs: &[Scenario], wanted: &Wanted) -> Vec<Scenario> {
    let alone = singles.iter().map(|trouble| Scenario(vec![trouble.clone()])).chain(pairs.iter().cloned());
    let least = singles.len() + pairs.len();
    // Of chosen faults, each alone; combinations of them only where they are asked for.
    let usual = if wanted.faults.is_empty() { least.max(SCENARIOS) } else { least };
    let all = wanted.scenarios.map_or(usual, |count| count.max(least));
    let mut known = BTreeSet::new();
    let combined = Combinations::new(singles.to_vec(), wanted.seed).take(all * 4);
    let distinct = alone.chain(combined).filter(|scenario| known.insert(scenario.clone()));
    let scenarios: Vec<Scenario> = distinct.take(all).collect();
    let Some(count) = wanted.scenarios.filter(|count| *count < scenarios.len()) else { return scenarios };
    let step = scenarios.len() / count.max(1);
    scenarios.into_iter().step_by(step.max(1)).take(count).collect()
}

fn reasons(played: &Played) -> Vec<String> {
    let ends = played.runs.iter().flat_map(|run| &run.ends);
    ends.filter_map(|end| match &end.how {
        How::Concluded(conclusion, _) if conclusion.verdict != Verdict::Passed => Some(conclusion),
        _ => None,
    })
    .flat_map(|conclusion| conclusion.reasons.iter().map(|reason| reason.text.clone()))
    .collect()
}
