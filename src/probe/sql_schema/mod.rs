//! `sql_schema`: has a restored database the tables, columns, indexes and constraints that it should have?
//!
//! `settings` is what a definition says; `asked` puts the questions of `postgres`, `mysql` or `sqlserver` over the
//! session of `sql`; `lines` makes one line of each thing; `difference` holds two schemas against each other.
//!
//! Observed: `fingerprint`, `tables`, `columns`, `indexes`, `constraints` and `schema`, the lines themselves; with
//! `against` also `same`, `missing` and `added`. A schema that is not the same is a miss, and so is an empty one: a
//! user who may see nothing sees an empty schema.

mod asked;
mod difference;
mod lines;
mod mysql;
mod postgres;
mod settings;
mod sqlserver;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{miss, own_file, shown};
use crate::probe::source::{side, unread};
use crate::probe::sql::login::Login;
use crate::probe::sql_schema::asked::{Said, read};
use crate::probe::sql_schema::difference::Reference;
use crate::probe::sql_schema::lines::{MOST_LINES, Schema};
use crate::probe::sql_schema::settings::{Against, SchemaSettings};
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome, ProbeCalls};
use crate::words::kind::ProbeKind;
use crate::yaml::shape::Field;

/// The observed value that the engine records, and under which it is found in the last passed run.
const RECORDED: &str = "schema";

/// The fact that says what the schema was held against.
const COMPARED_WITH: &str = "compared with";

/// The largest file with a schema, in bytes.
const LONGEST_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The kind.
pub struct SqlSchema;

#[async_trait]
impl ProbeCalls for SqlSchema {
    fn kind(&self) -> ProbeKind {
        ProbeKind::SqlSchema
    }

    fn about(&self) -> &'static str {
        "Compare a database's tables, columns, indexes and constraints."
    }

    fn holds_when(&self) -> &'static str {
        "the schema is not empty, and the same as what it is compared with"
    }

    fn page(&self) -> &'static str {
        include_str!("../pages/sql_schema.md")
    }

    fn fields(&self) -> Vec<Field> {
        settings::fields()
    }

    fn reads_data(&self) -> bool {
        true
    }

    fn judges(&self) -> bool {
        true
    }

    fn control_keys(&self) -> &'static [&'static str] {
        &["schemas", "against", "database", "user", "password", "host", "port", "tls"]
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        SchemaSettings::read(settings)?.check()
    }

    async fn attempt(&self, settings: &Settings, target: &Target, timeout: Duration) -> Outcome {
        let settings = SchemaSettings::read(settings).map_err(|problem| setup(&problem))?;
        // At once: the two should be of one moment, and each has all of the time.
        let (restored, wanted) =
            tokio::join!(within(&settings.all.login, target, timeout), reference(&settings, target, timeout));
        judged(&restored?, wanted, &settings)
    }
}

fn setup(problem: &str) -> Miss {
    miss(ProbeReason::Setup, problem)
}

async fn within(login: &Login, target: &Target, timeout: Duration) -> Result<Said, Miss> {
    let late = |_| Err(miss(ProbeReason::Timeout, &format!("the schema was not read within {}", shown(timeout))));
    tokio::time::timeout(timeout, read(login, target, timeout)).await.unwrap_or_else(late)
}

/// What a schema is held against, and what to call it.
struct Wanted {
    what: String,
    schema: Reference,
}

fn judged(said: &Said, wanted: Result<Option<Wanted>, Miss>, settings: &SchemaSettings) -> Outcome {
    let schema = Schema::of(said, &settings.scope());
    if schema.tables == 0 {
        let message = "there is no table in any of the schemas that count and that the user may see";
        return Err(Miss { missing_data: true, ..miss(ProbeReason::Query, message) });
    }
    let mut seen = observed(&schema, said.facts.clone());
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(missed) => return Err(Miss { observed: Some(seen), ..missed }),
    };
    let Some(Wanted { what, schema: reference }) = wanted else {
        if settings.all.against.is_some() {
            seen.facts.insert(COMPARED_WITH.to_owned(), "nothing: no passed run to compare with".to_owned());
        }
        return Ok(seen);
    };
    seen.facts.insert(COMPARED_WITH.to_owned(), what.clone());
    let difference = reference.difference(&schema);
    seen.values.insert("same".to_owned(), difference.is_none().into());
    let (missing, added) =
        difference.as_ref().map(|found| (found.missing.as_slice(), found.added.as_slice())).unwrap_or_default();
    seen.values.insert("missing".to_owned(), list(missing));
    seen.values.insert("added".to_owned(), list(added));
    match difference {
        None => Ok(seen),
        Some(found) => Err(Miss { observed: Some(seen), ..miss(ProbeReason::Expectation, &found.message(&what)) }),
    }
}

