//! The drill's own identity: whether it may hand the restore role to AWS Backup, start the restore, mark and remove
//! what was restored, and read the secrets that probes and actions log in with.

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::check::{Check, CheckResult};
use crate::cloud::error::CloudError;
use crate::cloud::surroundings::{Decision, Simulation};
use crate::definition::model::Restore;
use crate::probe::stored::{Stored, stored};
use crate::run::step::preflight::Looking;
use crate::run::step::preflight::simulate::{Answer, judge};
use crate::words::arn::Arn;
use crate::words::id::Name;
use crate::words::kind::{CheckId, ResourceKind};

const PERMISSION: &str = "iam:SimulatePrincipalPolicy";

/// Whom the role is handed to.
const BACKUP: &str = "backup.amazonaws.com";

pub(super) async fn check(cx: &Looking<'_>) -> Vec<Check> {
    let principal = principal(cx).await;
    let principal = match &principal {
        Ok(principal) => principal,
        Err(because) => return nobody(cx, because),
    };
    let mut checks = vec![pass(cx, principal).await];
    for (name, restore) in one_of_each_type(cx) {
        checks.push(start(cx, principal, name, restore).await);
    }
    checks.extend(changes(cx, principal).await);
    for stored in stored(cx.definition) {
        checks.push(secret(cx, principal, &stored).await);
    }
    checks
}

/// IAM cannot be asked about the caller.
fn nobody(cx: &Looking<'_>, because: &str) -> Vec<Check> {
    let mut ids = vec![CheckId::RolePass, CheckId::CallerStart, CheckId::CallerTeardown, CheckId::CallerTag];
    if !stored(cx.definition).is_empty() {
        ids.push(CheckId::CallerSecrets);
    }
    ids.into_iter().map(|id| Check::not_checked(id, &format!("what {} may do", cx.identity.arn), because)).collect()
}

/// The names by which a policy can mean the caller.
pub(super) fn names(cx: &Looking<'_>) -> Vec<String> {
    let (account, partition) = (&cx.identity.account, cx.partition());
    let mut names = vec![cx.identity.arn.clone(), account.to_string(), format!("arn:{partition}:iam::{account}:root")];
    names.extend(role_behind(cx).map(|name| role_arn(cx, name)));
    names
}

/// The name of the role that the caller's session belongs to: `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`.
fn role_behind<'a>(cx: &'a Looking<'_>) -> Option<&'a str> {
    let (_, rest) = cx.identity.arn.split_once(":assumed-role/")?;
    rest.split('/').next().filter(|name| !name.is_empty())
}

/// Without its path, which a session's ARN does not say.
fn role_arn(cx: &Looking<'_>, name: &str) -> String {
    format!("arn:{}:iam::{}:role/{name}", cx.partition(), cx.identity.account)
}

/// The user or role whose policies count, or why IAM cannot be asked about it.
async fn principal(cx: &Looking<'_>) -> Result<Arn, String> {
    if let Some(name) = role_behind(cx) {
        // IAM wants the role's path too; where the role cannot be read, it is taken to have none.
        if let Ok(role) = cx.surroundings().role(name).await {
            return Ok(role.arn);
        }
        return role_arn(cx, name).parse::<Arn>().map_err(|_| unknown());
    }
    let arn = cx.identity.arn.parse::<Arn>().map_err(|_| unknown())?;
    if arn.service() == "iam" && (arn.resource().starts_with("user/") || arn.resource().starts_with("role/")) {
        return Ok(arn);
    }
    Err("the caller is neither a user nor a role, and IAM simulates no others".to_owned())
}

fn unknown() -> String {
    "the caller's ARN is none that IAM can be asked about".to_owned()
}

/// A question about one action of the caller, and what a denial means.
struct Question<'a> {
    id: CheckId,
    what: String,
    action: &'a str,
    principal: &'a Arn,
    /// The result of a certain denial.
    denied: CheckResult,
    /// What would happen then.
    otherwise: &'a str,
    mend: String,
}

fn allow(principal: &Arn, action: &str, resource: &str) -> String {
    format!("allow {principal}: {{\"Effect\":\"Allow\",\"Action\":\"{action}\",\"Resource\":\"{resource}\"}}")
}

async fn pass(cx: &Looking<'_>, principal: &Arn) -> Check {
    let role = &cx.definition.destination.restore_role;
    let ask = Simulation {
        principal: principal.clone(),
        actions: vec!["iam:PassRole".to_owned()],
        resource: role.as_str().to_owned(),
        passed_to: Some(BACKUP),
    };
    let mend = format!(
        "allow {principal}: {{\"Effect\":\"Allow\",\"Action\":\"iam:PassRole\",\"Resource\":\"{role}\",\"Condition\":\
         {{\"StringEquals\":{{\"iam:PassedToService\":\"{BACKUP}\"}}}}}}"
    );
    let question = Question {
        id: CheckId::RolePass,
        what: format!("iam:PassRole on {role}"),
        action: "iam:PassRole",
        principal,
        denied: CheckResult::Failed,
        otherwise: "AWS Backup would not get the role, and refuse the restore",
        mend,
    };
    verdict(question, &cx.surroundings().simulate(&ask).await)
}

/// The first restore of each type: what differs between restores of a type is the name alone.
fn one_of_each_type<'a>(cx: &'a Looking<'_>) -> Vec<(&'a Name, &'a Restore)> {
    let mut seen: BTreeSet<ResourceKind> = BTreeSet::new();
    cx.definition.restore.iter().filter(|(_, restore)| seen.insert(restore.kind)).collect()
}

