//! What is written for people is tried: definitions in documents validate, commands exist with their options, links lead
//! somewhere, every key is explained, the IAM policy is the one that the code needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use restore_drill::aws::permissions::{
    ACCESS_ROLE, BUCKETS, COMMON, FUNCTIONS, INSTANCES, METRICS, NEVER, PREFLIGHT, SCRIPTS, SECRETS, SWEEP, TABLES,
    TUNNELS,
};
use restore_drill::aws::resource::facts;
use restore_drill::definition::load::{check_text, load, names};
use restore_drill::definition::shape::definition;
use restore_drill::plan::compile::compile;
use restore_drill::plan::permissions::permissions;
use restore_drill::probe::{DOERS, kind};
use restore_drill::sandbox::WorldFile;
use restore_drill::sandbox::resource_file::KnownResource;
use restore_drill::words::kind::{ProbeKind, ResourceKind};
use restore_drill::yaml::shape::{Field, Need, Shape};
use serde_json::Value;

use crate::shell::Repository;

/// A document.
struct Document {
    /// Relative to the package.
    name: String,
    text: String,
}

/// A fenced block.
struct Block {
    /// Document and line.
    place: String,
    language: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every file below a folder whose name ends so.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.map(|entry| entry.expect("a folder can be read").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn documents() -> Vec<Document> {
    let mut paths: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name)).into();
    paths.extend(files("docs", ".md"));
    paths.extend(files("examples", ".md"));
    let document = |path: PathBuf| {
        let name = path.strip_prefix(root()).expect("it was found below").display().to_string();
        Document { text: read(&name), name }
    };
    paths.into_iter().map(document).collect()
}

/// The fenced blocks of a document, and its text without them.
fn take_apart(document: &Document) -> (Vec<Block>, String) {
    let (mut blocks, mut prose) = (Vec::new(), String::new());
    let mut open: Option<(String, Block)> = None;
    for (index, line) in document.text.lines().enumerate() {
        let fence: String = line.trim_start().chars().take_while(|c| *c == '`').collect();
        match open.take() {
            Some((opening, block)) if fence.len() >= opening.len() && line.trim() == fence => blocks.push(block),
            Some((opening, mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some((opening, block));
            }
            None if fence.len() >= 3 => {
                let language = line.trim().trim_start_matches('`').to_owned();
                let place = format!("{}:{}", document.name, index + 1);
                open = Some((fence, Block { place, language, text: String::new() }));
            }
            None => {
                prose.push_str(line);
                prose.push('\n');
            }
        }
    }
    assert!(open.is_none(), "{}: a fenced block does not end", document.name);
    (blocks, prose)
}

fn blocks(languages: &[&str]) -> Vec<Block> {
    let all = documents().into_iter().flat_map(|document| take_apart(&document).0);
    all.filter(|block| languages.contains(&block.language.as_str())).collect()
}

fn has_key(text: &str, key: &str) -> bool {
    text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))
}

