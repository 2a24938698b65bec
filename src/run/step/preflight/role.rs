//! The restore role: there, trusting AWS Backup, and able to do what the types need (facts 1.11).

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::check::{Check, CheckResult};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::surroundings::{RoleNeed, RoleState, Simulation};
use crate::run::step::preflight::Looking;
use crate::run::step::preflight::policy::statements;
use crate::run::step::preflight::simulate::{Answer, judge};
use crate::words::arn::Arn;
use crate::words::kind::{CheckId, ResourceKind};
use crate::words::text::quoted;

/// Who assumes the role.
const BACKUP: &str = "backup.amazonaws.com";

/// What the role's trust policy must say, besides what it says to others.
const STATEMENT: &str =
    r#"{"Effect":"Allow","Principal":{"Service":"backup.amazonaws.com"},"Action":"sts:AssumeRole"}"#;

/// The trust policy of a role that is made for AWS Backup alone.
const TRUST: &str = concat!(
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","#,
    r#""Principal":{"Service":"backup.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#
);

pub(super) async fn check(cx: &Looking<'_>) -> Vec<Check> {
    let role = &cx.definition.destination.restore_role;
    let found = cx.surroundings().role(name(role)).await;
    let exists = existence(role, &found);
    let is_missing = exists.has_failed();
    let mut checks = vec![exists];
    if is_missing {
        return checks;
    }
    checks.push(match &found {
        Ok(state) => trust(role, &state.trust),
        Err(error) => Check::unanswered(CheckId::RoleTrust, &trust_of(role), "iam:GetRole", error),
    });
    let powers = powers(cx).await;
    let able: BTreeSet<ResourceKind> =
        powers.iter().filter(|(_, check)| check.result == CheckResult::Ok).map(|(kind, _)| *kind).collect();
    checks.extend(powers.into_iter().map(|(_, check)| check));
    checks.extend(policies(cx, &able).await);
    checks
}

/// What IAM calls it: the last part of its ARN, after its path.
fn name(role: &Arn) -> &str {
    role.resource().rsplit('/').next().unwrap_or_default()
}

fn trust_of(role: &Arn) -> String {
    format!("trust policy of {role}")
}

fn existence(role: &Arn, found: &Result<RoleState, CloudError>) -> Check {
    let (id, what, name) = (CheckId::RoleExists, format!("restore role {role}"), quoted(name(role)));
    match found {
        Ok(state) if state.arn == *role => Check::ok(id, &what, "it is there"),
        Ok(state) => Check::failed(id, &what, &format!("the role of that name is {}", state.arn))
            .mended_by("write the role's whole ARN, with its path, in `destination.restore_role`"),
        Err(error) if error.kind == ErrorKind::NotFound => Check::failed(id, &what, "it does not exist").mended_by(
            &format!("`aws iam create-role --role-name {name} --assume-role-policy-document {}`", quoted(TRUST)),
        ),
        Err(error) => Check::unanswered(id, &what, "iam:GetRole", error),
    }
}

fn trust(role: &Arn, document: &str) -> Check {
    let (id, what, name) = (CheckId::RoleTrust, trust_of(role), quoted(name(role)));
    let mend = trust_mend(&name);
    let Some(statements) = statements(document) else {
        return Check::not_checked(id, &what, "it is not a policy that this version can read");
    };
    let about = || statements.iter().filter(|one| one.is_about("sts:AssumeRole") && one.names(BACKUP));
    if about().any(|one| one.denies && !one.conditional) {
        return Check::failed(id, &what, "it denies AWS Backup to assume the role").mended_by(&mend);
    }
    if about().any(|one| one.denies) {
        return Check::warning(id, &what, "it denies AWS Backup to assume the role, under conditions").mended_by(&mend);
    }
    let mut allows = about().filter(|one| !one.denies).peekable();
    if allows.peek().is_none() {
        return Check::failed(id, &what, "it does not let AWS Backup assume the role").mended_by(&mend);
    }
    let conditional = allows.all(|one| one.conditional);
    Check::ok(id, &what, if conditional { "it trusts AWS Backup, under conditions" } else { "it trusts AWS Backup" })
}

