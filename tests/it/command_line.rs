//! Every verb by hand, as a user types it: what is printed and where, as text and as JSON, the exit codes, the files.
//!
//! The drills here restore in a simulated AWS that lives in the process of the command. `shell` says what they are.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::shell::{ORDERS, QUICK_WORLD, Ran, Repository};

/// The same database, asked over SQL for a table that only a world file could put there.
fn with_data_probe() -> String {
    let (head, _) = ORDERS.split_once("  counts-orders:").expect("the drill has this probe");
    format!(
        "{head}  has-orders:\n    on: orders\n    needs: [accepts-connections]\n    sql:\n      database: shop\n      \
         user: drill_probe\n      password: {{ secretsmanager: drill/orders }}\n      query: SELECT count(*) AS orders \
         FROM orders\n    expect: {{ orders: {{ at_least: 1 }} }}\n"
    )
}

/// Fails unless these are the keys, in whatever order.
fn assert_keys(value: &Value, wanted: &[&str]) {
    let keys: BTreeSet<&str> = value.as_object().expect("this is an object").keys().map(String::as_str).collect();
    let wanted: BTreeSet<&str> = wanted.iter().copied().collect();
    assert_eq!(keys, wanted, "{value:#}");
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer} of {value:#}"))
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("no list at {pointer} of {value:#}"))
}

fn step<'a>(run: &'a Value, id: &str) -> &'a Value {
    list(run, "/steps").iter().find(|step| step["id"] == id).unwrap_or_else(|| panic!("no step {id} in {run:#}"))
}

/// Permission bits.
fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    metadata.permissions().mode() & 0o777
}

fn assert_plain(ran: &Ran) {
    for (what, text) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        assert!(!text.contains('\u{1b}'), "{what} of `{}` has terminal codes and is no terminal:\n{text}", ran.command);
    }
}

fn run_orders(repository: &Repository, more: &[&str]) -> Ran {
    let arguments: Vec<&str> = ["run", "orders", "--sandbox", "--seed", "7"].iter().chain(more).copied().collect();
    repository.drill(&arguments)
}

#[test]
fn help_and_version_are_answers_and_nothing_at_all_is_a_usage_error() {
    let repository = Repository::new();
    repository.drill(&["--help"]).ends(0).prints("validate").prints("sandbox");
    repository.drill(&["run", "--help"]).ends(0).prints("--sandbox").prints("leaked");
    repository.drill(&["--version"]).ends(0).prints(env!("CARGO_PKG_VERSION"));
    repository.drill(&[]).ends(2);
    repository.drill(&["rnu", "orders"]).ends(2).says("rnu");
    repository.drill(&["completions", "bash"]).ends(0).prints("_drill");
}

#[test]
fn validate_says_which_are_valid() {
    let repository = Repository::with_orders();
    let ran = repository.drill(&["validate"]).ends(0);
    ran.prints("drills/orders.yaml: valid");
    assert!(!ran.stdout.contains("world"), "a world file is no drill:\n{}", ran.stdout);
    assert_eq!(repository.drill(&["validate", "--quiet"]).ends(0).stdout, "");
    let json = repository.drill(&["validate", "orders", "--output", "json"]).ends(0).json();
    assert_eq!((&json["version"], &json["ok"]), (&1.into(), &true.into()));
    assert_eq!(text(&json, "/files/0/file"), "drills/orders.yaml");
    assert!(list(&json, "/files/0/diagnostics").is_empty());
}

