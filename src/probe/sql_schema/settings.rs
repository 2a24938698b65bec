//! What a definition says about a `sql_schema` probe: where to log in, as for `sql`, and what to compare with.

use serde::Deserialize;
use serde_json::Value;

use crate::cloud::resource::Settings;
use crate::probe::input::typed;
use crate::probe::source::overlaid;
use crate::probe::sql::login::Login;
use crate::probe::sql_schema::lines::Scope;
use crate::yaml::shape::{Field, Shape};

/// The settings that are not about logging in.
const OWN: &[&str] = &["schemas", "against", "ignore"];

/// What the source's side may say otherwise.
const OF_THE_SOURCE: &[&str] = &["host", "port", "allow_local", "database", "user", "password", "tls"];

/// The checked settings.
pub(super) struct SchemaSettings {
    pub(super) all: All,
    /// How to log in, as it was written.
    written: Settings,
}

/// Where to ask, what to look at, and what to hold it against.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct All {
    #[serde(flatten)]
    pub(super) login: Login,
    #[serde(default)]
    schemas: Vec<String>,
    pub(super) against: Option<Against>,
    #[serde(default)]
    pub(super) ignore: Vec<String>,
}

/// Where to ask, and nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alone {
    #[serde(flatten)]
    login: Login,
}

/// What the restored schema should be like.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Against {
    /// As in the drill's last passed run.
    LastPass(bool),
    /// As in the source, where it answers.
    Source(Settings),
    /// As a file says.
    File(String),
}

impl SchemaSettings {
    /// Takes the settings apart.
    pub(super) fn read(settings: &Settings) -> Result<Self, String> {
        let written = settings.clone().into_iter().filter(|(key, _)| !OWN.contains(&key.as_str())).collect();
        Ok(Self { all: typed(settings)?, written })
    }

    /// What the shapes cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        self.all.login.check()?;
        match &self.all.against {
            Some(Against::LastPass(false)) => Err("write `last_pass: true`, or leave `against` out".to_owned()),
            Some(Against::Source(source)) => {
                let of_the_source = |problem: &str| format!("`against.source`: {problem}");
                if !source.contains_key("host") {
                    return Err(of_the_source("say with `host` where the source answers: drill does not ask for it"));
                }
                let login = self.source(source, None).map_err(|problem| of_the_source(&problem))?;
                login.check().map_err(|problem| of_the_source(&problem))
            }
            Some(Against::LastPass(true) | Against::File(_)) | None => Ok(()),
        }
    }

    /// How to log in to the source. Its port is the restored one's unless something else is said.
    pub(super) fn source(&self, source: &Settings, port: Option<u16>) -> Result<Login, String> {
        typed::<Alone>(&self.written_of(source, port)).map(|alone| alone.login)
    }

    fn written_of(&self, source: &Settings, port: Option<u16>) -> Settings {
        let mut all = overlaid(&self.written, source);
        if let (Some(port), None) = (port, all.get("port")) {
            all.insert("port".to_owned(), Value::from(port));
        }
        all
    }

    /// The part of a schema that counts.
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope { schemas: &self.all.schemas, ignore: &self.all.ignore }
    }
}

/// The shapes.
pub(super) fn fields() -> Vec<Field> {
    let names = || Shape::List { of: Box::new(Shape::Text), min: 1 };
    let mut fields = Login::fields();
    let overlay = fields
        .iter()
        .filter(|field| OF_THE_SOURCE.contains(&field.key))
        .map(|field| match field.key {
            "host" => Field::required("host", Shape::Template, "Where the source answers."),
            key => Field::optional(key, field.shape.clone(), field.doc),
        })
        .collect();
    let against = Shape::OneOf(vec![
        Field::optional("last_pass", Shape::Bool, "`true`: as in the drill's last passed run, if there is one."),
        Field::optional(
            "source",
            Shape::Map(overlay),
            "As in the source: where it answers, and what else is different there. It is only read.",
        ),
        Field::optional(
            "file",
            Shape::Text,
            "As in this file, relative to the definition's folder: each line of a recorded `schema` as JSON text.",
        ),
    ]);
    fields.extend([
        Field::optional(
            "schemas",
            names(),
            "Only these schemas (of MySQL: databases); by default all but the system's.",
        ),
        Field::optional("against", against, "What it must be the same as."),
        Field::optional(
            "ignore",
            names(),
            "Patterns of what does not count, with all that belongs to it: `public.tmp_*`, `*.audit.*`.",
        ),
    ]);
    fields
}

#[cfg(test)]
mod tests {
    use super::SchemaSettings;
    use crate::probe::source::overlaid;
    use serde_json::{Value, json};

    fn check(change: Value) -> Result<(), String> {
        let all = json!({ "database": "shop", "user": "probe", "password": { "env": "PW" } });
        let (Value::Object(all), Value::Object(change)) = (all, change) else { unreachable!() };
        SchemaSettings::read(&overlaid(&all, &change)).and_then(|settings| settings.check())
    }

    #[test]
    fn settings_belong_together() {
        for good in [
            json!({}),
            json!({ "schemas": ["public"], "ignore": ["public.tmp_*"], "against": { "last_pass": true } }),
            json!({ "against": { "file": "schema.jsonl" } }),
            json!({ "against": { "source": { "host": "db.example.com", "user": "reader" } } }),
        ] {
            assert_eq!(check(good.clone()), Ok(()), "{good}");
        }
        for (bad, part) in [
            (json!({ "against": { "last_pass": false } }), "leave `against` out"),
            (json!({ "against": { "source": {} } }), "say with `host`"),
            (json!({ "against": { "source": { "host": "a", "port": "http" } } }), "`against.source`"),
            (json!({ "against": { "source": { "host": "a", "schemas": ["b"] } } }), "unknown field"),
            (json!({ "against": { "source": { "host": "a", "password": "canary-9f2c" } } }), "a secret is a reference"),
            (json!({ "query": "SELECT 1" }), "unknown field"),
        ] {
            let problem = check(bad).unwrap_err();
            assert!(problem.contains(part) && !problem.contains("canary"), "{problem}");
        }
    }

    #[test]
    fn the_source_has_the_restored_port_unless_it_says_otherwise() {
        let all = json!({ "database": "shop", "user": "probe", "password": { "env": "PW" } });
        let Value::Object(all) = all else { unreachable!() };
        let settings = SchemaSettings::read(&all).unwrap();
        let source = |overlay: Value, port| {
            let Value::Object(overlay) = overlay else { unreachable!() };
            settings.written_of(&overlay, port)
        };
        let usual = source(json!({ "host": "a" }), Some(5432));
        assert_eq!((&usual["host"], &usual["port"], &usual["user"]), (&json!("a"), &json!(5432), &json!("probe")));
        assert_eq!(source(json!({ "host": "a", "port": 6432 }), Some(5432))["port"], json!(6432));
        assert_eq!(source(json!({ "host": "a" }), None).get("port"), None);
    }
}