/// The command puts a document in the place of the whole trust policy, so the statement must be added to what is there.
fn trust_mend(name: &str) -> String {
    format!(
        "add {STATEMENT} to the statements of the trust policy, and take away what denies it: keep what `aws iam get-role \
         --role-name {name} --query Role.AssumeRolePolicyDocument` shows, edit it, and give the whole of it to `aws iam \
         update-assume-role-policy --role-name {name} --policy-document file://TRUST_POLICY.json`, which replaces all \
         that is there, other principals too"
    )
}

/// Whether it may do what each type needs. One question for each type: what differs between restores of a type is the
/// name alone.
async fn powers(cx: &Looking<'_>) -> Vec<(ResourceKind, Check)> {
    let mut needs: BTreeMap<ResourceKind, Vec<RoleNeed>> = BTreeMap::new();
    for (_, restore, expected) in cx.restores() {
        let of_type = cx.facts(restore).role_needs(&restore.with, &expected, cx.partition());
        if !of_type.is_empty() {
            needs.entry(restore.kind).or_insert(of_type);
        }
    }
    let mut checks = Vec::new();
    for (kind, needs) in needs {
        checks.push((kind, powers_for(cx, kind, &needs).await));
    }
    checks
}

async fn powers_for(cx: &Looking<'_>, kind: ResourceKind, needs: &[RoleNeed]) -> Check {
    let (id, role) = (CheckId::RoleActions, &cx.definition.destination.restore_role);
    let what = format!("what {role} may do for {kind}");
    let mut on: BTreeMap<(&str, Option<&'static str>), Vec<String>> = BTreeMap::new();
    for need in needs {
        on.entry((need.resource.as_str(), need.passed_to)).or_default().push(need.action.to_owned());
    }
    let (mut lacks, mut depends, mut open) = (Vec::new(), Vec::new(), false);
    for ((resource, passed_to), actions) in on {
        let ask = Simulation { principal: role.clone(), actions, resource: resource.to_owned(), passed_to };
        let decisions = match cx.surroundings().simulate(&ask).await {
            Ok(decisions) => decisions,
            Err(error) => return Check::unanswered(id, &what, "iam:SimulatePrincipalPolicy", &error),
        };
        match judge(&ask.actions, &decisions) {
            Answer::Allowed => {}
            Answer::Denied(actions) if actions.iter().any(|action| is_vital(needs, action)) => {
                let detail = format!("it may not do {} on {resource}: the restore would fail", actions.join(", "));
                return Check::failed(id, &what, &detail).mended_by(&attach(cx, policy(cx, kind)));
            }
            Answer::Denied(actions) => lacks.push(format!("{} on {resource}", actions.join(", "))),
            Answer::Depends(actions, keys) => {
                depends.push(format!("{} depends on {}", actions.join(", "), keys.join(", ")));
            }
            Answer::Open => open = true,
        }
    }
    if !lacks.is_empty() {
        let detail = format!("it may not do {}, which AWS's own policy allows: restores may need it", lacks.join("; "));
        return Check::warning(id, &what, &detail).mended_by(&attach(cx, policy(cx, kind)));
    }
    if !depends.is_empty() {
        return Check::warning(id, &what, &format!("only under conditions: {}", depends.join("; ")));
    }
    if open {
        return Check::not_checked(id, &what, "IAM's simulation left it open");
    }
    let actions: Vec<&str> = needs.iter().map(|need| need.action).collect();
    Check::ok(id, &what, &format!("it may do {}", actions.join(", ")))
}

/// Whether no restore goes without this action.
fn is_vital(needs: &[RoleNeed], action: &str) -> bool {
    needs.iter().any(|need| need.vital && need.action.eq_ignore_ascii_case(action))
}

/// AWS's own policy for a type, by its name in an ARN.
fn policy(cx: &Looking<'_>, kind: ResourceKind) -> &'static str {
    (cx.services.types)(kind).role_policy()
}

fn attach(cx: &Looking<'_>, policy: &str) -> String {
    let role = quoted(name(&cx.definition.destination.restore_role));
    format!(
        "`aws iam attach-role-policy --role-name {role} --policy-arn arn:{}:iam::aws:policy/{policy}`",
        cx.partition()
    )
}

/// Whether AWS's own policies are attached. Another policy may allow the same: it is a warning, and none for types of
/// which it is known (`able`).
async fn policies(cx: &Looking<'_>, able: &BTreeSet<ResourceKind>) -> Vec<Check> {
    let id = CheckId::RolePolicy;
    let mut wanted: BTreeMap<&'static str, Vec<ResourceKind>> = BTreeMap::new();
    for restore in cx.definition.restore.values().filter(|restore| restore.kind != ResourceKind::Other) {
        let kinds = wanted.entry(policy(cx, restore.kind)).or_default();
        if !kinds.contains(&restore.kind) {
            kinds.push(restore.kind);
        }
    }
    if wanted.is_empty() {
        return Vec::new();
    }
    let role = &cx.definition.destination.restore_role;
    let attached = match cx.surroundings().role_policies(name(role)).await {
        Ok(attached) => attached,
        Err(error) => {
            let permission = "iam:ListAttachedRolePolicies";
            let whats = wanted.into_keys().map(|policy| policy_of(role, policy));
            return whats.map(|what| Check::unanswered(id, &what, permission, &error)).collect();
        }
    };
    let mut checks = Vec::new();
    for (policy, kinds) in wanted {
        let what = policy_of(role, policy);
        let is_it = |arn: &String| arn.split_once(":policy/").is_some_and(|(_, name)| name == policy);
        checks.push(if attached.iter().any(is_it) {
            Check::ok(id, &what, "it is attached")
        } else if kinds.iter().all(|kind| able.contains(kind)) {
            Check::ok(id, &what, "it is not attached, and another policy allows what was asked for")
        } else {
            let detail = "it is not attached; unless another policy allows the same, the restore would fail";
            Check::warning(id, &what, detail).mended_by(&attach(cx, policy))
        });
    }
    checks
}

fn policy_of(role: &Arn, policy: &str) -> String {
    format!("policy {} of {role}", policy.rsplit('/').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{STATEMENT, TRUST, existence, trust};
    use crate::cloud::check::CheckResult;
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::cloud::surroundings::RoleState;
    use crate::words::arn::Arn;

    fn role() -> Arn {
        "arn:aws:iam::123456789012:role/backup/drill-restore".parse().unwrap()
    }

    #[test]
    fn a_role_is_the_one_of_the_whole_arn() {
        let state = |arn: &str| Ok(RoleState { arn: arn.parse().unwrap(), trust: TRUST.to_owned() });
        let result = |found| existence(&role(), &found).result;
        assert_eq!(result(state("arn:aws:iam::123456789012:role/backup/drill-restore")), CheckResult::Ok);
        assert_eq!(result(state("arn:aws:iam::123456789012:role/drill-restore")), CheckResult::Failed);
        let failed = |kind| Err(CloudError::new("iam:GetRole", kind, "code", "no", None));
        assert_eq!(result(failed(ErrorKind::Denied)), CheckResult::NotChecked);
        assert_eq!(result(failed(ErrorKind::Throttled)), CheckResult::NotChecked);
        let missing = existence(&role(), &failed(ErrorKind::NotFound));
        assert_eq!(missing.result, CheckResult::Failed);
        assert!(missing.mend.unwrap().contains("create-role --role-name drill-restore "));
    }

    #[test]
    fn trust_is_in_aws_backup_and_nobody_else() {
        let trusts = |statement: &str| trust(&role(), &format!("{{\"Statement\": [{statement}]}}")).result;
        assert_eq!(trust(&role(), TRUST).result, CheckResult::Ok);
        let ec2 = r#"{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}"#;
        assert_eq!(trusts(ec2), CheckResult::Failed);
        let conditional = r#"{"Effect": "Allow", "Principal": {"Service": ["backup.amazonaws.com"]},
            "Action": "sts:*", "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}}"#;
        assert_eq!(trusts(conditional), CheckResult::Ok);
        let deny = r#"{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}"#;
        assert_eq!(trusts(&format!("{conditional}, {deny}")), CheckResult::Failed);
        assert_eq!(trust(&role(), "no JSON").result, CheckResult::NotChecked);
        assert!(TRUST.contains(STATEMENT));
    }

    /// The role may be somebody else's too: the command that replaces the policy never comes with a policy of ours.
    #[test]
    fn the_mend_of_a_trust_policy_keeps_the_other_principals() {
        let ec2 = r#"{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}"#;
        let mend = trust(&role(), &format!("{{\"Statement\": [{ec2}]}}")).mend.unwrap();
        assert!(mend.contains("aws iam get-role --role-name drill-restore ") && mend.contains(STATEMENT), "{mend}");
        assert!(mend.contains("other principals") && !mend.contains(TRUST), "{mend}");
    }
}
