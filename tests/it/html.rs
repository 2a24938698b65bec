//! `report.html`, `junit.xml`, `report.pdf` and the schema of `report.json`: rendered from journals that are written by
//! hand and from real runs, taken apart by parsers that are not ours, and looked at in a real browser where there is one.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use html5ever::tendril::TendrilSink as _;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use restore_drill::report::html::html;
use restore_drill::report::junit::junit;
use restore_drill::report::{facts, schema};
use restore_drill::words::kind::{Mode, Verdict};
use restore_drill::words::text::is_hostile;
use serde_json::{Value, json as value};

use crate::harness::life::Bench;
use crate::harness::worlds;
use crate::report::{HOSTILE, Journal, TYPES, failed, leaked, passed};
use crate::shell::{ORDERS, Repository};

/// Ends an attribute of HTML and of SVG, a tag, a title, a style, a comment; and begins what could run or load.
const MARKUP: &str = "\"'><img src=x onerror=alert(1)><svg onload=alert(1)></title></style></svg></table></pre>\
                      <script>alert(1)</script><a href=javascript:alert(1)>x</a><!-- &lt;b&gt; &#60;i&#62; ]]> <?x?>";

/// A browser gets this long.
const BROWSER_TIME: Duration = Duration::from_secs(180);

/// Elements that a page may have.
const ELEMENTS: &[&str] = &[
    "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "footer", "div", "p", "h1",
    "h2", "h3", "h4", "ul", "ol", "li", "a", "table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "b",
    "span", "code", "pre", "svg", "desc", "g", "rect", "line", "text",
];

/// Attributes that they may have. None of them can load or run anything.
const ATTRIBUTES: &[&str] = &[
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "id",
    "class",
    "href",
    "data-label",
    "scope",
    "role",
    "tabindex",
    "aria-label",
    "aria-labelledby",
    "viewBox",
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "width",
    "height",
    "rx",
    "text-anchor",
];

fn page(journal: &Journal) -> String {
    html(&facts::context(&journal.state(), &journal.records, TYPES))
}

fn suite(journal: &Journal) -> String {
    junit(&facts::context(&journal.state(), &journal.records, TYPES))
}

/// Each element of a page with its attributes, in order, and all of its text.
fn parsed(page: &str) -> (Vec<String>, String) {
    let dom = parse_document(RcDom::default(), ParseOpts::default()).one(page);
    let (mut elements, mut text) = (Vec::new(), String::new());
    walk(&dom.document, &mut elements, &mut text);
    (elements, text)
}

fn walk(node: &Handle, elements: &mut Vec<String>, text: &mut String) {
    match &node.data {
        NodeData::Element { name, attrs, .. } => {
            let mut shown = name.local.to_string();
            assert!(ELEMENTS.contains(&shown.as_str()), "the element {shown}");
            for attribute in attrs.borrow().iter() {
                let (name, value) = (attribute.name.local.to_string(), attribute.value.to_string());
                assert!(ATTRIBUTES.contains(&name.as_str()), "the attribute {name} of {shown}");
                assert!(name != "href" || value.starts_with('#'), "a link to {value}");
                shown.push_str(&format!(" {name}={value}"));
            }
            elements.push(shown);
        }
        NodeData::Text { contents } => text.push_str(&contents.borrow()),
        NodeData::Comment { contents } => panic!("the comment {contents}"),
        _ => {}
    }
    for child in node.children.borrow().iter() {
        walk(child, elements, text);
    }
}

#[test]
fn no_text_becomes_an_element_an_attribute_or_a_script() {
    let make: [fn(&str) -> Journal; 3] = [|said| passed(Mode::Sandbox, said), failed, leaked];
    for journal in make {
        let (tame, _) = parsed(&page(&journal("plain words")));
        for said in [HOSTILE, MARKUP] {
            let hostile = page(&journal(said));
            let (elements, text) = parsed(&hostile);
            assert_eq!(elements, tame, "{said}");
            assert!(text.contains("<script>alert(1)</script>"), "it is shown as it is");
            let first = text.chars().find(|c| *c != '\n' && is_hostile(*c));
            assert_eq!(first, None);
        }
    }
}

#[test]
fn the_page_loads_nothing_and_says_so_before_anything_else() {
    let page = page(&passed(Mode::Aws, "Orders database"));
    let (elements, _) = parsed(&page);
    let policy = "meta http-equiv=Content-Security-Policy content=default-src 'none'; style-src 'unsafe-inline'; \
                  img-src data:; base-uri 'none'; form-action 'none'";
    let metas: Vec<&String> = elements.iter().filter(|element| element.starts_with("meta ")).collect();
    assert_eq!(metas[1], policy, "{metas:?}");
    assert!(!page.contains("url(") && !page.contains("@import") && !page.contains("://"), "something would be loaded");
}