fn list(lines: &[String]) -> Value {
    lines.iter().take(MOST_LINES).map(String::as_str).collect()
}

fn observed(schema: &Schema, mut facts: BTreeMap<String, String>) -> Observed {
    let values = BTreeMap::from([
        ("fingerprint".to_owned(), Value::from(schema.fingerprint())),
        ("tables".to_owned(), Value::from(schema.tables)),
        ("columns".to_owned(), Value::from(schema.columns)),
        ("indexes".to_owned(), Value::from(schema.indexes)),
        ("constraints".to_owned(), Value::from(schema.constraints)),
        (RECORDED.to_owned(), list(&schema.recorded())),
    ]);
    // It is about one question of several.
    facts.remove("rows");
    if schema.lines.len() > MOST_LINES {
        let all = schema.lines.len();
        let fact = format!("{all} lines, of which {MOST_LINES} are observed; the fingerprint is that of all");
        facts.insert(RECORDED.to_owned(), fact);
    }
    Observed { values, facts }
}

/// What the restored schema should be; none where nothing is wanted, or no run has passed yet.
async fn reference(settings: &SchemaSettings, target: &Target, timeout: Duration) -> Result<Option<Wanted>, Miss> {
    let ignore = settings.all.ignore.as_slice();
    let (what, schema) = match &settings.all.against {
        None => return Ok(None),
        Some(Against::LastPass(_)) => {
            let Some(recorded) = target.last_pass.get(RECORDED) else { return Ok(None) };
            ("the last passed run's".to_owned(), Reference::recorded(texts(recorded)?, ignore))
        }
        Some(Against::File(path)) => {
            let lines = lines_of(path, target).map_err(|problem| setup(&problem))?;
            (format!("that of `{path}`"), Reference::recorded(lines, ignore))
        }
        Some(Against::Source(overlay)) => {
            let schema = live(overlay, settings, target, timeout).await.map_err(unread)?;
            ("the source's".to_owned(), Reference::live(schema))
        }
    };
    Ok(Some(Wanted { what, schema }))
}

fn texts(recorded: &Value) -> Result<Vec<String>, Miss> {
    let text = |line: &Value| line.as_str().map(str::to_owned);
    let lines = recorded.as_array().and_then(|lines| lines.iter().map(text).collect::<Option<Vec<String>>>());
    lines.ok_or_else(|| setup("what the last passed run recorded as `schema` is none"))
}

/// The lines of a file that holds one JSON text a line.
fn lines_of(path: &str, target: &Target) -> Result<Vec<String>, String> {
    let bytes = own_file(&target.folder, path, LONGEST_FILE_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| format!("`{path}` is not UTF-8 text"))?;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let parsed = serde_json::from_str(line).map_err(|_| {
            format!("line {} of `{path}` is not a JSON text; write each line of a recorded `schema` as one", index + 1)
        });
        lines.push(parsed?);
    }
    if lines.is_empty() { Err(format!("`{path}` holds no line of a schema")) } else { Ok(lines) }
}

/// The schema of the source, as it is now.
async fn live(
    overlay: &Settings,
    settings: &SchemaSettings,
    target: &Target,
    timeout: Duration,
) -> Result<Schema, Miss> {
    let port = target.endpoint.as_ref().and_then(|endpoint| endpoint.port);
    let login = settings.source(overlay, port).map_err(|problem| setup(&problem))?;
    let said = within(&login, side(target)?, timeout).await?;
    let schema = Schema::of(&said, &settings.scope());
    if schema.tables == 0 {
        return Err(setup("it shows no table in any of the schemas that count: what may its user see?"));
    }
    Ok(schema)
}

#[cfg(test)]
mod tests {
    use super::{RECORDED, Reference, Said, SchemaSettings, Wanted, judged, lines_of, reference, texts};
    use crate::definition::model::ProbeReason;
    use crate::probe::target::Target;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn settings(against: Value) -> SchemaSettings {
        let all = json!({ "database": "shop", "user": "probe", "password": { "env": "PW" }, "against": against });
        let Value::Object(mut all) = all else { unreachable!() };
        if all["against"].is_null() {
            all.remove("against");
        }
        SchemaSettings::read(&all).unwrap()
    }

