//! The command line: the only place that constructs a session, a clock, a store or a sandbox, and the only one that
//! prints.
//!
//! A verb is a file: an `Args` struct whose documentation is the help, and a function that returns an exit code.

pub mod approve;
mod archive;
pub mod ask;
mod asleep;
pub mod cancel;
pub mod clock;
pub mod commit;
pub mod compare;
pub mod connect;
mod connections;
pub mod coverage;
pub mod error;
pub mod exit;
pub mod finding;
pub mod history;
pub mod import;
pub mod keep;
mod keeper;
pub mod key;
pub mod lease;
pub mod line;
pub mod list;
pub mod logs;
pub mod past;
pub mod place;
pub mod plan;
pub mod preflight;
pub mod previous;
pub mod probes;
pub mod progress;
pub mod rehearse;
pub mod report;
pub mod resume;
pub mod run;
pub mod sandbox;
pub mod schema;
pub mod secrecy;
mod series;
mod several;
pub mod signals;
pub mod signing;
pub mod status;
pub mod stop;
pub mod sweep;
pub mod templates;
pub mod ui;
pub mod validate;
pub mod verify;
pub mod world;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::ui::{Output, Ui};

/// Proves that AWS backups restore: restores the latest recovery point in the DR region, probes it, tears it down, and
/// reports.
#[derive(Debug, Parser)]
#[command(name = "drill", version, max_term_width = 110, propagate_version = true, subcommand_required = true)]
struct Cli {
    #[command(flatten)]
    place: Place,

    /// What stdout carries.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    output: Output,

    /// Plain lines instead of a live view; for validate and list, less.
    #[arg(long, short, global = true)]
    quiet: bool,

    #[command(subcommand)]
    verb: Verb,
}

/// The verbs. Their help is the documentation of their `Args`.
#[derive(Debug, Subcommand)]
enum Verb {
    Validate(validate::Args),
    Plan(plan::Args),
    Preflight(preflight::Args),
    Probes(probes::Args),
    Schema(schema::Args),
    Rehearse(rehearse::Args),
    Run(run::Args),
    Resume(resume::Args),
    Cancel(cancel::Args),
    Stop(stop::Args),
    Keep(keep::Args),
    Approve(approve::Args),
    List(list::Args),
    Status(status::Args),
    Logs(logs::Args),
    History(history::Args),
    Compare(compare::Args),
    Coverage(coverage::Args),
    Report(report::Args),
    Import(import::Args),
    Verify(verify::Args),
    Finding(finding::Args),
    Key(signing::Args),
    Sweep(sweep::Args),
    Sandbox(sandbox::Args),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Runs the command line.
#[must_use]
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(argv) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.code() } else { Exit::Passed.code() };
        }
    };
    secrecy::keep_memory_private();
    secrecy::start_tracing();
    let ui = Ui::new(cli.output, cli.quiet);
    let exit = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(CliError::Runtime)
        .and_then(|runtime| {
            let exit = runtime.block_on(dispatch(cli.verb, &cli.place, &ui));
            // A blocking read of a file system that hangs must not keep a finished run from ending.
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            exit
        });
    match exit {
        Ok(exit) => exit.code(),
        Err(error) => {
            ui.error(&error);
            error.exit().code()
        }
    }
}

async fn dispatch(verb: Verb, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    match verb {
        Verb::Validate(args) => validate::validate(&args, place, ui),
        Verb::Plan(args) => plan::plan(&args, place, ui).await,
        Verb::Preflight(args) => preflight::preflight(&args, place, ui).await,
        Verb::Probes(args) => probes::probes(&args, place, ui).await,
        Verb::Schema(args) => Ok(schema::schema(&args, ui)),
        Verb::Rehearse(args) => rehearse::rehearse(&args, place, ui).await,
        Verb::Run(args) => run::run(&args, place, ui).await,
        Verb::Resume(args) => resume::resume(&args, place, ui).await,
        Verb::Cancel(args) => cancel::cancel(&args, place, ui),
        Verb::Stop(args) => stop::stop(&args, place, ui),
        Verb::Keep(args) => keep::keep(&args, place, ui).await,
        Verb::Approve(args) => approve::approve(&args, place, ui),
        Verb::List(args) => list::list(&args, place, ui),
        Verb::Status(args) => status::status(&args, place, ui).await,
        Verb::Logs(args) => logs::logs(&args, place, ui),
        Verb::History(args) => history::history(&args, place, ui),
        Verb::Compare(args) => compare::compare(&args, place, ui),
        Verb::Coverage(args) => coverage::coverage(&args, place, ui),
        Verb::Report(args) => report::report(&args, place, ui).await,
        Verb::Import(args) => import::import(&args, place, ui),
        Verb::Verify(args) => verify::verify(&args, place, ui),
        Verb::Finding(args) => finding::finding(&args, place, ui).await,
        Verb::Key(args) => signing::signing(&args, place, ui),
        Verb::Sweep(args) => sweep::sweep(&args, place, ui).await,
        Verb::Sandbox(args) => sandbox::sandbox(&args, place, ui).await,
        Verb::Completions { shell } => {
            let mut bytes = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "drill", &mut bytes);
            ui.print(&String::from_utf8_lossy(&bytes));
            Ok(Exit::Passed)
        }
    }
}
