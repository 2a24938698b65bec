//! Reports, rendered from journals that are written here by hand: no run, no AWS, no clock.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use restore_drill::cloud::check::Check;
use restore_drill::cloud::ground::Identity;
use restore_drill::cloud::resource::{Endpoint, Expected, Observation, Phase};
use restore_drill::cloud::vault::{CopyEvidence, Picked, Rejected};
use restore_drill::cloud::vault::{JobStatus, RecoveryPoint, RestoreJob};
use restore_drill::definition::model::{Definition, ProbeReason};
use restore_drill::journal::chain::Hash;
use restore_drill::journal::event::{
    Class, Event, Failure, GoneProof, Intended, Recorded, ReportFile, RunStarted, StepEnd, Tried, Witness,
};
use restore_drill::journal::measure::{Measure, Measures};
use restore_drill::journal::state::State;
use restore_drill::journal::verdict::{Conclusion, Reason};
use restore_drill::plan::compile::compile;
use restore_drill::plan::show::{View, dot, json as plan_json, mermaid, text};
use restore_drill::probe::{Miss, Observed};
use restore_drill::report::{facts, json, runbook};
use restore_drill::run::step::report::rendered;
use restore_drill::words::arn::Arn;
use restore_drill::words::id::{Name, RunId};
use restore_drill::words::kind::{CheckId, Mode, Verdict};
use serde_json::{Value, json as value};

pub(crate) const TYPES: restore_drill::cloud::resource::Types = restore_drill::aws::resource::facts;
const POINT: &str = "arn:aws:rds:eu-west-1:123456789012:snapshot:awsbackup:copyjob-1";
const OTHER_POINT: &str = "arn:aws:rds:eu-west-1:123456789012:snapshot:awsbackup:copyjob-0";
const JOB: &str = "5A3D7C42-0000-4000-8000-000000000003";

/// Everything that could mean something to Markdown, HTML, Mermaid, a shell or a terminal.
pub(crate) const HOSTILE: &str = "x\n# INJECTED\n\n| a | b |\n|---|---|\n- INJECTED\n```\n````\n<script>alert(1)</script> \
                       ![i](http://e) [l](javascript:1) `c` **b** $(rm -rf /) 'q' \"d\" \\ @team | end]; click a\
                       \u{1b}[31m\u{202e} https://e www.e";

/// A journal under the pen.
pub(crate) struct Journal {
    pub(crate) run: RunId,
    at: Timestamp,
    pub(crate) records: Vec<Recorded>,
    /// Stands wherever somebody else's text can stand.
    said: String,
}

impl Journal {
    pub(crate) fn begin(mode: Mode, said: &str) -> Self {
        Self::begin_with(mode, said, BTreeMap::new())
    }

    fn begin_with(mode: Mode, said: &str, templates: BTreeMap<String, String>) -> Self {
        let at: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        let run = RunId::new(1_795_230_000_000, [7; 10]);
        let mut journal = Self { run, at, records: Vec::new(), said: said.to_owned() };
        let plan = compile(&definition(said), restore_drill::aws::resource::facts).unwrap();
        let started = RunStarted {
            version: "0.1.0".to_owned(),
            definition_sha256: "d".repeat(64),
            folder: "drills".to_owned(),
            vars: BTreeMap::from([("stage".to_owned(), said.to_owned())]),
            templates: templates.into(),
            seed: (mode == Mode::Sandbox).then_some(7),
            ..RunStarted::new(mode, plan, "version: 1", said)
        };
        journal.push(0, Event::RunStarted(Box::new(started)));
        journal
    }

    fn push(&mut self, after_seconds: i64, event: Event) {
        self.at = self.at.checked_add(SignedDuration::from_secs(after_seconds)).unwrap();
        let seq = u64::try_from(self.records.len()).unwrap() + 1;
        let prev = self.records.last().map_or_else(Hash::zero, |record| record.hash.clone());
        self.records.push(Recorded::new(self.run, seq, self.at, event, prev).unwrap());
    }