/// On the newest recovery point: which one is restored, the pick decides.
async fn start(cx: &Looking<'_>, principal: &Arn, name: &Name, restore: &Restore) -> Check {
    const ID: CheckId = CheckId::CallerStart;
    const ACTION: &str = "backup:StartRestoreJob";
    let Some(point) = cx.newest.get(name).and_then(|newest| newest.point.as_ref()) else {
        let what = format!("{ACTION} for {}", restore.kind);
        return Check::not_checked(ID, &what, "no recovery point was seen that IAM could be asked about");
    };
    let resource = point.arn.as_str().to_owned();
    let question = Question {
        id: ID,
        what: format!("{ACTION} on {resource}"),
        action: ACTION,
        principal,
        denied: CheckResult::Failed,
        otherwise: "AWS Backup would refuse the restore",
        mend: allow(principal, ACTION, &resource),
    };
    let ask = Simulation { principal: principal.clone(), actions: vec![ACTION.to_owned()], resource, passed_to: None };
    verdict(question, &cx.surroundings().simulate(&ask).await)
}

/// One request for each type about what the drill does with a restored thing: it removes it, and marks it before.
async fn changes(cx: &Looking<'_>, principal: &Arn) -> Vec<Check> {
    let mut asks: BTreeMap<&'static str, (Option<&'static str>, String)> = BTreeMap::new();
    for (_, restore, expected) in cx.restores() {
        let facts = cx.facts(restore);
        if let (Some(action), Some(made)) =
            (facts.removal(&restore.with), facts.made_arn(&restore.with, &expected, cx.partition()))
        {
            asks.entry(action).or_insert((facts.tagging(&restore.with), made));
        }
    }
    let mut checks = Vec::new();
    for (removal, (tagging, resource)) in asks {
        let actions: Vec<String> = [Some(removal), tagging].into_iter().flatten().map(str::to_owned).collect();
        let ask = Simulation { principal: principal.clone(), actions, resource: resource.clone(), passed_to: None };
        let answer = cx.surroundings().simulate(&ask).await;
        let about = |id, action, denied, otherwise| Question {
            id,
            what: format!("{action} on {resource}"),
            action,
            principal,
            denied,
            otherwise,
            mend: allow(principal, action, &resource),
        };
        let left = "what is restored could not be removed";
        checks.push(verdict(about(CheckId::CallerTeardown, removal, CheckResult::Failed, left), &answer));
        let unmarked =
            "what is restored would not carry the drill's tags, and its restore job alone proves whose it is";
        checks.extend(
            tagging.map(|action| verdict(about(CheckId::CallerTag, action, CheckResult::Warning, unmarked), &answer)),
        );
    }
    checks
}

/// A warning at most: the restore and its removal need no secret. And where the definition has a name, the ARN that IAM
/// is asked about is made up.
async fn secret(cx: &Looking<'_>, principal: &Arn, stored: &Stored) -> Check {
    let destination = &cx.definition.destination;
    let at = |service: &str| format!("arn:{}:{service}:{}:{}", cx.partition(), destination.region, destination.account);
    let (action, resource) = match stored {
        Stored::Secret(id) if id.starts_with("arn:") => ("secretsmanager:GetSecretValue", id.clone()),
        // AWS adds a hyphen and six characters to the name: any six stand for them.
        Stored::Secret(id) => ("secretsmanager:GetSecretValue", format!("{}:secret:{id}-000000", at("secretsmanager"))),
        Stored::Parameter(name) if name.starts_with("arn:") => ("ssm:GetParameter", name.clone()),
        Stored::Parameter(name) => {
            let name = name.split(':').next().unwrap_or_default().trim_start_matches('/');
            ("ssm:GetParameter", format!("{}:parameter/{name}", at("ssm")))
        }
    };
    let question = Question {
        id: CheckId::CallerSecrets,
        what: format!("{action} on {}", stored.name()),
        action,
        principal,
        denied: CheckResult::Warning,
        otherwise: "what logs in with it would not be measured",
        mend: allow(principal, action, &resource.replace("-000000", "-??????")),
    };
    let ask = Simulation { principal: principal.clone(), actions: vec![action.to_owned()], resource, passed_to: None };
    verdict(question, &cx.surroundings().simulate(&ask).await)
}

fn verdict(question: Question<'_>, answer: &Result<Vec<Decision>, CloudError>) -> Check {
    let Question { id, what, action, principal, denied, otherwise, mend } = question;
    let decisions: Vec<Decision> = match answer {
        Ok(all) => all.iter().filter(|one| one.action.eq_ignore_ascii_case(action)).cloned().collect(),
        Err(error) => return Check::unanswered(id, &what, PERMISSION, error),
    };
    match judge(&[action.to_owned()], &decisions) {
        Answer::Allowed => Check::ok(id, &what, &format!("{principal} may do it")),
        Answer::Denied(_) => {
            Check::new(id, &what, denied, &format!("{principal} may not do it: {otherwise}")).mended_by(&mend)
        }
        Answer::Depends(_, keys) => {
            let detail = format!("{principal} may do it under conditions only: {}", keys.join(", "));
            Check::warning(id, &what, &detail)
        }
        Answer::Open => Check::not_checked(id, &what, "IAM's simulation left it open"),
    }
}
