//! Every input of `fuzz/corpus` and `fuzz/regressions` through the bodies of the fuzz targets: what was found once never
//! comes back, with or without a fuzzer at hand. `scripts/fuzz` looks for more.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

#[path = "../../fuzz/bodies/mod.rs"]
mod bodies;

/// A target: its name, which is its folder's, and its body.
type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("answers", bodies::answers::run),
    ("aws", bodies::aws::run),
    ("definition", bodies::definition::run),
    ("expectations", bodies::expectations::run),
    ("journal", bodies::journal::run),
    ("lines", bodies::lines::run),
    ("markdown", bodies::markdown::run),
    ("reference", bodies::reference::run),
    ("settings", bodies::settings::run),
    ("verify", bodies::verify::run),
    ("world_file", bodies::world_file::run),
];

/// What stands beside the bodies and is none.
const NO_BODIES: [&str; 2] = ["mod", "seeded_run"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files of a folder, by name; none if there is no folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    found.sort();
    found
}

fn tried(target: &Target, input: &Path, bytes: &[u8]) -> Option<String> {
    let (_, body) = *target;
    catch_unwind(|| body(bytes)).err().map(|_| input.display().to_string())
}

#[test]
fn no_input_of_the_corpus_breaks_a_promise() {
    let mut broken = Vec::new();
    for target in TARGETS {
        let corpus = files(&root().join("corpus").join(target.0));
        assert!(corpus.len() >= 3, "{} has only {} inputs", target.0, corpus.len());
        for input in corpus.into_iter().chain(files(&root().join("regressions").join(target.0))) {
            broken.extend(tried(target, &input, &fs::read(&input).expect("an input can be read")));
        }
    }
    assert!(broken.is_empty(), "the panics are above: {broken:#?}");
}

/// Cut anywhere and with any byte changed: what is nearly right is where parsers go wrong.
#[test]
fn no_input_nearly_like_one_of_the_corpus_breaks_a_promise() {
    let mut broken = Vec::new();
    for target in TARGETS.iter().filter(|(name, _)| *name != "aws") {
        for input in files(&root().join("corpus").join(target.0)) {
            let bytes = fs::read(&input).expect("an input can be read");
            // A run's report takes a moment; everything else is quick.
            let places = if target.0 == "journal" { 4 } else { 23 };
            let step = (bytes.len() / places).max(1);
            for at in (0..bytes.len()).step_by(step) {
                broken.extend(tried(target, &input, &bytes[..at]));
                let mut changed = bytes.clone();
                changed[at] ^= 1 << (at % 8);
                broken.extend(tried(target, &input, &changed));
            }
        }
    }
    assert!(broken.is_empty(), "the panics are above: {broken:#?}");
}

/// Without this the target would try nothing but the first record.
#[test]
fn the_whole_run_of_the_corpus_is_one() {
    let text = fs::read(root().join("corpus/journal/whole-run")).expect("the input is there");
    let lines = String::from_utf8_lossy(&text).lines().count();
    assert_eq!(bodies::journal::accepted(&text), lines, "a line is no event that can follow");
}

#[test]
fn every_target_is_declared_and_has_a_corpus() {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    let stems = |folder: &str| -> Vec<String> {
        let stem = |path: &PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        files(&root().join(folder)).iter().filter_map(stem).collect()
    };
    let mut bodies = stems("bodies");
    bodies.retain(|stem| !NO_BODIES.contains(&stem.as_str()));
    assert_eq!(stems("targets"), names);
    assert_eq!(bodies, names);
    assert_eq!(stems("corpus"), names);
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest is there");
    for name in names {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"targets/{name}.rs\"\n")), "{name}");
    }
}
