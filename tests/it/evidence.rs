//! Evidence bundles: made by the real program, verified by it, and changed in every way that a test can think of.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::SignedDuration;
use restore_drill::aws::resource::facts;
use restore_drill::evidence::bundle::{Bundle, seal};
use restore_drill::evidence::key::{PublicKey, SigningKey};
use restore_drill::evidence::verify::{Signer, Standing, Tools, TrustedKey, Verification, verify};
use restore_drill::journal::chain::{Hash, sha256_hex};
use restore_drill::journal::event::{Event, Recorded};
use restore_drill::journal::lines::read_lines;
use restore_drill::run::step::report::rendered;
use restore_drill::words::kind::Verdict;
use serde_json::{Value, json};

use crate::shell::{Ran, Repository, environment};

/// What the run of a bundle puts into its folder.
const FILES: [&str; 7] =
    ["definition.yaml", "journal.jsonl", "manifest.json", "manifest.sig", "report.html", "report.json", "report.md"];

pub(crate) const TOOLS: Tools<'static> = Tools { types: facts, render: rendered, version: env!("CARGO_PKG_VERSION") };

/// A repository with a key `ops` and a run: its id and the folder of its bundle.
pub(crate) fn signed_run() -> (Repository, String, PathBuf) {
    let repository = Repository::with_orders();
    repository.drill(&["key", "new", "ops"]).ends(0);
    let (run, folder) = run(&repository);
    (repository, run, folder)
}

pub(crate) fn run(repository: &Repository) -> (String, PathBuf) {
    let run = repository.drill(&["run", "orders", "--sandbox", "--seed", "7", "--output", "json"]).ends(0).json();
    (text(&run, "/run").to_owned(), repository.path().join(text(&run, "/evidence")))
}

pub(crate) fn text<'a>(value: &'a Value, at: &str) -> &'a str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {at} in {value:#}"))
}

pub(crate) fn verified(repository: &Repository, folder: &Path, more: &[&str]) -> Ran {
    let folder = folder.display().to_string();
    let arguments: Vec<&str> = ["verify", &folder].into_iter().chain(more.iter().copied()).collect();
    repository.drill(&arguments)
}

fn read(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the bundle is there").map(|entry| entry.expect("an entry"));
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a plain name");
        (name, fs::read(entry.path()).expect("a file"))
    };
    entries.map(file).collect()
}

pub(crate) fn bundle(folder: &Path) -> Bundle {
    Bundle { files: read(folder), ..Bundle::default() }
}

pub(crate) fn trusted(repository: &Repository) -> Vec<TrustedKey> {
    let pem = fs::read_to_string(repository.path().join("keys/ops.pub")).expect("the public key");
    vec![TrustedKey { name: "ops".to_owned(), key: PublicKey::from_pem(&pem).expect("a public key") }]
}

pub(crate) fn named(verification: &Verification, file: &str) -> bool {
    verification.problems.iter().any(|problem| problem.file == file)
}

