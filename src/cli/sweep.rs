//! `drill sweep`.
//!
//! | file | what it does |
//! |---|---|
//! | `ledgers` | the runs of this machine, and what they may own |
//! | `spots` | which accounts and regions are looked into |
//! | `look` | one look into each of them |
//! | `act` | tears runs down, removes what a person named |
//! | `show` | the table and the JSON |
//!
//! What may be done about a thing is decided in [`crate::run::sweep`].

mod act;
mod ledgers;
pub(crate) mod look;
mod show;
mod spots;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use jiff::{SignedDuration, Timestamp};

use crate::aws::resource::facts;
use crate::cli::connect::CloudArgs;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::sweep::act::Deeds;
use crate::cli::sweep::ledgers::{Kept, ledgers};
use crate::cli::sweep::look::{Site, Unseen, connect_all, look};
use crate::cli::sweep::spots::spots;
use crate::cli::ui::Ui;
use crate::cli::validate::load_or_explain;
use crate::cli::world::id_at;
use crate::definition::load::names;
use crate::definition::model::Definition;
use crate::journal::event::WorldId;
use crate::run::guard::is_named;
use crate::run::sweep::{Grounds, Known, Row, judge};
use crate::words::arn::Arn;
use crate::words::id::{DrillName, Region};
use crate::words::text::quoted;
use crate::words::time::parse_duration;

/// Finds what any run may have left, and removes it on confirmation.
///
/// It looks by the ledgers of this machine, by names, by tags and by restore jobs, where the drills of this repository
/// restore. What is in a ledger is torn down by its run, with `--yes` or after a question. What is in none is removed only
/// if name, restore job and tag prove whose it is and a person types its ARN; what cannot be proven is listed, never removed.
///
/// Exit code: 0 nothing is left, 2 usage, 3 something could not be looked at, 4 something is left.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Look only where these drills restore, and tear down only their runs [default: all in drills/, and the runs that this
    /// machine knows]
    names: Vec<String>,

    /// Look into this region instead of the drills' own
    #[arg(long = "region", value_name = "REGION")]
    regions: Vec<Region>,

    /// Look into every region that is enabled for the accounts
    #[arg(long, conflicts_with = "regions")]
    all_regions: bool,

    /// Look into the account of this profile of the AWS configuration too
    #[arg(long = "profile", value_name = "NAME")]
    profiles: Vec<String>,

    /// Look for restore jobs that are no older than this
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    since: String,

    /// Tear down, without a question, the runs that left something. It covers nothing that is in no ledger
    #[arg(long)]
    yes: bool,

    /// Remove this thing, although no ledger of this machine has it
    #[arg(long = "arn", value_name = "ARN")]
    arns: Vec<Arn>,

    /// Show what sweeps have removed so far
    #[arg(long, conflicts_with_all = ["yes", "arns", "all_regions", "regions", "profiles"])]
    history: bool,

    /// Use the simulated AWS that `drill sandbox` serves at this URL
    #[arg(long, value_name = "URL", require_equals = true)]
    sandbox: Option<String>,
}

/// What is asked for, checked.
pub(crate) struct Order {
    since: SignedDuration,
    sandbox: Option<String>,
    /// What tells the simulated AWS that answers there from every other.
    world_id: Option<WorldId>,
    regions: Vec<Region>,
    all_regions: bool,
    profiles: Vec<String>,
    arns: Vec<Arn>,
    /// Those that were named: only their runs are torn down. All, if none was.
    drills: Vec<DrillName>,
    yes: bool,
    /// A person can answer.
    asks: bool,
}

/// One look at everything.
pub(crate) struct Round {
    pub(crate) kept: Vec<Kept>,
    /// With the position of its site.
    pub(crate) rows: Vec<(usize, Row)>,
    pub(crate) unseen: Vec<Unseen>,
}

/// See [`Args`].
///
/// # Errors
/// When the command line or a definition is wrong, or the journals cannot be read.
pub async fn sweep(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    if args.history {
        return show::history(place, ui);
    }
    let mut order = Order::read(args, ui)?;
    if let Some(url) = &order.sandbox {
        order.world_id = id_at(url).await;
    }
    let definitions = definitions(place, ui)?;
    let chosen = chosen(args, &definitions)?;
    if !args.names.is_empty() {
        order.drills = chosen.iter().map(|definition| definition.name.clone()).collect();
    }
    let (kept, _) = ledgers(place, &order).await?;
    let of_runs: &[Kept] = if args.names.is_empty() { &kept } else { &[] };
    let spots = spots(&order, &chosen, of_runs)?;
    let (mut sites, blind) = connect_all(spots, &order).await;
    let mut round = look_around(&mut sites, place, &order, &definitions).await?;
    if !ui.is_json() {
        let table = show::table(&round, &blind);
        if !table.is_empty() {
            ui.print(&table);
        }
    }
    refuse_sources(&order, &round, &definitions)?;
    let mut deeds = Deeds::default();
    act::act(&order, &sites, &round, place, ui, &mut deeds).await?;
    if deeds.any() {
        // What is left is what another look shows, not what was asked for.
        round = look_around(&mut sites, place, &order, &definitions).await?;
    }
    let exit = exit(&round, &blind, &deeds);
    if ui.is_json() {
        ui.json(&show::json(&sites, &round, &blind, &deeds, exit));
    } else {
        ui.print(&show::last_words(&round, &blind, &deeds, &order));
    }
    Ok(exit)
}

