//! `drill plan`.

use std::collections::BTreeMap;

use clap::ValueEnum;

use crate::aws::permissions::{ACCESS_ROLE, COMMON, SECRETS};
use crate::aws::resource::facts;
use crate::cli::connect::{CloudArgs, connect};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::run::VarArgs;
use crate::cli::ui::{Ui, clean};
use crate::cli::validate::load_or_explain;
use crate::cloud::resource::Settings;
use crate::cloud::vault::Picked;
use crate::definition::model::Definition;
use crate::plan::compile::compile;
use crate::plan::estimate::estimate;
use crate::plan::permissions::permissions;
use crate::plan::show::View;
use crate::plan::show::dot::dot;
use crate::plan::show::json::json;
use crate::plan::show::mermaid::mermaid;
use crate::plan::show::text::text;
use crate::run::step::pick::{Window, choose};
use crate::words::id::Name;

/// Shows what a run would do, step by step.
///
/// With --sandbox or --aws it also asks the vault: which recovery point would be picked, and which are rejected and
/// why. Nothing is ever started.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The drill's name: drills/NAME.yaml
    name: String,

    /// Ask AWS which recovery point would be picked (reads only)
    #[arg(long, conflicts_with = "sandbox")]
    aws: bool,

    /// How to draw it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(flatten)]
    cloud: CloudArgs,

    #[command(flatten)]
    vars: VarArgs,
}

/// How to draw a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs; the same as `--output json`
    Json,
    /// For Markdown
    Mermaid,
    /// For Graphviz
    Dot,
}

/// See [`Args`].
///
/// # Errors
/// When the definition has problems, or the vault cannot be read.
pub async fn plan(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let path = place.definition(&args.name)?;
    let loaded = load_or_explain(&path, &args.vars.map()?, ui)?;
    let plan = compile(&loaded.definition).map_err(|cycle| CliError::usage(cycle.to_string()))?;
    let points = if args.aws || args.cloud.sandbox.is_some() {
        Some(points(&loaded.definition, args, place, ui).await?)
    } else {
        None
    };
    let permissions = permissions(&plan, facts, &needed(&loaded.definition));
    let view = View {
        plan: &plan,
        points: points.as_ref(),
        permissions: &permissions,
        estimate: Some(estimate(&plan, facts)),
    };
    match args.format {
        Format::Json => ui.print(&json(&view)),
        _ if ui.is_json() => ui.print(&json(&view)),
        Format::Text => ui.print(&clean(&text(&view))),
        Format::Mermaid => ui.print(&mermaid(&view)),
        Format::Dot => ui.print(&dot(&view)),
    }
    Ok(Exit::Passed)
}

/// What the definition needs whatever its types: what every drill needs, and what its secrets and roles need.
fn needed(definition: &Definition) -> Vec<&'static str> {
    let mut actions = COMMON.to_vec();
    let reads_secrets = |settings: &Settings| settings.values().any(|value| value.get("secretsmanager").is_some());
    if definition.probes.values().any(|probe| reads_secrets(&probe.settings)) {
        actions.extend(SECRETS);
    }
    if definition.source.access_role.is_some() || definition.destination.access_role.is_some() {
        actions.extend(ACCESS_ROLE);
    }
    actions
}

async fn points(
    definition: &Definition,
    args: &Args,
    place: &Place,
    ui: &Ui,
) -> Result<BTreeMap<Name, Picked>, CliError> {
    let connection = connect(definition, &args.cloud, place, "plan").await?;
    let now = connection.clock.now();
    let window = Window { now, ends_by: now + definition.limits.max_duration, patient: false };
    let mut points = BTreeMap::new();
    for (name, restore) in &definition.restore {
        let chosen = choose(&connection.cloud, definition, restore, facts(restore.kind).backup_type(), window).await;
        match chosen {
            Ok((picked, warning)) => {
                if let Some(warning) = warning {
                    ui.say(&clean(&format!("{name}: {warning}")));
                }
                points.insert(name.clone(), picked);
            }
            Err(error) => {
                connection.close().await;
                return Err(CliError::Session(Box::new(error)));
            }
        }
    }
    connection.close().await;
    Ok(points)
}