#[test]
fn a_bundle_is_complete_and_genuine_and_of_a_rehearsal_no_evidence() {
    let (repository, run, folder) = signed_run();
    let files = read(&folder);
    assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), FILES);
    let definition = fs::read(repository.path().join("drills/orders.yaml")).expect("the definition");
    assert_eq!(files["definition.yaml"], definition);
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).expect("JSON");
    assert_eq!(text(&manifest, "/run"), run);
    assert_eq!((&manifest["mode"], &manifest["evidence"]), (&json!("sandbox"), &json!(false)));
    assert_eq!(manifest["definition"]["sha256"], json!(sha256_hex(&definition)));
    for listed in manifest["files"].as_array().expect("a list") {
        let bytes = &files[text(listed, "/name")];
        assert_eq!((&listed["sha256"], &listed["size"]), (&json!(sha256_hex(bytes)), &json!(bytes.len())));
    }
    // The journal ends with the verdict, and the last record is the head.
    let journal = String::from_utf8(files["journal.jsonl"].clone()).expect("text");
    let last: Value = serde_json::from_str(journal.lines().last().expect("a record")).expect("JSON");
    assert_eq!((&last["event"]["event"], &last["hash"]), (&json!("concluded"), &manifest["journal"]["head"]));

    let said = verified(&repository, &folder, &[]).ends(0);
    said.prints("genuine rehearsal, which is no evidence").prints("keys/ops.pub");
    let value = verified(&repository, &folder, &["--output", "json"]).ends(0).json();
    assert_eq!(
        (&value["standing"], &value["evidence"], &value["rehearsal"]),
        (&json!("genuine"), &json!(false), &json!(true))
    );
    assert_eq!((&value["verdict"], &value["problems"]), (&json!("passed"), &json!([])));
    assert!(value["measures"]["rto"]["seconds"].is_number(), "{value:#}");

    // Written again it is the same, to the byte of the signature.
    repository.drill(&["report", &run]).ends(0);
    assert_eq!(read(&folder), files);
}

#[test]
fn without_a_trusted_key_it_is_only_consistent() {
    let (repository, _, folder) = signed_run();
    let elsewhere = Repository::new();
    let value = verified(&elsewhere, &folder, &["--output", "json"]).ends(3).json();
    assert_eq!((&value["standing"], &value["signer"]["state"]), (&json!("consistent"), &json!("unknown")));
    verified(&elsewhere, &folder, &[]).ends(3).prints("signer unknown");
    let key = repository.path().join("keys/ops.pub").display().to_string();
    verified(&elsewhere, &folder, &["--key", &key]).ends(0).prints("genuine");
    // A key that is no key, and a folder that is none.
    elsewhere.write("no.pub", "no key");
    verified(&elsewhere, &folder, &["--key", "no.pub"]).ends(2).says("no.pub");
    verified(&elsewhere, &elsewhere.path().join("nowhere"), &[]).ends(2).says("nowhere");
    verified(&elsewhere, elsewhere.path(), &[]).ends(1).prints("manifest.json: is missing");

    let unsigned = Repository::with_orders();
    let (_, folder) = run(&unsigned);
    assert!(!folder.join("manifest.sig").exists());
    verified(&unsigned, &folder, &[]).ends(3).prints("nobody signed it");
}

#[test]
fn keys_are_replaced_and_runs_are_chained() {
    let (repository, first, before) = signed_run();
    repository.drill(&["key", "new"]).ends(2).says("--replace");
    let old = repository.drill(&["key", "show"]).ends(0).stdout;
    repository.drill(&["key", "new", "later", "--replace"]).ends(0);
    assert_ne!(repository.drill(&["key", "show"]).ends(0).stdout, old);
    assert_eq!(fs::read_to_string(repository.path().join("keys/ops.pub")).expect("it stays"), old);
    let (_, after) = run(&repository);
    for folder in [&before, &after] {
        verified(&repository, folder, &[]).ends(0);
    }
    verified(&repository, &before, &["--key", "keys/later.pub"]).ends(3);
    verified(&repository, &before, &["--key", "keys/later.pub", "--key", "keys/ops.pub"]).ends(0);

    let manifest: Value = serde_json::from_slice(&read(&after)["manifest.json"]).expect("JSON");
    assert_eq!(text(&manifest, "/previous/run"), first);
    assert_eq!(text(&manifest, "/previous/manifest_sha256"), sha256_hex(&read(&before)["manifest.json"]));

    // Signed again by the new key, once the old signature is gone, it is another manifest of the same journal.
    fs::remove_file(before.join("manifest.sig")).expect("it is there");
    repository.drill(&["report", &first]).ends(0);
    verified(&repository, &after, &[]).ends(0).prints("was written again since");
    // Another run in its place is not.
    for name in ["manifest.json", "journal.jsonl"] {
        fs::copy(after.join(name), before.join(name)).expect("a copy");
    }
    verified(&repository, &after, &[]).ends(1).prints(&format!("../{first}/manifest.json: is not the bundle"));
    fs::remove_dir_all(&before).expect("it can be removed");
    verified(&repository, &after, &[]).ends(0).prints("the chain to it was not checked");
}

