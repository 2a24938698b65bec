//! Everything that can stop a command, joined at the rim: what happened, where, what to do next, and the exit code.

use std::path::PathBuf;

use crate::cli::exit::Exit;
use crate::definition::load::LoadError;
use crate::journal::store::StoreError;
use crate::report::write::WriteError;
use crate::run::drive::DriveError;
use crate::run::select::SelectError;
use crate::run::step::report::BundleError;
use crate::run::step::seal::Unsigned;

/// What a user reads after `error:`.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The process cannot even begin.
    #[error("the process cannot be set up")]
    Runtime(#[source] std::io::Error),
    /// A definition's file cannot be found or read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A definition is wrong; the problems were shown.
    #[error("{problems} problem{} in {files} file{}; nothing was started", plural(*problems), plural(*files))]
    Definition {
        /// How many.
        problems: usize,
        /// In how many files.
        files: usize,
    },
    /// An option is wrong.
    #[error("{what}")]
    Usage {
        /// What, and what to do.
        what: String,
    },
    /// A file of the user cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No such run.
    #[error("there is no run `{0}`; `drill status` shows the runs")]
    NoRun(String),
    /// More than one run.
    #[error("`{text}` fits several runs: {}", runs.join(", "))]
    SeveralRuns {
        /// What was asked for.
        text: String,
        /// What it fits.
        runs: Vec<String>,
    },
    /// The journal.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The world file.
    #[error("the world file is wrong")]
    World(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The simulated AWS.
    #[error("the simulated AWS cannot be used")]
    Sandbox(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The session with AWS.
    #[error("there is no session with AWS")]
    Session(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A selection that could not be resolved; nothing was started.
    #[error("nothing was started")]
    Select(#[source] Box<SelectError>),
    /// Somebody stopped everything; nothing was started.
    #[error("everything was stopped {who}; nothing was started; {clear}")]
    Stopped {
        /// By whom, and when.
        who: String,
        /// How to let runs start again.
        clear: String,
    },
    /// A file of drill's own cannot be written.
    #[error("cannot write `{}`", path.display())]
    State {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A run that could not be driven to its end.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// A run that made something could not be driven on.
    #[error("the run cannot be driven on; `drill resume` goes on once it can; these may still exist: {}", left.join(", "))]
    Undriven {
        /// What may still exist.
        left: Vec<String>,
        /// Why.
        source: Box<CliError>,
    },
    /// A report that could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The key that signs evidence cannot be used or made.
    #[error("the signing key `{}` cannot be used", path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key of AWS KMS that signs the evidence of a run did not sign a finding.
    #[error("nothing was added: the key that signs the evidence of this run did not sign the finding")]
    Unsigned(#[source] Box<Unsigned>),
    /// What a rehearsal needs and cannot have: a folder, a process of its own, an answer of one.
    #[error("the rehearsal cannot go on: {0}")]
    Rehearsal(String),
    /// A report that could not be rendered.
    #[error("the report cannot be rendered: {0}")]
    Render(String),
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

impl From<BundleError> for CliError {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Render(why) => Self::Render(why),
            BundleError::Key { path, source } => Self::Key { path, source },
            BundleError::Held(what) => Self::Usage { what },
            BundleError::Write(error) => Self::Write(error),
        }
    }
}

impl CliError {
    /// A usage error.
    #[must_use]
    pub fn usage(what: impl Into<String>) -> Self {
        Self::Usage { what: what.into() }
    }

    /// The exit code: 2 when nothing was started because of what the user wrote, 3 when the surroundings are to blame,
    /// 4 when something may be left.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Load(_)
            | Self::Definition { .. }
            | Self::Usage { .. }
            | Self::Read { .. }
            | Self::NoRun(_)
            | Self::SeveralRuns { .. }
            | Self::World(_)
            | Self::Key { .. }
            | Self::Render(_) => Exit::Usage,
            // As a run would end that finds no recovery point.
            Self::Select(error) => match error.as_ref() {
                SelectError::Nothing { .. } | SelectError::Missing { .. } => Exit::Failed,
                SelectError::Vault { .. } | SelectError::Nameless { .. } => Exit::Inconclusive,
            },
            Self::Drive(DriveError::Journal { left, .. } | DriveError::Unread { left, .. }) if !left.is_empty() => {
                Exit::Leaked
            }
            Self::Undriven { .. } => Exit::Leaked,
            Self::Runtime(_)
            | Self::Store(_)
            | Self::Sandbox(_)
            | Self::Session(_)
            | Self::Stopped { .. }
            | Self::State { .. }
            | Self::Drive(_)
            | Self::Write(_)
            | Self::Unsigned(_)
            | Self::Rehearsal(_) => Exit::Inconclusive,
        }
    }
}