    fn start(&mut self, step: &str) {
        self.push(1, Event::StepStarted { step: step.parse().unwrap() });
    }

    fn end(&mut self, step: &str, end: StepEnd) {
        self.push(1, Event::StepEnded { step: step.parse().unwrap(), end });
    }

    pub(crate) fn state(&self) -> State {
        State::replay(&self.records).unwrap()
    }

    fn markdown(&self) -> String {
        let context = facts::context(&self.state(), &self.records, TYPES);
        runbook::render(&BTreeMap::new(), &name("default"), &context).unwrap()
    }

    /// `report.json`, as it is written.
    pub(crate) fn json(&self) -> Value {
        let files = rendered(&self.records, TYPES).expect("a report");
        let (_, text) = files.iter().find(|(name, _)| *name == "report.json").expect("it is always one of them");
        serde_json::from_str(text).expect("it is JSON")
    }

    pub(crate) fn picked(&mut self) {
        let said = self.said.clone();
        let check = Check::not_checked(CheckId::VaultPlace, &said, &said).mended_by(&said);
        let identity = Identity { account: "123456789012".parse().unwrap(), arn: said.clone() };
        self.start("preflight");
        self.push(1, Event::Preflighted { identity: Some(identity), checks: vec![check] });
        self.end("preflight", StepEnd::Passed);
        self.start("pick.orders");
        let rejected = Rejected { arn: arn(OTHER_POINT), created: None, status: said.clone(), reason: said.clone() };
        let copy = CopyEvidence::Seen { arrived: "2026-11-20T06:00:00Z".parse().unwrap() };
        let picked = Picked { chosen: Some(point(&said)), rejected: vec![rejected], older: 0, copy };
        self.push(1, Event::Picked { restore: name("orders"), picked: Box::new(picked) });
        self.end("pick.orders", StepEnd::Passed);
    }

    fn restored(&mut self) {
        let said = self.said.clone();
        self.start("restore.orders");
        self.push(0, Event::RestoreIntended { restore: name("orders"), entry: Box::new(intended(&self.run, &said)) });
        self.push(2, Event::RestoreAccepted { restore: name("orders"), job: JOB.parse().unwrap(), found: false });
        self.push(30, Event::JobSeen { restore: name("orders"), job: job(JobStatus::Running, &said) });
        self.push(600, Event::JobSeen { restore: name("orders"), job: job(JobStatus::Completed, &said) });
        self.end("restore.orders", StepEnd::Passed);
        self.start("ready.orders");
        self.push(5, Event::ResourceSeen { restore: name("orders"), observation: observation(&said) });
        let remove = BTreeMap::from([("backup".to_owned(), said.clone())]);
        let add = BTreeMap::from([("drill:run".to_owned(), self.run.to_string())]);
        self.push(1, Event::StampIntended { restore: name("orders"), remove, add });
        self.push(1, Event::Stamped { restore: name("orders") });
        self.push(0, Event::Warned { step: "ready.orders".parse().unwrap(), text: said });
        self.end("ready.orders", StepEnd::Passed);
    }

    fn probed(&mut self, held: bool) {
        let said = self.said.clone();
        let note = Value::from(said.clone());
        let values = BTreeMap::from([("orders".to_owned(), value!(1_204)), ("note".to_owned(), note)]);
        let observed = Observed { values, facts: BTreeMap::from([("server".to_owned(), said.clone())]) };
        self.start("probe.has-orders");
        let (result, end) = if held {
            (Tried::Held { observed, explained: vec![said.clone()] }, StepEnd::Passed)
        } else {
            let reason = ProbeReason::Expectation;
            let miss = Miss { reason, message: said.clone(), observed: Some(observed), missing_data: false };
            let failure = Failure { class: Class::Data, message: said.clone(), advice: None, request_id: None };
            (Tried::Missed { miss }, StepEnd::Failed(failure))
        };
        self.push(2, Event::ProbeTried { probe: name("has-orders"), attempt: 1, result });
        let miss = Miss { reason: ProbeReason::Expectation, message: said, observed: None, missing_data: false };
        self.push(1, Event::ControlTried { probe: name("has-orders"), attempt: 1, result: Tried::Missed { miss } });
        self.end("probe.has-orders", end);
    }

