//! `drill sandbox`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::json;

use crate::cli::connect::{check_speed, seed_or_random, speed_or_default, world_spec};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::ui::Ui;
use crate::cli::validate::load_or_explain;
use crate::definition::load::names;
use crate::sandbox::spec::WorldSpec;
use crate::sandbox::sql::Engine;
use crate::sandbox::{Options, Sandbox};

/// Serves a simulated AWS on loopback, for any AWS client, until Ctrl-C.
///
/// Its world is made from the definitions and their world files. Point a client at it with `--endpoint-url` or
/// `AWS_ENDPOINT_URL`, and `drill run NAME --sandbox=URL` too.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The drills that the world is made for [default: all in drills/]
    names: Vec<String>,

    /// The port on 127.0.0.1 [default: any free one]
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// What the world holds, in place of drills/NAME.world.yaml; only with one name
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,

    /// Seed of everything random
    #[arg(long)]
    seed: Option<u64>,

    /// How much faster than real time the world runs
    #[arg(long)]
    speed: Option<f64>,
}

/// See [`Args`].
///
/// # Errors
/// When a definition or a world file is wrong, or the port is taken.
pub async fn sandbox(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    check_speed(args.speed)?;
    if args.world.is_some() && args.names.len() != 1 {
        return Err(CliError::usage("`--world` needs exactly one drill's name"));
    }
    let spec = spec(args, place, ui)?;
    let (runs_postgres, runs_mysql) = (spec.runs(Engine::Postgres), spec.runs(Engine::MariaDb));
    let options = Options {
        port: args.port,
        speed: speed_or_default(args.speed.or(spec.speed)),
        seed: seed_or_random(args.seed.or(spec.seed)),
        cache: place.cache(),
    };
    let sandbox = Sandbox::start(spec, options).await.map_err(|error| CliError::Sandbox(Box::new(error)))?;
    let (url, seed) = (sandbox.url(), sandbox.seed());
    if ui.is_json() {
        ui.print(&json!({"version": 1, "url": url, "seed": seed}).to_string());
    } else {
        ui.print(&format!("simulated AWS at {url}  (seed {seed}; nothing in it is real)"));
        ui.print(&format!("  aws --endpoint-url {url} --region REGION backup list-backup-vaults"));
        ui.print(&format!("  drill run NAME --sandbox={url}"));
    }
    let missing = sandbox.sql_missing();
    let missing = [runs_postgres.then_some(missing.postgres), runs_mysql.then_some(missing.mysql)];
    let missing: BTreeSet<String> = missing.into_iter().flatten().flatten().collect();
    for missing in missing {
        ui.say(&format!("SQL probes cannot be measured: {missing}"));
    }
    until_told().await;
    sandbox.stop().await;
    Ok(Exit::Passed)
}

fn spec(args: &Args, place: &Place, ui: &Ui) -> Result<WorldSpec, CliError> {
    let wanted: Vec<PathBuf> = if args.names.is_empty() {
        names(&place.drills())?.into_iter().map(|(_, path)| path).collect()
    } else {
        args.names.iter().map(|name| place.definition(name)).collect::<Result<_, _>>()?
    };
    let one = |path: PathBuf| {
        let loaded = load_or_explain(&path, &BTreeMap::new(), ui)?;
        world_spec(&loaded.definition, args.world.clone(), place)
    };
    let specs = wanted.into_iter().map(one).collect::<Result<Vec<_>, CliError>>()?;
    WorldSpec::merge_all(specs).ok_or_else(|| {
        CliError::usage(format!("no drills in {}: a world is made from definitions", Place::shown(&place.drills())))
    })
}

async fn until_told() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate()).ok();
    let terminate = async {
        match &mut terminated {
            Some(stream) => {
                stream.recv().await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