#[test]
fn a_key_is_its_owners_alone_and_what_is_none_starts_nothing() {
    let repository = Repository::with_orders();
    repository.drill(&["key", "show"]).ends(2).says("drill key new");
    let made = repository.drill(&["key", "new", "ops", "--output", "json"]).ends(0).json();
    let path = repository.path().join(".drill/signing.key");
    assert_eq!(fs::metadata(&path).expect("the key").permissions().mode() & 0o777, 0o600);
    let public = PublicKey::from_pem(text(&made, "/public_key")).expect("a public key");
    assert_eq!((public.id(), text(&made, "/file")), (text(&made, "/key_id").to_owned(), "keys/ops.pub"));
    let private = fs::read_to_string(&path).expect("the key");
    let digits = private.lines().nth(1).expect("its digits").to_owned();
    let (_, folder) = run(&repository);
    for (name, bytes) in read(&folder) {
        assert!(!String::from_utf8_lossy(&bytes).contains(&digits), "{name} holds the private key");
    }
    let runs = |repository: &Repository| {
        repository.drill(&["status", "--output", "json"]).ends(0).json()["runs"].as_array().expect("runs").len()
    };
    let before = runs(&repository);
    fs::write(&path, "no key").expect("it can be written");
    repository.drill(&["run", "orders", "--sandbox"]).ends(2).says("signing.key");
    fs::rename(&path, repository.path().join("elsewhere")).expect("it can be moved");
    symlink(repository.path().join("elsewhere"), &path).expect("a link");
    repository.drill(&["run", "orders", "--sandbox"]).ends(2).says("symbolic link");
    assert_eq!(runs(&repository), before);
}

#[test]
fn the_commit_of_the_definition_is_in_the_manifest() {
    let repository = Repository::with_orders();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]).args(arguments);
        command.current_dir(repository.path()).env_clear().envs(environment(repository.path()));
        let output = command.output().expect("git is needed to work on drill");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    git(&["init", "--quiet"]);
    git(&["add", "drills"]);
    git(&["commit", "--quiet", "--message", "Drills"]);
    let id = git(&["rev-parse", "HEAD"]);
    let commit = |repository: &Repository| {
        let (_, folder) = run(repository);
        let manifest: Value = serde_json::from_slice(&read(&folder)["manifest.json"]).expect("JSON");
        manifest["definition"]["commit"].clone()
    };
    assert_eq!(commit(&repository), json!({"id": id, "dirty": false}));
    repository.write("drills/new.txt", "not committed\n");
    assert_eq!(commit(&repository), json!({"id": id, "dirty": true}));
}

// ---- changes ----

/// A small generator of numbers: the same changes in each run of the tests.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).expect("small")).expect("small")
    }
}

/// One change of some bytes.
fn changed(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let at = random.below(bytes.len());
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let line = random.below(lines.len());
    match random.below(8) {
        0 | 1 => out[at] ^= 1 << random.below(8),
        2 => out.truncate(at),
        3 => out.insert(at, b" \n0a\"{\0\xff"[random.below(8)]),
        4 => {
            out.remove(at);
        }
        5 => {
            lines.remove(line);
            out = lines.concat();
        }
        6 => {
            lines.insert(line, lines[line].clone());
            out = lines.concat();
        }
        _ => {
            let other = random.below(lines.len());
            lines.swap(line, other);
            out = lines.concat();
        }
    }
    out
}

