//! Which method and path mean which operation of AWS Backup.

use crate::sandbox::protocol::{Route, Target};

pub(crate) fn route(target: &Target) -> Option<Route> {
    if target.method.as_str() == "PUT" {
        return (target.parts == ["restore-jobs"]).then(|| ("StartRestoreJob", Vec::new()));
    }
    if target.method.as_str() != "GET" {
        return None;
    }
    let (operation, labels) = match *target.parts {
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
        ["backup", "plans", plan] => ("GetBackupPlan", vec![plan]),
        ["backup", "plans", plan, "selections"] => ("ListBackupSelections", vec![plan]),
        ["backup", "plans", plan, "selections", selection] => ("GetBackupSelection", vec![plan, selection]),
        ["supported-resource-types"] => ("GetSupportedResourceTypes", vec![]),
        ["account-settings"] => ("DescribeRegionSettings", vec![]),
        _ => return None,
    };
    Some((operation, labels.into_iter().map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Method};

    use super::route;
    use crate::sandbox::protocol::failure::Failure;
    use crate::sandbox::protocol::{Ask, Wire, rest_json};

    fn read(path: &str) -> Result<Ask, Failure> {
        let (path, query) = (path.into(), "maxResults=2".into());
        let wire = Wire { method: Method::GET, path, query, headers: HeaderMap::new(), body: vec![] };
        rest_json::read(&wire, "backup", &route)
    }

    #[test]
    fn a_trailing_slash_makes_no_difference() {
        for path in ["/backup-vaults/dr/recovery-points/", "/backup-vaults/dr/recovery-points"] {
            let ask = read(path).unwrap();
            assert_eq!(ask.operation, "ListRecoveryPointsByBackupVault");
            assert_eq!((ask.label(0), ask.param("maxResults")), ("dr", Some("2")));
        }
    }

    #[test]
    fn an_arn_is_one_segment() {
        let ask = read("/backup-vaults/dr/recovery-points/arn%3Aaws%3Abackup%3Aeu-west-1%3A1%3Ax%2Fy/restore-metadata");
        let ask = ask.unwrap();
        assert_eq!(
            (ask.operation.as_str(), ask.label(1)),
            ("GetRecoveryPointRestoreMetadata", "arn:aws:backup:eu-west-1:1:x/y")
        );
        assert_eq!(read("/nothing").unwrap_err().code, "UnknownOperationException");
    }
}
