//! `drill schema`.

use clap::ValueEnum;

use crate::aws::resource::facts;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::definition::shape;
use crate::report::schema::report;

/// Prints the JSON Schema of definitions, for editors, or of report.json, for programs.
///
/// A definition's first line names it: `# yaml-language-server: $schema=...`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose schema
    #[arg(value_enum, default_value_t = What::Definition)]
    what: What,
}

/// What a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// A definition: drills/NAME.yaml
    Definition,
    /// A report: report.json
    Report,
}

/// See [`Args`].
pub fn schema(args: &Args, ui: &Ui) -> Exit {
    match args.what {
        What::Definition => ui.json(&shape::schema(facts)),
        What::Report => ui.json(&report()),
    }
    Exit::Passed
}