#[test]
fn validate_shows_every_problem_with_its_place() {
    let repository = Repository::with_orders();
    let wrong = ORDERS.replace("\nowner:", "\nownr:").replace("rto: 4h", "rto: 4");
    repository.write("drills/orders.yaml", &wrong);
    let ran = repository.drill(&["validate"]).ends(2);
    ran.says("drills/orders.yaml:4:1").says("did you mean `owner`?").says("needs a unit").says("nothing was started");
    assert_eq!(ran.stdout, "");
    assert_plain(&ran);
    let ran = repository.drill(&["validate", "--output", "json"]).ends(2);
    let json = ran.json();
    assert_eq!(json["ok"], false);
    let found = list(&json, "/files/0/diagnostics");
    assert!(found.len() >= 2, "{json:#}");
    let unknown = found.iter().find(|one| one["code"] == "unknown-key").expect("an unknown key is found");
    assert_eq!((&unknown["line"], &unknown["column"], &unknown["severity"]), (&4.into(), &1.into(), &"error".into()));
    assert!(unknown.get("in").is_none(), "`in` is for problems in another file: {unknown:#}");
    for verb in [&["plan", "orders"][..], &["run", "orders", "--sandbox"]] {
        repository.drill(verb).ends(2).says("drills/orders.yaml:4:1");
    }
    assert!(!repository.path().join(".drill").exists(), "nothing was started");
}

#[test]
fn plan_is_drawn_in_every_form() {
    let repository = Repository::with_orders();
    let ran = repository.drill(&["plan", "orders"]).ends(0);
    for part in ["orders: Orders database", "pick.orders", "teardown.orders", "Permissions", "backup:StartRestoreJob"] {
        ran.prints(part);
    }
    let mermaid = repository.drill(&["plan", "orders", "--format", "mermaid"]).ends(0);
    assert!(mermaid.stdout.starts_with("flowchart LR\n"), "{}", mermaid.stdout);
    mermaid.prints("-.->");
    let dot = repository.drill(&["plan", "orders", "--format", "dot"]).ends(0);
    assert!(dot.stdout.starts_with("digraph \"orders\" {\n"), "{}", dot.stdout);
    let ran = repository.drill(&["plan", "orders", "--output", "json"]).ends(0);
    assert_eq!(ran.stdout, repository.drill(&["plan", "orders", "--format", "json"]).ends(0).stdout);
    let json = ran.json();
    let wanted = [
        "version",
        "drill",
        "title",
        "steps",
        "recovery_points",
        "preflight",
        "estimate_seconds",
        "cost",
        "permissions",
    ];
    assert_keys(&json, &wanted);
    assert!(json["recovery_points"].is_null() && json["preflight"].is_null() && json["estimate_seconds"].is_u64());
    for step in list(&json, "/steps") {
        assert_keys(step, &["id", "kind", "needs", "timeout_seconds"]);
        for need in list(step, "/needs") {
            assert_keys(need, &["step", "until", "why"]);
        }
    }
    assert!(!repository.path().join(".drill").exists(), "a plan leaves nothing");
}

#[test]
fn plan_over_a_vault_names_the_chosen_point_and_why_others_are_rejected() {
    let repository = Repository::with_orders();
    let json = repository.drill(&["plan", "orders", "--sandbox", "--seed", "7", "--output", "json"]).ends(0).json();
    let points = &json["recovery_points"]["orders"];
    let chosen = text(points, "/chosen/arn");
    assert!(chosen.starts_with("arn:aws:") && chosen.contains(":eu-west-1:"), "{chosen}");
    let rejected = list(points, "/rejected");
    assert!(!rejected.is_empty(), "a made world has recovery points that must not be picked: {points:#}");
    for point in rejected {
        assert!(!text(point, "/reason").is_empty() && text(point, "/arn") != chosen, "{point:#}");
    }
    let ran = repository.drill(&["plan", "orders", "--sandbox", "--seed", "7"]).ends(0);
    ran.prints("Recovery point for orders").prints("  created ").prints("  not arn:aws:").prints("Preflight");
    assert!(!list(&json, "/preflight").is_empty(), "{json:#}");
    assert!(!repository.path().join(".drill").exists(), "a plan leaves nothing");
}

#[test]
fn plan_says_when_nothing_is_eligible() {
    let repository = Repository::with_orders();
    repository.write("drills/orders.world.yaml", "version: 1\nresources:\n  orders:\n    newest_copy: { age: 3d }\n");
    repository.drill(&["plan", "orders", "--sandbox"]).ends(0).prints("none is eligible");
    let json = repository.drill(&["plan", "orders", "--sandbox", "--output", "json"]).ends(0).json();
    assert!(json["recovery_points"]["orders"]["chosen"].is_null());
}