    fn said() -> Said {
        let rows = |rows: Value| serde_json::from_value(rows).unwrap();
        Said {
            tables: rows(json!([["a", "t", "table"]])),
            columns: rows(json!([["a", "t", "id", "bigint"]])),
            facts: BTreeMap::from([("engine".to_owned(), "postgres".to_owned())]),
            ..Said::default()
        }
    }

    fn wanted(lines: &[&str]) -> Wanted {
        let lines = lines.iter().map(|line| (*line).to_owned());
        Wanted { what: "the last passed run's".to_owned(), schema: Reference::recorded(lines, &[]) }
    }

    #[test]
    fn counts_lines_and_fingerprint_are_observed() {
        let seen = judged(&said(), Ok(None), &settings(json!(null))).unwrap();
        assert_eq!((&seen.values["tables"], &seen.values["indexes"]), (&json!(1), &json!(0)));
        assert_eq!(seen.values[RECORDED], json!(["column a.t.id bigint", "table a.t"]));
        assert_eq!(seen.values["fingerprint"].as_str().map(str::len), Some(64));
        assert!(!seen.values.contains_key("same") && !seen.facts.contains_key("compared with"));
    }

    #[test]
    fn a_difference_is_a_miss_that_shows_it() {
        let last = settings(json!({ "last_pass": true }));
        let seen = judged(&said(), Ok(Some(wanted(&["column a.t.id bigint", "table a.t"]))), &last).unwrap();
        assert_eq!((&seen.values["same"], &seen.values["missing"]), (&json!(true), &json!([])));
        let missed = judged(&said(), Ok(Some(wanted(&["column a.t.id integer", "table a.t"]))), &last).unwrap_err();
        assert_eq!(missed.reason, ProbeReason::Expectation);
        let shown = "the last passed run's: 1 missing, 1 added: - column a.t.id integer; + column a.t.id bigint";
        assert!(missed.message.ends_with(shown), "{}", missed.message);
        let seen = missed.observed.unwrap();
        assert_eq!(seen.values["same"], json!(false));
        assert_eq!(seen.values["missing"], json!(["column a.t.id integer"]));
        assert_eq!(seen.values["added"], json!(["column a.t.id bigint"]));
    }

    #[test]
    fn an_empty_schema_is_never_right() {
        let missed = judged(&Said::default(), Ok(None), &settings(json!(null))).unwrap_err();
        assert_eq!((missed.reason, missed.missing_data), (ProbeReason::Query, true));
    }

    #[tokio::test]
    async fn the_first_run_has_nothing_to_compare_with() {
        let last = settings(json!({ "last_pass": true }));
        let nothing = reference(&last, &Target::for_tests(), Duration::from_secs(1)).await;
        let seen = judged(&said(), nothing, &last).unwrap();
        assert_eq!(seen.facts["compared with"], "nothing: no passed run to compare with");
        let recorded = BTreeMap::from([(RECORDED.to_owned(), json!(["column a.t.id bigint", "table a.t"]))]);
        let target = Target { last_pass: recorded, ..Target::for_tests() };
        let seen = judged(&said(), reference(&last, &target, Duration::from_secs(1)).await, &last).unwrap();
        assert_eq!(seen.values["same"], json!(true));
        assert!(texts(&json!("a")).is_err() && texts(&json!([1])).is_err() && texts(&json!(["a"])).is_ok());
    }

    #[tokio::test]
    async fn a_source_that_nobody_knows_fails_nothing_that_was_restored() {
        let source = settings(json!({ "source": { "host": "db.example.com" } }));
        let unknown = reference(&source, &Target::for_tests(), Duration::from_secs(1)).await;
        let missed = judged(&said(), unknown, &source).unwrap_err();
        assert_eq!(missed.reason, ProbeReason::Setup);
        assert!(missed.message.contains("the source") && missed.observed.is_some(), "{}", missed.message);
    }

    #[test]
    fn a_file_holds_one_json_text_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target { folder: folder.path().to_owned(), ..Target::for_tests() };
        std::fs::write(folder.path().join("good"), "\"table a.t\"\n\n\"column a.t.id \\\"x\\\"\"\n").unwrap();
        assert_eq!(lines_of("good", &target).unwrap(), ["table a.t", "column a.t.id \"x\""]);
        for (name, text, part) in [("bad", "\"a\"\ntable a.t\n", "line 2"), ("empty", "\n", "no line of a schema")] {
            std::fs::write(folder.path().join(name), text).unwrap();
            let problem = lines_of(name, &target).unwrap_err();
            assert!(problem.contains(part), "{problem}");
        }
        assert!(lines_of("none", &target).is_err());
    }
}
