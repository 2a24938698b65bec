//! `drill keep`.

use jiff::SignedDuration;
use serde_json::json;

use crate::cli::connect::CloudArgs;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::lease::length;
use crate::cli::place::Place;
use crate::cli::resume::{Occasion, go_on};
use crate::cli::run::started_by;
use crate::cli::signals::Signals;
use crate::cli::stop::refuse_while_stopped;
use crate::cli::ui::{Ui, clean};
use crate::journal::event::World;
use crate::journal::state::State;
use crate::run::drive::Ended;
use crate::words::kind::Verdict;
use crate::words::time::show_instant;

/// Makes what a run kept stay longer (--for, from now), or removes it now (--end).
///
/// What a run keeps (`drill run --keep`, or `teardown` in the definition) has a lease. When it is over, the next
/// `drill run` removes it.
///
/// Exit code: 0 when that was done, 2 when there is no such run or it keeps nothing, 3 when it is under way in another
/// process or AWS cannot be asked, 4 when it cannot be proved to be marked or removed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or at least four of its last digits
    run: String,

    /// How long it stays from now on, such as 4h
    #[arg(long = "for", value_name = "DURATION", value_parser = length)]
    #[arg(required_unless_present = "end", conflicts_with = "end")]
    longer: Option<SignedDuration>,

    /// Remove it now
    #[arg(long)]
    end: bool,

    #[command(flatten)]
    cloud: CloudArgs,
}

/// See [`Args`].
///
/// # Errors
/// When the run keeps nothing, another process has it, or its cloud cannot be asked.
pub async fn keep(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    if args.longer.is_some() {
        refuse_while_stopped(place)?;
    }
    let found = place.run(&args.run)?;
    let lock = found.store.lock(&found.row.drill)?;
    let state = found.store.state(&found.row.run)?;
    refuse_what_cannot_be(&state, args)?;
    let occasion = match args.longer {
        Some(length) => Occasion::Longer { length, by: started_by() },
        None => Occasion::Ended,
    };
    let mut signals = Signals::listen();
    let (_, ended) = go_on(&found.store, lock, &found.row, &args.cloud, place, ui, &occasion, &mut signals).await?;
    Ok(told(&ended, ui))
}

fn refuse_what_cannot_be(state: &State, args: &Args) -> Result<(), CliError> {
    let run = state.run;
    if state.concluded.is_none() {
        return Err(CliError::usage(format!("run {run} is not over; `drill resume {run}` goes on with it")));
    }
    if state.lease().is_none() {
        return Err(CliError::usage(format!("run {run} keeps nothing; `drill status {run}` shows what it made")));
    }
    if args.longer.is_some() && state.started.world == Some(World::InProcess) {
        let message = format!("what run {run} kept is gone: the simulated AWS ended with the process that held it");
        return Err(CliError::usage(message));
    }
    Ok(())
}

fn told(ended: &Ended, ui: &Ui) -> Exit {
    let (state, is_over) = match ended {
        Ended::Concluded(state) => (state, true),
        Ended::Stopped(state) => (state, false),
    };
    let leaked = state.concluded.as_ref().is_none_or(|(_, conclusion)| conclusion.verdict == Verdict::Leaked);
    let until = state.lease();
    if ui.is_json() {
        let kept_until = until.map(|until| until.to_string());
        let verdict = state.concluded.as_ref().map(|(_, conclusion)| conclusion.verdict);
        ui.json(&json!({ "version": 1, "run": state.run, "kept_until": kept_until, "verdict": verdict }));
    } else if !is_over {
        ui.print(&format!("run {}: stopped before its end; `drill resume {}` goes on", state.run, state.run));
    } else {
        let what = match until {
            Some(until) => format!("kept until {}", show_instant(until)),
            None if leaked => "not removed".to_owned(),
            None => "what it kept is gone".to_owned(),
        };
        let reasons = state.concluded.iter().flat_map(|(_, conclusion)| &conclusion.reasons);
        let mut text = format!("run {}: {what}\n", state.run);
        for reason in reasons.filter(|reason| reason.makes == Verdict::Leaked) {
            text.push_str(&format!("  {}\n", reason.text));
            text.extend(reason.advice.iter().map(|advice| format!("    -> {advice}\n")));
        }
        ui.print(&clean(&text));
    }
    if leaked { Exit::Leaked } else { Exit::Passed }
}
