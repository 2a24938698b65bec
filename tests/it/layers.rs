//! The import table of `src/lib.rs`, held against every file under `src`; and what only one place may do.
//!
//! The table is read from `lib.rs` itself. Tests inside a file may import more than the file: everything from its
//! `#[cfg(test)] mod tests` on is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The longest file, in lines.
const LONGEST_FILE: usize = 800;

/// What "`probe`'s data" in the table means for `journal` and `report`.
const PROBE_DATA: &[&str] = &["probe::Miss", "probe::Observed", "probe::expect"];

/// Crates and calls that have one home: text of the code, and where it may stand.
const HOMES: &[(&str, &[&str])] = &[
    ("rusqlite", &["journal/store/"]),
    ("petgraph", &["plan/graph.rs"]),
    ("aws_sdk_", &["aws/"]),
    ("aws_config", &["aws/"]),
    ("aws_smithy_", &["aws/"]),
    ("aws_types", &["aws/"]),
    ("aws_credential_types", &["aws/"]),
    ("saphyr_parser", &["yaml/node.rs"]),
    ("annotate_snippets", &["yaml/snippet.rs"]),
    ("handlebars", &["report/bound.rs", "report/include.rs", "report/row.rs", "report/runbook.rs"]),
    ("serde_yaml", &["sandbox/"]),
    ("axum", &["sandbox/"]),
    ("quick_xml", &["sandbox/"]),
    ("rcgen", &["sandbox/"]),
    ("tokio_postgres", &["probe/sql/", "sandbox/sql/"]),
    ("tokio_rustls", &["probe/"]),
    ("hyper", &["probe/http/", "sandbox/channel/"]),
    ("tokio_tungstenite", &["aws/tunnel/", "sandbox/channel/"]),
    ("clap", &["cli/"]),
    ("anstream", &["cli/ui.rs"]),
    ("comfy_table", &["cli/ui.rs"]),
    ("indicatif", &["cli/progress.rs"]),
    ("println!", &[]),
    ("eprintln!", &[]),
    ("io::stdout", &["cli/"]),
    ("io::stderr", &["cli/"]),
    ("Store::open(", &["cli/", "journal/store/"]),
    ("Sandbox::start(", &["cli/"]),
    ("MachineClock", &["cli/"]),
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "imp"];

struct Source {
    /// Relative to `src`, with `/`.
    name: String,
    text: String,
    /// The text without comments and without its tests.
    code: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<Source> {
    let mut folders = vec![root()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources can be read") {
            let path = entry.expect("a folder of sources can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("it was found below").display().to_string();
                let text = fs::read_to_string(&path).expect("a source can be read");
                let code = code_of(&text);
                found.push(Source { name, text, code });
            }
        }
    }
    assert!(found.len() > 50, "the sources were not found");
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn code_of(text: &str) -> String {
    let end = text.find("\n#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end].lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code)).collect::<Vec<_>>().join("\n")
}

/// Every path that begins with `crate::`, without that, groups taken apart: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, opening) in code.match_indices("crate::") {
        let boundary = code[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && before != '_');
        if boundary {
            take_apart("", &code[at + opening.len()..], &mut found);
        }
    }
    found
}

/// Reads one path at the start of `rest`, after `prefix`; returns how much of `rest` it was.
fn take_apart(prefix: &str, rest: &str, found: &mut BTreeSet<String>) -> usize {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '*';
    let end = rest.find(|c: char| !plain(c)).unwrap_or(rest.len());
    let path = format!("{prefix}{}", &rest[..end]);
    if !rest[end..].starts_with('{') || !path.is_empty() && !path.ends_with("::") {
        found.insert(path.trim_end_matches(':').to_owned());
        return end;
    }
    let mut at = end + 1;
    while let Some(next) = rest[at..].find(|c: char| !c.is_whitespace() && c != ',') {
        at += next;
        if rest[at..].starts_with('}') {
            return at + 1;
        }
        let taken = take_apart(&path, &rest[at..], found);
        // `as other` is no path; neither is anything else that stands before the next comma.
        let skipped = rest[at + taken..].find([',', '}']).unwrap_or(rest.len() - at - taken);
        at += taken + skipped;
    }
    rest.len()
}

/// Folder → what it may import, from the table in `lib.rs`; `None` is everything. In the order of the table.
fn table() -> Vec<(String, Option<Vec<String>>)> {
    let text = fs::read_to_string(root().join("lib.rs")).expect("lib.rs is there");
    text.lines()
        .filter_map(|line| line.strip_prefix("//! | `")?.split_once('|'))
        .map(|(folder, allowed)| {
            let folder = folder.trim().trim_end_matches('`').to_owned();
            let names = allowed.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            (folder, (!allowed.contains("everything")).then_some(names))
        })
        .collect()
}

