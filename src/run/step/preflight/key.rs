//! The keys in the destination: the vault's is usable, and the restore role may use those of the restores.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cloud::check::Check;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::KeyState;
use crate::cloud::surroundings::Simulation;
use crate::run::step::preflight::Looking;
use crate::run::step::preflight::policy::{Statement, statements};
use crate::run::step::preflight::simulate::{Answer, judge};
use crate::words::arn::Arn;
use crate::words::kind::CheckId;
use crate::words::text::quoted;

/// What AWS Backup's role does with a key (facts 1.11).
const ACTIONS: [&str; 3] = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey"];

pub(super) async fn check(cx: &Looking<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(key) = &cx.vault.key {
        checks.push(state(cx, key).await);
    }
    for key in keys(cx) {
        checks.push(access(cx, &key).await);
    }
    checks
}

/// A disabled key is a warning: the pick looks at each recovery point's own key, and what it refuses for that is a
/// failure of the backup and not of the surroundings.
async fn state(cx: &Looking<'_>, key: &Arn) -> Check {
    let (id, what) = (CheckId::VaultKey, format!("key of the vault, {key}"));
    judge_state(id, &what, key, cx.definition.destination.region.as_str(), cx.services.cloud.ground.key(key).await)
}

fn judge_state(id: CheckId, what: &str, key: &Arn, region: &str, found: Result<KeyState, CloudError>) -> Check {
    let key = quoted(key.as_str());
    match found {
        Ok(found) if found.state == "Enabled" => Check::ok(id, what, "it is enabled"),
        Ok(found) => {
            let detail = format!("its state is `{}`: no copy that it encrypts can be restored", found.state);
            let check = Check::warning(id, what, &detail);
            match found.state.as_str() {
                "Disabled" => check.mended_by(&format!("`aws kms enable-key --region {region} --key-id {key}`")),
                "PendingDeletion" => check.mended_by(&format!(
                    "`aws kms cancel-key-deletion --region {region} --key-id {key}`, then `aws kms enable-key`"
                )),
                _ => check,
            }
        }
        Err(error) if error.kind == ErrorKind::NotFound => {
            Check::warning(id, what, "it does not exist: no copy that it encrypts can be restored")
        }
        Err(error) => Check::unanswered(id, what, "kms:DescribeKey", &error),
    }
}

/// The keys that restores will use, as far as they are known: those of the newest recovery points, and those that the
/// definition names.
fn keys(cx: &Looking<'_>) -> BTreeSet<Arn> {
    let of_points = cx.newest.values().filter_map(|newest| newest.point.as_ref()?.encryption_key.clone());
    let named = cx.definition.restore.values().filter_map(|restore| restore.with.get("kms_key"));
    let named = named.filter_map(Value::as_str).filter_map(|text| text.parse::<Arn>().ok());
    of_points.chain(named).collect()
}

async fn access(cx: &Looking<'_>, key: &Arn) -> Check {
    let (id, what) = (CheckId::KeyAccess, format!("use of the key {key} by the restore role"));
    // Of a key that cannot be described its policy decides alone.
    if cx.services.cloud.ground.key(key).await.is_ok_and(|found| found.aws_managed) {
        return Check::ok(id, &what, "AWS manages the key");
    }
    let policy = match cx.surroundings().key_policy(key).await {
        Ok(policy) => policy,
        Err(error) => return Check::unanswered(id, &what, "kms:GetKeyPolicy", &error),
    };
    let Some(statements) = statements(&policy) else {
        return Check::not_checked(id, &what, "its policy is not one that this version can read");
    };
    let role = &cx.definition.destination.restore_role;
    match by_policy(&statements, role, &root(cx, key)) {
        Access::Named => return Check::ok(id, &what, "the key's policy allows it"),
        Access::Delegated => return by_iam(cx, key, &what).await,
        Access::None => {}
    }
    match cx.surroundings().grantees(key).await {
        Ok(grantees) if grantees.iter().any(|grantee| grantee == role.as_str()) => {
            Check::ok(id, &what, "a grant allows it")
        }
        Ok(_) => {
            let detail = "neither the key's policy nor a grant names the role or the account: the restore would fail";
            Check::failed(id, &what, detail).mended_by(&grant(cx, key))
        }
        Err(error) => Check::unanswered(id, &what, "kms:ListGrants", &error),
    }
}