#[test]
fn a_reader_finds_the_verdict_first_and_everything_that_counts() {
    let journal = passed(Mode::Sandbox, "Orders database");
    let page = page(&journal);
    let (elements, text) = parsed(&page);
    let headings = elements.iter().filter(|element| element.starts_with("h2")).count();
    assert!(headings >= 12, "{headings} sections");
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("`{part}` is missing in:\n{text}"));
    assert!(at("REHEARSAL — simulated AWS, seed 7. Not evidence.") < at("The chosen recovery point was restored"));
    let head = journal.records.last().expect("there are records").hash.to_string();
    let wanted = [
        "The chosen recovery point was restored",
        "Recovery time (RTO)",
        "Not tested",
        "Critical path: preflight → pick.orders → restore.orders → ready.orders → probe.has-orders.",
        "awsbackup:copyjob-1",
        "awsbackup:copyjob-0",
        "Probe has-orders",
        "failed as predicted",
        "AWS answered twice that it does not exist",
        "Held in all",
        "Time until what was restored was proven",
        "Every required probe held",
        "No probe tried whether production can be reached",
        "The definition asks nobody for an approval.",
        "drill does not know this control",
        "Started by",
        "aws backup start-restore-job",
        head.as_str(),
    ];
    for part in wanted {
        at(part);
    }
    assert!(!page.contains("a private value"), "hidden metadata is shown");
    assert!(elements.iter().any(|element| element.starts_with("rect class=critical ")), "no critical path is drawn");
}

#[test]
fn verdicts_that_are_not_a_pass_say_what_to_do() {
    let (_, text) = parsed(&page(&failed("the table is empty")));
    assert!(text.contains("FAILED") && text.contains("probe.has-orders: the table is empty"), "{text}");
    assert!(text.contains("another process went on with the run"), "{text}");
    // The verdict is of 2026-11-21, and what failed is due 14 days later.
    for part in ["F-1", "high", "2026-12-05", "the next run of rds-prod"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let journal = leaked("the delete was denied");
    let (_, text) = parsed(&page(&journal));
    for part in ["LEAKED", "May still exist", "delete-db-instance", &format!("drill resume {}", journal.run)] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let mut journal = Journal::begin(Mode::Aws, "Orders database");
    let (_, text) = parsed(&page(&journal));
    assert!(text.contains("UNFINISHED") && !text.contains("Critical path"), "{text}");
    journal.picked();
    assert!(parsed(&page(&journal)).1.contains("Critical path: preflight → pick.orders."));
}

#[test]
fn the_same_journal_gives_the_same_page() {
    let journal = passed(Mode::Aws, "Orders database");
    assert_eq!(page(&journal), page(&journal));
    assert_eq!(suite(&journal), suite(&journal));
}

// ---- junit.xml ----

/// The cases of a suite: name, and the element inside with its message.
fn cases(xml: &str) -> Vec<(String, Option<(String, String)>)> {
    let attribute = |element: &BytesStart<'_>, name: &str| {
        let found = element.attributes().map(|one| one.expect("an attribute")).find(|one| one.key.0 == name);
        found.expect("it is there").normalized_value(XmlVersion::Implicit1_0).expect("it can be read").into_owned()
    };
    let (mut reader, mut found) = (Reader::from_str(xml), Vec::new());
    loop {
        match reader.read_event().expect("it is XML") {
            Event::Start(element) | Event::Empty(element) => match element.name().0 {
                "testcase" => found.push((attribute(&element, "name"), None)),
                word @ ("failure" | "error" | "skipped") => {
                    let message = attribute(&element, "message");
                    found.last_mut().expect("it is in a case").1 = Some((word.to_owned(), message));
                }
                "testsuites" | "testsuite" | "properties" | "property" => {}
                other => panic!("the element {other}"),
            },
            Event::Eof => return found,
            _ => {}
        }
    }
}