fn may_import(folder: &str, allowed: &[String], path: &str) -> bool {
    let below = |of: &str| path == of || path.strip_prefix(of).is_some_and(|rest| rest.starts_with("::"));
    if below(folder) {
        return true;
    }
    allowed.iter().any(|one| match (folder, one.as_str()) {
        // What a kind says of itself is for people, too.
        ("report", "probe") if below("probe::kind") => true,
        ("journal" | "report", "probe") => PROBE_DATA.iter().any(|data| below(data)),
        (_, one) => below(one),
    })
}

#[test]
fn the_table_lists_the_folders_in_the_order_of_the_modules() {
    let text = fs::read_to_string(root().join("lib.rs")).expect("lib.rs is there");
    let modules: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")).map(|line| line.trim_end_matches(';')).collect();
    let table = table();
    let listed: Vec<&str> = table.iter().map(|(folder, _)| folder.as_str()).collect();
    assert_eq!(listed, modules);
    for (index, (folder, allowed)) in table.iter().enumerate() {
        for name in allowed.iter().flatten() {
            let other = name.split("::").next().unwrap_or(name);
            let position = listed.iter().position(|known| *known == other);
            let above = position.is_some_and(|position| position < index);
            // The model is plain data, and what a probe's expectations are is part of it.
            assert!(above || name == "definition::model", "`{folder}` may import `{name}`, which is not above it");
        }
    }
}

#[test]
fn every_folder_imports_only_what_the_table_allows() {
    let table: BTreeMap<String, Option<Vec<String>>> = table().into_iter().collect();
    let mut wrong = Vec::new();
    for source in sources() {
        let Some((folder, _)) = source.name.split_once('/') else { continue };
        let allowed =
            table.get(folder).unwrap_or_else(|| panic!("the folder `{folder}` is not in the table of lib.rs"));
        let Some(allowed) = allowed else { continue };
        for path in paths(&source.code) {
            if !may_import(folder, allowed, &path) {
                wrong.push(format!("src/{}: `{folder}` may not import `crate::{path}`", source.name));
            }
        }
        if source.code.contains("super::super::") || source.code.contains("restore_drill::") {
            wrong.push(format!("src/{}: imports name the defining module, from `crate::`", source.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_has_one_home_stays_there() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (what, homes) in HOMES {
            let at_home = homes.iter().any(|home| source.name.starts_with(*home));
            if !at_home && mentions(&source.code, what) {
                wrong.push(format!("src/{} mentions `{what}`, which belongs to {homes:?}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a word of the code begins with `what`, text in quotes included.
fn mentions(code: &str, what: &str) -> bool {
    code.match_indices(what).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + what.len()..].chars().next();
        let whole = what.ends_with(['_', '(', '!']) || after.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_') && whole
    })
}

#[test]
fn every_file_says_what_it_is_for_and_can_be_read_in_one_go() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            wrong.push(format!("src/{} does not begin with its documentation", source.name));
        }
        let lines = source.text.lines().count();
        if lines > LONGEST_FILE {
            wrong.push(format!("src/{} has {lines} lines; split it by noun, {LONGEST_FILE} are the most", source.name));
        }
        let empty = |part: &str| EMPTY_NAMES.contains(&part.trim_end_matches(".rs"));
        if source.name.split('/').any(empty) {
            wrong.push(format!("src/{} has a name that says nothing", source.name));
        }
        if source.code.contains("use super::*") || source.code.contains("unsafe ") {
            wrong.push(format!("src/{} has `use super::*` or `unsafe` outside of tests", source.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_test_file_is_forgotten() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = fs::read_to_string(folder.join("main.rs")).expect("tests/it/main.rs is there");
    for entry in fs::read_dir(&folder).expect("tests/it can be read") {
        let path = entry.expect("tests/it can be read").path();
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let declared = main.lines().any(|line| line.trim_end() == format!("mod {stem};"));
        assert!(stem == "main" || declared, "tests/it/main.rs lacks `mod {stem};`");
    }
}

#[test]
fn groups_of_imports_are_taken_apart() {
    let code = "use crate::definition::{assemble, model::{Probe, Restore as R}, load};\nlet x = crate::words::time::now();\n\
                pub(in crate::run) mod x; use crate::{aws::error, cli}; mycrate::no";
    let found: Vec<String> = paths(code).into_iter().collect();
    let wanted = [
        "aws::error",
        "cli",
        "definition::assemble",
        "definition::load",
        "definition::model::Probe",
        "definition::model::Restore",
        "run",
        "words::time::now",
    ];
    assert_eq!(found, wanted);
    let allowed = ["words".to_owned(), "definition::model".to_owned(), "probe".to_owned()];
    assert!(
        may_import("journal", &allowed, "definition::model::Probe") && may_import("journal", &allowed, "journal::x")
    );
    assert!(may_import("journal", &allowed, "probe::Miss") && !may_import("journal", &allowed, "probe::kind"));
    assert!(!may_import("journal", &allowed, "definition::load") && !may_import("journal", &allowed, "wordsmith"));
}
