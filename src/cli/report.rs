//! `drill report`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::json;

use crate::aws::resource::facts;
use crate::cli::archive;
use crate::cli::connect::{CloudArgs, Connection, environment};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::finding;
use crate::cli::past::whole;
use crate::cli::place::Place;
use crate::cli::resume::{reconnect, refuse_ended_world};
use crate::cli::templates::own;
use crate::cli::ui::{Ui, clean};
use crate::definition::model::SignBy;
use crate::journal::event::Recorded;
use crate::journal::private;
use crate::journal::state::State;
use crate::journal::store::Store;
use crate::report::facts::context;
use crate::report::write::add;
use crate::report::{oscal, redact, runbook};
use crate::run::step::report::{Written, bundle, printed, rendered, to_print, unsigned_text};
use crate::run::step::seal::{Sealer, Unsigned};
use crate::words::id::{Name, RunId};

/// Writes a run's report and its evidence bundle again, from its journal alone.
///
/// The bytes are the same every time, but for those of a `report.pdf`, which a browser of this machine prints. The bundle is
/// signed if there is a key (`drill key new`), or by the key of AWS KMS that the definition names: a signature that is there
/// and still fits is kept, for another one AWS is asked. A run that came by `drill import` is never signed here. Another
/// template or form is printed, and changes no file.
///
/// Exit code: 0 when it was written (and archived, with --archive), 2 when another key's signature would be lost, 3 when it
/// could not be written.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or at least four of its last digits
    run: String,

    /// Print the Markdown to stdout instead of writing files
    #[arg(long)]
    print: bool,

    /// Print the report by another template: `executive`, `audit`, or one of runbooks/ as it is now
    #[arg(long, value_name = "NAME", conflicts_with_all = ["print", "format"])]
    template: Option<Name>,

    /// Print the run in another form
    #[arg(long, value_enum, conflicts_with = "print")]
    format: Option<Form>,

    /// Copy the bundle, with its findings, to the `archive` of its definition; what is there already stays
    #[arg(long, conflicts_with_all = ["print", "template", "format"])]
    archive: bool,

    /// Write the report alone into this folder, without journal, definition and signature: what `redact` leaves out is in
    /// none of its files, and nothing of them can be verified
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["print", "template", "format", "archive"])]
    share: Option<PathBuf>,

    #[command(flatten)]
    cloud: CloudArgs,
}

/// A form that a run is printed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// What report.md holds
    Markdown,
    /// What report.json holds
    Json,
    /// NIST OSCAL 1.2.3 assessment results
    Oscal,
}

/// See [`Args`].
///
/// # Errors
/// When there is no such run, or the report cannot be rendered or written.
pub async fn report(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let found = place.run(&args.run)?;
    let records = found.store.load(&found.row.run)?;
    if let Some(name) = &args.template {
        ui.print(by_template(&records, name, place)?.trim_end_matches('\n'));
        return Ok(Exit::Passed);
    }
    if args.format == Some(Form::Oscal) {
        let state = State::replay(&records).map_err(|illegal| CliError::Render(illegal.to_string()))?;
        let context = context(&state, &records, facts);
        ui.json(&oscal::assessment_results(&state, &records, &context));
        return Ok(Exit::Passed);
    }
    let wanted = match args.format {
        Some(Form::Json) => Some("report.json"),
        Some(Form::Markdown | Form::Oscal) => Some("report.md"),
        None => args.print.then_some("report.md"),
    };
    if wanted.is_some() || args.share.is_some() {
        return alone(&found.row.run, &records, wanted, args.share.as_deref(), ui);
    }
    let folder = place.evidence(found.row.mode, &found.row.drill, &found.row.run);
    let mut pdf = None;
    if let Some(page) = to_print(&records, facts).map_err(CliError::Render)? {
        match printed(&page, environment).await {
            Ok(bytes) => pdf = Some(bytes),
            Err(text) => ui.say(&format!("warning: {}", clean(&text))),
        }
    }
    let state = State::replay(&records).map_err(|illegal| CliError::Render(illegal.to_string()))?;
    if args.archive {
        archive::wanted(&state)?;
    }
    let imported = !found.row.origin.is_here();
    let mut session = Session { state: &state, args, place, imported, connection: None };
    let done = session.write(&records, &folder, pdf.as_deref(), ui).await;
    let exit = match &done {
        Ok(written) if args.archive => session.archive(&found.store, written, &folder, ui).await,
        _ => Ok(Exit::Passed),
    };
    session.close().await;
    let written = done?;
    if ui.is_json() {
        let files = &written.files;
        ui.json(&json!({"version": 1, "run": found.row.run, "evidence": Place::shown(&folder), "files": files}));
    } else {
        ui.print(&Place::shown(&folder.join("report.md")));
        for line in finding::lines(&folder) {
            ui.say(&line);
        }
        if let Some(warning) = redact::warning(&state) {
            ui.say(&warning);
        }
    }
    exit
}