#[test]
fn the_schema_is_the_one_in_the_documents() {
    let printed = Repository::new().drill(&["schema"]).ends(0);
    let schema = printed.json();
    assert_eq!(text(&schema, "/$schema"), "https://json-schema.org/draft/2020-12/schema");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/drill.schema.json");
    let kept =
        fs::read_to_string(&path).expect("docs/drill.schema.json: cargo run -q -- schema >docs/drill.schema.json");
    assert_eq!(printed.stdout, kept, "docs/drill.schema.json is old: cargo run -q -- schema >docs/drill.schema.json");
}

/// The shape of `drill run --output json`, as docs/json.md has it.
fn assert_run_shape(run: &Value) {
    let wanted = [
        "version",
        "run",
        "drill",
        "mode",
        "verdict",
        "exit_code",
        "earlier_verdicts",
        "archive",
        "evidence",
        "measures",
        "steps",
        "kept_until",
        "cost",
        "created",
        "gates",
        "actions",
        "failure",
        "failures",
        "restores",
    ];
    assert_keys(run, &wanted);
    assert_eq!((&run["version"], &run["drill"], &run["mode"]), (&1.into(), &"orders".into(), &"sandbox".into()));
    assert_keys(&run["measures"], &["rto", "rpo", "copy_lag", "data_age"]);
    for measure in run["measures"].as_object().expect("measures are an object").values() {
        assert_keys(measure, &["seconds", "target_seconds", "met"]);
        assert!(measure["seconds"].is_number() || measure["seconds"].is_null());
        assert!(measure["target_seconds"].is_number() || measure["target_seconds"].is_null());
        assert!(measure["met"].is_boolean() || measure["met"].is_null());
    }
    for step in list(run, "/steps") {
        assert_keys(step, &["id", "kind", "status", "seconds", "attempts"]);
        assert!(step["attempts"].is_u64() && (step["seconds"].is_number() || step["seconds"].is_null()), "{step:#}");
    }
    for created in list(run, "/created") {
        assert_keys(created, &["arn", "type", "removed", "state"]);
        assert!(created["removed"].is_boolean() && created["type"] == "rds", "{created:#}");
    }
    for failure in list(run, "/failures") {
        assert_keys(failure, &["step", "class", "message", "request_id"]);
    }
}

#[test]
fn run_prints_one_json_object_and_says_events_line_by_line() {
    let repository = Repository::with_orders();
    let ran = run_orders(&repository, &["--output", "json"]).ends(0);
    let run = ran.json();
    assert_run_shape(&run);
    assert_eq!((text(&run, "/verdict"), &run["exit_code"]), ("passed", &0.into()));
    assert!(run["failure"].is_null() && list(&run, "/failures").is_empty(), "{run:#}");
    assert_eq!(run["measures"]["rto"]["met"], true);
    assert_eq!(run["measures"]["rto"]["target_seconds"], 14_400);
    assert!(run["measures"]["rpo"]["seconds"].is_number());
    assert!(list(&run, "/steps").iter().all(|step| step["status"] == "passed"), "{run:#}");
    assert_eq!(list(&run, "/created").len(), 1);
    assert_eq!((&run["created"][0]["removed"], &run["created"][0]["state"]), (&true.into(), &"gone".into()));
    assert_plain(&ran);
    for part in ["seed 7", "preflight", "pick.orders", "probe.counts-orders", "teardown.orders", "verdict"] {
        ran.says(part);
    }
    assert_kept_apart_and_private(&repository, &run);
}

