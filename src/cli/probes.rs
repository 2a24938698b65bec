//! `drill probes`.

use serde_json::json;

use crate::cli::connect::environment;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::ui::Ui;
use crate::probe::custom::{Found, find};
use crate::probe::kind;
use crate::words::kind::ProbeKind;

/// Lists the kinds of probes: those that drill knows, and the programs `drill-probe-NAME` in probes/ and on the PATH.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// See [`Args`].
///
/// # Errors
/// Never.
pub async fn probes(_: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let own = find(&place.drills(), &environment("PATH").unwrap_or_default()).await;
    if ui.is_json() {
        let kinds = ProbeKind::ALL.iter().map(|one| {
            let calls = kind(*one);
            json!({ "kind": one.word(), "about": calls.about(), "reads_data": calls.reads_data() })
        });
        let custom = own.iter().map(
            |found| json!({ "name": found.name, "path": found.path, "version": found.version, "about": found.about }),
        );
        ui.json(&json!({ "version": 1, "kinds": kinds.collect::<Vec<_>>(), "custom": custom.collect::<Vec<_>>() }));
        return Ok(Exit::Passed);
    }
    let known = ProbeKind::ALL.iter().map(|one| vec![one.word().to_owned(), kind(*one).about().to_owned()]);
    let custom = own.iter().map(|Found { name, path, about, .. }| {
        vec![format!("custom: {name}"), format!("{about} ({})", Place::shown(path))]
    });
    ui.print(&Ui::table(&["kind", "what it does"], known.chain(custom).collect()));
    Ok(Exit::Passed)
}
