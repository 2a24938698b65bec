//! Which server programs this machine has.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::sandbox::sql::wait;

/// How long a program may take to say its version: a cold disk, never more.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// What an engine needs of a machine.
pub(super) struct Wanted {
    /// The server's program.
    pub(super) server: &'static str,
    /// The program that makes a data folder.
    pub(super) maker: &'static str,
    /// A program that the maker starts, and that packages may put elsewhere.
    pub(super) helper: Option<&'static str>,
    /// Where maker and helper may be: the server's own folder (empty), or one that stands beside that.
    pub(super) beside: &'static [&'static str],
    /// Where packages put the server when it is not on the PATH: a folder, what its entries begin with, and what
    /// follows below the entry.
    pub(super) places: &'static [(&'static str, &'static str, &'static str)],
    /// The arguments with which the server says its version.
    pub(super) asks_version: &'static [&'static str],
    /// Reads it out of the answer.
    pub(super) version: fn(&str) -> Option<String>,
    /// The oldest release that knows every setting used here.
    pub(super) oldest: (u32, u32),
    /// How many parts of the version name a series: the data folders of two series do not mix.
    pub(super) series_parts: usize,
}

/// A server program, and the one that makes its data folders.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    server: PathBuf,
    maker: PathBuf,
    search_path: OsString,
    version: String,
    release: (u32, u32),
    series: String,
}

impl Programs {
    /// Those on the PATH, else the newest in the usual folders.
    #[expect(clippy::disallowed_methods, reason = "PATH says where programs are; a child process needs the same")]
    pub(super) fn find(wanted: &Wanted) -> Option<Self> {
        let search_path = std::env::var_os("PATH").unwrap_or_default();
        let on_path =
            std::env::split_paths(&search_path).find_map(|folder| Self::in_folder(wanted, &folder, &search_path));
        on_path.or_else(|| {
            usual_folders(wanted.places)
                .iter()
                .filter_map(|folder| Self::in_folder(wanted, folder, &search_path))
                .max_by_key(|found| found.release)
        })
    }

    fn in_folder(wanted: &Wanted, folder: &Path, search_path: &OsStr) -> Option<Self> {
        let server = folder.join(wanted.server);
        if !folder.is_absolute() || !server.is_file() {
            return None;
        }
        let near = |program: &str| {
            wanted.beside.iter().find_map(|beside| {
                let folder = if beside.is_empty() { folder.to_owned() } else { folder.parent()?.join(beside) };
                Some(folder.join(program)).filter(|path| path.is_file())
            })
        };
        let maker = near(wanted.maker)?;
        if wanted.helper.is_some_and(|helper| near(helper).is_none()) {
            return None;
        }
        let mut asking = Command::new(&server);
        asking.args(wanted.asks_version);
        let version = (wanted.version)(&wait::finish(asking, VERSION_LIMIT).ok()?)?;
        let release = release(&version)?;
        (release >= wanted.oldest).then(|| Self {
            server,
            maker,
            search_path: search_path.to_owned(),
            release,
            series: version.split('.').take(wanted.series_parts).collect::<Vec<_>>().join("."),
            version,
        })
    }

    /// The whole version, such as `17.2`.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// What data folders are made for, such as `17`.
    pub(super) fn series(&self) -> &str {
        &self.series
    }

    /// The server's program.
    pub(super) fn server(&self) -> &Path {
        &self.server
    }

    /// The program that makes a data folder.
    pub(super) fn maker(&self) -> &Path {
        &self.maker
    }

    /// The whole environment of the programs. Nothing of ours reaches them: the environment of a drill holds
    /// credentials, and variables such as `PG*` and `MYSQL*` would change what a server does.
    pub(super) fn environment(&self) -> [(&'static str, &OsStr); 3] {
        [("PATH", self.search_path.as_os_str()), ("LC_ALL", OsStr::new("C")), ("TZ", OsStr::new("UTC"))]
    }
}

/// The folders of `places` that exist.
fn usual_folders(places: &[(&str, &str, &str)]) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (parent, prefix, tail) in places {
        let Ok(entries) = fs::read_dir(parent) else { continue };
        let named =
            entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()));
        folders.extend(named.map(|entry| entry.path().join(tail)).filter(|folder| folder.is_dir()));
    }
    folders
}

/// The first two numbers of a version; the second may be missing.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    let major = parts.next()?.parse().ok()?;
    Some((major, parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn releases_are_compared_as_numbers() {
        assert!(release("10.11.14") > release("10.5.2"));
        assert_eq!(release("19"), Some((19, 0)));
        assert_eq!(release("devel"), None);
    }
}
