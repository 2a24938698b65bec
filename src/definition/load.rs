//! Files → [`Loaded`]: the only file I/O of this stage. Everything behind [`check_text`] is pure.
//!
//! Invariant: nothing outside of the definitions' folder is read, and never more than 2 MiB of a file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::cloud::resource::Types;
use crate::definition::defaults;
use crate::definition::model::Definition;
use crate::definition::vars::Variables;
use crate::words::id::DrillName;
use crate::words::text::tame;
use crate::yaml::diagnostic::{Code, Diagnostic, Diagnostics, Severity, did_you_mean};
use crate::yaml::node::{MAX_BYTES, Node, Value, read, too_large};
use crate::yaml::source::{Sources, Span};

/// A definition and what it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The definition.
    pub definition: Definition,
    /// The file's text, for the evidence.
    pub text: String,
    /// The variables as they count after `--var`.
    pub vars: BTreeMap<String, String>,
    /// What is worth a look.
    pub warnings: Vec<Diagnostic>,
    /// What those object to who ask for strictness.
    pub strict: Vec<Diagnostic>,
    /// The texts that warnings point into.
    pub sources: Sources,
    /// Where the runbook is named, if it is.
    pub runbook: Option<Span>,
}

/// Why there is no definition. There is at least one diagnostic, warnings included.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the definition has problems")]
pub struct Problems {
    /// The problems, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that they point into.
    pub sources: Sources,
}

/// Why no file could be found.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder cannot be read.
    #[error("cannot read the folder of drills `{}`", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The name cannot be a drill's.
    #[error("`{name}` cannot be the name of a drill: {rule}", rule = DrillName::RULE)]
    BadName {
        /// The name, made harmless.
        name: String,
    },
    /// A file whose stem cannot be a drill's name.
    #[error("`{}` cannot be a drill: {rule}; rename it, or start its name with `_`", .path.display(), rule = DrillName::RULE)]
    BadFile {
        /// The file.
        path: PathBuf,
    },
    /// A file that looks like a drill and would never be found.
    #[error("`{}` would never run: a drill's file ends in `.yaml`; rename it", .path.display())]
    BadEnding {
        /// The file.
        path: PathBuf,
    },
    /// No such drill.
    #[error("no drill `{name}` in `{}`{hint}", .folder.display())]
    Unknown {
        /// The name.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// What was probably meant, or nothing.
        hint: String,
    },
}

