//! What may be believed: journals that somebody made up, verdicts that were not the last, keys that were replaced, what is
//! left out of a report and lies beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use restore_drill::aws::resource::facts;
use restore_drill::evidence::bundle::{Bundle, seal};
use restore_drill::evidence::dsse;
use restore_drill::evidence::key::SigningKey;
use restore_drill::evidence::manifest::Manifest;
use restore_drill::evidence::statement;
use restore_drill::evidence::verify::{Standing, TrustedKey, verify};
use restore_drill::journal::chain::{Hash, link, sha256_hex};
use restore_drill::journal::event::{Event, Recorded};
use restore_drill::journal::lines::{read_lines, write_lines};
use restore_drill::run::step::report::rendered;
use restore_drill::words::kind::Mode;
use serde_json::{Value, json};

use crate::evidence::{TOOLS, bundle, forged, named, read_files, remade, run, signed_run, text, trusted, verified};
use crate::harness::child::Drill;
use crate::harness::worlds;
use crate::shell::{ORDERS, QUICK_WORLD, Repository};

const LATER: &str = "2199-01-31";

fn records(folder: &Path) -> Vec<Recorded> {
    let text = fs::read_to_string(folder.join("journal.jsonl")).expect("the journal");
    read_lines(&text).expect("a journal")
}

/// A rehearsal whose journal says that AWS itself answered, chained anew.
fn passed_off(records: &[Recorded]) -> Vec<Recorded> {
    forged(records, |event| {
        if let Event::RunStarted(started) = event {
            (started.mode, started.made_world) = (Mode::Aws, false);
            (started.seed, started.world, started.world_id) = (None, None, None);
        }
    })
}

fn write_bundle(repository: &Repository, folder: &str, bundle: &Bundle) {
    for (name, bytes) in &bundle.files {
        let text = std::str::from_utf8(bytes).expect("the files of a bundle are text");
        repository.write(&format!("{folder}/{name}"), text);
    }
}

fn imported(repository: &Repository, arguments: &[&str], code: i32) -> Value {
    let all: Vec<&str> = [&["import"][..], arguments, &["--output", "json"]].concat();
    repository.drill(&all).ends(code).json()
}

// ---- journals that somebody made up ----

#[test]
fn a_rehearsal_that_is_passed_off_as_real_proves_nothing_and_is_never_signed() {
    let (_elsewhere, id, folder) = signed_run();
    let made_up = passed_off(&records(&folder));
    let repository = Repository::with_orders();
    repository.drill(&["key", "new", "ops"]).ends(0);
    repository.write("bad/journal.jsonl", &write_lines(&made_up));
    let import = imported(&repository, &["bad"], 0);
    let taken = &import["bundles"][0];
    assert_eq!((text(taken, "/result"), text(taken, "/mode")), ("taken", "aws"));
    assert_eq!(taken["imported"], json!({"trusted": false, "key_id": null}));

    repository.drill(&["report", &id]).ends(0).says("this machine signs only what it ran itself");
    let written = repository.path().join("reports/orders").join(&id);
    assert!(written.join("report.md").exists() && !written.join("manifest.sig").exists());
    let value = verified(&repository, &written, &["--output", "json"]).ends(3).json();
    assert_eq!((&value["standing"], &value["evidence"]), (&json!("consistent"), &json!(false)));

    let coverage = repository.drill(&["coverage", "--output", "json"]).ends(1).json();
    let resource = &coverage["drills"][0]["resources"][0];
    assert_eq!(resource["stale"], json!(["signer_unknown"]), "{coverage:#}");
    for level in ["exists", "copied", "restored", "probed", "proven"] {
        assert!(resource[level].is_null(), "{level}: {coverage:#}");
    }
    repository.drill(&["coverage"]).ends(1).prints("stale: signer unknown");
    let history = repository.drill(&["history", "orders"]).ends(0);
    history.prints("passed (imported, signer unknown)").prints("nobody known signed them");
    repository.drill(&["status"]).ends(0).prints("(imported, signer unknown)");
    // Once it is there, it does not become better by being there.
    assert_eq!(text(&imported(&repository, &["bad"], 0), "/bundles/0/result"), "known");
    assert_eq!(repository.drill(&["coverage", "--output", "json"]).ends(1).json(), coverage);
}

