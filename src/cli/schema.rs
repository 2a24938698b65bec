//! `drill schema`.

use crate::aws::resource::facts;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::definition::shape;

/// Prints the JSON Schema of definitions, for editors.
///
/// A definition's first line names it: `# yaml-language-server: $schema=...`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// See [`Args`].
pub fn schema(_: &Args, ui: &Ui) -> Exit {
    ui.json(&shape::schema(facts));
    Exit::Passed
}
