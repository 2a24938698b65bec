//! What a definition says about a `compare` probe: what is measured, what is different about the source, and what may
//! differ.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;

use crate::cloud::resource::Settings;
use crate::probe::compare::difference::{Tolerance, Within};
use crate::probe::input::typed;
use crate::probe::kind;
use crate::probe::source::overlaid;
use crate::words::kind::ProbeKind;
use crate::yaml::diagnostic::ticked;
use crate::yaml::shape::{Field, Shape};

/// What can be measured on both sides. A comparison is not among them: it would compare with the source of the source.
pub(super) const MEASURED: &[ProbeKind] =
    &[ProbeKind::Sql, ProbeKind::SqlSchema, ProbeKind::DynamoDb, ProbeKind::S3, ProbeKind::Http];

/// The settings of the comparison itself.
const OWN: &[&str] = &["source", "values", "within", "not_older_than"];

/// The checked settings.
#[derive(Debug)]
pub(super) struct CompareSettings {
    /// What is measured.
    pub(super) kind: ProbeKind,
    /// How, of what was restored.
    pub(super) restored: Settings,
    /// How, of the source.
    pub(super) source: Settings,
    /// Which values.
    pub(super) values: Option<Vec<String>>,
    pub(super) tolerance: Tolerance,
    /// What is different about the source, as it was written.
    overlay: Settings,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    #[serde(default)]
    source: Settings,
    values: Option<Vec<String>>,
    within: Option<Within>,
    not_older_than: Option<SignedDuration>,
}

/// What a comparison measures, if it says so.
#[must_use]
pub(super) fn measured(settings: &Settings) -> Option<ProbeKind> {
    MEASURED.iter().copied().find(|kind| settings.contains_key(kind.word()))
}

