//! `drill schema`.

use crate::aws::resource::facts;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::definition::shape;

/// Prints the JSON Schema of definitions, for editors: `# yaml-language-server: $schema=...`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// See [`Args`].
///
/// # Errors
/// Never.
pub fn schema(_: &Args, ui: &Ui) -> Result<Exit, CliError> {
    ui.json(&shape::schema(facts));
    Ok(Exit::Passed)
}
