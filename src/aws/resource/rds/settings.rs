//! The keys of `with:` for an RDS DB instance, and how they are read again.
//!
//! Invariant: `definition` checks a value by [`fields`] before anything here reads it; another shape reads as absent.

use serde_json::Value;

use crate::cloud::resource::Settings;
use crate::yaml::shape::{Field, Shape};

/// The keys, with types, ranges and documentation.
#[must_use]
pub fn fields() -> Vec<Field> {
    let mut fields = network();
    fields.extend(machine());
    fields
}

fn network() -> Vec<Field> {
    vec![
        Field::optional(
            "subnet_group",
            Shape::Parsed {
                what: "a DB subnet group's name",
                format: Some("^[A-Za-z0-9 ._-]{1,255}$"),
                parse: check_group,
            },
            "DB subnet group in the destination. Without it RDS takes the default VPC, which many accounts lack.",
        ),
        Field::optional(
            "security_groups",
            Shape::List {
                of: Box::new(Shape::Parsed {
                    what: "a security group's id",
                    format: Some("^sg-[0-9a-f]{8,17}$"),
                    parse: check_security_group,
                }),
                min: 1,
            },
            "Security groups in the subnet group's VPC. Without them RDS takes the VPC's default group. Isolate the \
             restored database: it holds production data.",
        ),
        Field::optional(
            "port",
            Shape::Integer { min: 1_150, max: 65_535 },
            "TCP port that the database listens on. Default: the source's.",
        ),
        Field::optional(
            "ca_certificate",
            Shape::Parsed {
                what: "a CA certificate's name",
                format: Some("^[A-Za-z0-9-]{1,255}$"),
                parse: check_identifier,
            },
            "CA of the server certificate, such as rds-ca-rsa2048-g1. Default: the destination's default.",
        ),
    ]
}

fn machine() -> Vec<Field> {
    vec![
        Field::optional(
            "instance_class",
            Shape::Parsed { what: "a DB instance class", format: Some("^db\\.[a-z0-9.-]+$"), parse: check_class },
            "DB instance class, such as db.t4g.medium. Default: the source's, which the destination may not offer.",
        ),
        Field::optional(
            "parameter_group",
            Shape::Parsed {
                what: "a DB parameter group's name",
                format: Some("^[A-Za-z0-9.-]{1,255}$"),
                parse: check_group,
            },
            "DB parameter group in the destination, of the engine's family. Default: the engine's default group.",
        ),
        Field::optional(
            "option_group",
            Shape::Parsed {
                what: "an option group's name",
                format: Some("^[A-Za-z0-9:.-]{1,255}$"),
                parse: check_option_group,
            },
            "Option group in the destination, of the engine's version. Default: the engine's default group.",
        ),
        Field::optional("multi_az", Shape::Bool, "A standby in a second zone. Default: false, a drill needs none."),
        Field::optional(
            "storage_type",
            Shape::Choice(&["gp2", "gp3", "io1", "io2", "standard"]),
            "Storage type. Default: the source's.",
        ),
        Field::optional(
            "iops",
            Shape::Integer { min: 1_000, max: 256_000 },
            "Provisioned IOPS, for io1, io2 and large gp3 volumes.",
        ),
        Field::optional(
            "storage_throughput",
            Shape::Integer { min: 125, max: 4_000 },
            "Provisioned throughput in MiB/s, for large gp3 volumes.",
        ),
    ]
}

/// A text setting.
pub(crate) fn text<'a>(with: &'a Settings, key: &str) -> Option<&'a str> {
    with.get(key).and_then(Value::as_str)
}

/// A whole-number setting.
pub(crate) fn integer(with: &Settings, key: &str) -> Option<i64> {
    with.get(key).and_then(Value::as_i64)
}

/// A yes-or-no setting.
pub(crate) fn flag(with: &Settings, key: &str) -> Option<bool> {
    with.get(key).and_then(Value::as_bool)
}

/// The security groups, none if the key is absent.
pub(crate) fn security_groups(with: &Settings) -> Vec<String> {
    let listed = with.get("security_groups").and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}

fn check_group(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-');
    if !text.is_empty() && text.len() <= 255 && text.chars().all(plain) {
        Ok(())
    } else {
        Err("it must be the group's name: 1 to 255 letters, digits, dots, hyphens".to_owned())
    }
}

/// Default option groups are called `default:postgres-16`.
fn check_option_group(text: &str) -> Result<(), String> {
    check_group(text.strip_prefix("default:").unwrap_or(text))
}

fn check_identifier(text: &str) -> Result<(), String> {
    if !text.is_empty() && text.len() <= 255 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        Ok(())
    } else {
        Err("it must be 1 to 255 letters, digits and hyphens".to_owned())
    }
}

fn check_security_group(text: &str) -> Result<(), String> {
    let digits = text.strip_prefix("sg-").unwrap_or_default();
    let hexadecimal = digits.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    if (8..=17).contains(&digits.len()) && hexadecimal {
        Ok(())
    } else {
        Err("it must be a security group's id, such as sg-0a1b2c3d4e5f60718".to_owned())
    }
}

fn check_class(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split('.').collect();
    let plain = |part: &&str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if parts.len() >= 3 && parts.first() == Some(&"db") && parts.iter().all(plain) {
        Ok(())
    } else {
        Err("it must be a DB instance class, such as db.t4g.medium".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{check_class, check_group, check_option_group, check_security_group, security_groups};

    #[test]
    fn values_of_the_wrong_form_are_told_apart() {
        assert!(check_class("db.t4g.medium").is_ok());
        assert!(check_class("t4g.medium").is_err());
        assert!(check_class("db.").is_err());
        assert!(check_security_group("sg-0a1b2c3d4e5f60718").is_ok());
        assert!(check_security_group("sg-XYZ").is_err());
        assert!(check_security_group("default").is_err());
        assert!(check_group("drill-isolated").is_ok());
        assert!(check_group("a\"b").is_err());
        assert!(check_option_group("default:postgres-16").is_ok());
    }

    #[test]
    fn absent_security_groups_are_none() {
        let with = json!({ "security_groups": ["sg-1", "sg-2"] });
        assert_eq!(security_groups(with.as_object().unwrap()), ["sg-1", "sg-2"]);
        assert!(security_groups(&serde_json::Map::new()).is_empty());
    }
}
