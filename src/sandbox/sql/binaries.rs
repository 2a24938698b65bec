//! Which PostgreSQL server programs this machine has.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::sandbox::sql::wait;

/// The oldest major version that knows every setting used here.
const OLDEST: u32 = 12;

/// How long `postgres --version` may take: a cold disk, never more.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// Where packages put the programs when they are not on the PATH: a folder, what its entries begin with, and what
/// follows below the entry.
const PLACES: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", "."),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/usr/local", "pgsql", "bin"),
    ("/Library/PostgreSQL", "", "bin"),
];

/// A folder with `initdb` and `postgres`.
#[derive(Debug, Clone)]
pub(super) struct Binaries {
    folder: PathBuf,
    search_path: OsString,
    version: String,
    major: u32,
}

impl Binaries {
    /// Those on the PATH, else the newest in the usual folders.
    #[expect(clippy::disallowed_methods, reason = "PATH says where programs are; a child process needs the same")]
    pub(super) fn find() -> Option<Self> {
        let search_path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&search_path).find_map(|folder| Self::in_folder(&folder, &search_path)).or_else(|| {
            usual_folders()
                .iter()
                .filter_map(|folder| Self::in_folder(folder, &search_path))
                .max_by_key(|found| found.major)
        })
    }

    fn in_folder(folder: &Path, search_path: &OsStr) -> Option<Self> {
        let postgres = folder.join("postgres");
        if !folder.is_absolute() || !postgres.is_file() || !folder.join("initdb").is_file() {
            return None;
        }
        let mut version = Command::new(postgres);
        version.arg("--version");
        let version = version_of(&wait::finish(version, VERSION_LIMIT).ok()?)?;
        let major = version.split('.').next()?.parse().ok()?;
        (major >= OLDEST).then(|| Self {
            folder: folder.to_owned(),
            search_path: search_path.to_owned(),
            version,
            major,
        })
    }

    /// The whole version, such as `17.2`.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// The major version: data folders of two major versions do not mix.
    pub(super) fn major(&self) -> u32 {
        self.major
    }

    /// The path of one of the programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The whole environment of the programs. Nothing of ours reaches them: the environment of a drill holds
    /// credentials, and `PG*` variables would change what a server does.
    pub(super) fn environment(&self) -> [(&'static str, &OsStr); 3] {
        [("PATH", self.search_path.as_os_str()), ("LC_ALL", OsStr::new("C")), ("TZ", OsStr::new("UTC"))]
    }
}

/// The folders of [`PLACES`] that exist.
fn usual_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (parent, prefix, tail) in PLACES {
        let Ok(entries) = fs::read_dir(parent) else { continue };
        let named =
            entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()));
        folders.extend(named.map(|entry| entry.path().join(tail)).filter(|folder| folder.is_dir()));
    }
    folders
}

/// The version in the answer to `postgres --version`, such as `postgres (PostgreSQL) 17.2 (Debian 17.2-1)`.
fn version_of(answer: &str) -> Option<String> {
    let (_, version) = answer.split_once("(PostgreSQL) ")?;
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    version.get(..end).map(|version| version.trim_end_matches('.').to_owned()).filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::version_of;

    #[test]
    fn the_version_is_read_out_of_the_answer() {
        let version = |answer: &str| version_of(answer);
        assert_eq!(version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").as_deref(), Some("15.18"));
        assert_eq!(version("postgres (PostgreSQL) 19beta1\n").as_deref(), Some("19"));
        assert_eq!(version("postgres (PostgreSQL) devel\n"), None);
        assert_eq!(version("something else 15"), None);
    }
}