/// The report without its bundle: one file of it printed, or all of them written into a folder.
fn alone(
    run: &RunId,
    records: &[Recorded],
    wanted: Option<&str>,
    folder: Option<&Path>,
    ui: &Ui,
) -> Result<Exit, CliError> {
    let rendered = rendered(records, facts).map_err(CliError::Render)?;
    if let Some((_, text)) = rendered.iter().find(|(name, _)| Some(*name) == wanted) {
        ui.print(text);
    }
    let files: Vec<(&str, &str)> = rendered.iter().map(|(name, content)| (*name, content.as_str())).collect();
    folder.map_or(Ok(Exit::Passed), |folder| shared(run, &files, folder, ui))
}

/// The report without what makes it evidence.
fn shared(run: &RunId, files: &[(&str, &str)], folder: &Path, ui: &Ui) -> Result<Exit, CliError> {
    let mut written = Vec::new();
    private::folder(folder).map_err(|source| CliError::State { path: folder.to_owned(), source })?;
    for (name, text) in files {
        written.push(add(folder, name, text.as_bytes())?);
    }
    if ui.is_json() {
        ui.json(&json!({"version": 1, "run": run, "evidence": null, "files": written}));
    } else {
        ui.print(&Place::shown(&folder.join("report.md")));
        ui.say("this is the report alone: nobody can verify it; the evidence is the bundle");
    }
    Ok(Exit::Passed)
}

/// A run whose report is written again, and the cloud that it talked to once that is needed.
struct Session<'a> {
    state: &'a State,
    args: &'a Args,
    place: &'a Place,
    /// It came by import: this machine does not sign it.
    imported: bool,
    connection: Option<Connection>,
}

impl Session<'_> {
    async fn connection(&mut self) -> Result<&Connection, CliError> {
        if self.connection.is_none() {
            self.args.cloud.check()?;
            refuse_ended_world(self.state, "nobody can be asked to sign or to archive the evidence")?;
            self.connection = Some(reconnect(self.state, &self.args.cloud, self.place).await?);
        }
        Ok(self.connection.as_ref().expect("it was made above"))
    }

    /// Nobody is asked for a signature that is there already.
    async fn write(
        &mut self,
        records: &[Recorded],
        folder: &Path,
        pdf: Option<&[u8]>,
        ui: &Ui,
    ) -> Result<Written, CliError> {
        if self.imported {
            let written = bundle(records, facts, folder, Sealer::Imported, pdf).await?;
            if let Some(why) = &written.unsigned {
                ui.say(&clean(&format!("warning: {}", unsigned_text(why))));
            }
            return Ok(written);
        }
        let Some(SignBy::Kms(key)) = self.state.started.plan.definition.report.sign.clone() else {
            let own = self.place.signing_key();
            return Ok(bundle(records, facts, folder, Sealer::File(&own), pdf).await?);
        };
        let offline = Sealer::Kms { key: &key, signatures: None };
        let mut written = bundle(records, facts, folder, offline, pdf).await?;
        if written.unsigned == Some(Unsigned::NoSession) {
            match self.connection().await {
                Ok(connection) => {
                    let signatures = Some(connection.cloud.signatures.as_ref());
                    written = bundle(records, facts, folder, Sealer::Kms { key: &key, signatures }, pdf).await?;
                }
                Err(error) => ui.say(&clean(&format!("warning: {}", whole(&error)))),
            }
        }
        if let Some(why) = &written.unsigned {
            ui.say(&clean(&format!("warning: {}", unsigned_text(why))));
        }
        Ok(written)
    }

    async fn archive(&mut self, store: &Store, written: &Written, folder: &Path, ui: &Ui) -> Result<Exit, CliError> {
        let state = self.state;
        let connection = self.connection().await?;
        archive::again(state, store, &written.files, folder, connection, ui).await
    }

    async fn close(self) {
        if let Some(connection) = self.connection {
            connection.close().await;
        }
    }
}

/// The built-in templates and the user's as they are today, over those that the run kept.
fn by_template(records: &[Recorded], name: &Name, place: &Place) -> Result<String, CliError> {
    let state = State::replay(records).map_err(|illegal| CliError::Render(illegal.to_string()))?;
    let mut templates = state.started.templates.clone();
    // What a run of an older version kept is not what the template of today may use.
    templates.extend(runbook::built_in());
    templates.extend(own(place)?);
    let context = context(&state, records, facts);
    runbook::render(&templates, name, &context).map_err(|error| CliError::Render(error.to_string()))
}