impl CompareSettings {
    /// Takes the settings apart.
    pub(super) fn read(settings: &Settings) -> Result<Self, String> {
        let is_own = |key: &str| OWN.contains(&key);
        let own: Settings =
            settings.iter().filter(|(key, _)| is_own(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
        let own: Own = typed(&own)?;
        let words = ticked(&MEASURED.iter().map(|kind| kind.word()).collect::<Vec<&str>>());
        let chosen: Vec<&String> = settings.keys().filter(|key| !is_own(key)).collect();
        let kind = match chosen.as_slice() {
            [one] => measured(settings).ok_or_else(|| format!("`{one}` cannot be compared: it is none of {words}")),
            _ => Err(format!("say with exactly one of {words} what is measured on both sides")),
        }?;
        let restored = match settings.get(kind.word()) {
            Some(Value::Object(restored)) => restored.clone(),
            Some(Value::Null) => Settings::new(),
            _ => return Err(format!("`{kind}` needs the settings of a `{kind}` probe")),
        };
        let tolerance = Tolerance { within: own.within, not_older_than: own.not_older_than };
        let source = overlaid(&restored, &own.source);
        Ok(Self { kind, restored, source, values: own.values, tolerance, overlay: own.source })
    }

    /// What the shapes cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        let (word, calls) = (self.kind.word(), kind(self.kind));
        calls.check(&self.restored).map_err(|problem| format!("`{word}`: {problem}"))?;
        let of_the_source = |problem: &str| format!("`source`: {problem}");
        let known: Vec<&str> = calls.fields().iter().map(|field| field.key).collect();
        if let Some(unknown) = self.overlay.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(of_the_source(&format!("`{unknown}` is not a setting of `{word}`")));
        }
        calls.check(&self.source).map_err(|problem| of_the_source(&problem))?;
        self.check_reading()?;
        let is_there = |key: &str| self.overlay.contains_key(key);
        match self.kind {
            ProbeKind::Sql if !is_there("host") => {
                Err(of_the_source("say with `host` where the source answers: drill does not ask for it"))
            }
            ProbeKind::SqlSchema if !is_there("host") => {
                Err(of_the_source("say with `host` where the source answers: drill does not ask for it"))
            }
            ProbeKind::Http if !is_there("host") && !is_there("url") => {
                Err(of_the_source("say with `host` or `url` where the source answers: drill does not ask for it"))
            }
            ProbeKind::SqlSchema if self.source.contains_key("against") => {
                Err("`against` means nothing in a comparison: it is with the source".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Whether the source is only read.
    fn check_reading(&self) -> Result<(), String> {
        if self.source.get("read_only") == Some(&Value::Bool(false)) {
            return Err("`read_only: false` is not for a comparison: the source is only read".to_owned());
        }
        let method = self.source.get("method").filter(|_| self.kind == ProbeKind::Http);
        match method.and_then(Value::as_str) {
            None | Some("GET" | "HEAD") => Ok(()),
            Some(_) => Err("a comparison asks by GET or HEAD: the source is only read".to_owned()),
        }
    }
}

/// The shapes.
pub(super) fn fields() -> Vec<Field> {
    let mut fields: Vec<Field> = MEASURED
        .iter()
        .map(|measured| {
            let calls = kind(*measured);
            Field::optional(measured.word(), Shape::Map(calls.fields()), calls.about())
        })
        .collect();
    let values = Shape::List { of: Box::new(Shape::Text), min: 1 };
    fields.extend([
        Field::optional(
            "source",
            Shape::Map(of_the_source()),
            "What is different about the source, key by key: for `sql`, `sql_schema` and `http` where it answers. It \
             is only read.",
        ),
        Field::optional("values", values, "The values that are compared; by default all that both sides have."),
        Field::optional(
            "within",
            Shape::Scalar,
            "How far numbers may be from the source's: a share such as `1%`, or a number. By default they are equal.",
        ),
        Field::optional("not_older_than", Shape::Duration, "How much older than the source's an instant may be."),
    ]);
    fields
}

/// Every setting of every kind that can be measured, none of them required. Where two kinds mean different things by a
/// key, the check of the kind says what is wrong.
fn of_the_source() -> Vec<Field> {
    let mut merged: BTreeMap<&'static str, Field> = BTreeMap::new();
    for field in MEASURED.iter().flat_map(|measured| kind(*measured).fields()) {
        let known = merged.get_mut(field.key);
        match known {
            None => {
                merged.insert(field.key, Field::optional(field.key, field.shape, field.doc));
            }
            Some(known) if format!("{:?}", known.shape) != format!("{:?}", field.shape) => known.shape = Shape::Any,
            Some(_) => {}
        }
    }
    merged.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::{CompareSettings, MEASURED, fields, of_the_source};
    use crate::words::kind::ProbeKind;
    use crate::yaml::shape::Need;
    use serde_json::{Value, json};

    fn check(settings: Value) -> Result<(), String> {
        let Value::Object(settings) = settings else { unreachable!() };
        CompareSettings::read(&settings).and_then(|settings| settings.check())
    }

    fn sql(change: Value) -> Value {
        let mut all =
            json!({ "database": "shop", "user": "probe", "password": { "env": "PW" }, "query": "SELECT 1 AS n" });
        let (Value::Object(given), Value::Object(change)) = (&mut all, change) else { unreachable!() };
        given.extend(change);
        all
    }

    #[test]
    fn what_belongs_together_is_let_through() {
        for good in [
            json!({ "sql": sql(json!({})), "source": { "host": "db.example.com" }, "within": "1%" }),
            json!({ "dynamodb": {}, "values": ["status"], "within": 5 }),
            json!({ "dynamodb": null }),
            json!({ "s3": {}, "source": { "bucket": "originals" }, "not_older_than": "PT26H" }),
            json!({ "http": { "path": "/count" }, "source": { "host": "shop.example.com" } }),
        ] {
            assert_eq!(check(good.clone()), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_cannot_work_or_would_write_is_refused() {
        let schema = json!({ "database": "shop", "user": "probe", "password": { "env": "PW" } });
        let against = json!({
            "database": "shop", "user": "probe", "password": { "env": "PW" }, "against": { "last_pass": true },
        });
        for (bad, part) in [
            (json!({}), "exactly one of"),
            (json!({ "dynamodb": {}, "s3": {} }), "exactly one of"),
            (json!({ "compare": {} }), "cannot be compared"),
            (json!({ "dynamodb": { "tabel": "a" } }), "`dynamodb`: "),
            (json!({ "sql": sql(json!({})) }), "say with `host`"),
            (json!({ "sql_schema": schema }), "say with `host`"),
            (json!({ "sql_schema": against, "source": { "host": "a" } }), "`against` means nothing"),
            (json!({ "http": {} }), "say with `host` or `url`"),
            (json!({ "http": { "method": "POST" }, "source": { "host": "a" } }), "only read"),
            (json!({ "http": {}, "source": { "host": "a", "method": "DELETE" } }), "only read"),
            (json!({ "sql": sql(json!({ "read_only": false })), "source": { "host": "a" } }), "only read"),
            (json!({ "dynamodb": {}, "source": { "bucket": "a" } }), "`bucket` is not a setting of `dynamodb`"),
            (json!({ "sql": sql(json!({})), "source": { "host": "a", "port": "x" } }), "`source`: "),
            (json!({ "describe": {} }), "cannot be compared"),
            (json!({ "s3": {}, "within": "much" }), "such as 1%"),
            (json!({ "s3": {}, "source": { "password": "canary-9f2c" } }), "is not a setting"),
        ] {
            let problem = check(bad.clone()).unwrap_err();
            assert!(problem.contains(part) && !problem.contains("canary"), "{bad}: {problem}");
        }
    }

    #[test]
    fn nothing_is_required_of_the_source_and_no_kind_compares_comparisons() {
        assert!(of_the_source().iter().all(|field| field.need == Need::Optional));
        assert!(of_the_source().iter().any(|field| field.key == "host"));
        assert!(!MEASURED.contains(&ProbeKind::Compare));
        assert_eq!(fields().len(), MEASURED.len() + 4);
    }
}