fn grant(cx: &Looking<'_>, key: &Arn) -> String {
    format!(
        "`aws kms create-grant --region {} --key-id {} --grantee-principal {} --operations Decrypt DescribeKey \
         GenerateDataKey GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo CreateGrant`",
        cx.definition.destination.region,
        quoted(key.as_str()),
        quoted(cx.definition.destination.restore_role.as_str())
    )
}

/// The account that a key's policy names when it leaves the decision to IAM.
fn root(cx: &Looking<'_>, key: &Arn) -> [String; 2] {
    let account = key.account().unwrap_or_else(|| cx.identity.account.clone());
    [format!("arn:{}:iam::{account}:root", key.partition()), account.to_string()]
}

/// What a key's policy says of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// It names the role, or everybody.
    Named,
    /// It leaves it to the account's IAM.
    Delegated,
    /// Neither.
    None,
}

fn by_policy(statements: &[Statement], role: &Arn, root: &[String]) -> Access {
    let allows = || statements.iter().filter(|one| !one.denies && ACTIONS.iter().any(|action| one.is_about(action)));
    if allows().any(|one| one.names(role.as_str())) {
        Access::Named
    } else if allows().any(|one| root.iter().any(|name| one.names(name))) {
        Access::Delegated
    } else {
        Access::None
    }
}

/// The key's policy leaves it to IAM: then the role's own policies decide.
async fn by_iam(cx: &Looking<'_>, key: &Arn, what: &str) -> Check {
    let id = CheckId::KeyAccess;
    let ask = Simulation {
        principal: cx.definition.destination.restore_role.clone(),
        actions: ACTIONS.map(str::to_owned).to_vec(),
        resource: key.as_str().to_owned(),
        passed_to: None,
    };
    let decisions = match cx.surroundings().simulate(&ask).await {
        Ok(decisions) => decisions,
        Err(error) => return Check::unanswered(id, what, "iam:SimulatePrincipalPolicy", &error),
    };
    match judge(&ask.actions, &decisions) {
        Answer::Allowed => Check::ok(id, what, "the key's policy leaves it to IAM, which allows it"),
        Answer::Denied(actions) => {
            let detail = format!("the key's policy leaves it to IAM, which does not allow {}", actions.join(", "));
            Check::warning(id, what, &detail).mended_by(&grant(cx, key))
        }
        Answer::Depends(_, keys) => {
            Check::ok(id, what, &format!("IAM allows it under conditions that AWS Backup meets: {}", keys.join(", ")))
        }
        Answer::Open => Check::not_checked(id, what, "IAM's simulation left it open"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, by_policy, judge_state};
    use crate::cloud::check::CheckResult;
    use crate::cloud::ground::KeyState;
    use crate::run::step::preflight::policy::statements;
    use crate::words::arn::Arn;
    use crate::words::kind::CheckId;

    const ROOT: &str = "arn:aws:iam::123456789012:root";

    #[test]
    fn a_policy_names_the_role_or_the_account_or_neither() {
        let role: Arn = "arn:aws:iam::123456789012:role/drill-restore".parse().unwrap();
        let access = |principal: &str, action: &str| {
            let policy = format!(
                r#"{{"Statement": {{"Effect": "Allow", "Principal": {{"AWS": "{principal}"}}, "Action": "{action}"}}}}"#
            );
            by_policy(&statements(&policy).unwrap(), &role, &[ROOT.to_owned(), "123456789012".to_owned()])
        };
        assert_eq!(access(role.as_str(), "kms:Decrypt"), Access::Named);
        assert_eq!(access(ROOT, "kms:*"), Access::Delegated);
        assert_eq!(access("123456789012", "kms:*"), Access::Delegated);
        assert_eq!(access(role.as_str(), "kms:PutKeyPolicy"), Access::None);
        assert_eq!(access("arn:aws:iam::123456789012:role/admin", "kms:*"), Access::None);
    }

    #[test]
    fn a_key_that_is_off_comes_with_its_command() {
        let key: Arn = "arn:aws:kms:eu-west-1:123456789012:key/1".parse().unwrap();
        let judged = |state: &str| {
            let found = Ok(KeyState { state: state.to_owned(), aws_managed: false });
            judge_state(CheckId::VaultKey, "key", &key, "eu-west-1", found)
        };
        assert_eq!(judged("Enabled").result, CheckResult::Ok);
        assert!(judged("Disabled").mend.unwrap().contains("kms enable-key"));
        assert!(judged("PendingDeletion").mend.unwrap().contains("cancel-key-deletion"));
        assert_eq!(judged("Unavailable").mend, None);
    }
}