#[test]
fn every_change_of_a_bundle_is_noticed_and_named() {
    let (repository, _, folder) = signed_run();
    let (whole, trusted) = (bundle(&folder), trusted(&repository));
    let right = verify(&whole, &trusted, &TOOLS);
    assert_eq!(right.standing(), Standing::Genuine, "{:?}", right.problems);
    let broken = |bundle: &Bundle, case: &str| {
        let verification = verify(bundle, &trusted, &TOOLS);
        assert_eq!(verification.standing(), Standing::Broken, "{case} was not noticed");
        verification
    };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut tried = 0;
    for name in FILES {
        for round in 0..25 {
            let mut other = whole.clone();
            let bytes = changed(&whole.files[name], &mut random);
            if bytes == whole.files[name] {
                continue;
            }
            tried += 1;
            other.files.insert(name.to_owned(), bytes);
            let verification = broken(&other, &format!("change {round} of {name}"));
            // A changed manifest may be a right one, of other files: then its signature is the wrong one.
            let is_named =
                named(&verification, name) || name == "manifest.json" && named(&verification, "manifest.sig");
            assert!(is_named, "change {round} of {name}: {:?}", verification.problems);
        }
        let mut other = whole.clone();
        other.files.remove(name);
        assert!(named(&broken(&other, &format!("{name} is missing")), name), "{name} is missing");
        for with in FILES.into_iter().filter(|with| *with != name) {
            let mut other = whole.clone();
            other.files.insert(name.to_owned(), whole.files[with].clone());
            other.files.insert(with.to_owned(), whole.files[name].clone());
            broken(&other, &format!("{name} and {with} change places"));
        }
    }
    assert!(tried > 100, "only {tried} changes were tried");
    for extra in ["report.html", "journal.jsonl.part", ".hidden"] {
        let mut other = whole.clone();
        other.files.insert(extra.to_owned(), b"more".to_vec());
        assert!(named(&broken(&other, extra), extra), "{extra}");
    }
    let odd = Bundle { odd: vec![("link".to_owned(), "it is a symbolic link".to_owned())], ..whole.clone() };
    assert!(named(&broken(&odd, "a link"), "link"));
    let addendum = BTreeMap::from([("addendum-2.json".to_owned(), b"{}".to_vec())]);
    let stray = Bundle { addenda: addendum, ..whole.clone() };
    assert!(named(&broken(&stray, "a stray addendum"), "addenda/addendum-2.json"));
}

#[test]
fn the_program_names_what_was_changed() {
    let (repository, _, folder) = signed_run();
    let journal = fs::read_to_string(folder.join("journal.jsonl")).expect("the journal");
    let fewer: Vec<&str> = journal.lines().enumerate().filter(|(at, _)| *at != 3).map(|(_, line)| line).collect();
    fs::write(folder.join("journal.jsonl"), fewer.join("\n") + "\n").expect("it can be written");
    verified(&repository, &folder, &[])
        .ends(1)
        .prints("BROKEN")
        .prints("journal.jsonl: line 4 is not as it was written");
    // What a broken bundle says of itself is no headline.
    let shown = verified(&repository, &folder, &[]);
    assert!(!shown.stdout.contains("passed"), "{}", shown.stdout);
    fs::write(folder.join("journal.jsonl"), journal).expect("it can be written");
    verified(&repository, &folder, &[]).ends(0);

    // The verdict of the report, and its hash in the manifest: everything but what needs the key.
    let report = fs::read_to_string(folder.join("report.json")).expect("the report");
    let forged = report.replace("\"verdict\": \"passed\"", "\"verdict\": \"failed\"");
    assert_ne!(forged, report);
    let manifest = fs::read_to_string(folder.join("manifest.json")).expect("the manifest");
    let manifest = manifest.replace(&sha256_hex(report.as_bytes()), &sha256_hex(forged.as_bytes()));
    fs::write(folder.join("report.json"), &forged).expect("it can be written");
    fs::write(folder.join("manifest.json"), manifest).expect("it can be written");
    let value = verified(&repository, &folder, &["--output", "json"]).ends(1).json();
    let files: Vec<&str> =
        value["problems"].as_array().expect("problems").iter().map(|problem| text(problem, "/file")).collect();
    assert!(files.contains(&"report.json") && files.contains(&"manifest.sig"), "{value:#}");
    assert_eq!((&value["standing"], &value["evidence"]), (&json!("broken"), &json!(false)));

    // A link in a file's place is not followed, whatever it leads to.
    fs::write(repository.path().join("report.json"), &report).expect("it can be written");
    fs::remove_file(folder.join("report.json")).expect("it is there");
    symlink(repository.path().join("report.json"), folder.join("report.json")).expect("a link");
    verified(&repository, &folder, &[]).ends(1).prints("report.json: cannot be read");
}

