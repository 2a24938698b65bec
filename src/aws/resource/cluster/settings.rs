//! The keys of `with:` for a cluster.

use serde_json::Value;

use crate::aws::resource::cluster::Family;
use crate::aws::resource::shared::setting::{integer, key_shape, map, plain, security_groups_field, text};
use crate::cloud::resource::Settings;
use crate::yaml::shape::{Field, Shape};

/// The class of a member whose size follows its load.
pub(crate) const SERVERLESS: &str = "db.serverless";

/// Capacity units of the serverless members: the range that each of them may move in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Capacity {
    /// At least.
    pub(crate) min: f64,
    /// At most.
    pub(crate) max: f64,
}

/// The keys, with types, ranges and documentation.
pub(crate) fn fields(family: &Family) -> Vec<Field> {
    let mut fields = members();
    fields.extend(network(family));
    fields.extend(cluster());
    fields
}

fn members() -> Vec<Field> {
    vec![
        Field::required(
            "instance_class",
            Shape::Parsed { what: "a DB instance class", format: Some("^db\\.[a-z0-9.-]+$"), parse: check_class },
            "Class of the instances that are added to the restored cluster, such as db.r6g.large or db.serverless. A \
             cluster comes back without instances, and its recovery point does not say which it had.",
        ),
        Field::optional(
            "instances",
            Shape::Integer { min: 1, max: 3 },
            "How many instances are added: a writer, and readers. Default: 1.",
        ),
        Field::optional(
            "serverless",
            Shape::Map(vec![
                Field::required("min_acu", Shape::Number, "The least capacity units, in steps of 0.5."),
                Field::required("max_acu", Shape::Number, "The most capacity units, in steps of 0.5."),
            ]),
            "Capacity of instances of the class db.serverless, in the service's units (ACU, DCU, NCU). It is set \
             before they are added.",
        ),
    ]
}

fn network(family: &Family) -> Vec<Field> {
    vec![
        Field::optional(
            "subnet_group",
            Shape::Parsed {
                what: "a DB subnet group's name",
                format: Some("^[A-Za-z0-9 ._-]{1,255}$"),
                parse: check_group,
            },
            "DB subnet group in the destination. Without it the default VPC is taken, which many accounts lack.",
        ),
        security_groups_field(
            "Security groups in the subnet group's VPC. Without them the VPC's default group is taken. Isolate the \
             restored database: it holds production data.",
        ),
        Field::optional("port", Shape::Integer { min: 1_150, max: 65_535 }, family.port_doc),
    ]
}

fn cluster() -> Vec<Field> {
    vec![
        Field::optional(
            "parameter_group",
            Shape::Parsed {
                what: "a DB cluster parameter group's name",
                format: Some("^[A-Za-z0-9.-]{1,255}$"),
                parse: check_group,
            },
            "DB cluster parameter group in the destination, of the engine's family. Default: the engine's default.",
        ),
        Field::optional(
            "kms_key",
            key_shape(),
            "KMS key in the destination that encrypts the restored cluster. Default: the recovery point's key.",
        ),
    ]
}

/// How many members are added.
pub(crate) fn instances(with: &Settings) -> i64 {
    integer(with, "instances").unwrap_or(1).clamp(1, 3)
}

/// The capacity of serverless members, where it is set.
pub(crate) fn capacity(with: &Settings) -> Option<Capacity> {
    let range = map(with, "serverless")?;
    let units = |key: &str| range.get(key).and_then(Value::as_f64);
    Some(Capacity { min: units("min_acu")?, max: units("max_acu")? })
}

/// What no single key shows to be wrong.
///
/// # Errors
/// A sentence for the user, naming the key.
pub(crate) fn check(with: &Settings, family: &Family) -> Result<(), String> {
    let Some(class) = text(with, "instance_class") else {
        return Err("`with.instance_class` is missing: a restored cluster has no instances, and the drill adds them. \
                    Set it, to db.r6g.large for example"
            .to_owned());
    };
    match (class == SERVERLESS, capacity(with)) {
        (true, Some(capacity)) => check_capacity(capacity, family),
        (true, None) => {
            Err("`instance_class: db.serverless` needs `serverless: {min_acu: …, max_acu: …}`: the capacity \
                             of the source does not come along"
                .to_owned())
        }
        (false, Some(_)) => {
            Err(format!("`serverless` is for `instance_class: db.serverless`, not for `{class}`: drop one of them"))
        }
        (false, None) => Ok(()),
    }
}

fn check_capacity(capacity: Capacity, family: &Family) -> Result<(), String> {
    let (least, most) = family.capacity;
    let stepped = |units: f64| (units * 2.0).fract().abs() < f64::EPSILON;
    for (key, units) in [("min_acu", capacity.min), ("max_acu", capacity.max)] {
        if !(least..=most).contains(&units) || !stepped(units) {
            return Err(format!("`serverless.{key}` must be {least} to {most} in steps of 0.5, and is {units}"));
        }
    }
    // All three services want at least one unit on top.
    if capacity.max < capacity.min || capacity.max < 1.0 {
        return Err("`serverless.max_acu` must be at least `min_acu`, and at least 1".to_owned());
    }
    Ok(())
}

fn check_group(text: &str) -> Result<(), String> {
    if plain(text, 255, " ._-") {
        Ok(())
    } else {
        Err("it must be the group's name: 1 to 255 letters, digits, dots, hyphens".to_owned())
    }
}

fn check_class(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split('.').collect();
    let lower = |part: &&str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let sized = parts.len() >= 3 && parts.first() == Some(&"db") && parts.iter().all(lower);
    if text == SERVERLESS || sized {
        Ok(())
    } else {
        Err("it must be a DB instance class, such as db.r6g.large or db.serverless".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{check, check_class};
    use crate::aws::resource::neptune::FAMILY;

    #[test]
    fn a_class_is_told_from_other_texts() {
        assert!(check_class("db.r6g.large").is_ok());
        assert!(check_class("db.serverless").is_ok());
        assert!(check_class("r6g.large").is_err());
        assert!(check_class("db.r6g").is_err());
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let judged = |with: serde_json::Value| check(with.as_object().unwrap(), &FAMILY);
        assert!(judged(json!({})).unwrap_err().contains("with.instance_class"));
        assert!(judged(json!({ "instance_class": "db.r6g.large" })).is_ok());
        assert!(judged(json!({ "instance_class": "db.serverless" })).unwrap_err().contains("min_acu"));
        let range = |min: f64, max: f64| json!({ "min_acu": min, "max_acu": max });
        let sized = json!({ "instance_class": "db.r6g.large", "serverless": range(1.0, 2.0) });
        assert!(judged(sized).unwrap_err().contains("db.r6g.large"));
        for (min, max, fits) in
            [(1.0, 2.5, true), (1.0, 128.0, true), (0.5, 2.0, false), (1.0, 2.2, false), (4.0, 2.0, false)]
        {
            let with = json!({ "instance_class": "db.serverless", "serverless": range(min, max) });
            assert_eq!(judged(with).is_ok(), fits, "{min} to {max}");
        }
    }
}
