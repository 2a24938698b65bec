//! Settings that several types have, and how settings are read.
//!
//! Invariant: `definition` checks a value by its shape before anything here reads it; another shape reads as absent.

use serde_json::Value;

use crate::cloud::resource::Settings;
#[cfg(feature = "aws")]
use crate::cloud::vault::Metadata;
use crate::words::arn::Arn;
use crate::yaml::shape::{Field, Shape};

/// A text setting.
pub(crate) fn text<'a>(with: &'a Settings, key: &str) -> Option<&'a str> {
    with.get(key).and_then(Value::as_str)
}

/// A value of the metadata that AWS returned, which spells its keys now one way and now another (facts 2.0).
#[cfg(feature = "aws")]
pub(crate) fn returned<'a>(metadata: &'a Metadata, key: &str) -> Option<&'a str> {
    let found = metadata.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// A whole-number setting.
pub(crate) fn integer(with: &Settings, key: &str) -> Option<i64> {
    with.get(key).and_then(Value::as_i64)
}

/// A yes-or-no setting.
pub(crate) fn flag(with: &Settings, key: &str) -> Option<bool> {
    with.get(key).and_then(Value::as_bool)
}

/// A list of texts, empty if the key is absent.
pub(crate) fn texts(with: &Settings, key: &str) -> Vec<String> {
    let listed = with.get(key).and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}

/// A mapping of settings.
pub(crate) fn map<'a>(with: &'a Settings, key: &str) -> Option<&'a Settings> {
    with.get(key).and_then(Value::as_object)
}

/// The security groups, none if the key is absent.
pub(crate) fn security_groups(with: &Settings) -> Vec<String> {
    texts(with, "security_groups")
}

/// `security_groups:`.
pub(crate) fn security_groups_field(doc: &'static str) -> Field {
    let of = Shape::Parsed {
        what: "a security group's id",
        format: Some("^sg-[0-9a-f]{8,17}$"),
        parse: |text| check_id(text, "sg-", "a security group's id, such as sg-0a1b2c3d4e5f60718"),
    };
    Field::optional("security_groups", Shape::List { of: Box::new(of), min: 1 }, doc)
}

/// A subnet's id.
pub(crate) fn subnet_shape() -> Shape {
    Shape::Parsed {
        what: "a subnet's id",
        format: Some("^subnet-[0-9a-f]{8,17}$"),
        parse: |text| check_id(text, "subnet-", "a subnet's id, such as subnet-0a1b2c3d4e5f60718"),
    }
}

/// An instance's id.
pub(crate) fn instance_shape() -> Shape {
    Shape::Parsed {
        what: "an instance's id",
        format: Some("^i-[0-9a-f]{8,17}$"),
        parse: |text| check_id(text, "i-", "an instance's id, such as i-0a1b2c3d4e5f60718"),
    }
}

/// A KMS key's ARN.
pub(crate) fn key_shape() -> Shape {
    Shape::Parsed {
        what: "a KMS key's ARN",
        format: Some("^arn:aws[^:]*:kms:[^:]+:[0-9]{12}:key/.+$"),
        parse: |text| match text.parse::<Arn>() {
            Ok(arn) if arn.service() == "kms" && arn.resource().starts_with("key/") => Ok(()),
            Ok(_) => Err("it must be a key's ARN, such as arn:aws:kms:eu-west-1:123456789012:key/…".to_owned()),
            Err(error) => Err(error.to_string()),
        },
    }
}

/// An availability zone's name.
pub(crate) fn zone_shape() -> Shape {
    Shape::Parsed {
        what: "an availability zone's name",
        format: Some("^[a-z]{2,}(-[a-z0-9]+)+-[0-9][a-z]$"),
        parse: |text| {
            let fits = text.len() > 5
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                && text.ends_with(|c: char| c.is_ascii_lowercase());
            if fits { Ok(()) } else { Err("it must be an availability zone's name, such as eu-west-1a".to_owned()) }
        },
    }
}

/// A value that is one of AWS's short words or names: letters, digits and `extra`.
pub(crate) fn plain(text: &str, most: usize, extra: &str) -> bool {
    !text.is_empty() && text.len() <= most && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

/// `prefix-` and 8 to 17 hexadecimal digits.
pub(crate) fn check_id(text: &str, prefix: &str, what: &str) -> Result<(), String> {
    let digits = text.strip_prefix(prefix).unwrap_or_default();
    let hexadecimal = digits.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    if (8..=17).contains(&digits.len()) && hexadecimal { Ok(()) } else { Err(format!("it must be {what}")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{check_id, security_groups};

    #[test]
    fn ids_are_told_from_names() {
        assert!(check_id("sg-0a1b2c3d4e5f60718", "sg-", "x").is_ok());
        assert!(check_id("sg-XYZ", "sg-", "x").is_err());
        assert!(check_id("default", "sg-", "x").is_err());
    }

    #[test]
    fn absent_security_groups_are_none() {
        let with = json!({ "security_groups": ["sg-1", "sg-2"] });
        assert_eq!(security_groups(with.as_object().unwrap()), ["sg-1", "sg-2"]);
        assert!(security_groups(&serde_json::Map::new()).is_empty());
    }
}
