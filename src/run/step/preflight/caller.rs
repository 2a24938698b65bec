//! The drill's own identity: whether it may hand the restore role to AWS Backup, and remove what was restored.

use std::collections::BTreeMap;

use crate::cloud::check::Check;
use crate::cloud::error::CloudError;
use crate::cloud::surroundings::{Decision, Simulation};
use crate::run::step::preflight::Looking;
use crate::run::step::preflight::simulate::{Answer, judge};
use crate::words::arn::Arn;
use crate::words::kind::CheckId;

const PERMISSION: &str = "iam:SimulatePrincipalPolicy";

/// Whom the role is handed to.
const BACKUP: &str = "backup.amazonaws.com";

pub(super) async fn check(cx: &Looking<'_>) -> Vec<Check> {
    let principal = principal(cx).await;
    let mut checks = vec![pass(cx, principal.as_ref()).await];
    checks.extend(teardown(cx, principal.as_ref()).await);
    checks
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

async fn pass(cx: &Looking<'_>, principal: Result<&Arn, &String>) -> Check {
    const ID: CheckId = CheckId::RolePass;
    let role = &cx.definition.destination.restore_role;
    let what = format!("iam:PassRole on {role}");
    let principal = match principal {
        Ok(principal) => principal,
        Err(because) => return Check::not_checked(ID, &what, because),
    };
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
    let answer = cx.surroundings().simulate(&ask).await;
    verdict(ID, &what, &ask, answer, "AWS Backup would not get the role, and refuse the restore", &mend)
}

/// One question for each type: what differs between restores of a type is the name alone.
async fn teardown(cx: &Looking<'_>, principal: Result<&Arn, &String>) -> Vec<Check> {
    const ID: CheckId = CheckId::CallerTeardown;
    let mut asks: BTreeMap<&'static str, String> = BTreeMap::new();
    for (_, restore, expected) in cx.restores() {
        let facts = cx.facts(restore);
        if let (Some(action), Some(made)) =
            (facts.removal(&restore.with), facts.made_arn(&restore.with, &expected, cx.partition()))
        {
            asks.entry(action).or_insert(made);
        }
    }
    let mut checks = Vec::new();
    for (action, resource) in asks {
        let what = format!("{action} on {resource}");
        let principal = match principal {
            Ok(principal) => principal.clone(),
            Err(because) => {
                checks.push(Check::not_checked(ID, &what, because));
                continue;
            }
        };
        let mend =
            format!("allow {principal}: {{\"Effect\":\"Allow\",\"Action\":\"{action}\",\"Resource\":\"{resource}\"}}");
        let ask = Simulation { principal, actions: vec![action.to_owned()], resource, passed_to: None };
        let answer = cx.surroundings().simulate(&ask).await;
        checks.push(verdict(ID, &what, &ask, answer, "what is restored could not be removed", &mend));
    }
    checks
}

fn verdict(
    id: CheckId,
    what: &str,
    ask: &Simulation,
    answer: Result<Vec<Decision>, CloudError>,
    otherwise: &str,
    mend: &str,
) -> Check {
    let decisions = match answer {
        Ok(decisions) => decisions,
        Err(error) => return Check::unanswered(id, what, PERMISSION, &error),
    };
    match judge(&ask.actions, &decisions) {
        Answer::Allowed => Check::ok(id, what, &format!("{} may do it", ask.principal)),
        Answer::Denied(_) => {
            Check::failed(id, what, &format!("{} may not do it: {otherwise}", ask.principal)).mended_by(mend)
        }
        Answer::Depends(_, keys) => {
            let detail = format!("{} may do it under conditions only: {}", ask.principal, keys.join(", "));
            Check::warning(id, what, &detail)
        }
        Answer::Open => Check::not_checked(id, what, "IAM's simulation left it open"),
    }
}
