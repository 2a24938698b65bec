//! What a definition says about its evidence: the key that signs it, and the place that it is archived in.
//!
//! Invariant: the archive is nothing that the drill reads or makes. It is the one place that a run writes to besides what it
//! restores, and what is written there stays.

use serde_json::Value as Json;

use crate::definition::check::Subject;
use crate::words::archive::BucketPath;
use crate::words::arn::Arn;
use crate::yaml::diagnostic::{Code, Diagnostic, Diagnostics};

/// Checks `report.sign` and `report.archive`.
pub fn check(subject: &Subject<'_>, problems: &mut Diagnostics) {
    key(subject, problems);
    archive(subject, problems);
}

fn key(subject: &Subject<'_>, problems: &mut Diagnostics) {
    let route = ["report", "sign", "kms"];
    let Some(arn) = subject.text(&route).and_then(|text| text.parse::<Arn>().ok()) else { return };
    let is_key = arn.service() == "kms" && arn.resource().starts_with("key/");
    if !is_key || arn.region().is_none() || arn.account().is_none() {
        let message = "`kms` must be the ARN of a key; an alias may be moved to another one";
        let diagnostic = Diagnostic::error(Code::BadValue, message).at(subject.value_span(&route));
        problems.push(diagnostic.help("write it like arn:aws:kms:eu-west-1:123456789012:key/ID"));
    }
}

fn archive(subject: &Subject<'_>, problems: &mut Diagnostics) {
    let route = ["report", "archive", "s3"];
    let Some(path) = subject.text(&route).and_then(|text| text.parse::<BucketPath>().ok()) else { return };
    let (bucket, place) = (path.bucket(), subject.value_span(&route));
    if is_a_drills(bucket) {
        let message =
            format!("the bucket `{bucket}` is called like what drills restore, and `drill sweep` removes that");
        problems.push(Diagnostic::error(Code::BadValue, message).at(place).help("name another bucket"));
    }
    for (restore, one) in subject.entries(&["restore"]) {
        let selected = one.pointer("/select/arns").and_then(Json::as_array).into_iter().flatten();
        let mut named = selected.chain(one.get("resource")).filter_map(|arn| arn.as_str()?.parse::<Arn>().ok());
        if named.any(|arn| is_bucket(&arn, bucket)) {
            let message = format!("the bucket `{bucket}` is the source of `{restore}`: a drill changes nothing there");
            let diagnostic = Diagnostic::error(Code::WrongResource, message).at(place);
            let diagnostic = diagnostic.related(subject.key_span(&["restore", restore]), "it is restored here");
            problems.push(diagnostic.help("archive to a bucket of its own, which has Object Lock"));
        }
    }
}

/// Whether an ARN is this bucket's.
fn is_bucket(arn: &Arn, bucket: &str) -> bool {
    arn.service() == "s3" && arn.resource() == bucket
}

/// What is restored is called `drill-`, eight hexadecimal digits of the run, and more.
fn is_a_drills(bucket: &str) -> bool {
    let digits = bucket.strip_prefix("drill-").and_then(|rest| rest.get(..8));
    digits.is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::is_a_drills;

    #[test]
    fn names_of_restored_buckets_are_known() {
        assert!(is_a_drills("drill-07070707-invoices"));
        for other in ["drill-evidence", "drill-archive-eu", "audit-drill-07070707"] {
            assert!(!is_a_drills(other), "{other}");
        }
    }
}