    fn torn_down(&mut self) {
        self.start("teardown.orders");
        let witness = Witness::RestoreJob { job: JOB.parse().unwrap() };
        self.push(1, Event::RemovalIntended { restore: name("orders"), witness });
        self.push(1, Event::RemovalAccepted { restore: name("orders") });
        let proof = GoneProof::AbsentTwice { first: self.at, second: self.at };
        self.push(180, Event::Gone { restore: name("orders"), proof });
        self.end("teardown.orders", StepEnd::Passed);
    }

    fn concluded(&mut self, verdict: Verdict) {
        let said = self.said.clone();
        let reason = Reason {
            makes: verdict,
            step: Some("probe.has-orders".parse().unwrap()),
            text: said.clone(),
            advice: Some(said.clone()),
        };
        let reasons = if verdict == Verdict::Passed { Vec::new() } else { vec![reason] };
        let measure = |minutes| Measure {
            value: Some(SignedDuration::from_mins(minutes)),
            target: Some(SignedDuration::from_mins(60)),
            how: said.clone(),
        };
        let measures = Measures {
            rto: measure(11),
            rpo: measure(12),
            copy_lag: measure(13),
            data_age: Measure { value: None, target: None, how: said.clone() },
            waited: SignedDuration::ZERO,
            skew: None,
            rto_phases: vec![("restore".to_owned(), SignedDuration::from_mins(10))],
            restores: BTreeMap::new(),
        };
        self.start("report");
        self.push(0, Event::Concluded { conclusion: Box::new(Conclusion { verdict, reasons, measures }) });
    }
}

pub(crate) fn passed(mode: Mode, said: &str) -> Journal {
    passed_with(mode, said, BTreeMap::new())
}

/// The same, begun with these templates.
pub(crate) fn passed_with(mode: Mode, said: &str, templates: BTreeMap<String, String>) -> Journal {
    let mut journal = Journal::begin_with(mode, said, templates);
    journal.picked();
    journal.restored();
    journal.probed(true);
    journal.torn_down();
    journal.concluded(Verdict::Passed);
    journal
}

pub(crate) fn failed(said: &str) -> Journal {
    let mut journal = Journal::begin(Mode::Aws, said);
    journal.picked();
    journal.restored();
    journal.push(1, Event::RunResumed { by: said.to_owned() });
    journal.probed(false);
    journal.torn_down();
    journal.concluded(Verdict::Failed);
    journal
}