/// A rehearsal lives apart from evidence, and what a run leaves is for its user alone.
fn assert_kept_apart_and_private(repository: &Repository, run: &Value) {
    let evidence = text(run, "/evidence");
    assert_eq!(evidence, format!("reports/.rehearsal/orders/{}", text(run, "/run")));
    let folder = repository.path().join(evidence);
    assert_eq!(mode(&folder), 0o700);
    for file in ["report.md", "report.json"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    let markdown = fs::read_to_string(folder.join("report.md")).expect("the report is there");
    assert!(markdown.contains("REHEARSAL"), "a rehearsal says that it is one");
    let state = repository.path().join(".drill/sandbox");
    assert_eq!((mode(&state), mode(&state.join("drill.db"))), (0o700, 0o600));
    assert!(!repository.path().join(".drill/drill.db").exists(), "a rehearsal is not in the journals of real runs");
}

#[test]
fn run_as_text_ends_with_verdict_measures_and_report() {
    let repository = Repository::with_orders();
    let quiet: (&[&str], &[(&str, &str)]) = (&["--quiet"], &[]);
    let without_colour: (&[&str], &[(&str, &str)]) = (&[], &[("NO_COLOR", "1"), ("TERM", "xterm-256color")]);
    for (more, variables) in [quiet, without_colour] {
        let arguments: Vec<&str> = ["run", "orders", "--sandbox", "--seed", "7"].iter().chain(more).copied().collect();
        let ran = repository.drill_with(&arguments, variables).ends(0);
        ran.prints("orders  passed  in").prints("  rto ").prints("not measured");
        ran.prints("  report    reports/.rehearsal/orders/").says("teardown.orders");
        assert_plain(&ran);
    }
}

#[test]
fn another_threshold_fails_the_run_and_everything_is_removed() {
    let repository = Repository::with_orders();
    let run = run_orders(&repository, &["--var", "least=5000", "--output", "json"]).ends(1).json();
    assert_run_shape(&run);
    assert_eq!((text(&run, "/verdict"), &run["exit_code"]), ("failed", &1.into()));
    assert_eq!(text(&run, "/failure/step"), "probe.counts-orders");
    assert_eq!(text(&run, "/failure/class"), "data");
    let message = text(&run, "/failure/message");
    assert!(message.contains("1,500") && message.contains("5,000"), "expected and observed: {message}");
    assert_eq!(step(&run, "probe.accepts-connections")["status"], "passed");
    assert_eq!(step(&run, "teardown.orders")["status"], "passed");
    assert_eq!((&run["created"][0]["removed"], &run["created"][0]["state"]), (&true.into(), &"gone".into()));
    run_orders(&repository, &["--var", "least=1500"]).ends(0);
}

#[test]
fn nothing_eligible_fails_and_restores_nothing() {
    let repository = Repository::with_orders();
    repository.write("drills/orders.world.yaml", "version: 1\nresources:\n  orders:\n    newest_copy: { age: 3d }\n");
    let run = run_orders(&repository, &["--output", "json"]).ends(1).json();
    assert_eq!((text(&run, "/verdict"), text(&run, "/failure/step")), ("failed", "pick.orders"));
    assert!(list(&run, "/created").is_empty(), "{run:#}");
    assert_eq!(step(&run, "restore.orders")["status"], "skipped");
}

#[test]
fn a_denied_delete_leaks_and_names_what_removes_it() {
    let repository = Repository::with_orders();
    repository.write("drills/orders.yaml", &format!("{ORDERS}teardown: {{ timeout: 10m }}\n"));
    repository.write("drills/orders.world.yaml", &format!("{QUICK_WORLD}faults:\n  - what: deny_delete\n"));
    let run = run_orders(&repository, &["--output", "json"]).ends(4).json();
    assert_run_shape(&run);
    assert_eq!((text(&run, "/verdict"), &run["exit_code"]), ("leaked", &4.into()));
    assert_eq!((&run["created"][0]["removed"], text(&run, "/created/0/state")), (&false.into(), "present"));
    let arn = text(&run, "/created/0/arn");
    assert!(list(&run, "/failures").iter().any(|one| text(one, "/message").contains(arn)), "{run:#}");
    assert_eq!(step(&run, "probe.counts-orders")["status"], "passed", "what the probes showed stays shown");
    let report =
        fs::read_to_string(repository.path().join(text(&run, "/evidence")).join("report.md")).expect("a report");
    // No live command is handed out for what ended with its process.
    assert!(report.contains("there is nothing to remove by hand") && !report.contains("Remove it with"), "{report}");
    assert!(!run["failures"].to_string().contains("remove it by hand"), "{run:#}");
    // The world of that run ended with its process: a new run finds that nothing is left of it, and says so.
    repository.write("drills/orders.world.yaml", QUICK_WORLD);
    run_orders(&repository, &[]).ends(0).says(text(&run, "/run"));
}

#[test]
fn data_that_a_made_world_cannot_have_is_not_measured() {
    let repository = Repository::new();
    repository.write("drills/orders.yaml", &with_data_probe());
    let ran = run_orders(&repository, &["--output", "json"]).ends(3);
    let run = ran.json();
    assert_eq!((text(&run, "/verdict"), &run["exit_code"]), ("inconclusive", &3.into()));
    assert_eq!(step(&run, "probe.has-orders")["status"], "not_measured", "{run:#}");
    assert_eq!(step(&run, "teardown.orders")["status"], "passed");
    assert!(text(&run, "/failure/message").contains("drills/orders.world.yaml"), "{run:#}");
}

#[test]
fn without_a_database_server_sql_is_not_measured_and_the_reason_is_said() {
    let repository = Repository::new();
    repository.write("drills/orders.yaml", &with_data_probe());
    repository.write("a-file", "");
    let nowhere = repository.path().join("a-file/cache").display().to_string();
    let arguments = ["run", "orders", "--sandbox", "--output", "json"];
    let run = repository.drill_with(&arguments, &[("DRILL_CACHE", nowhere.as_str())]).ends(3).json();
    assert_eq!(text(&run, "/verdict"), "inconclusive");
    assert_eq!(step(&run, "probe.has-orders")["status"], "not_measured");
    assert_eq!(step(&run, "probe.accepts-connections")["status"], "passed");
    assert_eq!(run["created"][0]["removed"], true);
    assert!(text(&run, "/failure/message").starts_with("not measured"), "{run:#}");
}

#[test]
fn a_run_can_be_looked_at_in_every_way() {
    let repository = Repository::with_orders();
    let nothing = repository.drill(&["list", "--output", "json"]).ends(0).json();
    assert!(nothing["drills"][0]["last_run"].is_null());
    repository.drill(&["status"]).ends(0).prints("no runs yet");
    let run = run_orders(&repository, &["--output", "json"]).ends(0).json();
    let id = text(&run, "/run");
    assert_list(&repository, id);
    assert_status(&repository, id, &run);
    assert_logs(&repository, id);
    assert_over(&repository, id);
}

fn assert_list(repository: &Repository, id: &str) {
    repository.drill(&["list"]).ends(0).prints("DRILL").prints("Orders database").prints("passed").prints("sandbox");
    let json = repository.drill(&["list", "--output", "json"]).ends(0).json();
    assert_keys(&json, &["version", "drills"]);
    assert_keys(&json["drills"][0], &["name", "title", "valid", "file", "last_run"]);
    assert_keys(
        &json["drills"][0]["last_run"],
        &["run", "drill", "mode", "started", "verdict", "kept_until", "imported"],
    );
    assert_eq!(text(&json, "/drills/0/last_run/run"), id);
    repository.write("drills/broken.yaml", "version: 1\n");
    let json = repository.drill(&["list", "--output", "json"]).ends(0).json();
    assert_eq!((&json["drills"][0]["name"], &json["drills"][0]["valid"]), (&"broken".into(), &false.into()));
    fs::remove_file(repository.path().join("drills/broken.yaml")).expect("it was just written");
}

fn assert_status(repository: &Repository, id: &str, run: &Value) {
    repository.drill(&["status"]).ends(0).prints(id).prints("passed");
    let json = repository.drill(&["status", "--output", "json"]).ends(0).json();
    assert_keys(&json, &["version", "runs"]);
    assert_keys(&json["runs"][0], &["run", "drill", "mode", "started", "verdict", "kept_until", "imported", "running"]);
    assert_eq!((text(&json, "/runs/0/run"), &json["runs"][0]["running"]), (id, &false.into()));
    let last_digits = &id[id.len() - 6..];
    repository.drill(&["status", last_digits]).ends(0).prints(id).prints("probe.counts-orders").prints("gone");
    let mut one = repository.drill(&["status", id, "--output", "json"]).ends(0).json();
    assert_eq!(one["running"], false);
    one.as_object_mut().expect("a status is an object").remove("running");
    assert_eq!(&one, run, "a status says what the run said");
}

fn assert_logs(repository: &Repository, id: &str) {
    let lines = repository.drill(&["logs", id]).ends(0);
    lines.prints("teardown.orders").prints("verdict");
    let ran = repository.drill(&["logs", id, "--output", "json"]).ends(0);
    let records: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect();
    assert_eq!(records.len(), lines.stdout.lines().count());
    let mut before = Value::from("0".repeat(64));
    for (index, record) in records.iter().enumerate() {
        assert_keys(record, &["run", "seq", "at", "event", "prev", "hash"]);
        assert_eq!((&record["seq"], &record["prev"]), (&(index + 1).into(), &before));
        before = record["hash"].clone();
    }
}

/// What is over is not begun again.
fn assert_over(repository: &Repository, id: &str) {
    repository.drill(&["cancel", id]).ends(2).says("is over: passed");
    repository.drill(&["resume", id]).ends(0).says("is over");
    repository.drill(&["resume", "--all"]).ends(0);
    let json = repository.drill(&["status", "--output", "json"]).ends(0).json();
    assert_eq!(list(&json, "/runs").len(), 1);
}

#[test]
fn a_report_is_written_again_to_the_byte() {
    let repository = Repository::with_orders();
    let run = run_orders(&repository, &["--output", "json"]).ends(0).json();
    let (id, evidence) = (text(&run, "/run"), text(&run, "/evidence"));
    let folder = repository.path().join(evidence);
    let read = |name: &str| fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let first = (read("report.md"), read("report.json"));
    fs::remove_dir_all(&folder).expect("the folder of the report can be removed");
    repository.drill(&["report", id]).ends(0).prints(&format!("{evidence}/report.md"));
    assert_eq!((read("report.md"), read("report.json")), first);
    let again = repository.drill(&["report", id, "--output", "json"]).ends(0).json();
    assert_keys(&again, &["version", "run", "evidence", "files"]);
    assert!(list(&again, "/files").iter().all(|file| text(file, "/sha256").len() == 64), "{again:#}");
    assert_eq!((read("report.md"), read("report.json")), first);
    let printed = repository.drill(&["report", id, "--print"]).ends(0);
    assert_eq!(printed.stdout.as_bytes(), first.0);
    let json: Value = serde_json::from_slice(&first.1).expect("report.json is JSON");
    assert_eq!((&json["version"], &json["run"], text(&json, "/verdict")), (&1.into(), &id.into(), "passed"));
    assert!(json["report"].is_object());
}

#[test]
fn names_that_cannot_be_are_refused_and_near_ones_are_suggested() {
    let repository = Repository::with_orders();
    for verb in ["run", "plan", "validate"] {
        repository.drill(&[verb, "order"]).ends(2).says("did you mean `orders`?");
        for name in ["../orders", "drills/orders", "..", "orders.yaml", "Orders", ""] {
            repository.drill(&[verb, name]).ends(2).says("cannot be the name of a drill");
        }
    }
    for verb in ["status", "logs", "report", "cancel", "resume"] {
        repository.drill(&[verb, "0000000000"]).ends(2).says("there is no run");
    }
    assert!(!repository.path().join(".drill").exists(), "nothing was started");
}

#[test]
fn options_that_make_no_sense_are_refused_before_anything_starts() {
    let repository = Repository::with_orders();
    let cases: [(&[&str], &str); 10] = [
        (&["run", "orders", "--seed", "1"], "add `--sandbox`"),
        (&["run", "orders", "--sandbox", "--speed", "0"], "`--speed` must be between"),
        (&["run", "orders", "--sandbox=http://127.0.0.1:9", "--seed", "1"], "belong to the `drill sandbox`"),
        (&["run", "orders", "--sandbox", "--var", "least"], "needs a name and a value"),
        (&["run", "orders", "--sandbox", "--var", "lest=1"], "did you mean `least`?"),
        (&["run", "orders", "--sandbox", "--world", "missing.yaml"], "missing.yaml"),
        (&["plan", "orders", "--aws", "--sandbox"], "cannot be used with"),
        (&["resume"], "required"),
        (&["resume", "--all", "abcd"], "cannot be used with"),
        (&["sandbox", "orders", "orders", "--world", "x.yaml"], "exactly one"),
    ];
    for (arguments, said) in cases {
        repository.drill(arguments).ends(2).says(said);
    }
    assert!(!repository.path().join(".drill").exists(), "nothing was started");
}

#[test]
fn a_runbook_that_does_not_exist_is_refused_and_one_of_the_user_wins() {
    let repository = Repository::with_orders();
    repository.write("drills/orders.yaml", &format!("{ORDERS}report: {{ runbook: short }}\n"));
    run_orders(&repository, &[]).ends(2).says("runbooks/short.md.hbs").says("default");
    repository.write("runbooks/short.md.hbs", "# {{md scope.title}}: {{md verdict.word}}\n");
    let run = run_orders(&repository, &["--output", "json"]).ends(0).json();
    let report = repository.path().join(text(&run, "/evidence")).join("report.md");
    let report = fs::read_to_string(report).expect("a report");
    let (heading, rest) = report.split_once('\n').expect("a heading");
    assert!(heading.starts_with("# ") && heading.ends_with(": passed"), "{report}");
    assert_eq!(
        rest.trim(),
        "> **REHEARSAL — simulated AWS, seed 7. Not evidence.**",
        "the banner is not the template's"
    );
}

#[test]
fn a_world_file_that_is_wrong_is_a_usage_error_with_its_place() {
    let repository = Repository::with_orders();
    repository.write("drills/orders.world.yaml", "version: 1\nresorces: {}\n");
    run_orders(&repository, &[]).ends(2).says("drills/orders.world.yaml:");
}

#[test]
fn folders_can_be_moved_by_options_and_by_variables() {
    let (repository, elsewhere) = (Repository::with_orders(), Repository::new());
    let shown = |path: std::path::PathBuf| path.display().to_string();
    let dir = shown(repository.path().to_owned());
    let (state, reports) = (shown(elsewhere.path().join("state")), shown(elsewhere.path().join("kept/reports")));
    let arguments =
        ["--dir", dir.as_str(), "--reports", reports.as_str(), "run", "orders", "--sandbox", "--output", "json"];
    let run = elsewhere.drill_with(&arguments, &[("DRILL_STATE", state.as_str())]).ends(0).json();
    let id = text(&run, "/run");
    assert_eq!(text(&run, "/evidence"), format!("{reports}/.rehearsal/orders/{id}"));
    assert!(Path::new(&reports).join(".rehearsal/orders").join(id).join("report.md").is_file());
    assert!(Path::new(&state).join("sandbox/drill.db").is_file());
    for name in [".drill", "reports"] {
        assert!(!repository.path().join(name).exists() && !elsewhere.path().join(name).exists(), "{name}");
    }
    let variables = [("DRILL_DIR", dir.as_str()), ("DRILL_STATE", state.as_str()), ("DRILL_REPORTS", reports.as_str())];
    elsewhere.drill_with(&["list"], &variables).ends(0).prints("passed");
    // An option wins over its variable.
    let other = shown(elsewhere.path().join("other"));
    elsewhere.drill_with(&["--state", other.as_str(), "status"], &variables).ends(0).prints("no runs yet");
}

#[test]
fn without_a_folder_of_drills_it_is_said_where_it_was_looked_for() {
    let repository = Repository::new();
    repository.drill(&["list"]).ends(0).prints("no drills in drills");
    fs::remove_dir(repository.path().join("drills")).expect("it is empty");
    repository.drill(&["list"]).ends(2).says("drills");
    repository.drill(&["sandbox"]).ends(2).says("drills");
}
