//! The keys of `with:` for an RDS DB instance.

use crate::aws::resource::shared::setting::security_groups_field;
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
        security_groups_field(
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
    use super::{check_class, check_group, check_option_group};

    #[test]
    fn values_of_the_wrong_form_are_told_apart() {
        assert!(check_class("db.t4g.medium").is_ok());
        assert!(check_class("t4g.medium").is_err());
        assert!(check_class("db.").is_err());
        assert!(check_group("drill-isolated").is_ok());
        assert!(check_group("a\"b").is_err());
        assert!(check_option_group("default:postgres-16").is_ok());
    }
}