/// The records with one changed, and every hash made anew: what somebody does who owns the journal.
pub(crate) fn forged(records: &[Recorded], change: impl Fn(&mut Event)) -> Vec<Recorded> {
    let mut prev = Hash::zero();
    let mut out = Vec::new();
    for record in records {
        let mut event = record.event.clone();
        change(&mut event);
        let record = Recorded::new(record.run, record.seq, record.at, event, prev).expect("an event");
        prev = record.hash.clone();
        out.push(record);
    }
    out
}

/// A whole bundle of these records, by somebody with a key.
pub(crate) fn remade(records: &[Recorded], key: &SigningKey) -> Bundle {
    let report = rendered(records, facts).expect("a report");
    let files: Vec<(&str, &[u8])> = report.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    let sealed = seal(records, &files, Some(key)).expect("a bundle");
    let all = report.iter().chain(&sealed).map(|(name, text)| ((*name).to_owned(), text.clone().into_bytes()));
    Bundle { files: all.collect(), ..Bundle::default() }
}

/// Even the key does not make a verdict right that the records do not make.
#[test]
fn verdict_and_measures_are_made_again_from_the_journal() {
    let (_repository, _, folder) = signed_run();
    let text = String::from_utf8(read(&folder).remove("journal.jsonl").expect("the journal")).expect("text");
    let records = read_lines(&text).expect("a journal");
    let (key, _) = SigningKey::generate().expect("a key");
    let trusted = [TrustedKey { name: "forger".to_owned(), key: key.public() }];
    let whole = verify(&remade(&records, &key), &trusted, &TOOLS);
    assert_eq!(whole.standing(), Standing::Genuine, "{:?}", whole.problems);

    let verdict = forged(&records, |event| {
        if let Event::Concluded { conclusion } = event {
            conclusion.verdict = Verdict::Failed;
        }
    });
    let verification = verify(&remade(&verdict, &key), &trusted, &TOOLS);
    let said = "the verdict is `failed`, and the records before it make it `passed`";
    assert!(verification.problems.iter().any(|problem| problem.what.contains(said)), "{:?}", verification.problems);

    let measure = forged(&records, |event| {
        if let Event::Concluded { conclusion } = event {
            conclusion.measures.rto.value = Some(SignedDuration::from_secs(1));
        }
    });
    let verification = verify(&remade(&measure, &key), &trusted, &TOOLS);
    assert!(verification.problems.iter().any(|problem| problem.what.contains("`rto`")), "{:?}", verification.problems);

    let reason = forged(&records, |event| {
        if let Event::Concluded { conclusion } = event {
            conclusion.measures.rto.how = "by hand".to_owned();
        }
    });
    assert_eq!(verify(&remade(&reason, &key), &trusted, &TOOLS).standing(), Standing::Broken);

    // Without the verdict's record there is no bundle to make.
    let unfinished = &records[..records.len() - 1];
    assert!(seal(unfinished, &[], Some(&key)).expect("the key signs").is_empty());
}

/// Another version's report is not rendered again, and that is said; verdict and numbers are checked all the same.
#[test]
fn a_report_of_another_version_is_not_rendered_again() {
    let (repository, _, folder) = signed_run();
    let (whole, trusted) = (bundle(&folder), trusted(&repository));
    let tools = Tools { version: "0.0.0", render: |_, _| Err("it would differ".to_owned()), ..TOOLS };
    let verification = verify(&whole, &trusted, &tools);
    assert_eq!(verification.standing(), Standing::Genuine, "{:?}", verification.problems);
    assert!(verification.notes.iter().any(|note| note.contains("was not rendered again")), "{:?}", verification.notes);
    assert!(matches!(verification.signer, Signer::Trusted { .. }));
}