pub(crate) fn leaked(said: &str) -> Journal {
    let mut journal = Journal::begin(Mode::Aws, said);
    journal.picked();
    journal.restored();
    journal.probed(true);
    journal.start("teardown.orders");
    let failure = Failure {
        class: Class::Deadline,
        message: said.to_owned(),
        advice: Some(said.to_owned()),
        request_id: Some("r-1".to_owned()),
    };
    journal.end("teardown.orders", StepEnd::Failed(failure));
    journal.concluded(Verdict::Leaked);
    journal
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn arn(text: &str) -> Arn {
    text.parse().unwrap()
}

fn definition(said: &str) -> Definition {
    serde_json::from_value(value!({
        "name": "rds-prod",
        "title": said,
        "owner": said,
        "labels": { "tier": said },
        "controls": [said],
        "objectives": { "rto": "PT1H" },
        "source": { "region": "eu-west-2", "account": "123456789012" },
        "destination": {
            "region": "eu-west-1",
            "account": "123456789012",
            "vault": "prod-rds-vault-dr",
            "restore_role": "arn:aws:iam::123456789012:role/drill-restore",
        },
        "limits": { "max_duration": "PT4H", "max_parallel_restores": 4 },
        "restore": {
            "orders": {
                "kind": "rds",
                "resource": "arn:aws:rds:eu-west-2:123456789012:db:orders",
                "metadata": { "Raw": said },
                "timeout": "PT1H30M",
            },
        },
        "probes": {
            "has-orders": {
                "on": "orders",
                "kind": "sql",
                "settings": { "query": said, "password": { "secretsmanager": "drill/orders" } },
                "timeout": "PT30S",
                "expect": { "orders": { "at_least": 1000.0, "matches": said } },
                "negative_control": { "settings": { "query": "SELECT 0 AS orders" }, "fails_with": "expectation" },
            },
        },
        "teardown": { "timeout": "PT2H" },
        "report": { "runbook": "default" },
    }))
    .unwrap()
}

fn point(said: &str) -> RecoveryPoint {
    RecoveryPoint {
        arn: arn(POINT),
        resource: Some(arn("arn:aws:rds:eu-west-2:123456789012:db:orders")),
        resource_type: Some("RDS".to_owned()),
        status: said.to_owned(),
        created: Some("2026-11-20T05:00:00Z".parse().unwrap()),
        size_bytes: Some(120 << 30),
        source_vault: Some(arn("arn:aws:backup:eu-west-2:123456789012:backup-vault:prod")),
        delete_at: None,
        delete_after_copy: false,
        is_parent: false,
        encryption_key: None,
        malware: false,
        plan: None,
    }
}

fn intended(run: &RunId, said: &str) -> Intended {
    let made = format!("drill-{}-orders", run.short());
    Intended {
        attempt: 1,
        expected: Expected {
            arn: Some(arn(&format!("arn:aws:rds:eu-west-1:123456789012:db:{made}"))),
            name: made.clone(),
            region: "eu-west-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
        },
        token: format!("drill-{}", "0".repeat(48)).parse().unwrap(),
        metadata: BTreeMap::from([
            ("DBInstanceIdentifier".to_owned(), made),
            ("Raw".to_owned(), format!("a private value {said}")),
            ("Engine".to_owned(), "postgres".to_owned()),
        ]),
        point: arn(POINT),
        role: arn("arn:aws:iam::123456789012:role/drill-restore"),
    }
}

fn job(status: JobStatus, said: &str) -> RestoreJob {
    RestoreJob {
        id: JOB.parse().unwrap(),
        status,
        message: Some(said.to_owned()),
        point: Some(arn(POINT)),
        created_resource: None,
        created: None,
        completed: None,
        from_restore_testing: false,
    }
}

fn observation(said: &str) -> Observation {
    Observation {
        phase: Phase::Ready,
        status: said.to_owned(),
        endpoint: Some(Endpoint { host: said.to_owned(), port: Some(5432) }),
        protected: false,
        parts: Vec::new(),
        facts: BTreeMap::from([(said.to_owned(), said.to_owned())]),
    }
}

/// Lines outside fences. Every fence must be closed.
fn prose(markdown: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut fence = 0;
    for line in markdown.lines() {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        if fence > 0 {
            if ticks >= fence && line.trim_end().len() == ticks {
                fence = 0;
            }
        } else if ticks >= 3 && !line[ticks..].contains('`') {
            fence = ticks;
        } else {
            out.push(line);
        }
    }
    assert_eq!(fence, 0, "a fence is not closed:\n{markdown}");
    out
}

/// Pipes that end a cell.
fn pipes(line: &str) -> usize {
    let mut count = 0;
    let mut escaped = false;
    for c in line.chars() {
        if c == '|' && !escaped {
            count += 1;
        }
        escaped = c == '\\' && !escaped;
    }
    count
}

/// What structure a Markdown has: its headings, its list items, and for each table row the number of its cells.
fn structure(markdown: &str) -> Vec<String> {
    let marks = |line: &&str| match line.trim_start() {
        text if text.starts_with('#') => Some(format!("heading {}", text.chars().take_while(|c| *c == '#').count())),
        text if text.starts_with('|') => Some(format!("row {}", pipes(text))),
        text if text.starts_with("- ") || text.starts_with("* ") || text.starts_with("+ ") => Some("item".to_owned()),
        text if text.starts_with('>') => Some("quote".to_owned()),
        text if text.starts_with("---") || text.starts_with("===") => Some("rule".to_owned()),
        _ => None,
    };
    prose(markdown).iter().filter_map(marks).collect()
}

#[test]
fn a_passed_report_begins_with_its_verdict_and_names_what_matters() {
    let markdown = passed(Mode::Aws, "Orders database").markdown();
    assert_eq!(markdown.lines().next().unwrap(), "# ✅ PASSED: Orders database");
    for wanted in [
        "**Verdict: passed.**",
        POINT,
        OTHER_POINT,
        JOB,
        "drill-restore",
        "120.0 GiB",
        "What was not tested",
        "aws backup start-restore-job",
        "flowchart LR",
        "gantt",
        "secretsmanager",
        "AWS answered twice",
    ] {
        assert!(markdown.contains(wanted), "{wanted} is missing in:\n{markdown}");
    }
    assert!(!markdown.contains("REHEARSAL"));
    assert!(!markdown.contains("\n\n\n\n"), "{markdown}");
}

#[test]
fn private_metadata_is_shown_as_a_hash() {
    let journal = passed(Mode::Aws, "Orders database");
    let markdown = journal.markdown();
    assert!(!markdown.contains("a private value"));
    assert!(markdown.contains("sha256:"));
    assert!(markdown.contains(&format!("drill-{}-orders", journal.run.short())));
}

#[test]
fn a_rehearsal_says_so_before_anything_else() {
    let markdown = passed(Mode::Sandbox, "Orders database").markdown();
    assert_eq!(markdown.lines().nth(2).unwrap(), "> **REHEARSAL — simulated AWS, seed 7. Not evidence.**");
}

#[test]
fn a_failed_report_says_why_first() {
    let markdown = failed("the table is empty").markdown();
    assert!(markdown.starts_with("# ❌ FAILED: "), "{markdown}");
    assert!(markdown.contains("- `probe.has-orders`: the table is empty"), "{markdown}");
    assert!(markdown.contains("another process went on with the run"));
}

#[test]
fn a_leak_names_the_resource_the_command_and_resume() {
    let journal = leaked("the delete was denied");
    let markdown = journal.markdown();
    assert!(markdown.starts_with("# 🚨 LEAKED: "), "{markdown}");
    assert!(markdown.contains("delete-db-instance"), "{markdown}");
    assert!(markdown.contains(&format!("drill resume {}", journal.run)), "{markdown}");
}

#[test]
fn a_run_without_a_verdict_has_a_report_too() {
    let mut journal = Journal::begin(Mode::Aws, "Orders database");
    journal.picked();
    assert!(journal.markdown().starts_with("# ⏳ UNFINISHED: "));
    assert_eq!(json::summary(&journal.state(), None)["verdict"], Value::Null);
}

#[test]
fn the_same_journal_gives_the_same_bytes_and_later_records_change_none() {
    let mut journal = passed(Mode::Aws, "Orders database");
    let (markdown, report) = (journal.markdown(), journal.json().to_string());
    assert_eq!(journal.markdown(), markdown);
    let file = ReportFile { name: "report.md".to_owned(), sha256: "0".repeat(64) };
    journal.push(3, Event::ReportWritten { files: vec![file] });
    journal.end("report", StepEnd::Passed);
    assert_eq!(journal.markdown(), markdown);
    assert_eq!(journal.json().to_string(), report);
}

#[test]
fn hostile_text_never_becomes_structure() {
    let make: [fn(&str) -> Journal; 3] = [|said| passed(Mode::Sandbox, said), failed, leaked];
    for journal in make {
        let (tame, hostile) = (journal("plain words").markdown(), journal(HOSTILE).markdown());
        assert_eq!(structure(&hostile), structure(&tame), "{hostile}");
        for c in ['\u{1b}', '\u{202e}', '\u{7}'] {
            assert!(!hostile.contains(c));
        }
        for line in prose(&hostile) {
            assert!(!line.contains("<script"), "{line}");
            assert!(!line.contains(" [l]("), "{line}");
        }
    }
}

#[test]
fn the_summary_is_the_documented_object() {
    let journal = leaked("the delete was denied");
    let summary = json::summary(&journal.state(), Some("reports/rds-prod/1"));
    let keys: Vec<&String> = summary.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "version",
            "run",
            "drill",
            "mode",
            "verdict",
            "exit_code",
            "earlier_verdicts",
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
            "restores"
        ]
    );
    assert_eq!(summary["measures"]["rto"], value!({ "seconds": 660, "target_seconds": 3600, "met": true }));
    assert_eq!(summary["exit_code"], 4);
    assert_eq!(summary["created"][0]["state"], "present");
    assert_eq!(summary["created"][0]["removed"], false);
    assert_eq!(summary["failures"][1]["request_id"], "r-1");
    assert_eq!(summary["restores"]["orders"]["job"], JOB);
    let passed = json::summary(&passed(Mode::Aws, "x").state(), None);
    assert_eq!(passed["failure"], Value::Null);
    assert_eq!(passed["created"][0]["state"], "gone");
}

