//! The vault: where it is, and whether its access policy lets the drill restore from it.

use crate::cloud::check::{Check, CheckResult};
use crate::cloud::vault::VaultState;
use crate::definition::model::Definition;
use crate::run::step::preflight::policy::{Statement, statements};
use crate::run::step::preflight::{Looking, caller};
use crate::words::kind::CheckId;
use crate::words::text::quoted;

/// What a drill does with a vault and its recovery points.
const ACTIONS: [&str; 4] = [
    "backup:StartRestoreJob",
    "backup:ListRecoveryPointsByBackupVault",
    "backup:DescribeRecoveryPoint",
    "backup:GetRecoveryPointRestoreMetadata",
];

/// The vault is in the destination's region and account.
pub(super) fn place(definition: &Definition, vault: &VaultState) -> Check {
    let (id, destination) = (CheckId::VaultPlace, &definition.destination);
    let what = format!("vault {}", destination.vault);
    let (arn, points) = (&vault.arn, vault.points);
    if arn.region().as_ref() == Some(&destination.region) && arn.account().as_ref() == Some(&destination.account) {
        return Check::ok(id, &what, &format!("{arn}, {points} recovery points"));
    }
    let detail = format!("{arn} is not in {} of account {}", destination.region, destination.account);
    Check::failed(id, &what, &detail).mended_by("name a vault of the destination in `destination.vault`")
}

pub(super) async fn check(cx: &Looking<'_>) -> Vec<Check> {
    const ID: CheckId = CheckId::VaultPolicy;
    let vault = &cx.definition.destination.vault;
    let what = format!("access policy of the vault {vault}");
    vec![match cx.surroundings().vault_policy(vault).await {
        Ok(None) => Check::ok(ID, &what, "it has none"),
        Ok(Some(policy)) => match statements(&policy) {
            Some(statements) => {
                let judged = judge(&what, &statements, &caller::names(cx));
                if judged.result == CheckResult::Ok { judged } else { judged.mended_by(&mend(cx)) }
            }
            None => Check::not_checked(ID, &what, "it is not a policy that this version can read"),
        },
        Err(error) => Check::unanswered(ID, &what, "backup:GetBackupVaultAccessPolicy", &error),
    }]
}

fn mend(cx: &Looking<'_>) -> String {
    let (region, vault) = (&cx.definition.destination.region, quoted(cx.definition.destination.vault.as_str()));
    format!(
        "take the statement out of what `aws backup get-backup-vault-access-policy --region {region} \
         --backup-vault-name {vault}` shows"
    )
}

/// `names` are the names by which a policy can mean the caller.
fn judge(what: &str, statements: &[Statement], names: &[String]) -> Check {
    const ID: CheckId = CheckId::VaultPolicy;
    let denies = |statement: &&Statement| statement.denies && denied(statement).is_some();
    let (mut perhaps, mut certain) = (None, None);
    for statement in statements.iter().filter(denies) {
        let meant = names.iter().any(|name| statement.names(name));
        if meant && !statement.conditional {
            certain = denied(statement);
        } else if meant || statement.excludes {
            perhaps = denied(statement);
        }
    }
    match (certain, perhaps) {
        (Some(action), _) => Check::failed(ID, what, &format!("it denies `{action}` to the drill")),
        (None, Some(action)) => {
            Check::warning(ID, what, &format!("it denies `{action}` under conditions that drill cannot judge"))
        }
        (None, None) => Check::ok(ID, what, "it denies nothing that the drill does"),
    }
}

fn denied(statement: &Statement) -> Option<&'static str> {
    ACTIONS.into_iter().find(|action| statement.is_about(action))
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::cloud::check::CheckResult;
    use crate::run::step::preflight::policy::statements;

    fn judged(statement: &str) -> CheckResult {
        let policy = format!("{{\"Version\": \"2012-10-17\", \"Statement\": [{statement}]}}");
        judge("x", &statements(&policy).unwrap(), &["arn:aws:iam::123456789012:user/me".to_owned()]).result
    }

    #[test]
    fn only_a_deny_of_what_the_drill_does_counts() {
        let deny = |rest: &str| judged(&format!("{{\"Effect\": \"Deny\", {rest}}}"));
        assert_eq!(deny(r#""Principal": "*", "Action": "backup:StartRestoreJob""#), CheckResult::Failed);
        assert_eq!(deny(r#""Principal": {"AWS": "*"}, "Action": ["backup:*"]"#), CheckResult::Failed);
        assert_eq!(deny(r#""Principal": "*", "Action": "backup:DeleteRecoveryPoint""#), CheckResult::Ok);
        assert_eq!(
            deny(r#""Principal": {"AWS": "arn:aws:iam::123456789012:user/other"}, "Action": "*""#),
            CheckResult::Ok
        );
        let conditional =
            r#""Principal": "*", "Action": "*", "Condition": {"StringNotEquals": {"aws:PrincipalTag/a": "b"}}"#;
        assert_eq!(deny(conditional), CheckResult::Warning);
        let others = r#""NotPrincipal": {"AWS": "arn:aws:iam::123456789012:user/me"}, "Action": "*""#;
        assert_eq!(deny(others), CheckResult::Warning);
        assert_eq!(judged(r#"{"Effect": "Allow", "Principal": "*", "Action": "*"}"#), CheckResult::Ok);
    }
}