#[test]
fn a_build_server_sees_each_objective_and_each_probe() {
    let outcomes = |journal: &Journal| -> Vec<(String, String)> {
        let word = |inside: Option<(String, String)>| inside.map_or_else(|| "passed".to_owned(), |(word, _)| word);
        cases(&suite(journal)).into_iter().map(|(name, inside)| (name, word(inside))).collect()
    };
    let names = ["verdict", "rto", "rpo", "copy_lag", "data_age", "has-orders"];
    let with = |words: [&str; 6]| -> Vec<(String, String)> {
        names.iter().zip(words).map(|(name, word)| ((*name).to_owned(), word.to_owned())).collect()
    };
    let all = outcomes(&passed(Mode::Aws, "Orders database"));
    assert_eq!(all, with(["passed", "passed", "passed", "passed", "skipped", "passed"]));
    let all = outcomes(&failed("the table is empty"));
    assert_eq!(all, with(["failure", "passed", "passed", "passed", "skipped", "failure"]));
    assert_eq!(outcomes(&leaked("the delete was denied"))[0].1, "error");
    assert_eq!(outcomes(&Journal::begin(Mode::Aws, "Orders database"))[0].1, "error");
}

#[test]
fn hostile_text_stays_in_its_attribute() {
    for said in [HOSTILE, MARKUP, "a\u{ffff}\u{fffe}\u{0}b"] {
        let all = cases(&suite(&failed(said)));
        assert_eq!(all.len(), 6, "{said}");
        let (_, message) = all[0].1.as_ref().expect("it failed");
        let shown = restore_drill::words::text::tame(said).replace(['\u{ffff}', '\u{fffe}'], "\u{fffd}");
        assert_eq!(*message, format!("failed: {shown}"));
    }
}

// ---- the schema of report.json ----

/// What a value has against a schema: keys that it does not name are wrong, too. Only keywords that our schema uses.
fn wrong(schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let keywords = schema.as_object().expect("a schema is an object");
    for (keyword, rule) in keywords {
        let holds = match keyword.as_str() {
            "type" => is_of(rule.as_str().expect("one type"), value),
            "const" => rule == value,
            "enum" => rule.as_array().expect("a list").contains(value),
            "anyOf" => {
                let tried: Vec<Vec<String>> = rule
                    .as_array()
                    .expect("a list")
                    .iter()
                    .map(|one| {
                        let mut problems = Vec::new();
                        wrong(one, value, place, &mut problems);
                        problems
                    })
                    .collect();
                if !tried.iter().any(Vec::is_empty) {
                    found.extend(tried.into_iter().flatten());
                }
                true
            }
            "required" => rule.as_array().expect("a list").iter().all(|key| {
                let key = key.as_str().expect("a key");
                value.as_object().is_none_or(|fields| fields.contains_key(key))
            }),
            "properties" => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    match rule.get(key) {
                        Some(schema) => wrong(schema, inner, &format!("{place}/{key}"), found),
                        None => found.push(format!("{place}/{key} is not in the schema")),
                    }
                }
                true
            }
            "additionalProperties" => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    wrong(rule, inner, &format!("{place}/{key}"), found);
                }
                true
            }
            "items" => {
                for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                    wrong(rule, inner, &format!("{place}/{index}"), found);
                }
                true
            }
            "$schema" | "title" | "description" => true,
            other => panic!("{place}: nobody looks at the keyword {other}"),
        };
        if !holds {
            found.push(format!("{place}: {keyword} {rule} does not hold for {value}"));
        }
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type {other}"),
    }
}