#[test]
fn a_template_that_asks_for_too_much_is_pointed_at() {
    let journal = passed(Mode::Aws, "Orders database");
    let context = facts::context(&journal.state(), &journal.records, TYPES);
    let render = |template: &str| {
        let templates = BTreeMap::from([("own".to_owned(), template.to_owned())]);
        runbook::render(&templates, &name("own"), &context).map_err(|error| error.to_string())
    };
    let own = render("Drill {{scope.drill}}\n\n{{> partials/limits}}\n").unwrap();
    assert!(own.starts_with("Drill rds-prod\n\n## What was tested\n"), "{own}");
    for template in ["a\n{{scope.drll}}", "a\n{{md scope.drll}}", "a\n{{#if scope.drll}}x{{/if}}"] {
        let error = render(template).unwrap_err();
        assert!(error.contains("runbooks/own.md.hbs, line 2") && error.contains("scope.drll"), "{error}");
    }
    assert!(render("a\n{{#if scope.drill}}").unwrap_err().contains("runbooks/own.md.hbs"));
    let missing = runbook::render(&BTreeMap::new(), &name("nope"), &context).unwrap_err().to_string();
    assert!(missing.contains("`nope`") && missing.contains("`default`"), "{missing}");
}

#[test]
fn a_plan_is_shown_in_every_form() {
    let definition = definition(HOSTILE);
    let plan = compile(&definition, restore_drill::aws::resource::facts).unwrap();
    let copy = CopyEvidence::NotMeasured { because: HOSTILE.to_owned() };
    let picked = Picked { chosen: Some(point(HOSTILE)), rejected: Vec::new(), older: 0, copy };
    let points = BTreeMap::from([(name("orders"), picked)]);
    let permissions = ["backup:StartRestoreJob".to_owned()];
    let view = View {
        plan: &plan,
        points: Some(&points),
        checks: None,
        permissions: &permissions,
        estimate: None,
        cost: None,
    };
    let text = text::text(&view);
    assert!(text.contains("teardown.orders") && text.contains(POINT) && text.contains("120.0 GiB"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains("\n# INJECTED"), "{text}");
    let json: Value = serde_json::from_str(&plan_json::json(&view)).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["steps"][0]["id"], "preflight");
    assert_eq!(json["recovery_points"]["orders"]["chosen"]["arn"], POINT);
    let mermaid = mermaid::mermaid(&view);
    assert!(mermaid.starts_with("flowchart LR\n") && mermaid.contains("-.->"), "{mermaid}");
    assert!(dot::dot(&view).contains("style=dashed"));
}
