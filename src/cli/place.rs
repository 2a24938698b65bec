//! Where things are: definitions, runbooks, state, reports.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::error::CliError;
use crate::definition::load::find;
use crate::history::summary::summarize;
use crate::journal::private;
use crate::journal::store::{RunRow, Store, StoreError};
use crate::report::write::REHEARSALS;
use crate::words::id::{DrillName, RunId};
use crate::words::kind::Mode;

/// The folder of journals, unless another is named.
const STATE: &str = ".drill";

/// The folders, as options and as `DRILL_*` variables.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The repository: `drills/` and `runbooks/` are in it
    #[arg(long, global = true, env = "DRILL_DIR", default_value = ".", value_name = "FOLDER")]
    dir: PathBuf,

    /// Journals and locks [default: .drill in --dir]
    #[arg(long, global = true, env = "DRILL_STATE", value_name = "FOLDER")]
    state: Option<PathBuf>,

    /// Reports [default: reports in --dir]
    #[arg(long, global = true, env = "DRILL_REPORTS", value_name = "FOLDER")]
    reports: Option<PathBuf>,
}

/// A run that was asked for by its id or its last digits.
pub struct FoundRun {
    /// The journals that it is in.
    pub store: Store,
    /// Its line.
    pub row: RunRow,
}

impl Place {
    /// The folders of a repository, with nothing else moved.
    #[must_use]
    pub fn of(dir: PathBuf) -> Self {
        Self { dir, state: None, reports: None }
    }

    /// The repository.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Paths are shown to people: `drills` reads better than `./drills`.
    fn below(&self, name: &str) -> PathBuf {
        let path = self.dir.join(name);
        path.strip_prefix(".").map(Path::to_owned).unwrap_or(path)
    }

    /// The folder of definitions.
    #[must_use]
    pub fn drills(&self) -> PathBuf {
        self.below("drills")
    }

    /// The folder of templates.
    #[must_use]
    pub fn runbooks(&self) -> PathBuf {
        self.below("runbooks")
    }

    /// A definition's file.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn definition(&self, name: &str) -> Result<PathBuf, CliError> {
        find(&self.drills(), name).map_err(CliError::Load)
    }

    fn state_root(&self) -> PathBuf {
        self.state.clone().unwrap_or_else(|| self.dir.join(STATE))
    }

    /// The file that stops every run of this state folder, real ones and rehearsals, while it exists.
    #[must_use]
    pub fn stop_file(&self) -> PathBuf {
        self.state_root().join("STOP")
    }

    /// The key that signs evidence and rehearsals of this state folder, if there is one.
    #[must_use]
    pub fn signing_key(&self) -> PathBuf {
        self.state_root().join("signing.key")
    }

    /// The folder of the public keys that the repository trusts.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.below("keys")
    }

    /// The folder of journals for a mode: rehearsals live apart from evidence.
    #[must_use]
    pub fn state(&self, mode: Mode) -> PathBuf {
        match mode {
            Mode::Aws => self.state_root(),
            Mode::Sandbox | Mode::CustomEndpoint => self.state_root().join("sandbox"),
        }
    }

    /// The folder of a run's report: rehearsals live apart from evidence.
    #[must_use]
    pub fn evidence(&self, mode: Mode, drill: &DrillName, run: &RunId) -> PathBuf {
        let root = self.reports.clone().unwrap_or_else(|| self.dir.join("reports"));
        let root = match mode {
            Mode::Aws => root,
            Mode::Sandbox | Mode::CustomEndpoint => root.join(REHEARSALS),
        };
        root.join(drill.as_str()).join(run.to_string())
    }

    /// The journals of a mode, made if there are none yet.
    ///
    /// # Errors
    /// When they cannot be opened, or a symbolic link stands in their place.
    pub fn store(&self, mode: Mode) -> Result<Store, CliError> {
        self.make_state_root().map_err(|source| StoreError::Folder { path: self.state_root(), source })?;
        Ok(Store::open(&self.state(mode))?.summarizing(summarize))
    }

    /// Makes the folder of journals and of the key, with a `.gitignore` for all of it: nobody commits a private key by
    /// adding everything. A folder that somebody else made for it is left as it is, unless it has drill's own name.
    ///
    /// # Errors
    /// When it cannot be made, or a symbolic link stands in its place.
    pub fn make_state_root(&self) -> io::Result<()> {
        let root = self.state_root();
        let is_new = !root.exists();
        private::folder(&root)?;
        if !is_new && !root.ends_with(STATE) {
            return Ok(());
        }
        match private::create(&root.join(".gitignore")) {
            Ok(mut file) => file.write_all(b"*\n"),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The journals that exist, those of real runs first.
    ///
    /// # Errors
    /// When they cannot be opened.
    pub fn stores(&self) -> Result<Vec<Store>, CliError> {
        Ok(self.stores_or_why()?.into_iter().collect::<Result<Vec<Store>, StoreError>>()?)
    }

    /// The same, each on its own: a folder whose journals cannot be opened does not hide the other.
    ///
    /// # Errors
    /// When a symbolic link stands in the place of their root.
    pub fn stores_or_why(&self) -> Result<Vec<Result<Store, StoreError>>, CliError> {
        let root = self.state_root();
        if root.is_symlink() {
            private::folder(&root).map_err(|source| StoreError::Folder { path: root, source })?;
        }
        let open = |mode| {
            let store = Store::open_existing(&self.state(mode)).transpose()?;
            Some(store.map(|store| store.summarizing(summarize)))
        };
        Ok([Mode::Aws, Mode::Sandbox].into_iter().filter_map(open).collect())
    }

    /// The journals of a mode, if there are any.
    ///
    /// # Errors
    /// When they cannot be opened.
    pub fn existing(&self, mode: Mode) -> Result<Option<Store>, CliError> {
        let root = self.state_root();
        if root.is_symlink() {
            private::folder(&root).map_err(|source| StoreError::Folder { path: root, source })?;
        }
        Ok(Store::open_existing(&self.state(mode))?.map(|store| store.summarizing(summarize)))
    }

    /// A run by its id or by at least four of its last digits.
    ///
    /// # Errors
    /// When there is none, or several.
    pub fn run(&self, text: &str) -> Result<FoundRun, CliError> {
        let mut found = Vec::new();
        for store in self.stores()? {
            for row in store.find(text)? {
                found.push(FoundRun { store: store.clone(), row });
            }
        }
        match found.len() {
            0 => Err(CliError::NoRun(crate::words::text::tame(text))),
            1 => Ok(found.remove(0)),
            _ => Err(CliError::SeveralRuns {
                text: crate::words::text::tame(text),
                runs: found.iter().map(|found| found.row.run.to_string()).collect(),
            }),
        }
    }

    /// The folder in which things that can be made again are kept between runs.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        let variable = |name: &str| crate::cli::connect::environment(name).map(PathBuf::from);
        variable("DRILL_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("drill")))
            .or_else(|| variable("HOME").map(|home| home.join(".cache").join("drill")))
            .unwrap_or_else(|| self.state_root().join("cache"))
    }

    /// A path as a user should read it: relative to where they are, if it is below.
    #[must_use]
    pub fn shown(path: &Path) -> String {
        path.strip_prefix("./").unwrap_or(path).display().to_string()
    }
}
