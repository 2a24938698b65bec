//! What restore metadata asks DynamoDB for. Facts 2.3: keys are not case-sensitive.

use std::collections::BTreeMap;

use crate::sandbox::spec::Place;
use crate::sandbox::thing::dynamodb::shelf::Encryption;
use crate::sandbox::world::{Point, Site};

/// The table that the metadata asks for.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) name: String,
    pub(super) encryption: Encryption,
    pub(super) deletion_protection: bool,
}

const KNOWN: &[&str] =
    &["targettablename", "encryptiontype", "kmsmasterkeyarn", "deletionprotection", "aws:backup:request-id"];

/// What the metadata asks for, or why the job fails.
pub(super) fn read(
    site: &Site,
    place: &Place,
    point: &Point,
    metadata: &BTreeMap<String, String>,
) -> Result<Wish, String> {
    let asked: BTreeMap<String, &str> =
        metadata.iter().map(|(key, value)| (key.to_ascii_lowercase(), value.as_str())).collect();
    if let Some(unknown) = metadata.keys().find(|key| !KNOWN.contains(&key.to_ascii_lowercase().as_str())) {
        return Err(format!("Invalid restore metadata: the key {unknown} is not known for DynamoDB tables"));
    }
    let value = |key: &str| asked.get(key).copied().filter(|text| !text.is_empty());
    let name = value("targettablename").unwrap_or_default().to_owned();
    check_name(&name)?;
    if site.shelves.dynamodb.tables.contains_key(&name) {
        return Err(taken(&name));
    }
    if !site.can_read(point) {
        return Err(inaccessible(&point.key));
    }
    let encryption = encryption(site, place, point, value("encryptiontype"), value("kmsmasterkeyarn"))?;
    let deletion_protection = value("deletionprotection").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    Ok(Wish { name, encryption, deletion_protection })
}

/// Whether the metadata names a table to make.
pub(super) fn names_a_table(metadata: &BTreeMap<String, String>) -> bool {
    metadata.iter().any(|(key, value)| key.eq_ignore_ascii_case("targetTableName") && !value.is_empty())
}

fn check_name(name: &str) -> Result<(), String> {
    let fits = (3..=255).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    if fits {
        return Ok(());
    }
    Err(dynamodb_error(
        "ValidationException",
        "Invalid table name: TableName must be at least 3 characters long and at most 255 characters long, and may \
         contain only a-z, A-Z, 0-9, '_', '-', and '.'",
    ))
}

fn encryption(
    site: &Site,
    place: &Place,
    point: &Point,
    kind: Option<&str>,
    key: Option<&str>,
) -> Result<Encryption, String> {
    let wrong = |message: &str| Err(dynamodb_error("ValidationException", message));
    match (kind, key) {
        // A copy from another region does not bring its encryption along (facts 2.3).
        (None, None) if point.source.source.region != place.region => wrong(
            "One or more parameter values were invalid: the encryption type must be specified for a recovery point \
             that was copied from another Region",
        ),
        (None | Some("Default"), None) => Ok(Encryption::Owned),
        (Some("Default"), Some(_)) => wrong(
            "One or more parameter values were invalid: KMSMasterKeyId can be specified only with encryption type KMS",
        ),
        (Some("KMS"), None) => {
            Ok(Encryption::Kms(format!("arn:aws:kms:{}:{}:alias/aws/dynamodb", place.region, place.account)))
        }
        (Some("KMS") | None, Some(key)) => {
            site.usable_key(key).map(|key| Encryption::Kms(key.arn.clone())).ok_or_else(|| inaccessible(key))
        }
        (Some(other), _) => {
            wrong(&format!("One or more parameter values were invalid: encryptionType {other} is not Default or KMS"))
        }
    }
}

fn inaccessible(key: &str) -> String {
    let message = format!("The specified KMS key [{key}] is disabled, does not exist or cannot be accessed");
    dynamodb_error("KMSKeyNotAccessibleException", &message)
}

/// The name was taken before the job, or while it ran.
pub(super) fn taken(name: &str) -> String {
    dynamodb_error("TableAlreadyExistsException", &format!("Table already exists: {name}"))
}

fn dynamodb_error(code: &str, message: &str) -> String {
    format!("{message} (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: {code})")
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_follow_dynamodb_rules() {
        assert!(check_name("drill-0a1b2c3d-orders").is_ok());
        for wrong in ["", "ab", "a b c", "a/bc", &"a".repeat(256)] {
            assert!(check_name(wrong).is_err(), "{wrong}");
        }
    }
}