#[test]
fn verifying_asks_nobody() {
    let (repository, _, folder) = signed_run();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let path = folder.display().to_string();
    let variables = ["AWS_ENDPOINT_URL", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"];
    let variables: Vec<(&str, &str)> = variables.iter().map(|name| (*name, url.as_str())).collect();
    repository.drill_with(&["verify", &path], &variables).ends(0);
    let asked = listener.accept();
    assert!(asked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "somebody was asked");
    // The same where there is no network at all, if this machine lets a test have such a place.
    let alone = |program: &str, arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", program]).args(arguments);
        command.current_dir(repository.path()).env_clear().envs(environment(repository.path()));
        command.output().is_ok_and(|output| output.status.success())
    };
    if alone("true", &[]) {
        assert!(alone(env!("CARGO_BIN_EXE_drill"), &["verify", &path]));
    }
}

// ---- addenda ----

#[test]
fn findings_are_signed_addenda() {
    let (repository, run, folder) = signed_run();
    let files = read(&folder);
    let add = |text: &str, more: &[&str]| {
        let arguments: Vec<&str> =
            ["finding", "add", &run, "--text", text].into_iter().chain(more.iter().copied()).collect();
        repository.drill(&arguments)
    };
    add("the runbook names a \u{1b}[31mformer colleague", &["--owner", "Ada", "--due", "2199-01-31"]).ends(0);
    add("done", &[]).ends(0).prints("addenda/addendum-2.json");
    add("  ", &[]).ends(2);
    let shown = verified(&repository, &folder, &[]).ends(0);
    shown.prints("finding 1, medium, owner Ada, due 2199-01-31: the runbook names a");
    shown.prints("finding 2, medium, owner platform@example.com, due ");
    assert!(!shown.stdout.contains('\u{1b}'));
    let value = verified(&repository, &folder, &["--output", "json"]).ends(0).json();
    assert_eq!((&value["addenda"][0]["due"], &value["addenda"][1]["text"]), (&json!("2199-01-31"), &json!("done")));
    // The report stays what it was, and `drill report` says what was found since.
    repository.drill(&["report", &run]).ends(0).says("finding 2, medium, owner platform@example.com, due ");
    let addenda = folder.join("addenda");
    let mut others = read_files(&folder);
    others.retain(|name, _| FILES.contains(&name.as_str()));
    assert_eq!(others, files);

    let first = fs::read_to_string(addenda.join("addendum-1.json")).expect("the finding");
    fs::write(addenda.join("addendum-1.json"), first.replace("Ada", "Bob")).expect("it can be written");
    verified(&repository, &folder, &[]).ends(1).prints("addenda/addendum-1.sig");
    fs::remove_file(addenda.join("addendum-1.json")).expect("it is there");
    verified(&repository, &folder, &[]).ends(1).prints("addenda/addendum-2.json: does not belong here");
    fs::write(addenda.join("addendum-1.json"), first).expect("it can be written");
    verified(&repository, &folder, &[]).ends(0);

    // What nobody signed is no part of what is genuine.
    fs::remove_file(repository.path().join(".drill/signing.key")).expect("it is there");
    add("nobody knows who says so", &[]).ends(0).says("nobody signed it");
    verified(&repository, &folder, &[]).ends(3).prints("finding 3");
}

/// The files of a folder, without its folders.
pub(crate) fn read_files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the bundle is there").map(|entry| entry.expect("an entry")) {
        if entry.file_type().expect("its kind").is_file() {
            found.insert(
                entry.file_name().into_string().expect("a plain name"),
                fs::read(entry.path()).expect("a file"),
            );
        }
    }
    found
}