/// Reads and checks the definition at `path`, with the defaults beside it.
///
/// # Errors
/// Every problem, in one go.
pub fn load(path: &Path, overrides: &BTreeMap<String, String>, types: Types) -> Result<Loaded, Problems> {
    let name = tame(&path.display().to_string());
    let folder = folder_of(path);
    let bytes = bounded(path, folder, &name)?;
    let defaults_path = folder.join(defaults::FILE);
    let defaults_name = tame(&defaults_path.display().to_string());
    let below = match fs::symlink_metadata(&defaults_path) {
        Ok(_) => Some(bounded(&defaults_path, folder, &defaults_name)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(unreadable(&defaults_name, &error)),
    };
    check_text(&name, &bytes, below.as_deref().map(|bytes| (defaults_name.as_str(), bytes)), overrides, types)
}

/// Checks a definition that was read already. Pure.
///
/// # Errors
/// Every problem, in one go.
pub fn check_text(
    file_name: &str,
    bytes: &[u8],
    defaults: Option<(&str, &[u8])>,
    overrides: &BTreeMap<String, String>,
    types: Types,
) -> Result<Loaded, Problems> {
    let mut sources = Sources::default();
    let mut problems = Diagnostics::default();
    let document = read(&mut sources, file_name, bytes);
    problems.extend(document.diagnostics);
    let below = defaults.and_then(|(name, bytes)| read_defaults(&mut sources, name, bytes, &mut problems));
    let checked = document.root.map(|root| {
        let root = match below {
            Some(below) => defaults::merge(below, root),
            None => root,
        };
        let variables = Variables::read(&root, overrides, &sources, &mut problems);
        let root = variables.substitute(root, &sources, &mut problems);
        let runbook = root.follow(&["report", "runbook"]).map(|node| node.span);
        (super::check::check(root, stem(file_name), types, &sources, &mut problems), variables, runbook)
    });
    match checked {
        Some((Some(definition), variables, runbook)) => {
            let (strict, warnings) = problems.into_vec().into_iter().partition(|one| one.severity == Severity::Strict);
            Ok(Loaded {
                definition,
                text: String::from_utf8_lossy(bytes).into_owned(),
                vars: variables.texts(),
                warnings,
                strict,
                sources,
                runbook,
            })
        }
        _ => {
            let mut diagnostics = problems.into_vec();
            diagnostics.retain(|one| one.severity != Severity::Strict);
            Err(Problems { diagnostics, sources })
        }
    }
}

fn read_defaults(sources: &mut Sources, name: &str, bytes: &[u8], problems: &mut Diagnostics) -> Option<Node> {
    let document = read(sources, name, bytes);
    problems.extend(document.diagnostics);
    let root = document.root?;
    match root.value {
        Value::Map(_) => Some(root),
        Value::Null => None,
        _ => {
            let message = format!("the defaults must be a mapping, not {}", root.kind());
            problems.push(Diagnostic::error(Code::WrongType, message).at(root.span));
            None
        }
    }
}

fn stem(file_name: &str) -> &str {
    let last = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    last.strip_suffix(".yaml").unwrap_or(last)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn refused(diagnostic: Diagnostic) -> Problems {
    Problems { diagnostics: vec![diagnostic], sources: Sources::default() }
}

fn unreadable(name: &str, error: &io::Error) -> Problems {
    refused(Diagnostic::error(Code::File, format!("cannot read `{name}`: {error}")))
}

/// A whole file, if it is one, lies in its folder and is not too large.
fn bounded(path: &Path, folder: &Path, name: &str) -> Result<Vec<u8>, Problems> {
    let failed = |error: io::Error| unreadable(name, &error);
    let real = fs::canonicalize(path).map_err(failed)?;
    if !real.starts_with(fs::canonicalize(folder).map_err(failed)?) {
        let message = format!("`{name}` is a link that leaves its folder");
        return Err(refused(Diagnostic::error(Code::File, message).help("copy the file into the folder")));
    }
    let metadata = fs::metadata(&real).map_err(failed)?;
    if !metadata.is_file() {
        return Err(refused(Diagnostic::error(Code::File, format!("`{name}` is not a file"))));
    }
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    if metadata.len() > most {
        return Err(refused(too_large(name)));
    }
    let mut bytes = Vec::new();
    // It may have grown since.
    File::open(&real).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

/// Every drill of a folder with its file, sorted by name: `*.yaml` except `_*.yaml` and `*.world.yaml`.
///
/// # Errors
/// When the folder cannot be read, or holds a file whose name cannot be a drill's: it would never run, unnoticed.
pub fn names(dir: &Path) -> Result<Vec<(DrillName, PathBuf)>, LoadError> {
    let failed = |source| LoadError::Folder { folder: dir.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if file_name.strip_suffix(".yml").is_some() && !file_name.starts_with(['_', '.']) {
            return Err(LoadError::BadEnding { path });
        }
        let Some(stem) = file_name.strip_suffix(".yaml") else { continue };
        if stem.is_empty() || stem.starts_with(['_', '.']) || file_name.ends_with(".world.yaml") {
            continue;
        }
        match stem.parse::<DrillName>() {
            Ok(name) => found.push((name, path)),
            Err(_) => return Err(LoadError::BadFile { path }),
        }
    }
    found.sort();
    Ok(found)
}

/// The file of a drill.
///
/// # Errors
/// When the name cannot be a drill's, or there is no such file.
pub fn find(dir: &Path, name: &str) -> Result<PathBuf, LoadError> {
    let Ok(drill) = name.parse::<DrillName>() else {
        return Err(LoadError::BadName { name: tame(name).chars().take(80).collect() });
    };
    let path = dir.join(format!("{drill}.yaml"));
    if fs::symlink_metadata(&path).is_ok() {
        return Ok(path);
    }
    let known = names(dir)?;
    let known: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
    let hint = match did_you_mean(name, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.is_empty() => "; the folder has no drills".to_owned(),
        None => format!("; there are {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    };
    Err(LoadError::Unknown { name: name.to_owned(), folder: dir.to_owned(), hint })
}

#[cfg(test)]
mod tests {
    use super::{LoadError, bounded, find, names, stem};

    #[test]
    fn who_asks_for_a_drill_that_is_not_there_is_told_of_all_that_are() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..15 {
            std::fs::write(folder.path().join(format!("orders-of-shop-{number}.yaml")), "x: 1\n").unwrap();
        }
        let error = find(folder.path(), "nope").unwrap_err().to_string();
        for number in 0..15 {
            assert!(error.contains(&format!("`orders-of-shop-{number}`")), "{number} is not in: {error}");
        }
    }

    #[test]
    fn a_drill_is_found_by_its_name_only() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a-b.yaml", "c.yaml", "_defaults.yaml", "c.world.yaml", "notes.txt"] {
            std::fs::write(folder.path().join(file), "x: 1\n").unwrap();
        }
        let found: Vec<String> = names(folder.path()).unwrap().iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(found, ["a-b", "c"]);
        assert!(find(folder.path(), "c").unwrap().ends_with("c.yaml"));
        for name in ["../c", "a/b", "", "C", "c.yaml"] {
            assert!(matches!(find(folder.path(), name), Err(LoadError::BadName { .. })), "{name}");
        }
        let error = find(folder.path(), "a-c").unwrap_err().to_string();
        assert!(error.contains("did you mean `a-b`?"), "{error}");
        std::fs::write(folder.path().join("Upper.yaml"), "").unwrap();
        assert!(matches!(names(folder.path()), Err(LoadError::BadFile { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn links_that_leave_the_folder_and_folders_are_refused() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(outside.path().join("x.yaml"), "x: 1\n").unwrap();
        std::fs::write(inside.path().join("real.yaml"), "x: 1\n").unwrap();
        std::os::unix::fs::symlink(outside.path().join("x.yaml"), inside.path().join("out.yaml")).unwrap();
        std::os::unix::fs::symlink("real.yaml", inside.path().join("in.yaml")).unwrap();
        std::fs::create_dir(inside.path().join("dir.yaml")).unwrap();
        let read = |name: &str| bounded(&inside.path().join(name), inside.path(), name);
        assert!(read("in.yaml").is_ok());
        for name in ["out.yaml", "dir.yaml", "missing.yaml"] {
            assert_eq!(read(name).unwrap_err().diagnostics.len(), 1, "{name}");
        }
    }

    #[test]
    fn stems() {
        assert_eq!((stem("drills/rds-prod.yaml"), stem("x.yaml"), stem("x")), ("rds-prod", "x", "x"));
    }
}
