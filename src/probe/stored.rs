//! The secrets that AWS keeps for a definition: what its probes, controls, actions and undoes name, read from their
//! settings by the shapes of their kinds. Names alone, never values.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cloud::resource::Settings;
use crate::definition::model::Definition;
use crate::probe::input::SecretRef;
use crate::probe::kind;
use crate::words::kind::ProbeKind;
use crate::yaml::shape::{Field, Shape};

/// Where in AWS a secret is, in the destination.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stored {
    /// A secret of AWS Secrets Manager: its name or its ARN.
    Secret(String),
    /// A parameter of SSM's Parameter Store: its name or its ARN.
    Parameter(String),
}

impl Stored {
    /// As the definition has it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Secret(name) | Self::Parameter(name) => name,
        }
    }
}

/// Each of them once.
#[must_use]
pub fn stored(definition: &Definition) -> BTreeSet<Stored> {
    let mut found = BTreeSet::new();
    for probe in definition.probes.values() {
        look(probe.kind, &probe.settings, &mut found);
        if let Some(control) = &probe.negative_control {
            look(probe.kind, &control.settings, &mut found);
        }
    }
    for action in definition.actions.values() {
        look(action.kind, &action.settings, &mut found);
        if let Some(undo) = &action.undo {
            look(undo.kind, &undo.settings, &mut found);
        }
    }
    found
}

fn look(of: ProbeKind, settings: &Settings, found: &mut BTreeSet<Stored>) {
    in_fields(&kind(of).fields(), settings, found);
}

fn in_fields(fields: &[Field], values: &Settings, found: &mut BTreeSet<Stored>) {
    for field in fields {
        if let Some(value) = values.get(field.key) {
            in_value(&field.shape, value, found);
        }
    }
}

fn in_value(shape: &Shape, value: &Value, found: &mut BTreeSet<Stored>) {
    match (shape, value) {
        (Shape::SecretRef, value) => match SecretRef::try_from(value.clone()) {
            Ok(SecretRef::SecretsManager { id, .. }) => {
                found.insert(Stored::Secret(id));
            }
            Ok(SecretRef::SsmParameter(name)) => {
                found.insert(Stored::Parameter(name));
            }
            // What is not AWS's, and what a check has refused.
            Ok(_) | Err(_) => {}
        },
        (Shape::List { of, .. } | Shape::OneOrMore(of), Value::Array(items)) => {
            for item in items {
                in_value(of, item, found);
            }
        }
        (Shape::OneOrMore(of), value) => in_value(of, value, found),
        (Shape::Map(fields) | Shape::OneOf(fields) | Shape::Tagged { fields, .. }, Value::Object(values)) => {
            in_fields(fields, values, found);
        }
        (Shape::Dictionary { of, .. }, Value::Object(values)) => {
            values.values().for_each(|value| in_value(of, value, found));
        }
        (Shape::Kinds { cases, .. }, Value::Object(values)) => {
            for (_, fields) in cases {
                in_fields(fields, values, found);
            }
        }
        (Shape::Either { map, .. }, Value::Object(_)) => in_value(map, value, found),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::{Stored, look};
    use crate::words::kind::ProbeKind;

    #[test]
    fn secrets_of_aws_are_found_where_a_secret_may_stand_and_nowhere_else() {
        let found = |kind: ProbeKind, settings: Value| {
            let mut found = BTreeSet::new();
            look(kind, settings.as_object().expect("a mapping"), &mut found);
            found
        };
        let secret = |name: &str| Stored::Secret(name.to_owned());
        let sql = json!({ "database": "shop", "user": "u", "password": { "secretsmanager": "drill/orders", "key": "password" } });
        assert_eq!(found(ProbeKind::Sql, sql), BTreeSet::from([secret("drill/orders")]));
        let headers = json!({ "port": 80, "secret_headers": { "x-a": { "ssm": "/drill/a" }, "x-b": { "env": "B" } } });
        assert_eq!(found(ProbeKind::Http, headers), BTreeSet::from([Stored::Parameter("/drill/a".to_owned())]));
        let told = json!({ "program": ["./check"], "env": { "A": "{ssm: /drill/a}" } });
        assert_eq!(found(ProbeKind::Command, told), BTreeSet::new());
        let kept = json!({ "program": ["./check"], "secret_env": { "A": { "secretsmanager": "drill/a" } } });
        assert_eq!(found(ProbeKind::Command, kept), BTreeSet::from([secret("drill/a")]));
    }
}
