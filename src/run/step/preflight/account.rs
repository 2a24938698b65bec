//! Whose credentials these are, and what it means that they were refused.

use crate::cloud::check::Check;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Identity;
use crate::definition::model::Definition;
use crate::words::kind::CheckId;
use crate::words::text::quoted;

const WHAT: &str = "account behind the credentials";

/// The account is the destination's.
pub(super) fn check(definition: &Definition, identity: &Identity) -> Check {
    let wanted = &definition.destination.account;
    if identity.account == *wanted {
        return Check::ok(CheckId::AccountIdentity, WHAT, &format!("{wanted}, as {}", identity.arn));
    }
    let detail =
        format!("the credentials are of account {}, and the definition's destination is {wanted}", identity.account);
    Check::failed(CheckId::AccountIdentity, WHAT, &detail)
        .mended_by("use other credentials, `--profile` or `destination.access_role`")
}

/// A request that came before all others was refused: the vault's, or the one that says who the caller is.
pub(super) fn refusal(definition: &Definition, error: &CloudError) -> Check {
    let region = &definition.destination.region;
    let enable = format!("`aws account enable-region --region-name {region}`");
    let id = match error.code.as_str() {
        "OptInRequired" | "RegionDisabledException" => CheckId::RegionEnabled,
        _ if error.operation.starts_with("sts:") => CheckId::AccountIdentity,
        _ => CheckId::VaultPlace,
    };
    let mend = match (id, error.kind) {
        (CheckId::RegionEnabled, _) => format!("enable the region for the account: {enable}"),
        // A region that is not enabled does not know the credentials.
        (_, ErrorKind::Credentials) => {
            format!("renew the credentials; if they are right elsewhere, the region is not enabled: {enable}")
        }
        (CheckId::VaultPlace, ErrorKind::Denied | ErrorKind::NotFound) => format!(
            "check `destination.vault` ({}) against `aws backup list-backup-vaults --region {region}`, and allow `{}`",
            quoted(definition.destination.vault.as_str()),
            error.operation
        ),
        _ => error.advice().to_owned(),
    };
    Check::failed(id, &error.operation, &error.to_string()).mended_by(&mend)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::refusal;
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::definition::load::check_text;
    use crate::words::kind::CheckId;

    #[test]
    fn a_region_that_is_not_enabled_is_thought_of() {
        let text = include_str!("../../../../tests/cases/validate/ok-minimal.yaml");
        let loaded =
            check_text("ok-minimal.yaml", text.as_bytes(), None, &BTreeMap::new(), crate::aws::resource::facts);
        let definition = loaded.expect("it is valid").definition;
        let of = |operation: &str, kind, code: &str| {
            refusal(&definition, &CloudError::new(operation, kind, code, "no", None))
        };
        for (check, id) in [
            (of("sts:GetCallerIdentity", ErrorKind::Credentials, "InvalidClientTokenId"), CheckId::AccountIdentity),
            (of("backup:DescribeBackupVault", ErrorKind::Denied, "OptInRequired"), CheckId::RegionEnabled),
        ] {
            assert_eq!(check.id, id);
            assert!(check.has_failed() && check.mend.is_some_and(|mend| mend.contains("enable-region")));
        }
        let vault = of("backup:DescribeBackupVault", ErrorKind::Denied, "AccessDeniedException");
        assert_eq!(vault.id, CheckId::VaultPlace);
        assert!(vault.mend.is_some_and(|mend| mend.contains("list-backup-vaults")));
    }
}
