//! A run that went on after its first verdict, somewhere else: its later bundle is taken where the earlier one, or its
//! beginning, is known. Trust never sinks by that, and nothing that was known is changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use restore_drill::journal::event::{Event, Recorded};
use restore_drill::journal::lines::{read_lines, write_lines};
use restore_drill::journal::store::Store;
use serde_json::{Value, json};

use crate::evidence::{forged, read_files, text};
use crate::harness::child::Drill;
use crate::harness::worlds;

/// Where the journals of rehearsals are.
const JOURNALS: &str = ".drill/sandbox";

/// A run that leaked, and was resumed with its thing removed.
struct Leaked {
    /// Where it was run and resumed.
    here: Drill,
    id: String,
    /// The bundle of each of its two verdicts.
    first: BTreeMap<String, Vec<u8>>,
    second: BTreeMap<String, Vec<u8>>,
    /// The journals as they were at the first verdict.
    journals: BTreeMap<String, Vec<u8>>,
}

impl Leaked {
    async fn and_mended() -> Self {
        let world = format!("{}faults:\n  - {{ what: deny_delete, times: 1 }}\n", worlds::QUICK);
        let sandbox = worlds::start(&worlds::definition(worlds::ORDERS), &world, worlds::STEADY).await;
        let here = Drill::new().definition("orders", worlds::ORDERS);
        here.ask(&["key", "new", "ops"]).await.ends(0);
        let url = format!("--sandbox={}", sandbox.url());
        here.ask(&["run", "orders", &url]).await.ends(4);
        let id = here.last_id().await;
        let folder = here.path().join("reports/.rehearsal/orders").join(&id);
        let (first, journals) = (read_files(&folder), read_files(&here.path().join(JOURNALS)));
        here.ask(&["resume", &id]).await.ends(0);
        let second = read_files(&folder);
        Self { here, id, first, second, journals }
    }

    /// The key that signed both bundles.
    fn key(&self) -> String {
        self.here.path().join("keys/ops.pub").display().to_string()
    }

    /// Another machine with both bundles at hand, that of the first verdict in `first`, that of the second in `second`.
    fn elsewhere(&self) -> Drill {
        let drill = Drill::new().definition("orders", worlds::ORDERS);
        for (folder, files) in [("first", &self.first), ("second", &self.second)] {
            put(&drill, folder, files);
        }
        drill
    }

    async fn status(&self, drill: &Drill) -> Value {
        drill.ask(&["status", &self.id, "--output", "json"]).await.ends(0).json()
    }
}

fn put(drill: &Drill, folder: &str, files: &BTreeMap<String, Vec<u8>>) {
    let folder = drill.path().join(folder);
    fs::create_dir_all(&folder).expect("a folder");
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).expect("a file");
    }
}

fn journal(files: &BTreeMap<String, Vec<u8>>) -> Vec<Recorded> {
    let text = std::str::from_utf8(&files["journal.jsonl"]).expect("text");
    read_lines(text).expect("a journal")
}

/// What an import with these arguments says of its one bundle.
async fn imported(drill: &Drill, arguments: &[&str], code: i32) -> Value {
    let all: Vec<&str> = [&["import", "--output", "json"][..], arguments].concat();
    let mut said = drill.ask(&all).await.ends(code).json();
    assert_eq!(said["bundles"].as_array().map(Vec::len), Some(1), "{said:#}");
    said["bundles"][0].take()
}

/// The lines of a run that `drill logs` prints.
async fn lines(drill: &Drill, id: &str) -> String {
    drill.ask(&["logs", id, "--output", "json"]).await.ends(0).stdout
}