impl Order {
    fn read(args: &Args, ui: &Ui) -> Result<Self, CliError> {
        let since = parse_duration(&args.since).map_err(|error| CliError::usage(format!("`--since`: {error}")))?;
        if args.sandbox.as_deref() == Some("") {
            return Err(CliError::usage(
                "`--sandbox` needs the URL that `drill sandbox` printed: a world of its own is new",
            ));
        }
        if args.sandbox.is_some() && !args.profiles.is_empty() {
            return Err(CliError::usage("the simulated AWS knows no profiles: leave `--profile` out"));
        }
        CloudArgs { sandbox: args.sandbox.clone(), ..CloudArgs::default() }.check()?;
        Ok(Self {
            since,
            sandbox: args.sandbox.clone(),
            world_id: None,
            regions: args.regions.clone(),
            all_regions: args.all_regions,
            profiles: args.profiles.clone(),
            arns: args.arns.clone(),
            drills: Vec::new(),
            yes: args.yes,
            asks: ui.is_live() && std::io::stdin().is_terminal(),
        })
    }

    /// The command by which a person removes a thing that is in no ledger.
    pub(crate) fn by_hand(&self, row: &Row, arn: &Arn) -> String {
        let mut command = format!("drill sweep --region {}", quoted(row.region.as_str()));
        for profile in &self.profiles {
            command.push_str(&format!(" --profile {}", quoted(profile)));
        }
        if let Some(url) = &self.sandbox {
            command.push_str(&format!(" --sandbox={}", quoted(url)));
        }
        format!("{command} --arn {}", quoted(arn.as_str()))
    }

    /// Restore jobs from here on are looked for.
    fn jobs_since(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.since).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// What a definition names is no leftover, wherever it is: nobody needs to look for it.
fn refuse_sources(order: &Order, round: &Round, definitions: &[Definition]) -> Result<(), CliError> {
    let is_listed = |arn: &Arn| round.rows.iter().any(|(_, row)| row.arn.as_ref() == Some(arn));
    for arn in order.arns.iter().filter(|arn| !is_listed(arn)) {
        let all = definitions.iter().chain(round.kept.iter().map(|one| &one.definition));
        let mut naming = all.filter(|definition| is_named(definition, Some(arn), arn.name()));
        if let Some(definition) = naming.next() {
            let what = format!(
                "`{arn}` is named by the definition `{}`: it is a source or belongs to the surroundings, and a sweep never \
                 touches it. Nothing was removed",
                definition.name
            );
            return Err(CliError::usage(what));
        }
    }
    Ok(())
}

/// All of the repository: one that cannot be read might name what is about to be removed.
fn definitions(place: &Place, ui: &Ui) -> Result<Vec<Definition>, CliError> {
    if !place.drills().is_dir() {
        return Ok(Vec::new());
    }
    let all = names(&place.drills())?;
    all.iter().map(|(_, path)| Ok(load_or_explain(path, &BTreeMap::new(), ui)?.definition)).collect()
}

fn chosen(args: &Args, definitions: &[Definition]) -> Result<Vec<Definition>, CliError> {
    if args.names.is_empty() {
        return Ok(definitions.to_vec());
    }
    let find = |name: &String| {
        let found = definitions.iter().find(|definition| definition.name.as_str() == name).cloned();
        let shown = crate::words::text::tame(name);
        found.ok_or_else(|| CliError::usage(format!("there is no drill `{shown}`; `drill list` shows them")))
    };
    args.names.iter().map(find).collect()
}

async fn look_around(
    sites: &mut [Site],
    place: &Place,
    order: &Order,
    definitions: &[Definition],
) -> Result<Round, CliError> {
    let (kept, mut unseen) = ledgers(place, order).await?;
    let known: Vec<Known> = kept.iter().map(|one| one.known.clone()).collect();
    // A definition may have been changed or removed since its run; what it named then stays as well.
    let named: Vec<Definition> =
        definitions.iter().cloned().chain(kept.iter().map(|one| one.definition.clone())).collect();
    let mut rows = Vec::new();
    for (position, site) in sites.iter_mut().enumerate() {
        let now = site.connection.clock.now();
        let found = look(site, order.jobs_since(now), &mut unseen).await;
        let grounds = Grounds { known: &known, definitions: &named, types: facts, drills: &order.drills, now };
        rows.extend(judge(&found, &grounds).into_iter().map(|row| (position, row)));
    }
    Ok(Round { kept, rows, unseen })
}

fn exit(round: &Round, blind: &[Unseen], deeds: &Deeds) -> Exit {
    if round.rows.iter().any(|(_, row)| row.is_left()) || !deeds.failed.is_empty() {
        Exit::Leaked
    } else if blind.is_empty() && round.unseen.is_empty() && deeds.missing.is_empty() {
        Exit::Passed
    } else {
        Exit::Inconclusive
    }
}