#[test]
fn a_bundle_is_verified_before_it_is_taken() {
    let (repository, _, folder) = signed_run();
    let made_up = passed_off(&records(&folder));
    let (forger, _) = SigningKey::generate().expect("a key");
    let elsewhere = Repository::with_orders();
    // Whole, and signed by somebody.
    write_bundle(&elsewhere, "forged", &remade(&made_up, &forger));
    let import = imported(&elsewhere, &["forged"], 0);
    assert_eq!(import["bundles"][0]["imported"]["trusted"], json!(false), "{import:#}");

    // Broken, in what nobody but `drill verify` looks at.
    let mut broken = bundle(&folder);
    broken.files.insert("report.md".to_owned(), b"# PASSED\n".to_vec());
    write_bundle(&elsewhere, "broken", &broken);
    let import = imported(&elsewhere, &["broken"], 1);
    let because = text(&import, "/bundles/0/because");
    assert!(because.contains("the bundle is broken") && because.contains("report.md"), "{because}");

    // Genuine, for whoever trusts its key; and then for good.
    let key = repository.path().join("keys/ops.pub").display().to_string();
    write_bundle(&elsewhere, "genuine", &bundle(&folder));
    let unknown = imported(&elsewhere, &["genuine"], 0);
    assert_eq!(unknown["bundles"][0]["imported"]["trusted"], json!(false));
    let known = imported(&elsewhere, &["genuine", "--key", &key], 0);
    assert_eq!(text(&known, "/bundles/0/result"), "known");
    assert_eq!(known["bundles"][0]["imported"]["trusted"], json!(true), "{known:#}");
    let again = imported(&elsewhere, &["genuine"], 0);
    assert_eq!(again["bundles"][0]["imported"]["trusted"], json!(true), "{again:#}");
    elsewhere.drill(&["history", "orders", "--rehearsals"]).ends(0).prints("passed (imported)");
}

#[test]
fn the_signature_of_an_imported_bundle_is_kept() {
    let (repository, id, folder) = signed_run();
    let key = repository.path().join("keys/ops.pub").display().to_string();
    let elsewhere = Repository::with_orders();
    elsewhere.drill(&["key", "new", "theirs"]).ends(0);
    let place = format!("reports/.rehearsal/orders/{id}");
    write_bundle(&elsewhere, &place, &bundle(&folder));
    imported(&elsewhere, &["reports", "--key", &key], 0);
    let place = elsewhere.path().join(&place);
    let before = read_files(&place);
    elsewhere.drill(&["report", &id]).ends(0);
    assert_eq!(read_files(&place), before);
    verified(&elsewhere, &place, &["--key", &key]).ends(0);
}