#[test]
fn definitions_and_world_files_in_documents_are_valid() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for block in blocks(&["yaml"]) {
        if has_key(&block.text, "restore") && has_key(&block.text, "probes") {
            tried += 1;
            let name = block.text.lines().find_map(|line| line.strip_prefix("name: ")).unwrap_or("unnamed");
            let name = name.split('#').next().unwrap_or(name).trim();
            let file = format!("drills/{name}.yaml");
            if let Err(problems) = check_text(&file, block.text.as_bytes(), None, &BTreeMap::new(), facts) {
                wrong.push(format!("{}: {:#?}", block.place, problems.diagnostics));
            }
        } else if has_key(&block.text, "version")
            && (has_key(&block.text, "resources") || has_key(&block.text, "faults"))
        {
            tried += 1;
            if let Err(error) = WorldFile::read(&block.place, &block.text) {
                wrong.push(error.to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried >= 4, "only {tried} definitions and world files were found");
}

/// What a block of a world file may hold depends on the type, which the document names in a comment.
#[test]
fn blocks_of_world_files_fit_the_types_that_their_comments_name() {
    let text = read("docs/world.md");
    let named = |line: &str| {
        let (name, kind) = line.strip_prefix("  ")?.split_once("# type: ")?;
        Some(KnownResource {
            name: name.trim().trim_end_matches(':').to_owned(),
            kind: ResourceKind::from_word(kind.trim())?,
        })
    };
    let known: Vec<KnownResource> = text.lines().filter_map(named).collect();
    assert_eq!(known.len(), 6, "{known:?}");
    let block = blocks(&["yaml"]).into_iter().find(|block| block.text.contains("# type: dynamodb"));
    let block = block.expect("it holds the blocks");
    let file = WorldFile::read(&block.place, &block.text).expect("it is a world file");
    file.check(&block.place, &known).expect("its blocks fit their types");
    let misfit: Vec<KnownResource> =
        known.into_iter().map(|resource| KnownResource { kind: ResourceKind::Efs, ..resource }).collect();
    assert!(file.check(&block.place, &misfit).is_err());
}

#[test]
fn shipped_drills_and_examples_are_valid_and_name_their_schema() {
    let mut folders = vec![root().join("drills")];
    let examples = files("examples", ".yaml");
    folders.extend(
        examples
            .iter()
            .filter_map(|path| path.parent())
            .filter(|folder| folder.ends_with("drills"))
            .map(Path::to_owned),
    );
    folders.sort();
    folders.dedup();
    for folder in folders {
        let drills = names(&folder).expect("a folder of drills can be read");
        assert!(!drills.is_empty(), "{}", folder.display());
        for (_, path) in drills {
            let loaded = load(&path, &BTreeMap::new(), facts);
            let loaded = loaded.unwrap_or_else(|problems| panic!("{}: {:#?}", path.display(), problems.diagnostics));
            assert!(loaded.warnings.is_empty(), "{}: {:#?}", path.display(), loaded.warnings);
            let first = loaded.text.lines().next().unwrap_or_default();
            assert!(first.starts_with("# yaml-language-server: $schema="), "{}", path.display());
        }
    }
}

/// The commands of a shell block: continued lines joined, prompts and comments gone, cut at pipes and lists.
fn commands(text: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in joined.lines() {
        let line = line.trim_start().strip_prefix("$ ").unwrap_or(line.trim_start());
        let mut words: Vec<String> = Vec::new();
        for word in line.split_whitespace() {
            match word {
                "#" => break,
                _ if word.starts_with('#') && words.is_empty() => break,
                "|" | "&&" | "||" | ";" | "then" | "do" => found.push(std::mem::take(&mut words)),
                _ if words.is_empty() && is_assignment(word) => {}
                _ => words.push(word.trim_end_matches(';').to_owned()),
            }
        }
        found.push(words);
    }
    found.retain(|words| !words.is_empty());
    found
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}

/// What `drill`'s own help knows, asked once a verb.
struct Help {
    repository: Repository,
    verbs: BTreeMap<String, String>,
}

impl Help {
    fn of(&mut self, verb: &str) -> &str {
        let repository = &self.repository;
        self.verbs.entry(verb.to_owned()).or_insert_with(|| {
            let ran = if verb.is_empty() { repository.drill(&["--help"]) } else { repository.drill(&[verb, "--help"]) };
            if ran.code == 0 { ran.stdout } else { String::new() }
        })
    }

    /// What is wrong with a command line, without its first word.
    fn problem(&mut self, words: &[String]) -> Option<String> {
        let takes_value = ["--dir", "--state", "--reports", "--output"];
        let mut rest = words.iter();
        let mut verb = String::new();
        let mut options = Vec::new();
        while let Some(word) = rest.next() {
            if word.starts_with('-') {
                options.push(word.split('=').next().unwrap_or(word).to_owned());
                if takes_value.contains(&word.as_str()) {
                    rest.next();
                }
            } else if verb.is_empty() {
                verb.clone_from(word);
            }
        }
        let help = self.of(&verb).to_owned();
        if help.is_empty() {
            return Some(format!("there is no `drill {verb}`"));
        }
        let words: BTreeSet<&str> = help.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
        let unknown = options.iter().find(|option| !words.contains(option.as_str()) && *option != "--");
        unknown.map(|option| format!("`drill {verb}` has no option `{option}`"))
    }
}

/// What is wrong with `cargo …`, without its first word.
fn cargo_problem(words: &[String], aliases: &str) -> Option<String> {
    const KNOWN: &[&str] = &["build", "check", "clippy", "deny", "doc", "fmt", "install", "nextest", "run", "test"];
    let verb = words.iter().find(|word| !word.starts_with('-'))?;
    let alias = aliases.lines().any(|line| line.strip_prefix(verb.as_str()).is_some_and(|rest| rest.starts_with(" =")));
    (!KNOWN.contains(&verb.as_str()) && !alias).then(|| format!("`cargo {verb}` is not known here"))
}

#[test]
fn commands_in_documents_exist_with_their_options() {
    let aliases = read(".cargo/config.toml");
    let mut help = Help { repository: Repository::new(), verbs: BTreeMap::new() };
    let (mut tried, mut wrong) = (0, Vec::new());
    for block in blocks(&["sh", "console"]) {
        for words in commands(&block.text) {
            let (first, rest) = words.split_first().expect("empty commands were dropped");
            let problem = match first.as_str() {
                "drill" => help.problem(rest),
                "cargo" => match rest.iter().position(|word| word == "--") {
                    Some(at) if rest.first().is_some_and(|verb| verb == "run") => help.problem(&rest[at + 1..]),
                    _ => cargo_problem(rest, &aliases),
                },
                script if script.starts_with("scripts/") || script.starts_with(".ci/") => script_problem(script),
                _ => continue,
            };
            tried += 1;
            wrong.extend(problem.map(|problem| format!("{}: {problem}", block.place)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried >= 20, "only {tried} commands were found");
}

fn script_problem(script: &str) -> Option<String> {
    let metadata = fs::metadata(root().join(script));
    let runs = metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0);
    (!runs).then(|| format!("`{script}` is no program of this repository"))
}

/// The anchor that GitHub gives to a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    headings.map(anchor).collect()
}

#[test]
fn links_and_paths_in_documents_lead_somewhere() {
    let mut wrong = Vec::new();
    for document in documents() {
        let (_, prose) = take_apart(&document);
        let folder = root().join(&document.name).parent().map(Path::to_owned).unwrap_or_default();
        for link in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            if link.starts_with("https://") || link.starts_with("http://") {
                continue;
            }
            let target = if path.is_empty() { root().join(&document.name) } else { folder.join(path) };
            let lost = !target.exists()
                || !fragment.is_empty()
                    && !anchors(&fs::read_to_string(&target).unwrap_or_default()).contains(fragment);
            if lost {
                wrong.push(format!("{}: the link `{link}` leads nowhere", document.name));
            }
        }
        let inside_of_ticks = prose.split('`').skip(1).step_by(2);
        wrong.extend(
            inside_of_ticks
                .filter(|text| is_lost_path(text))
                .map(|text| format!("{}: there is no `{text}`", document.name)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a text in backticks is a path of this repository that does not exist. Capitals stand for names to fill in.
fn is_lost_path(text: &str) -> bool {
    let ours = ["src/", "tests/", "docs/", "scripts/", "runbooks/", "examples/", ".ci/", ".config/", ".github/"];
    let plain =
        text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '/' | '.' | '-' | '_'));
    plain && ours.iter().any(|folder| text.starts_with(folder)) && !root().join(text).exists()
}

/// Every key of a shape, whether it is supported or not.
fn keys(fields: &[Field], found: &mut BTreeSet<&'static str>) {
    for field in fields {
        found.insert(field.key);
        keys_of(&field.shape, found);
    }
}

fn keys_of(shape: &Shape, found: &mut BTreeSet<&'static str>) {
    match shape {
        Shape::Map(fields) | Shape::OneOf(fields) | Shape::Tagged { fields, .. } => keys(fields, found),
        Shape::List { of, .. } | Shape::Dictionary { of, .. } | Shape::OneOrMore(of) => keys_of(of, found),
        Shape::Either { text, map } => {
            keys_of(text, found);
            keys_of(map, found);
        }
        Shape::Kinds { key, cases } => {
            found.insert(key);
            for (_, fields) in cases {
                keys(fields, found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_key_of_a_definition_is_explained() {
    let text = read("docs/definition.md") + &read("docs/types.md") + &read("docs/probes.md");
    let mut wanted = BTreeSet::new();
    keys(&definition(facts), &mut wanted);
    assert!(wanted.len() > 60, "the shapes were not walked");
    let explained = |key: &&str| text.contains(&format!("`{key}`")) || text.contains(&format!(".{key}`"));
    let missing: Vec<&str> = wanted.into_iter().filter(|key| !explained(key)).collect();
    assert!(missing.is_empty(), "docs/definition.md, types.md and probes.md do not explain {missing:?}");
}

/// The keys of a shape as rows: the key with its parents, whether it must be there, what it means.
fn rows(prefix: &str, fields: &[Field], out: &mut String) {
    for field in fields.iter().filter(|field| field.need != Need::NotYet) {
        let key = format!("{prefix}{}", field.key);
        let must = if field.need == Need::Required { "yes" } else { "" };
        out.push_str(&format!("| `{key}` | {must} | {} |\n", field.doc.replace('|', "\\|")));
        let mut shape = &field.shape;
        while let Shape::List { of, .. } | Shape::OneOrMore(of) = shape {
            shape = of;
        }
        match shape {
            Shape::Map(fields) | Shape::OneOf(fields) => rows(&format!("{key}."), fields, out),
            Shape::Either { map, .. } => {
                if let Shape::Map(fields) | Shape::OneOf(fields) = map.as_ref() {
                    rows(&format!("{key}."), fields, out);
                }
            }
            _ => {}
        }
    }
}

fn table(fields: &[Field]) -> String {
    let mut out = "| key | must | meaning |\n|---|---|---|\n".to_owned();
    rows("", fields, &mut out);
    if fields.is_empty() { "No keys.\n".to_owned() } else { out }
}

/// `docs/probes.md`: what the kinds say of themselves.
fn probes_page() -> String {
    let doers: Vec<String> = DOERS.iter().map(|kind| format!("`{kind}`")).collect();
    let mut page = format!(
        "# Probe kinds\n\nA probe asks one question. {} can also be actions. What all kinds share (`on`, `retry`, `expect`, …) is in\n\
         [definition.md](definition.md#probes); how to write a kind of your own is in [custom-probes.md](custom-probes.md).\n\n\
         This page is made from the kinds themselves, like the schema, and every example in it is run by a test, in the world of\n\
         `tests/cases/examples/world.yaml`.\n",
        doers.join(", ")
    );
    for one in ProbeKind::ALL {
        let calls = kind(*one);
        let (text, example) = calls.page().split_once("```yaml").unwrap_or_else(|| panic!("{one}: no example"));
        let permissions: Vec<String> = calls.permissions().iter().map(|action| format!("`{action}`")).collect();
        let permissions = if permissions.is_empty() {
            String::new()
        } else {
            format!("\nIAM actions: {}.\n", permissions.join(", "))
        };
        page.push_str(&format!(
            "\n## `{one}`\n\n{}\n\n{}{permissions}\n```yaml{}",
            text.trim(),
            table(&calls.fields()),
            example.trim_end()
        ));
        page.push('\n');
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever changes a page on purpose says so by a variable")]
fn the_page_of_probes_is_what_the_kinds_say() {
    let path = root().join("docs/probes.md");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, probes_page()).expect("it can be written");
    }
    let is_old = "docs/probes.md is old: UPDATE_EXPECTED=1 cargo nextest run docs";
    assert!(fs::read_to_string(&path).expect("it is there") == probes_page(), "{is_old}");
}

/// What stands between two marks of a document, as the code says it.
fn generated(name: &str) -> String {
    let (what, word) = name.split_once(' ').unwrap_or_else(|| panic!("`{name}` is no mark"));
    match what {
        "keys" => table(&facts(ResourceKind::from_word(word).expect("a type")).fields()),
        "permissions" => {
            let actions = facts(ResourceKind::from_word(word).expect("a type")).permissions();
            let actions: Vec<String> = actions.iter().map(|action| format!("`{action}`")).collect();
            if actions.is_empty() { "None of its own.\n".to_owned() } else { format!("{}.\n", actions.join(", ")) }
        }
        _ => panic!("`{name}` is no mark"),
    }
}

/// `UPDATE_EXPECTED=1 cargo test docs` writes the tables anew.
#[test]
#[expect(clippy::disallowed_methods, reason = "whoever changes a key on purpose says so by a variable")]
fn tables_of_types_say_what_the_code_takes() {
    let name = "docs/types.md";
    let mut text = read(name);
    for mark in ResourceKind::WORDS.iter().flat_map(|word| [format!("keys {word}"), format!("permissions {word}")]) {
        let (open, close) = (format!("<!-- {mark} -->\n"), "<!-- end -->");
        let at = text.find(&open).unwrap_or_else(|| panic!("{name} has no `{open}`")) + open.len();
        let end = at + text[at..].find(close).unwrap_or_else(|| panic!("{name}: `{open}` is not closed"));
        text.replace_range(at..end, &generated(&mark));
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(root().join(name), &text).expect("the document can be written");
    }
    assert_eq!(text, read(name), "{name} is old: UPDATE_EXPECTED=1 cargo test docs");
}

#[test]
fn json_in_documents_is_json() {
    for block in blocks(&["json"]) {
        let parsed: Result<Value, _> = serde_json::from_str(&block.text);
        assert!(parsed.is_ok(), "{}: {parsed:?}", block.place);
    }
}

/// The lists stand beside the requests that need them, and again beside the kinds that make those: they say the same.
#[test]
fn what_kinds_need_is_what_their_requests_need() {
    for (one, needs) in [
        (ProbeKind::Ssm, SCRIPTS),
        (ProbeKind::Lambda, FUNCTIONS),
        (ProbeKind::DynamoDb, TABLES),
        (ProbeKind::S3, BUCKETS),
        (ProbeKind::CloudWatch, METRICS),
        (ProbeKind::Ec2, INSTANCES),
        (ProbeKind::Ebs, SCRIPTS),
        (ProbeKind::Efs, SCRIPTS),
        (ProbeKind::Fsx, SCRIPTS),
        (ProbeKind::Isolation, SCRIPTS),
    ] {
        assert_eq!(kind(one).permissions(), needs, "{one}");
    }
    let plan = |via: &str| {
        let text = read("tests/cases/validate/ok-minimal.yaml");
        let text = text.replace("    tcp: {}", &format!("    tcp: {{}}\n    via: {via}"));
        let loaded =
            check_text("ok-minimal.yaml", text.as_bytes(), None, &BTreeMap::new(), facts).expect("it is valid");
        permissions(&compile(&loaded.definition, facts).expect("a plan"), facts, &[])
    };
    for (via, needs) in [("{ ssm_tunnel: i-0a1b2c3d4e5f60718 }", TUNNELS), ("{ lambda: ask }", FUNCTIONS)] {
        let asked = plan(via);
        assert!(needs.iter().all(|action| asked.iter().any(|known| known == action)), "{via}: {asked:?}");
    }
}

#[test]
fn the_policy_in_the_readme_is_what_the_code_needs() {
    let document = Document { name: "README.md".to_owned(), text: read("README.md") };
    let (blocks, _) = take_apart(&document);
    let policy = blocks.iter().find(|block| block.language == "json" && block.text.contains("backup:StartRestoreJob"));
    let policy: Value = serde_json::from_str(&policy.expect("README.md has a policy").text).expect("a policy is JSON");
    let of = |effect: &str| -> BTreeSet<String> {
        let statements = policy["Statement"].as_array().expect("a policy has statements").iter();
        let actions = statements.filter(|one| one["Effect"] == effect).flat_map(|one| match &one["Action"] {
            Value::String(action) => vec![action.clone()],
            Value::Array(actions) => actions.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            other => panic!("{other} is no action"),
        });
        actions.collect()
    };
    let set = |lists: &[&[&str]]| -> BTreeSet<String> { lists.concat().into_iter().map(str::to_owned).collect() };
    let mut lists = vec![COMMON, PREFLIGHT, SECRETS, ACCESS_ROLE];
    // What the other types need stands in docs/types.md, and `drill plan` lists what a drill needs.
    lists.push(facts(ResourceKind::Rds).permissions());
    assert_eq!(of("Allow"), set(&lists), "src/aws/permissions.rs and the types say what is needed");
    assert_eq!(of("Deny"), set(&[NEVER]));
}

#[test]
fn the_policy_of_sweeps_is_what_they_need() {
    let block = blocks(&["json"]).into_iter().find(|block| block.text.contains("LookForLeftovers"));
    let policy: Value = serde_json::from_str(&block.expect("docs/sweep.md has a policy").text).expect("it is JSON");
    let actions: Vec<&str> =
        policy["Statement"][0]["Action"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(actions, SWEEP, "src/aws/permissions.rs says what is needed");
}

#[test]
fn the_readme_and_the_changelog_keep_their_order() {
    let readme = read("README.md");
    let order = [
        "## Try it",
        "## What the run printed",
        "## A part of the report",
        "## Point it at AWS",
        "## Write a definition",
        "## Exit codes",
    ];
    let places: Vec<Option<usize>> = order.iter().map(|heading| readme.find(heading)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{order:?} are at {places:?}");
    let changelog = read("CHANGELOG.md");
    for heading in ["## [Unreleased]", "### Added", "### Journal format", "### JSON shapes", "### Exit codes"] {
        assert!(changelog.contains(heading), "CHANGELOG.md lacks `{heading}`");
    }
}

/// The classes of faults that every case belongs to.
const FAULTS: &[&str] = &[
    "crash",
    "token",
    "throttling",
    "answers",
    "quota",
    "lag",
    "job",
    "credentials",
    "permission",
    "clock",
    "region",
    "disk",
    "two runners",
    "journal",
    "definition",
    "names and paths",
    "report",
    "templates",
    "SQL",
    "http",
    "secrets",
    "resources",
    "upgrade",
];

/// A test that a document names, as `file::name` in `tests/it`, or as `src/path.rs::name`.
fn exists(test: &str) -> bool {
    let Some((file, name)) = test.split_once("::") else { return false };
    let path = if file.starts_with("src/") { root().join(file) } else { root().join(format!("tests/it/{file}.rs")) };
    let text = fs::read_to_string(path).unwrap_or_default();
    // Macros of tests name them in front of their brackets.
    text.lines()
        .any(|line| line.trim_start().split_once(&format!("fn {name}")).is_some_and(|(_, rest)| rest.starts_with('(')))
}

#[test]
fn every_case_of_the_fault_matrix_names_tests_that_exist() {
    let text = read("docs/reliability.md");
    let of = |heading: &str| {
        let (_, rest) = text.split_once(heading).unwrap_or_else(|| panic!("there is no `{heading}`"));
        rest.split("\n## ").next().unwrap_or_default().to_owned()
    };
    let tables = of("## The fault matrix\n") + &of("## Guards\n");
    let rows = tables.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let (mut seen, mut named, mut wrong) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for row in rows.filter(|row| row.contains('`')) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let (first, shown) = (cells[0], cells[cells.len() - 1]);
        if cells.len() == 3 {
            seen.insert(first.to_owned());
        }
        let tests: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        if tests.is_empty() {
            wrong.push(format!("`{row}`: nothing shows it"));
        }
        for test in tests.into_iter().filter(|test| *test != "drill rehearse") {
            named.insert(test.to_owned());
            if !exists(test) {
                wrong.push(format!("`{test}` does not exist"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let wanted: BTreeSet<String> = FAULTS.iter().map(|class| (*class).to_owned()).collect();
    assert_eq!(seen, wanted, "the classes of the matrix");
    assert!(named.len() > 100, "only {} tests are named", named.len());
}
