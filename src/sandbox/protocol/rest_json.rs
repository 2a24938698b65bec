//! REST with JSON: AWS Backup. Paths are taken with and without their trailing slash (boto3 sends it, the Rust SDK does
//! not); ARNs in them are percent-encoded.

use axum::http::Method;
use serde_json::{Value, json};

use crate::sandbox::protocol::encoding::{form, segments};
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::{Ask, Wire};

/// Finds the operation by method and path.
pub(crate) fn read(wire: &Wire) -> Result<Ask, Failure> {
    let segments = segments(&wire.path);
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (operation, labels) = route(&wire.method, &parts)
        .ok_or_else(|| Failure::unknown(&format!("backup {} {}", wire.method, wire.path)))?;
    let body = match wire.body.as_slice() {
        [] => Value::Null,
        bytes => serde_json::from_slice(bytes)
            .map_err(|_| Failure::bad("SerializationException", "the request's body is not JSON"))?,
    };
    let labels = labels.into_iter().map(str::to_owned).collect();
    Ok(Ask { operation: operation.to_owned(), labels, params: form(&wire.query), body })
}

fn route<'a>(method: &Method, parts: &[&'a str]) -> Option<(&'static str, Vec<&'a str>)> {
    if *method == Method::PUT {
        return (parts == ["restore-jobs"]).then(|| ("StartRestoreJob", Vec::new()));
    }
    if *method != Method::GET {
        return None;
    }
    Some(match *parts {
        ["backup-vaults"] => ("ListBackupVaults", vec![]),
        ["backup-vaults", vault] => ("DescribeBackupVault", vec![vault]),
        ["backup-vaults", vault, "access-policy"] => ("GetBackupVaultAccessPolicy", vec![vault]),
        ["backup-vaults", vault, "recovery-points"] => ("ListRecoveryPointsByBackupVault", vec![vault]),
        ["backup-vaults", vault, "recovery-points", point] => ("DescribeRecoveryPoint", vec![vault, point]),
        ["backup-vaults", vault, "recovery-points", point, "restore-metadata"] => {
            ("GetRecoveryPointRestoreMetadata", vec![vault, point])
        }
        ["restore-jobs"] => ("ListRestoreJobs", vec![]),
        ["restore-jobs", job] => ("DescribeRestoreJob", vec![job]),
        ["restore-jobs", job, "metadata"] => ("GetRestoreJobMetadata", vec![job]),
        ["copy-jobs"] => ("ListCopyJobs", vec![]),
        ["copy-jobs", job] => ("DescribeCopyJob", vec![job]),
        ["resources"] => ("ListProtectedResources", vec![]),
        ["resources", arn] => ("DescribeProtectedResource", vec![arn]),
        ["resources", arn, "recovery-points"] => ("ListRecoveryPointsByResource", vec![arn]),
        ["tags", arn] => ("ListTags", vec![arn]),
        ["backup", "plans"] => ("ListBackupPlans", vec![]),
        ["supported-resource-types"] => ("GetSupportedResourceTypes", vec![]),
        ["account-settings"] => ("DescribeRegionSettings", vec![]),
        _ => return None,
    })
}

/// An error's body.
pub(crate) fn error(failure: &Failure) -> String {
    let side = if failure.status >= 500 { "Server" } else { "Client" };
    json!({ "Code": failure.code, "Message": failure.message, "Type": side }).to_string()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Method};

    use super::read;
    use crate::sandbox::protocol::Wire;

    fn get(path: &str) -> Wire {
        Wire {
            method: Method::GET,
            path: path.into(),
            query: "maxResults=2".into(),
            headers: HeaderMap::new(),
            body: vec![],
        }
    }

    #[test]
    fn a_trailing_slash_makes_no_difference() {
        for path in ["/backup-vaults/dr/recovery-points/", "/backup-vaults/dr/recovery-points"] {
            let ask = read(&get(path)).unwrap();
            assert_eq!(ask.operation, "ListRecoveryPointsByBackupVault");
            assert_eq!((ask.label(0), ask.param("maxResults")), ("dr", Some("2")));
        }
    }

    #[test]
    fn an_arn_is_one_segment() {
        let ask =
            read(&get("/backup-vaults/dr/recovery-points/arn%3Aaws%3Abackup%3Aeu-west-1%3A1%3Ax%2Fy/restore-metadata"));
        let ask = ask.unwrap();
        assert_eq!(
            (ask.operation.as_str(), ask.label(1)),
            ("GetRecoveryPointRestoreMetadata", "arn:aws:backup:eu-west-1:1:x/y")
        );
        assert_eq!(read(&get("/nothing")).unwrap_err().code, "UnknownOperationException");
    }
}