/// The records as lines, their events told in other texts, and chained anew.
fn retold(records: &[Recorded], tell: impl Fn(u64, &str) -> String) -> String {
    let mut prev = Hash::zero();
    let mut lines = String::new();
    for record in records {
        let (run, seq, at) = (record.run, record.seq, record.at);
        let body = tell(seq, record.body());
        let hash = link(&run, seq, at, &body, &prev);
        let parts = format!(r#""run":"{run}","seq":{seq},"at":"{at}","event":{body},"prev":"{prev}","hash":"{hash}""#);
        lines.push_str(&format!("{{{parts}}}\n"));
        prev = hash;
    }
    lines
}

/// The text that another version might have written for an event: with a field more, and in another order.
pub(crate) fn told_by_another_version(seq: u64, body: &str) -> String {
    if seq == 1 {
        // By far the longest; the list of runs finds the drill near its beginning.
        return body.replacen(r#""format":1,"#, r#""later": { "than": ["this"] }, "format":1,"#, 1);
    }
    let fields: serde_json::Map<String, Value> = serde_json::from_str(body).expect("an event is an object");
    let mut other = serde_json::Map::new();
    other.insert("later".to_owned(), json!([seq, null]));
    other.extend(fields.into_iter().rev());
    Value::Object(other).to_string()
}

/// A journal whose events are not in the texts that this version writes: those are what its hashes cover, so they are kept.
#[test]
fn an_import_keeps_the_texts_of_another_version() {
    let (repository, id, folder) = signed_run();
    let lines = retold(&records(&folder), told_by_another_version);
    repository.write("other/journal.jsonl", &lines);
    let elsewhere = Repository::with_orders();
    let path = repository.path().join("other").display().to_string();
    assert_eq!(text(&imported(&elsewhere, &[&path], 0), "/bundles/0/result"), "taken");
    assert_eq!(elsewhere.drill(&["logs", &id, "--output", "json"]).ends(0).stdout.trim_end(), lines.trim_end());
    elsewhere.drill(&["report", &id]).ends(0);
    let written = elsewhere.path().join("reports/.rehearsal/orders").join(&id);
    assert_eq!(read_files(&written)["journal.jsonl"], lines.as_bytes());
    let said = verified(&elsewhere, &written, &[]).ends(3);
    said.prints("would write record 1 and ").prints("is not in the report");
    // From there it is taken as well, and it is the same run.
    let written = written.display().to_string();
    assert_eq!(text(&imported(&elsewhere, &[&written], 0), "/bundles/0/result"), "known");
    let third = Repository::with_orders();
    assert_eq!(text(&imported(&third, &[&written], 0), "/bundles/0/result"), "taken");

    // What is not known of it is covered all the same.
    let changed = lines.replacen("[2,null]", "[2,true]", 1);
    assert_ne!(changed, lines);
    repository.write("other/journal.jsonl", &changed);
    let import = imported(&Repository::with_orders(), &[&path], 1);
    assert!(text(&import, "/bundles/0/because").contains("line 2 is not as it was written"), "{import:#}");
}

/// Around the texts of its events a journal has nothing that no hash covers.
#[test]
fn an_import_takes_no_other_form_than_drills_own() {
    let (repository, _, folder) = signed_run();
    let lines = retold(&records(&folder), |_, body| body.to_owned()).replacen("\"seq\":1,", "\"seq\": 1,", 1);
    assert!(read_lines(&lines).is_ok(), "its chain holds");
    repository.write("other/journal.jsonl", &lines);
    let elsewhere = Repository::with_orders();
    let path = repository.path().join("other").display().to_string();
    let import = imported(&elsewhere, &[&path], 1);
    assert_eq!(text(&import, "/bundles/0/because"), "line 1 is not in the form in which drill writes it");
}

#[test]
fn a_verdict_that_the_records_do_not_make_is_not_taken() {
    let (repository, _, folder) = signed_run();
    let records = forged(&records(&folder), |event| {
        if let Event::Concluded { conclusion } = event {
            conclusion.verdict = restore_drill::words::kind::Verdict::Failed;
        }
    });
    repository.write("other/journal.jsonl", &write_lines(&records));
    let elsewhere = Repository::with_orders();
    let path = repository.path().join("other").display().to_string();
    let import = imported(&elsewhere, &[&path], 1);
    assert!(text(&import, "/bundles/0/because").contains("the verdict is `failed`"), "{import:#}");
}

// ---- verdicts that were not the last ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leak_that_was_mended_is_told_everywhere() {
    let world = format!("{}faults:\n  - {{ what: deny_delete, times: 1 }}\n", worlds::QUICK);
    let sandbox = worlds::start(&worlds::definition(worlds::ORDERS), &world, worlds::STEADY).await;
    let drill = Drill::new().definition("orders", worlds::ORDERS);
    drill.ask(&["key", "new", "ops"]).await.ends(0);
    let url = format!("--sandbox={}", sandbox.url());
    drill.ask(&["run", "orders", &url]).await.ends(4);
    let id = drill.last_id().await;
    let folder = drill.path().join("reports/.rehearsal/orders").join(&id);
    let manifest = || -> Value {
        serde_json::from_slice(&fs::read(folder.join("manifest.json")).expect("it is there")).expect("it is JSON")
    };
    let first = manifest();
    assert_eq!((&first["verdict"], first.get("earlier_verdicts")), (&json!("leaked"), None));

    let resumed = drill.ask(&["resume", &id]).await.ends(0);
    assert!(resumed.stdout.contains("It had leaked") && resumed.stdout.contains("2 tries"), "{resumed:?}");
    let second = manifest();
    assert_eq!(second["verdict"], "passed");
    let earlier = &second["earlier_verdicts"];
    assert_eq!((earlier.as_array().map(Vec::len), &earlier[0]["verdict"]), (Some(1), &json!("leaked")));
    assert_eq!(earlier[0]["head"], first["journal"]["head"], "the bundle that was handed out is named");

    let report = fs::read_to_string(folder.join("report.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("it is JSON");
    assert_eq!(report["earlier_verdicts"][0]["verdict"], "leaked");
    let entry = &report["report"]["teardown"]["entries"][0];
    assert_eq!((&entry["tries"], entry["failed"].as_array().map(Vec::len)), (&json!(2), Some(1)), "{entry:#}");
    let milestones = report["report"]["restores"][0]["milestones"].to_string();
    assert!(milestones.contains("Leaked"), "{milestones}");
    assert!(report["report"]["deviations"].to_string().contains("the verdict was leaked"), "{report:#}");
    let head = text(&first, "/journal/head");
    for name in ["report.md", "report.html"] {
        let page = fs::read_to_string(folder.join(name)).expect("a report");
        assert!(page.contains("It had leaked") && page.contains(head), "{name}");
    }

    let path = folder.display().to_string();
    let said = drill.ask(&["verify", &path]).await.ends(0).stdout;
    assert!(said.contains("the verdict was leaked before") && said.contains(head), "{said}");
    let value = drill.ask(&["verify", &path, "--output", "json"]).await.ends(0).json();
    assert_eq!(value["earlier_verdicts"], *earlier);
    let status = drill.ask(&["status", &id]).await.ends(0).stdout;
    assert!(status.contains("the verdict was leaked before, at "), "{status}");
    let status = drill.ask(&["status", &id, "--output", "json"]).await.ends(0).json();
    let told = &status["earlier_verdicts"];
    assert_eq!((told.as_array().map(Vec::len), &told[0]["verdict"]), (Some(1), &json!("leaked")), "{status:#}");
    assert_eq!((&told[0]["at"], &told[0]["records"]), (&earlier[0]["at"], &earlier[0]["records"]), "{status:#}");
    let history = drill.ask(&["history", "orders", "--rehearsals"]).await.ends(0).stdout;
    assert!(history.contains("passed, leaked before") && history.contains("1 had leaked first"), "{history}");

    // A manifest that keeps quiet about it is not that journal's.
    let mut silent = second.clone();
    silent.as_object_mut().expect("an object").shift_remove("earlier_verdicts");
    fs::write(folder.join("manifest.json"), serde_json::to_string_pretty(&silent).expect("JSON") + "\n")
        .expect("it can be written");
    let said = drill.ask(&["verify", &path]).await.ends(1).stdout;
    assert!(said.contains("earlier_verdicts"), "{said}");
}

// ---- keys ----

#[test]
fn the_signature_of_a_key_that_was_replaced_is_kept_or_nothing_is_written() {
    let (repository, id, folder) = signed_run();
    let old = fs::read_to_string(repository.path().join(".drill/signing.key")).expect("the key");
    let old = SigningKey::from_pem(&old).expect("a key");
    repository.drill(&["key", "new", "later", "--replace"]).ends(0);
    let before = read_files(&folder);
    repository.drill(&["report", &id]).ends(0);
    assert_eq!(read_files(&folder), before);
    verified(&repository, &folder, &["--key", "keys/ops.pub"]).ends(0);

    // As another version wrote it: this one would write something else, and the old key does not sign that.
    let mut manifest = Manifest::read(&before["manifest.json"]).expect("a manifest");
    manifest.renderer = "0.0.9".to_owned();
    let envelope = dsse::sign(&statement::of_bundle(&manifest), &old).expect("a signature");
    fs::write(folder.join("manifest.json"), manifest.text()).expect("it can be written");
    fs::write(folder.join("manifest.sig"), envelope).expect("it can be written");
    let before = read_files(&folder);
    let said = repository.drill(&["report", &id]).ends(2);
    said.says(&format!("signed by key {}", old.public().id())).says("nothing was written");
    assert_eq!(read_files(&folder), before);
}

#[test]
fn git_never_sees_the_private_key() {
    let repository = Repository::with_orders();
    repository.drill(&["key", "new", "ops"]).ends(0);
    let ignored = fs::read_to_string(repository.path().join(".drill/.gitignore")).expect("it is there");
    assert_eq!(ignored, "*\n");
    // A folder that is somebody's own is not ignored as a whole because journals are put there.
    let own = Repository::with_orders();
    own.drill(&["run", "orders", "--sandbox", "--seed", "7", "--state", "."]).ends(0);
    assert!(!own.path().join(".gitignore").exists());
    let elsewhere = Repository::with_orders();
    elsewhere.drill(&["run", "orders", "--sandbox", "--seed", "7", "--state", "journals"]).ends(0);
    assert!(elsewhere.path().join("journals/.gitignore").exists());
}

// ---- what verify says ----

#[test]
fn a_broken_bundle_is_not_called_by_the_verdict_that_it_claims() {
    let (repository, _, folder) = signed_run();
    let path = folder.join("manifest.json");
    let manifest = fs::read_to_string(&path).expect("the manifest");
    fs::write(&path, manifest.replace("\"verdict\": \"passed\"", "\"verdict\": \"failed\""))
        .expect("it can be written");
    let said = verified(&repository, &folder, &[]).ends(1);
    let headline = said.stdout.lines().next().unwrap_or_default();
    assert!(!headline.contains("failed") && !headline.contains("passed"), "{headline}");
    said.prints("BROKEN").prints("says that `verdict` is \"failed\", and the journal makes it \"passed\"");
    let value = verified(&repository, &folder, &["--output", "json"]).ends(1).json();
    assert!(value["verdict"].is_null() && value["measures"].is_null(), "{value:#}");
}

#[test]
fn one_changed_hash_of_a_template_is_named_alone() {
    let (repository, _, folder) = signed_run();
    let mut other = bundle(&folder);
    let mut manifest = Manifest::read(&other.files["manifest.json"]).expect("a manifest");
    assert!(manifest.templates.len() > 1, "{:?}", manifest.templates);
    let (name, hash) = manifest.templates.iter_mut().next().expect("there are some");
    let name = name.clone();
    *hash = sha256_hex(b"another");
    other.files.insert("manifest.json".to_owned(), manifest.text().into_bytes());
    let verification = verify(&other, &trusted(&repository), &TOOLS);
    let said: Vec<&str> = verification
        .problems
        .iter()
        .filter(|problem| problem.file == "manifest.json")
        .map(|problem| problem.what.as_str())
        .collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with(&format!("says that `templates: {name}` is ")), "{said:?}");
    assert!(manifest.templates.keys().skip(1).all(|other| !said[0].contains(&format!("`{other}`"))), "{said:?}");
}

#[test]
fn of_a_printed_report_only_the_hash_is_checked_and_that_is_said() {
    let (_repository, _, folder) = signed_run();
    let records = records(&folder);
    let (key, _) = SigningKey::generate().expect("a key");
    let report = rendered(&records, facts).expect("a report");
    let pdf = b"%PDF-1.4 of somebody else".to_vec();
    let mut files: Vec<(&str, &[u8])> = report.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    files.push(("report.pdf", &pdf));
    for signer in [None, Some(&key)] {
        let sealed = seal(&records, &files, signer).expect("a bundle");
        let texts = report.iter().chain(&sealed).map(|(name, text)| ((*name).to_owned(), text.clone().into_bytes()));
        let files: BTreeMap<String, Vec<u8>> = texts.chain([("report.pdf".to_owned(), pdf.clone())]).collect();
        let bundle = Bundle { files, ..Bundle::default() };
        let trusted = [TrustedKey { name: "ops".to_owned(), key: key.public() }];
        let verification = verify(&bundle, &trusted, &TOOLS);
        let wanted = if signer.is_some() { Standing::Genuine } else { Standing::Consistent };
        assert_eq!(verification.standing(), wanted, "{:?}", verification.problems);
        let notes = &verification.notes;
        assert!(notes.iter().any(|note| note.starts_with("report.pdf cannot be made again")), "{notes:?}");
        let other = Bundle {
            files: bundle
                .files
                .into_iter()
                .map(|(name, bytes)| if name == "report.pdf" { (name, b"%PDF".to_vec()) } else { (name, bytes) })
                .collect(),
            ..Bundle::default()
        };
        assert!(named(&verify(&other, &trusted, &TOOLS), "report.pdf"));
    }
}

// ---- what is left out ----

#[test]
fn what_is_left_out_of_the_report_is_said_to_be_beside_it() {
    let repository = Repository::new();
    repository.write("drills/orders.yaml", &format!("{ORDERS}report: {{ redact: [account_ids, restore_metadata] }}\n"));
    repository.write("drills/orders.world.yaml", QUICK_WORLD);
    let ran = repository.drill(&["run", "orders", "--sandbox", "--seed", "7"]).ends(0);
    ran.prints("journal.jsonl and definition.yaml of the same bundle hold everything").prints("--share");
    let status = repository.drill(&["status", "--output", "json"]).ends(0).json();
    let id = text(&status, "/runs/0/run").to_owned();
    let folder: PathBuf = repository.path().join("reports/.rehearsal/orders").join(&id);
    let account = "123456789012";
    for (name, bytes) in read_files(&folder) {
        let holds = String::from_utf8_lossy(&bytes).contains(account);
        assert_eq!(holds, ["journal.jsonl", "definition.yaml"].contains(&name.as_str()), "{name}");
    }
    let markdown = fs::read_to_string(folder.join("report.md")).expect("a report");
    assert!(markdown.contains("definition.yaml of the same bundle hold it"), "{markdown}");

    repository.drill(&["report", &id, "--share", "out"]).ends(0).says("nobody can verify it");
    let shared = read_files(&repository.path().join("out"));
    assert_eq!(shared.keys().map(String::as_str).collect::<Vec<_>>(), ["report.html", "report.json", "report.md"]);
    let bundle = read_files(&folder);
    assert!(shared.iter().all(|(name, bytes)| bundle.get(name) == Some(bytes)));
    // Without `redact` nobody is warned of anything.
    let open = Repository::with_orders();
    let (id, _) = run(&open);
    assert!(!open.drill(&["report", &id]).ends(0).stderr.contains("redact"));
}

// ---- what is not known ----

#[test]
fn what_nobody_looked_at_is_unknown_and_not_absent() {
    let repository = Repository::with_orders();
    let row = |arguments: &[&str], code: i32| {
        let said = repository.drill(&[&["coverage"][..], arguments].concat()).ends(code);
        said.stdout.lines().find(|line| line.trim_start().starts_with("orders")).expect("a row of the drill").to_owned()
    };
    let never = row(&[], 1);
    assert_eq!(never.matches("unknown").count(), 2, "{never}");
    run(&repository);
    let now = row(&["--rehearsals"], 0);
    assert!(!now.contains("0ms") && !now.contains("unknown"), "{now}");
}

// ---- findings ----

#[test]
fn a_finding_has_an_owner_a_day_and_an_end() {
    let (repository, id, folder) = signed_run();
    let finding = |arguments: &[&str]| repository.drill(&[&["finding"][..], arguments].concat());
    let added = finding(&["add", &id, "--text", "nobody watched", "--output", "json"]).ends(0).json();
    assert_eq!((&added["severity"], text(&added, "/owner")), (&json!("medium"), "platform@example.com"));
    assert!(added["due"].is_string(), "{added:#}");
    let given = ["--severity", "high", "--owner", "Ada", "--due", LATER, "--ticket", "OPS-7"];
    let said = finding(&[&["add", &id, "--text", "the runbook is old"][..], &given[..]].concat()).ends(0);
    let line = format!("finding 2, high, owner Ada, due {LATER}, ticket OPS-7: the runbook is old");
    said.says(&line);
    for wrong in [["--due", "2020-01-31"], ["--owner", " "], ["--ticket", ""], ["--severity", "grave"]] {
        finding(&[&["add", &id, "--text", "wrong"][..], &wrong[..]].concat()).ends(2);
    }
    finding(&["add", &id, "--text", "wrong", "--due", "2020-01-31"]).ends(2).says("is over");

    finding(&["close", &id, "3", "--text", "there is none"]).ends(2).says("no open finding 3");
    finding(&["close", &id, "2", "--text", "rewritten"]).ends(0).prints("addenda/addendum-3.json");
    finding(&["close", &id, "2", "--text", "once more"]).ends(2).says("no open finding 2");
    finding(&["close", &id, "3", "--text", "an end has no end"]).ends(2);
    let said = verified(&repository, &folder, &[]).ends(0);
    said.prints("finding 2, high, owner Ada").prints("closed in 3").prints("finding 2 closed by ");
    let value = verified(&repository, &folder, &["--output", "json"]).ends(0).json();
    assert_eq!(
        (&value["addenda"][1]["closed_by"], &value["addenda"][1]["ticket"], &value["addenda"][2]["closes"]),
        (&json!(3), &json!("OPS-7"), &json!(2))
    );
    assert!(value["addenda"][0]["closed_by"].is_null(), "{value:#}");
    repository.drill(&["report", &id]).ends(0).says("closed in 3");
}
