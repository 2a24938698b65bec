//! What a certificate says, as observed values. Anybody can write anything into one: its texts are hostile.

use std::collections::BTreeMap;
use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::probe::Observed;
use crate::words::text::tame;

/// Names of one certificate that are observed at most.
const MOST_NAMES: usize = 1_000;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The values of a chain, the server's own certificate first, as seen at `now`.
pub(super) fn observed(chain: &[CertificateDer<'_>], now: Timestamp) -> Observed {
    let mut seen = Observed { values: BTreeMap::new(), facts: BTreeMap::new() };
    let Some(own) = chain.first() else { return seen };
    let mut add = |name: &str, value: Value| seen.values.insert(name.to_owned(), value);
    add("chain", chain.len().into());
    let hash = digest(&SHA256, own);
    add("sha256", hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into());
    match X509Certificate::from_der(own) {
        Ok((_, certificate)) => read(&certificate, now, &mut seen),
        Err(error) => {
            seen.facts.insert("certificate".to_owned(), tame(&format!("cannot be read: {error}")));
        }
    }
    seen
}

fn read(certificate: &X509Certificate<'_>, now: Timestamp, seen: &mut Observed) {
    let mut add = |name: &str, value: Value| seen.values.insert(name.to_owned(), value);
    add("subject", tame(&certificate.subject().to_string()).into());
    add("issuer", tame(&certificate.issuer().to_string()).into());
    add("names", names(certificate).into());
    add("key", tame(&key(certificate.public_key())).into());
    let end = certificate.validity().not_after.timestamp();
    // "No expiry" is the last second of the year 9999, which is beyond what a timestamp can be.
    add("not_after", Timestamp::from_second(end).unwrap_or(Timestamp::MAX).to_string().into());
    add("days_left", end.saturating_sub(now.as_second()).div_euclid(DAY).into());
}

/// The names that it is for: DNS names, addresses, and whatever else it lists as text.
fn names(certificate: &X509Certificate<'_>) -> Vec<Value> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => Some(tame(text)),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).take(MOST_NAMES).map(Value::from).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// Algorithm and size of a key, as people write them: `EC P-256`, `RSA 2048`.
fn key(key: &SubjectPublicKeyInfo<'_>) -> String {
    let algorithm = key.algorithm.algorithm.to_id_string();
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => format!("RSA {}", rsa.key_size()),
        Ok(PublicKey::EC(_)) => format!("EC {}", curve(key)),
        _ if algorithm == "1.3.101.112" => "Ed25519".to_owned(),
        _ if algorithm == "1.3.101.113" => "Ed448".to_owned(),
        _ => algorithm,
    }
}

fn curve(key: &SubjectPublicKeyInfo<'_>) -> String {
    let named = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let Some(named) = named else { return "of an unnamed curve".to_owned() };
    match named.to_id_string().as_str() {
        "1.2.840.10045.3.1.7" => "P-256".to_owned(),
        "1.3.132.0.34" => "P-384".to_owned(),
        "1.3.132.0.35" => "P-521".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
    use rustls::pki_types::CertificateDer;
    use serde_json::json;

    use super::observed;

    fn made(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let names = vec!["db.example.com".to_owned(), "10.0.0.7".to_owned(), "fd12::7".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn names_days_key_and_fingerprint_are_told() {
        let own = made(|params| params.not_after = date_time_ymd(2026, 12, 1));
        let seen = observed(&[own.clone(), own], "2026-11-30T12:00:00Z".parse().unwrap());
        assert_eq!(seen.values["names"], json!(["db.example.com", "10.0.0.7", "fd12::7"]));
        assert_eq!(seen.values["not_after"], json!("2026-12-01T00:00:00Z"));
        assert_eq!((&seen.values["days_left"], &seen.values["chain"]), (&json!(0), &json!(2)));
        assert_eq!(seen.values["key"], json!("EC P-256"));
        assert_eq!(seen.values["sha256"].as_str().unwrap().len(), 64);
    }

    #[test]
    fn an_expired_certificate_has_fewer_than_no_days_left_and_one_without_end_very_many() {
        let expired = made(|params| params.not_after = date_time_ymd(2026, 11, 1));
        let seen = observed(&[expired], "2026-11-01T00:00:01Z".parse().unwrap());
        assert_eq!(seen.values["days_left"], json!(-1));
        let endless = made(|params| params.not_after = date_time_ymd(9999, 12, 31));
        let seen = observed(&[endless], "2026-11-01T00:00:00Z".parse().unwrap());
        assert!(seen.values["days_left"].as_i64().unwrap() > 2_900_000);
    }

    #[test]
    fn what_is_no_certificate_and_hostile_names_are_harmless() {
        let seen = observed(&[CertificateDer::from(vec![0x30, 0x03, 0x02, 0x01, 0x05])], jiff::Timestamp::UNIX_EPOCH);
        assert!(seen.facts["certificate"].contains("cannot be read"), "{seen:?}");
        assert_eq!(seen.values.len(), 2);
        let hostile = made(|params| params.distinguished_name.push(DnType::CommonName, "a\u{1b}[2Jb\u{202e}\0"));
        let seen = observed(&[hostile], jiff::Timestamp::UNIX_EPOCH);
        let subject = seen.values["subject"].as_str().unwrap();
        assert!(subject.contains("[2Jb") && !subject.chars().any(char::is_control), "{subject:?}");
        assert_eq!(observed(&[], jiff::Timestamp::UNIX_EPOCH).values.len(), 0);
    }
}
