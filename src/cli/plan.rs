//! `drill plan`.

use std::collections::BTreeMap;
use std::path::Path;

use clap::ValueEnum;
use serde_json::Value;

use crate::aws::permissions::{ACCESS_ROLE, COMMON, DATABASE_TOKENS, PARAMETERS, PREFLIGHT, SECRETS, SELECTIONS};
use crate::aws::resource::facts;
use crate::cli::connect::{CloudArgs, Connection, connect};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::preflight::look;
use crate::cli::run::{VarArgs, planned};
use crate::cli::ui::{Ui, clean};
use crate::cli::validate::load_or_explain;
use crate::cloud::check::Check;
use crate::cloud::resource::Settings;
use crate::cloud::vault::Picked;
use crate::definition::model::Definition;
use crate::plan::compile::compile;
use crate::plan::estimate::{cost, estimate};
use crate::plan::permissions::permissions;
use crate::plan::show::View;
use crate::plan::show::dot::dot;
use crate::plan::show::json::json;
use crate::plan::show::mermaid::mermaid;
use crate::plan::show::text::text;
use crate::plan::step::Plan;
use crate::run::step::consistency::{chosen, leader};
use crate::run::step::pick::{Window, choose};
use crate::words::id::Name;

/// Shows what a run would do, step by step.
///
/// With --sandbox or --aws it also asks the vault: which recovery point would be picked, and which are rejected and
/// why; and it shows what the preflight finds. Nothing is ever started.
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
    let asks = args.aws || args.cloud.sandbox.is_some();
    if !asks && let Some(open) = loaded.definition.selections.keys().next() {
        let message = format!("`{open}` is a selection, which only the vault can resolve: add `--sandbox` or `--aws`");
        return Err(CliError::usage(message));
    }
    let (plan, found) = if asks {
        let (plan, found) = asked(&loaded.definition, args, place, ui, &path).await?;
        (plan, Some(found))
    } else {
        (compile(&loaded.definition, facts).map_err(|problem| CliError::usage(problem.to_string()))?, None)
    };
    let mut common = needed(&plan.definition);
    if loaded.definition.selections.values().any(|open| !open.select.tags.is_empty()) {
        common.extend(SELECTIONS);
    }
    let permissions = permissions(&plan, facts, &common);
    let size = |name: &Name| found.as_ref()?.points.get(name)?.chosen.as_ref()?.size_bytes;
    let cost = cost(&plan, facts, &size);
    let view = View {
        plan: &plan,
        points: found.as_ref().map(|found| &found.points),
        checks: found.as_ref().map(|found| found.checks.as_slice()),
        permissions: &permissions,
        estimate: Some(estimate(&plan, facts)),
        cost: Some(&cost),
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

/// What the definition needs whatever its types and kinds: what every drill needs, and what its secrets and roles need.
fn needed(definition: &Definition) -> Vec<&'static str> {
    let mut actions = COMMON.to_vec();
    actions.extend(PREFLIGHT);
    let probes = || definition.probes.values().map(|probe| &probe.settings);
    for (key, needs) in [("secretsmanager", SECRETS), ("ssm", PARAMETERS), ("rds_iam", DATABASE_TOKENS)] {
        if probes().flat_map(Settings::values).any(|value| names_secret(value, key)) {
            actions.extend(needs);
        }
    }
    if definition.limits.stop_parameter.is_some() {
        actions.extend(PARAMETERS);
    }
    if definition.source.access_role.is_some() || definition.destination.access_role.is_some() {
        actions.extend(ACCESS_ROLE);
    }
    actions
}

/// Whether a secret is named in this way anywhere in a setting.
fn names_secret(value: &Value, key: &str) -> bool {
    match value {
        Value::Object(fields) => fields.contains_key(key) || fields.values().any(|value| names_secret(value, key)),
        Value::Array(items) => items.iter().any(|item| names_secret(item, key)),
        _ => false,
    }
}

type Points = BTreeMap<Name, Picked>;

/// What AWS was asked for.
struct Found {
    points: Points,
    checks: Vec<Check>,
}

/// The plan with its selections resolved, what each restore would pick, and what the preflight finds.
async fn asked(
    definition: &Definition,
    args: &Args,
    place: &Place,
    ui: &Ui,
    path: &Path,
) -> Result<(Plan, Found), CliError> {
    let connection = connect(definition, &args.cloud, place, "plan").await?;
    let outcome = async {
        let plan = planned(&connection, definition).await?;
        let points = points(&connection, &plan.definition, ui).await?;
        let checks = look(&connection, &plan.definition, &args.cloud, path).await.checks;
        Ok((plan, Found { points, checks }))
    };
    let outcome = outcome.await;
    connection.close().await;
    outcome
}

async fn points(connection: &Connection, definition: &Definition, ui: &Ui) -> Result<Points, CliError> {
    let failed = |error| CliError::Session(Box::new(error));
    let now = connection.clock.now();
    let window = Window { now, ends_by: now + definition.limits.max_duration, patient: false };
    let mut points = Points::new();
    let mut note = |name: &Name, (picked, warning): (Picked, Option<String>)| {
        if let Some(warning) = warning {
            ui.say(&clean(&format!("{name}: {warning}")));
        }
        points.insert(name.clone(), picked);
    };
    for (name, restore) in &*definition.restore {
        match leader(definition, name) {
            None => {
                let chosen = choose(&connection.cloud, definition, restore, facts(restore.kind), window).await;
                note(name, chosen.map_err(failed)?);
            }
            Some(first) if first == name => {
                let within = definition.consistency.as_ref().map(|group| group.within).unwrap_or_default();
                let together = chosen(&connection.cloud, facts, definition, within, window).await;
                together.map_err(failed)?.into_iter().for_each(|(name, picked)| note(&name, picked));
            }
            Some(_) => {}
        }
    }
    Ok(points)
}
