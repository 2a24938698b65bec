//! `drill stop`, and the file that it writes: while it exists, no run of this state folder goes on.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::clock::MachineClock;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::run::started_by;
use crate::cli::ui::{Ui, clean};
use crate::run::stop::StopSwitch;
use crate::words::text::tame;
use crate::words::time::{Clock as _, show_instant};

/// Of what stands in the file no more is read.
const LONGEST: u64 = 400;

/// Stops every run of this state folder before its next write. What was restored is torn down.
///
/// Until `drill stop --all --clear` no run starts; `drill resume` and `drill keep --end` still remove what is left.
///
/// Exit code: 0 when everything is stopped, or with --clear when runs may start again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Every run, of every drill (`drill cancel RUN` ends a single one)
    #[arg(long, required = true)]
    all: bool,

    /// Let runs start again
    #[arg(long)]
    clear: bool,
}

/// See [`Args`].
///
/// # Errors
/// When the file cannot be written or removed.
pub fn stop(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    debug_assert!(args.all, "the command line asks for it");
    let path = place.stop_file();
    let failed = |source| CliError::State { path: path.clone(), source };
    if args.clear {
        let was = clear(&path).map_err(failed)?;
        let text = if was { "runs may start again" } else { "nothing was stopped" };
        said(ui, None, text);
        return Ok(Exit::Passed);
    }
    let written = write(&path).map_err(failed)?;
    let who = StopFile::new(path).stopped().unwrap_or_default();
    let again = if written { "" } else { " already" };
    let text = format!(
        "everything was stopped{again} {who}: runs tear down and end, and none starts before `drill stop --all --clear`"
    );
    said(ui, Some(who), &text);
    Ok(Exit::Passed)
}

fn said(ui: &Ui, who: Option<String>, text: &str) {
    if ui.is_json() {
        ui.json(&json!({ "version": 1, "stopped": who.is_some(), "by": who }));
    } else {
        ui.print(&clean(text));
    }
}

/// Whole or not at all, and never through a link: a file that is there stays. `false`: one was there.
fn write(path: &Path) -> io::Result<bool> {
    if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let text = format!("by {} at {}\n", started_by(), show_instant(MachineClock.now()));
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        // Even an empty file stops: what it says is for people.
        Ok(mut file) => file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn clear(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The switch of this machine: a file.
#[derive(Debug, Clone)]
pub struct StopFile {
    path: PathBuf,
}

impl StopFile {
    /// At this path.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl StopSwitch for StopFile {
    /// When in doubt, everything is stopped: whatever has the name counts, readable or not.
    fn stopped(&self) -> Option<String> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(format!("because `{}` cannot be looked at: {error}", self.path.display())),
            Ok(metadata) => Some(if metadata.is_file() { says(&self.path) } else { by_hand(&self.path) }),
        }
    }
}

fn says(path: &Path) -> String {
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
    match (read, tame(text.trim())) {
        (Ok(_), said) if !said.is_empty() => said,
        _ => by_hand(path),
    }
}

fn by_hand(path: &Path) -> String {
    format!("by `{}`", path.display())
}

/// Refuses to start anything while everything is stopped.
///
/// # Errors
/// When it is.
pub fn refuse_while_stopped(place: &Place) -> Result<(), CliError> {
    match StopFile::new(place.stop_file()).stopped() {
        None => Ok(()),
        Some(who) => {
            Err(CliError::Stopped { who, clear: "`drill stop --all --clear` lets runs start again".to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{StopFile, clear, write};
    use crate::run::stop::StopSwitch as _;

    #[test]
    fn whatever_has_the_name_stops() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state").join("STOP");
        let switch = StopFile::new(path.clone());
        assert_eq!(switch.stopped(), None);
        assert!(!clear(&path).unwrap());
        assert!(write(&path).unwrap());
        let who = switch.stopped().unwrap();
        assert!(who.starts_with("by ") && who.contains(" at ") && who.ends_with("UTC"), "{who}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!write(&path).unwrap(), "the first one stays");
        assert_eq!(switch.stopped().unwrap(), who);
        assert!(clear(&path).unwrap());
        assert_eq!(switch.stopped(), None);
        std::fs::write(&path, "").unwrap();
        assert!(switch.stopped().is_some(), "an empty file stops");
        std::fs::write(&path, "by \u{1b}[31mme").unwrap();
        assert!(!switch.stopped().unwrap().contains('\u{1b}'));
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/nowhere", &path).unwrap();
        assert!(switch.stopped().is_some(), "a link that leads nowhere stops");
        assert!(!write(&path).unwrap(), "nothing is written through a link");
    }
}
