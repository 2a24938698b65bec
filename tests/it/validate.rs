//! Definitions and what is said about them: every `tests/cases/validate/NAME.yaml` has its `NAME.expected`.
//!
//! A new case is a new file. `UPDATE_EXPECTED=1 cargo test validate` writes what is said now; read it before you keep
//! it. `NAME.defaults` beside a case is its `_defaults.yaml`, `NAME.vars` holds `--var` settings, one a line.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use restore_drill::aws::resource::facts;
use restore_drill::definition::load::{check_text, load};
use restore_drill::definition::shape::schema;
use restore_drill::plan::compile::compile;
use restore_drill::yaml::diagnostic::{Severity, to_json};
use restore_drill::yaml::snippet::{render, summary};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/validate")
}

fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the cases are there");
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    paths
}

/// What `drill validate` says about a case.
fn said(path: &Path) -> String {
    let name = path.file_name().expect("a case has a name").to_string_lossy().into_owned();
    let bytes = fs::read(path).expect("a case can be read");
    let defaults = fs::read(path.with_extension("defaults")).ok();
    let vars: BTreeMap<String, String> = fs::read_to_string(path.with_extension("vars"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let below = defaults.as_deref().map(|bytes| ("_defaults.yaml", bytes));
    let (diagnostics, sources, verdict) = match check_text(&name, &bytes, below, &vars, facts) {
        Ok(loaded) => (loaded.warnings, loaded.sources, "accepted"),
        Err(problems) => (problems.diagnostics, problems.sources, "refused"),
    };
    let drawn = render(&sources, &diagnostics, false);
    let counted = if diagnostics.is_empty() { String::new() } else { format!(" with {}", summary(&diagnostics)) };
    format!("{drawn}{verdict}{counted}\n")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever changes a message on purpose says so by a variable")]
fn every_case_is_answered_as_expected() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut different = Vec::new();
    for path in cases() {
        let said = said(&path);
        let expected_path = path.with_extension("expected");
        if update {
            fs::write(&expected_path, &said).expect("expectations can be written");
        } else if fs::read_to_string(&expected_path).unwrap_or_default() != said {
            different.push(format!("--- {}\n{said}", path.display()));
        }
    }
    assert!(different.is_empty(), "different from what is expected:\n{}", different.join("\n"));
}

#[test]
fn bad_cases_are_refused_and_good_ones_accepted() {
    assert!(cases().len() > 40);
    for path in cases() {
        let name = path.file_stem().expect("a case has a name").to_string_lossy().into_owned();
        let last = said(&path).lines().last().unwrap_or_default().to_owned();
        let verdict = if name.starts_with("ok-") { "accepted" } else { "refused" };
        assert!(last.starts_with(verdict), "{name}: {last}");
    }
}

#[test]
fn no_case_shows_a_secret() {
    for path in cases() {
        let said = said(&path);
        assert!(!said.contains("hunter2"), "{}:\n{said}", path.display());
    }
}

#[test]
fn bombs_are_refused_before_they_grow() {
    for name in ["yaml-bomb", "deep-nesting", "alias-many"] {
        let said = said(&folder().join(format!("{name}.yaml")));
        assert!(said.contains("refused"), "{name}: {said}");
    }
}

#[test]
fn a_file_is_loaded_with_its_defaults_and_json_says_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(self::folder().join("ok-minimal.yaml")).expect("the case is there");
    fs::write(folder.path().join("ok-minimal.yaml"), text.replace("owner: platform@example.com\n", ""))
        .expect("written");
    let path = folder.path().join("ok-minimal.yaml");
    let problems = load(&path, &BTreeMap::new(), facts).expect_err("the owner is missing");
    let json = to_json(&[("ok-minimal.yaml".to_owned(), &problems.sources, problems.diagnostics.as_slice())]);
    assert_eq!(json["ok"], false);
    assert_eq!(json["files"][0]["diagnostics"][0]["code"], "missing-key");
    assert_eq!(json["files"][0]["diagnostics"][0]["line"], 1);
    fs::write(folder.path().join("_defaults.yaml"), "owner: defaults@example.com\n").expect("written");
    let loaded = load(&path, &BTreeMap::new(), facts).expect("the owner is in the defaults");
    assert_eq!(loaded.definition.owner, "defaults@example.com");
}

#[test]
fn the_schema_knows_every_key_of_the_good_cases() {
    let schema = schema(facts);
    for key in ["version", "name", "restore", "probes", "teardown"] {
        assert!(schema["properties"].get(key).is_some(), "{key}");
    }
    assert!(schema["properties"].get("schedule").is_none());
    assert_eq!(schema["additionalProperties"], false);
}

/// A definition with this at its end.
fn ending_with(end: &str) -> String {
    let text = fs::read_to_string(folder().join("ok-minimal.yaml")).expect("the case is there");
    format!("{text}{end}")
}

/// What is too much, whichever way: it is refused with a place, in few words, and without being taken apart first.
#[test]
fn what_is_too_much_is_refused_in_few_words_at_its_place() {
    let steps =
        |count: usize| -> String { (0..count).map(|n| format!("  p{n:05}: {{ on: orders, tcp: {{}} }}\n")).collect() };
    let deep = |open: &str, close: &str| format!("labels: {}1{}\n", open.repeat(10_000), close.repeat(10_000));
    let staircase: String = (1..1_200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let levels = (1..30).map(|n| format!("b{n}: &b{n} [{}]\n", vec![format!("*b{}", n - 1); 30].join(", ")));
    let bomb: String = std::iter::once("b0: &b0 [x]\n".to_owned()).chain(levels).collect();
    for (what, end) in [
        ("fifty thousand steps", steps(50_000)),
        ("a hundred thousand steps", steps(100_000)),
        ("ten thousand lists in each other", deep("[", "]")),
        ("ten thousand mappings in each other", deep("{a: ", "}")),
        ("ten thousand lists that never end", format!("labels: {}\n", "[".repeat(10_000))),
        ("a staircase of mappings", format!("labels:\n{staircase}")),
        ("aliases of aliases", bomb),
        ("a scalar of 100 MB", format!("description: {}\n", "x".repeat(100_000_000))),
        ("a quoted scalar of 2 MB that never ends", format!("description: \"{}\n", "x".repeat(2_000_000))),
        ("a quoted scalar of 3 MB that never ends", format!("description: \"{}\n", "x".repeat(3_000_000))),
        ("three hundred thousand lines", "# nothing\n".repeat(300_000)),
    ] {
        let text = ending_with(&end);
        let problems = check_text("ok-minimal.yaml", text.as_bytes(), None, &BTreeMap::new(), facts);
        let problems = problems.err().unwrap_or_else(|| panic!("{what} is accepted"));
        let drawn = render(&problems.sources, &problems.diagnostics, false);
        assert!(drawn.len() < 100_000, "{what}: {} bytes are said about it", drawn.len());
        assert!(problems.diagnostics.len() <= 200, "{what}: {} diagnostics", problems.diagnostics.len());
        let json = to_json(&[("ok-minimal.yaml".to_owned(), &problems.sources, problems.diagnostics.as_slice())]);
        let first = &json["files"][0]["diagnostics"][0];
        // What is too large is not even looked at: it has no lines.
        let has_place = first["line"].as_u64().is_some_and(|line| line >= 1) && first["column"].is_u64();
        assert!(has_place || first["code"] == "too-large", "{what}: {first:#}");
    }
}

/// A drill may have many steps: nothing in it is looked for by walking through all of them.
#[test]
fn ten_thousand_steps_are_a_drill() {
    let probes: String = (0..10_000).map(|n| format!("  p{n:05}: {{ on: orders, tcp: {{}} }}\n")).collect();
    let text = ending_with(&probes);
    let loaded = check_text("ok-minimal.yaml", text.as_bytes(), None, &BTreeMap::new(), facts);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{:?}", problems.diagnostics.first()));
    let plan = compile(&loaded.definition, facts).expect("it has a plan");
    let last = plan.steps.last().expect("it has steps");
    assert_eq!((plan.steps.len(), last.id.as_str()), (10_007, "report"));
    let teardown = plan.steps.iter().find(|step| step.id.as_str() == "teardown.orders").expect("it is torn down");
    assert_eq!(teardown.needs.len(), 10_003, "the restore, its readiness and every probe");
}

/// Letters of other alphabets that look like ours make another name, or none.
#[test]
fn a_name_that_only_looks_like_another_is_refused() {
    for name in ["\u{0430}nswers", "answer\u{0455}", "ans\u{200b}wers", "\u{ff41}nswers", "answers\u{202e}", "ANSWERS"]
    {
        let end = format!("  {name}:\n    on: orders\n    tcp: {{}}\n");
        let text = ending_with(&end);
        let problems = check_text("ok-minimal.yaml", text.as_bytes(), None, &BTreeMap::new(), facts);
        let problems = problems.err().unwrap_or_else(|| panic!("{name:?} is accepted"));
        let drawn = render(&problems.sources, &problems.diagnostics, false);
        assert!(drawn.contains("ok-minimal.yaml:"), "{name:?}: {drawn}");
        let hostile = drawn.chars().find(|c| *c != '\n' && restore_drill::words::text::is_hostile(*c));
        assert_eq!(hostile, None, "{name:?}: {drawn}");
    }
}

/// A small generator with a printed seed: the same bytes in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }
}

/// Pieces that mean something to YAML or to a definition.
const PIECES: [&[u8]; 24] = [
    b":",
    b"- ",
    b"\n",
    b"  ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"'",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!int ",
    b"|\n",
    b">\n",
    b"#",
    b"\t",
    b"\xff",
    b"\xc3\xbc",
    b"${{ ",
    b"}}",
    b"---\n",
    b"? ",
];

fn mutated(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(out.len() + 1);
        match random.below(4) {
            0 => drop(out.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
            1 => {
                let end = (at + random.below(12)).min(out.len());
                drop(out.drain(at..end));
            }
            2 if at < out.len() => out[at] = u8::try_from(random.below(256)).unwrap_or(0),
            _ => {
                let end = (at + random.below(40)).min(out.len());
                let copy = out[at..end].to_vec();
                let to = random.below(out.len() + 1);
                drop(out.splice(to..to, copy));
            }
        }
    }
    out
}

#[test]
fn no_bytes_make_it_panic() {
    let seed = 0x5EED_CAFE_F00D_0001;
    let mut random = Random(seed);
    let texts: Vec<Vec<u8>> =
        cases().iter().map(|path| fs::read(path).expect("a case")).filter(|bytes| bytes.len() < 8_000).collect();
    for round in 0..4_000 {
        let bytes = mutated(&texts[round % texts.len()], &mut random);
        let defaults = (round % 5 == 0).then(|| mutated(&texts[(round + 1) % texts.len()], &mut random));
        let below = defaults.as_deref().map(|bytes| ("_defaults.yaml", bytes));
        match check_text("ok-minimal.yaml", &bytes, below, &BTreeMap::new(), facts) {
            Ok(loaded) => assert!(loaded.warnings.iter().all(|one| one.severity == Severity::Warning)),
            Err(problems) => {
                assert!(!problems.diagnostics.is_empty(), "seed {seed:#x}, round {round}");
                let drawn = render(&problems.sources, &problems.diagnostics, round % 2 == 0);
                assert!(!drawn.is_empty());
                let json =
                    to_json(&[("ok-minimal.yaml".to_owned(), &problems.sources, problems.diagnostics.as_slice())]);
                assert_eq!(json["ok"], false, "seed {seed:#x}, round {round}");
            }
        }
    }
}