fn bytes<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> &'a str {
    std::str::from_utf8(&files[name]).expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_bundle_continues_a_run_that_is_known() {
    let leaked = Leaked::and_mended().await;
    let (key, drill) = (leaked.key(), leaked.elsewhere());
    let taken = imported(&drill, &["first", "--owing", "--key", &key], 0).await;
    assert_eq!((text(&taken, "/result"), text(&taken, "/verdict")), ("taken", "leaked"), "{taken:#}");
    assert_eq!(leaked.status(&drill).await["earlier_verdicts"], json!([]));

    let continued = imported(&drill, &["second", "--key", &key], 0).await;
    assert_eq!((text(&continued, "/result"), text(&continued, "/verdict")), ("continued", "passed"), "{continued:#}");
    assert_eq!(continued["imported"]["trusted"], json!(true), "{continued:#}");
    assert_eq!(lines(&drill, &leaked.id).await.trim_end(), bytes(&leaked.second, "journal.jsonl").trim_end());
    let status = leaked.status(&drill).await;
    let earlier = &status["earlier_verdicts"];
    assert_eq!((&status["verdict"], &earlier[0]["verdict"]), (&json!("passed"), &json!("leaked")), "{status:#}");
    assert_eq!(earlier[0]["records"], json!(journal(&leaked.first).len()), "{status:#}");
    let said = drill.ask(&["status", &leaked.id]).await.ends(0).stdout;
    assert!(said.contains("the verdict was leaked before") && said.contains("(imported)"), "{said}");
    let listed = drill.last_run().await;
    assert_eq!((&listed["run"], &listed["verdict"]), (&json!(leaked.id), &json!("passed")), "{listed:#}");
    // Nothing is owed any more, and the bundle is made of it again.
    drill.ask(&["resume", "--all"]).await.ends(0);
    drill.ask(&["report", &leaked.id]).await.ends(0);
    let written = read_files(&drill.path().join("reports/.rehearsal/orders").join(&leaked.id));
    for name in ["journal.jsonl", "definition.yaml", "report.md", "report.json"] {
        assert_eq!(written[name], leaked.second[name], "{name}");
    }

    // Once more, either of them: nothing to do.
    let again = imported(&drill, &["second"], 0).await;
    assert_eq!((text(&again, "/result"), &again["because"]), ("known", &Value::Null), "{again:#}");
    let older = imported(&drill, &["first", "--owing", "--key", &key], 0).await;
    assert_eq!(text(&older, "/result"), "known");
    assert!(text(&older, "/because").contains("goes on to a later verdict"), "{older:#}");
    assert_eq!(leaked.status(&drill).await, status);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_begun_here_and_concluded_is_continued_by_what_a_trusted_key_signed() {
    let leaked = Leaked::and_mended().await;
    let (key, drill) = (leaked.key(), leaked.elsewhere());
    put(&drill, JOURNALS, &leaked.journals);
    assert_eq!(leaked.status(&drill).await["verdict"], "leaked");
    let before = lines(&drill, &leaked.id).await;

    // Nobody known signed it, as far as this machine knows: the run stays as trusted as it is.
    let refused = imported(&drill, &["second"], 1).await;
    assert!(text(&refused, "/because").contains("no trusted key signed what comes after it"), "{refused:#}");
    assert_eq!(lines(&drill, &leaked.id).await, before);

    let continued = imported(&drill, &["second", "--key", &key], 0).await;
    assert_eq!(text(&continued, "/result"), "continued", "{continued:#}");
    assert_eq!(continued["imported"]["trusted"], json!(true), "this machine did not see all of it: {continued:#}");
    assert_eq!(lines(&drill, &leaked.id).await.trim_end(), bytes(&leaked.second, "journal.jsonl").trim_end());
    let status = leaked.status(&drill).await;
    assert_eq!(
        (&status["verdict"], &status["earlier_verdicts"][0]["verdict"]),
        (&json!("passed"), &json!("leaked")),
        "{status:#}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_continues_what_another_signed_without_a_signature() {
    let leaked = Leaked::and_mended().await;
    let (key, drill) = (leaked.key(), leaked.elsewhere());
    drill.write("alone/journal.jsonl", bytes(&leaked.second, "journal.jsonl"));
    imported(&drill, &["first", "--owing", "--key", &key], 0).await;
    let refused = imported(&drill, &["alone"], 1).await;
    assert_eq!(text(&refused, "/result"), "refused");
    assert!(text(&refused, "/because").contains("no trusted key signed what comes after it"), "{refused:#}");
    assert_eq!(leaked.status(&drill).await["verdict"], "leaked");

    // Where nobody known signed the first, nobody need sign the second, and neither is believed.
    let open = leaked.elsewhere();
    open.write("alone/journal.jsonl", bytes(&leaked.second, "journal.jsonl"));
    imported(&open, &["first", "--owing"], 0).await;
    let continued = imported(&open, &["alone"], 0).await;
    assert_eq!((text(&continued, "/result"), &continued["imported"]["trusted"]), ("continued", &json!(false)));
    // The signed bundle of all of its records says whose they are.
    let vouched = imported(&open, &["second", "--key", &key], 0).await;
    assert_eq!((text(&vouched, "/result"), &vouched["imported"]["trusted"]), ("known", &json!(true)), "{vouched:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_continuation_that_does_not_lead_through_what_is_known_is_refused() {
    let leaked = Leaked::and_mended().await;
    let drill = leaked.elsewhere();
    imported(&drill, &["first", "--owing"], 0).await;
    let before = lines(&drill, &leaked.id).await;

    // Another first record, chained anew: the same run, told otherwise.
    let other = forged(&journal(&leaked.second), |event| {
        if let Event::RunStarted(started) = event {
            started.started_by = "somebody@else".to_owned();
        }
    });
    drill.write("other/journal.jsonl", &write_lines(&other));
    let refused = imported(&drill, &["other"], 1).await;
    assert!(text(&refused, "/because").contains("its record 1 is not the same"), "{refused:#}");

    // One byte after what is known, its hash as it was: in the last record, and in the first that is new.
    let known = journal(&leaked.first).len();
    let all = bytes(&leaked.second, "journal.jsonl");
    for line in [known, all.lines().count() - 1] {
        let mut lines: Vec<String> = all.lines().map(str::to_owned).collect();
        lines[line] = lines[line].replacen("\"event\":{\"", "\"event\":{ \"", 1);
        drill.write("broken/journal.jsonl", &(lines.join("\n") + "\n"));
        let refused = imported(&drill, &["broken"], 1).await;
        let because = text(&refused, "/because");
        assert!(because.contains(&format!("line {} is not as it was written", line + 1)), "{because}");
    }
    // A record between is left out.
    let cut: Vec<&str> = all.lines().enumerate().filter(|(at, _)| *at != known).map(|(_, line)| line).collect();
    drill.write("cut/journal.jsonl", &(cut.join("\n") + "\n"));
    let refused = imported(&drill, &["cut"], 1).await;
    assert!(text(&refused, "/because").contains(&format!("line {}", known + 1)), "{refused:#}");
    assert_eq!(lines(&drill, &leaked.id).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_added_while_a_process_has_the_drill() {
    let leaked = Leaked::and_mended().await;
    let drill = leaked.elsewhere();
    imported(&drill, &["first", "--owing"], 0).await;
    let before = lines(&drill, &leaked.id).await;
    let store = Store::open(&drill.path().join(JOURNALS)).expect("it opens");
    let lock = store.lock(&"orders".parse().expect("a name")).expect("nobody runs it");
    let refused = imported(&drill, &["second"], 1).await;
    assert!(text(&refused, "/because").contains("is running already"), "{refused:#}");
    // What there is nothing to do about needs no lock.
    assert_eq!(text(&imported(&drill, &["first", "--owing"], 0).await, "/result"), "known");
    assert_eq!(lines(&drill, &leaked.id).await, before);
    drop(lock);
    assert_eq!(text(&imported(&drill, &["second"], 0).await, "/result"), "continued");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_begun_here_and_is_not_over_is_not_continued_from_outside() {
    let leaked = Leaked::and_mended().await;
    let (key, drill) = (leaked.key(), leaked.elsewhere());
    put(&drill, JOURNALS, &leaked.journals);
    cut(&drill.path().join(JOURNALS), 9);
    assert_eq!(leaked.status(&drill).await["verdict"], Value::Null);
    let refused = imported(&drill, &["second", "--key", &key], 1).await;
    assert!(text(&refused, "/because").contains("was begun here and is not over"), "{refused:#}");
    assert_eq!(lines(&drill, &leaked.id).await.lines().count(), 9);
}

/// The journals of a process that died after so many records.
fn cut(folder: &Path, last: u64) {
    let database = rusqlite::Connection::open(folder.join("drill.db")).expect("a database");
    let cut = format!("DELETE FROM records WHERE seq > {last}; UPDATE runs SET verdict = NULL; DELETE FROM summaries;");
    database.execute_batch(&cut).expect("it is SQL");
}