#[track_caller]
fn assert_fits(report: &Value) {
    let mut found = Vec::new();
    wrong(&schema::report(), report, "", &mut found);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn reports_fit_their_schema() {
    let mut unfinished = Journal::begin(Mode::CustomEndpoint, "Orders database");
    let begun = unfinished.json();
    unfinished.picked();
    let journals = [
        passed(Mode::Aws, "Orders database"),
        passed(Mode::Sandbox, HOSTILE),
        failed("the table is empty"),
        leaked("the delete was denied"),
        unfinished,
    ];
    assert_fits(&begun);
    for journal in journals {
        assert_fits(&journal.json());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_of_real_runs_fit_their_schema() {
    let kept = worlds::ORDERS.replace("teardown: {", "teardown: { when: manual, keep_for: 4h,");
    let failing = worlds::orders_probed_by("  is-right:\n    on: orders\n    command: { argv: [\"false\"] }\n");
    for (definition, verdict) in
        [(worlds::ORDERS, Verdict::Passed), (kept.as_str(), Verdict::Passed), (failing.as_str(), Verdict::Failed)]
    {
        let bench = Bench::new(definition).await;
        let state = bench.run("schema").await;
        assert_eq!(state.concluded.map(|(_, conclusion)| conclusion.verdict), Some(verdict));
        let text = fs::read_to_string(bench.evidence().join("report.json")).expect("it is written");
        assert_fits(&serde_json::from_str(&text).expect("it is JSON"));
        let (_, text) = parsed(&fs::read_to_string(bench.evidence().join("report.html")).expect("it is written"));
        assert!(text.contains(&verdict.word().to_uppercase()), "{text}");
    }
}

#[test]
fn the_schema_notices_what_is_wrong() {
    let journal = passed(Mode::Aws, "Orders database");
    let right = journal.json();
    let changes: [(&str, Value); 5] = [
        ("/verdict", value!("perfect")),
        ("/measures/rto/seconds", value!("660")),
        ("/report/probes/0/required", value!(null)),
        ("/report/timeline/lanes/0/bars/0/status", value!("green")),
        ("/version", value!(2)),
    ];
    for (place, change) in changes {
        let mut report = right.clone();
        *report.pointer_mut(place).unwrap_or_else(|| panic!("{place} is there")) = change;
        let mut found = Vec::new();
        wrong(&schema::report(), &report, "", &mut found);
        assert!(!found.is_empty(), "{place}");
    }
    let mut found = Vec::new();
    wrong(&schema::report(), &value!({}), "", &mut found);
    assert!(!found.is_empty());
}

#[test]
fn the_schema_of_reports_is_printed() {
    let printed = Repository::new().drill(&["schema", "report"]).ends(0).json();
    assert_eq!(printed, schema::report());
    let definition = Repository::new().drill(&["schema"]).ends(0).json();
    assert_ne!(printed["title"], definition["title"]);
}

// ---- formats, and what is printed ----

/// A repository whose drill asks for these formats.
fn asking_for(formats: &str) -> Repository {
    let repository = Repository::with_orders();
    repository.write("drills/orders.yaml", &format!("{ORDERS}report: {{ formats: [{formats}] }}\n"));
    repository
}

/// Runs it with such a browser: the names of the report's files, what it said, and the folder.
fn written(repository: &Repository, browser: &str) -> (BTreeSet<String>, String, PathBuf) {
    let run = ["run", "orders", "--sandbox", "--seed", "7", "--output", "json"];
    let ran = repository.drill_with(&run, &[("DRILL_BROWSER", browser)]).ends(0);
    let evidence = ran.json()["evidence"].as_str().expect("a report is written").to_owned();
    let folder = repository.path().join(evidence);
    let names = fs::read_dir(&folder).expect("the folder is there");
    let names = names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    (names, ran.stderr, folder)
}

fn stand_in() -> String {
    format!("{}/tests/cases/print/browser", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_formats_that_a_definition_names_are_written() {
    let nobody = "/nonexistent/browser";
    let asked: [(&str, &[&str], &[&str]); 3] = [
        ("markdown, json", &["report.md", "report.json"], &["report.html", "junit.xml", "report.pdf"]),
        ("html", &["report.md", "report.json", "report.html"], &["junit.xml", "report.pdf"]),
        ("junit", &["report.md", "report.json", "junit.xml"], &["report.html", "report.pdf"]),
    ];
    for (formats, some, none) in asked {
        let (names, said, _) = written(&asking_for(formats), nobody);
        assert!(some.iter().all(|name| names.contains(*name)), "{formats}: {names:?}");
        assert!(none.iter().all(|name| !names.contains(*name)), "{formats}: {names:?}");
        assert!(!said.contains("printed"), "{said}");
    }
    let (names, _, _) = written(&Repository::with_orders(), nobody);
    assert!(names.contains("report.html") && !names.contains("junit.xml"), "{names:?}");
}

#[test]
fn a_pdf_is_printed_by_the_browser_that_is_named() {
    let repository = asking_for("pdf");
    let (names, said, folder) = written(&repository, &stand_in());
    assert!(names.contains("report.pdf") && !names.contains("report.html"), "{names:?}\n{said}");
    let pdf = folder.join("report.pdf");
    assert_eq!(fs::read(&pdf).expect("it is there"), b"%PDF-1.7 printed\n");
    assert_eq!(fs::metadata(&pdf).expect("it is there").permissions().mode() & 0o777, 0o600);
    let run = folder.file_name().expect("a run has a name").to_string_lossy().into_owned();
    fs::remove_file(&pdf).expect("it can be removed");
    let again = ["report", run.as_str(), "--output", "json"];
    let again = repository.drill_with(&again, &[("DRILL_BROWSER", &stand_in())]).ends(0).json();
    let files: Vec<&str> =
        again["files"].as_array().expect("a list").iter().filter_map(|file| file["name"].as_str()).collect();
    assert!(files.contains(&"report.pdf") && pdf.is_file(), "{files:?}");
}

#[test]
fn without_a_browser_the_report_goes_on() {
    for browser in ["/nonexistent/browser", "/bin/false", "/bin/true"] {
        let (names, said, _) = written(&asking_for("html, pdf"), browser);
        assert!(names.contains("report.html") && !names.contains("report.pdf"), "{browser}: {names:?}");
        assert!(said.contains("report.pdf was not printed") && said.contains(browser), "{browser}: {said}");
    }
}

// ---- in a real browser ----

/// The browser of this machine: the one that is named, else one that is found.
#[expect(clippy::disallowed_methods, reason = "a browser is looked for as the product does it")]
fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("DRILL_BROWSER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut found = folders.iter().flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    named.or_else(|| found.find(|path| path.is_file()))
}

/// Opens a file with a browser that could reach this machine.
fn open(browser: &Path, home: &Path, more: &[String], file: &Path) -> String {
    let mut command = assert_cmd::Command::new(browser);
    command.args(["--headless=new", "--disable-gpu", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--hide-scrollbars"]);
    command.arg(format!("--user-data-dir={}", home.join("profile").display())).args(more).arg(file);
    command.env("HOME", home).timeout(BROWSER_TIME);
    let output = command.output().unwrap_or_else(|error| panic!("{} does not start: {error}", browser.display()));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{} failed: {said}", browser.display());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A page around a page, as wide as a screen, which measures it once it is there.
fn around(page: &str, width: u32) -> String {
    let inside = page.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<!doctype html><meta charset=utf-8><body style=\"margin:0\">\
         <iframe width={width} height=3000 style=\"border:0\" srcdoc=\"{inside}\"></iframe><pre id=measured></pre><script>\
         addEventListener('load', () => {{\
           const inner = document.querySelector('iframe').contentDocument, page = inner.scrollingElement;\
           const scripts = inner.querySelectorAll('script, img, iframe, object, link, [onload], [onerror]').length;\
           document.getElementById('measured').textContent =\
             'drill-measured:' + [page.scrollWidth <= page.clientWidth, page.clientWidth, page.scrollWidth, scripts,\
             inner.querySelectorAll('section').length > 9].join(' ');\
         }});</script></body>"
    )
}

#[test]
fn a_real_browser_shows_it_whole_at_any_width_and_asks_nobody_for_anything() {
    let Some(browser) = browser() else {
        println!("skipped: there is no Chromium or Chrome here; DRILL_SETUP=tests scripts/setup.sh installs one");
        return;
    };
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = nobody.local_addr().expect("an address").port();
    let loads = format!(
        "{}{}<img src=http://127.0.0.1:{port}/a><link rel=stylesheet href=http://127.0.0.1:{port}/b>\
         <script src=http://127.0.0.1:{port}/c></script>",
        "a-name-without-any-space-".repeat(20),
        MARKUP
    );
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-screenshots");
    fs::create_dir_all(&kept).expect("a folder");
    let home = tempfile::tempdir().expect("a folder");
    for (name, journal) in
        [("passed", passed(Mode::Sandbox, "Orders database")), ("hostile", leaked(&loads)), ("failed", failed(&loads))]
    {
        let page = page(&journal);
        for width in [360, 1280] {
            let file = home.path().join(format!("{name}-{width}.html"));
            fs::write(&file, around(&page, width)).expect("a file");
            let dom = open(&browser, home.path(), &["--dump-dom".to_owned()], &file);
            let measured = dom.split("drill-measured:").nth(1).and_then(|rest| rest.split('<').next());
            let measured = measured.unwrap_or_else(|| panic!("{name} at {width}: nothing was measured:\n{dom}"));
            let words: Vec<&str> = measured.split(' ').collect();
            assert_eq!((words[0], words[3], words[4]), ("true", "0", "true"), "{name} at {width}: {measured}");
            let picture = kept.join(format!("{name}-{width}.png"));
            let shot =
                [format!("--screenshot={}", picture.display()), format!("--window-size={},3000", width.max(600))];
            open(&browser, home.path(), &shot, &file);
            assert!(picture.is_file(), "{}", picture.display());
        }
    }
    nobody.set_nonblocking(true).expect("a socket");
    assert!(nobody.accept().is_err(), "somebody was asked for something");
}

#[test]
fn a_real_browser_prints_it() {
    let Some(browser) = browser() else {
        println!("skipped: there is no Chromium or Chrome here; DRILL_SETUP=tests scripts/setup.sh installs one");
        return;
    };
    let repository = asking_for("html, pdf");
    let (names, said, folder) = written(&repository, &browser.display().to_string());
    assert!(names.contains("report.pdf"), "{said}");
    let pdf = fs::read(folder.join("report.pdf")).expect("it is there");
    assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 5_000, "{} bytes", pdf.len());
}
