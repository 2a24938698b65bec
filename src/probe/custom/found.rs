//! Where custom probes are: `probes/` beside the folder of the definition and inside of it, then PATH. The first of a
//! name wins.

use std::collections::BTreeMap;
use std::env::split_paths;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::miss;
use crate::probe::process::{self, Program, absolute};
use crate::probe::protocol::{Described, Description, description};
use crate::words::id::Name;

/// What the names of the programs begin with.
pub(super) const PREFIX: &str = "drill-probe-";

/// A program describes itself within this, in real time.
const LONGEST_DESCRIPTION: Duration = Duration::from_secs(5);

/// Programs that are listed at most.
const MOST_FOUND: usize = 200;

/// A custom probe of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name, without `drill-probe-`.
    pub name: String,
    /// The program.
    pub path: PathBuf,
    /// Its own version; none where it does not describe itself.
    pub version: Option<String>,
    /// What it does, in its own words; or why there are none.
    pub about: String,
    /// The settings that it takes.
    pub settings: BTreeMap<String, Described>,
}

/// The custom probes that definitions of `folder` can use, by name, each asked to describe itself. `path` is the
/// environment's PATH.
pub async fn find(folder: &Path, path: &str) -> Vec<Found> {
    let Ok(folder) = absolute(folder) else { return Vec::new() };
    let mut programs = BTreeMap::new();
    for place in places(&folder, path) {
        for (name, file) in programs_in(&place) {
            programs.entry(name).or_insert(file);
        }
    }
    let mut asked = JoinSet::new();
    for (name, path) in programs.into_iter().take(MOST_FOUND) {
        asked.spawn(async move {
            let told = describe(&name, &path).await;
            match told {
                Ok(told) => {
                    Found { name, path, version: Some(told.version), about: told.about, settings: told.settings }
                }
                Err(why) => {
                    let about = format!("says nothing of itself: {why}");
                    Found { name, path, version: None, about, settings: BTreeMap::new() }
                }
            }
        });
    }
    let mut found = Vec::new();
    while let Some(ended) = asked.join_next().await {
        found.extend(ended);
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The program of a custom probe.
///
/// # Errors
/// A `setup` miss that says where it was looked for.
pub(super) fn program(name: &str, folder: &Path, path: &str) -> Result<PathBuf, Miss> {
    let file = format!("{PREFIX}{name}");
    let mut idle = None;
    for candidate in places(folder, path).into_iter().map(|place| place.join(&file)) {
        if runs(&candidate) {
            return Ok(candidate);
        }
        if candidate.is_file() {
            idle.get_or_insert(candidate);
        }
    }
    let message = match idle {
        Some(idle) => format!("`{}` is not executable (chmod +x)", idle.display()),
        None => format!(
            "there is no program `{file}`; it is looked for in `probes/` beside the folder of the definition, in \
             `probes/` inside of it, and in PATH (`drill probes` lists what is there)"
        ),
    };
    Err(miss(ProbeReason::Setup, &message))
}

/// The folders, in the order in which they are looked at. A part of PATH that is not absolute would depend on where
/// drill was started.
fn places(folder: &Path, path: &str) -> Vec<PathBuf> {
    let beside = folder.parent().map(|above| above.join("probes"));
    let own = beside.into_iter().chain([folder.join("probes")]);
    own.chain(split_paths(path).filter(|place| place.is_absolute())).collect()
}

fn programs_in(place: &Path) -> Vec<(String, PathBuf)> {
    // A folder of PATH that is not there, or not readable, holds nothing for anybody.
    let Ok(entries) = fs::read_dir(place) else { return Vec::new() };
    let program = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_prefix(PREFIX)?.to_owned();
        (name.parse::<Name>().is_ok() && runs(&path)).then_some((name, path))
    };
    entries.filter_map(Result::ok).filter_map(|entry| program(entry.path())).collect()
}

fn runs(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

async fn describe(name: &str, path: &Path) -> Result<Description, String> {
    // Its own folder is there for sure, that of the definitions perhaps not.
    let folder = path.parent().unwrap_or(path).to_owned();
    let program = Program {
        name: format!("{PREFIX}{name}"),
        path: path.to_owned(),
        arguments: vec!["--describe".to_owned()],
        folder,
        variables: Vec::new(),
        input: None,
    };
    let Ok(ended) = tokio::time::timeout(LONGEST_DESCRIPTION, process::run(program)).await else {
        return Err("it does not describe itself within 5 s".to_owned());
    };
    let ended = ended.map_err(|miss| miss.message)?;
    match ended.failure(&[]) {
        Some(failure) => Err(failure.message),
        None => description(&ended.output, name),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;

    use super::{find, places, program};
    use crate::definition::model::ProbeReason;

    /// A program that ends at once and says nothing.
    fn put(folder: &Path, name: &str) {
        fs::create_dir_all(folder).unwrap();
        symlink("/usr/bin/true", folder.join(name)).unwrap();
    }

    #[test]
    fn the_repository_is_looked_through_before_the_machine() {
        let root = tempfile::tempdir().unwrap();
        let drills = root.path().join("drills");
        let bin = root.path().join("bin");
        put(&bin, "drill-probe-rows");
        let path = format!("relative::{}", bin.display());
        assert_eq!(places(&drills, &path), [root.path().join("probes"), drills.join("probes"), bin.clone()]);
        assert_eq!(program("rows", &drills, &path).unwrap(), bin.join("drill-probe-rows"));
        put(&drills.join("probes"), "drill-probe-rows");
        assert_eq!(program("rows", &drills, &path).unwrap(), drills.join("probes/drill-probe-rows"));
        put(&root.path().join("probes"), "drill-probe-rows");
        assert_eq!(program("rows", &drills, &path).unwrap(), root.path().join("probes/drill-probe-rows"));
    }

    #[test]
    fn what_is_not_there_or_does_not_run_says_how_to_mend() {
        let root = tempfile::tempdir().unwrap();
        let drills = root.path().join("drills");
        let missed = program("rows", &drills, "").unwrap_err();
        assert_eq!(missed.reason, ProbeReason::Setup);
        assert!(missed.message.contains("drill probes"), "{}", missed.message);
        let file = root.path().join("probes/drill-probe-rows");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let missed = program("rows", &drills, "").unwrap_err();
        assert!(missed.message.contains("chmod +x"), "{}", missed.message);
    }

    #[tokio::test]
    async fn those_that_say_nothing_are_listed_with_that() {
        let root = tempfile::tempdir().unwrap();
        let drills = root.path().join("drills");
        for name in ["drill-probe-b", "drill-probe-a", "drill-probe-", "drill-probe-A", "other"] {
            put(&root.path().join("probes"), name);
        }
        put(&drills.join("probes"), "drill-probe-a");
        let found = find(&drills, "").await;
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(found[0].path, root.path().join("probes/drill-probe-a"));
        assert!(found[0].version.is_none() && found[0].about.contains("says nothing of itself"), "{found:?}");
    }
}
