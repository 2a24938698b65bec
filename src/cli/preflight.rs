//! `drill preflight`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::aws::resource::facts;
use crate::cli::clock::MachineClock;
use crate::cli::connect::{CloudArgs, Connection, connect, environment};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::run::{VarArgs, planned};
use crate::cli::ui::{Ui, clean};
use crate::cli::validate::load_or_explain;
use crate::cloud::check::{Check, CheckResult};
use crate::definition::model::Definition;
use crate::plan::show::json::check;
use crate::run::guards::Guards;
use crate::run::prober::Asks;
use crate::run::services::Services;
use crate::run::step::preflight::{Survey, survey};
use crate::run::stop::Unstoppable;
use crate::words::id::RunId;
use crate::words::secret::Secret;
use crate::words::time::Clock as _;

/// Looks for what would make a run fail, before it costs anything: credentials, region, vault, role, keys, network,
/// quotas, backup plans.
///
/// Reads only: nothing is started or changed, and no run is recorded. What could not be looked at is "not checked".
/// Exit code: 0 nothing failed, 2 usage, 3 something failed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The drill's name: drills/NAME.yaml
    name: String,

    #[command(flatten)]
    cloud: CloudArgs,

    #[command(flatten)]
    vars: VarArgs,
}

/// See [`Args`].
///
/// # Errors
/// When the definition has problems, or there is nothing to connect to.
pub async fn preflight(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let path = place.definition(&args.name)?;
    let loaded = load_or_explain(&path, &args.vars.map()?, ui)?;
    let connection = connect(&loaded.definition, &args.cloud, place, "preflight").await?;
    let survey = match planned(&connection, &loaded.definition).await {
        Ok(plan) => Ok(look(&connection, &plan.definition, &args.cloud, &path).await),
        Err(error) => Err(error),
    };
    let mode = connection.mode;
    connection.close().await;
    let survey = survey?;
    let exit = if survey.checks.iter().any(Check::has_failed) { Exit::Inconclusive } else { Exit::Passed };
    if ui.is_json() {
        ui.json(&json!({
            "version": 1,
            "drill": loaded.definition.name,
            "mode": mode,
            "identity": survey.identity,
            "checks": survey.checks.iter().map(check).collect::<Vec<Value>>(),
            "exit_code": exit.number(),
        }));
    } else {
        ui.print(&text(&survey.checks));
    }
    Ok(exit)
}

/// The look of a run that is never begun.
pub(crate) async fn look(connection: &Connection, definition: &Definition, args: &CloudArgs, path: &Path) -> Survey {
    let services = Services {
        region: definition.destination.region.clone(),
        cloud: connection.cloud.clone(),
        clock: Arc::clone(&connection.clock),
        types: facts,
        folder: path.parent().map(Path::to_owned).unwrap_or_default(),
        ca_bundle: args.ca_bundle.clone(),
        sandbox_ca: connection.sandbox_ca.clone(),
        environment,
        // Only a run sets passwords, and only a run writes.
        key: Secret::new(String::new()),
        evidence: PathBuf::new(),
        signing_key: PathBuf::new(),
        imported: false,
        stop: Arc::new(Unstoppable),
        prober: Arc::new(Asks),
        look_for_requests: Duration::MAX,
        guards: Guards::all(),
    };
    let millis = u64::try_from(MachineClock.now().as_millisecond()).unwrap_or(0);
    let mut random = [0; 10];
    random.copy_from_slice(&uuid::Uuid::new_v4().into_bytes()[6..]);
    survey(definition, &services, &RunId::new(millis, random)).await
}

/// The checks as a table, worst first, and below it what mends them.
fn text(checks: &[Check]) -> String {
    let mut sorted: Vec<&Check> = checks.iter().collect();
    // Stable: what is equally bad stays in the order of the look.
    sorted.sort_by_key(|check| badness(check.result));
    let row = |check: &&Check| {
        vec![check.result.word().to_owned(), check.id.to_string(), check.what.clone(), check.detail.clone()]
    };
    let mut out = Ui::table(&["result", "check", "what", "seen"], sorted.iter().map(row).collect());
    let mut mends: Vec<String> = Vec::new();
    for check in sorted {
        if let Some(mend) = &check.mend {
            let line = format!("  {}  {mend}", check.id);
            if !mends.contains(&line) {
                mends.push(line);
            }
        }
    }
    if !mends.is_empty() {
        out.push_str("\n\nTo mend\n");
        out.push_str(&clean(&mends.join("\n")));
    }
    out
}

fn badness(result: CheckResult) -> u8 {
    match result {
        CheckResult::Failed => 0,
        CheckResult::Warning => 1,
        CheckResult::NotChecked => 2,
        CheckResult::Ok => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::cloud::check::Check;
    use crate::words::kind::CheckId;

    #[test]
    fn the_worst_comes_first_and_each_mend_once() {
        let checks = [
            Check::ok(CheckId::VaultPlace, "vault x", "it is there"),
            Check::not_checked(CheckId::RoleExists, "role x", "no").mended_by("allow it"),
            Check::not_checked(CheckId::RoleExists, "role y", "no").mended_by("allow it"),
            Check::failed(CheckId::RoleTrust, "role x", "it trusts\u{1b}[31m nobody").mended_by("trust"),
        ];
        let shown = text(&checks);
        let at = |word: &str| shown.find(word).unwrap_or_else(|| panic!("no `{word}` in\n{shown}"));
        assert!(at("role.trust") < at("role.exists") && at("role.exists") < at("vault.place"), "{shown}");
        assert_eq!(shown.matches("allow it").count(), 1, "{shown}");
        assert!(shown.ends_with("To mend\n  role.trust  trust\n  role.exists  allow it"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
}
