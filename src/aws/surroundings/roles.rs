//! Roles of IAM. IAM is one service for all regions of a partition.

use aws_sdk_iam::types::{AttachedPolicy, ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::paging::Pages;
use crate::cloud::error::CloudError;
use crate::cloud::surroundings::{Decision, RoleState, Simulation};
use crate::words::arn::Arn;
use crate::words::text::tame;

/// `iam:GetRole`. The trust policy comes percent-encoded.
pub(super) async fn role(iam: &aws_sdk_iam::Client, name: &str) -> Result<RoleState, CloudError> {
    const OPERATION: &str = "iam:GetRole";
    let answer = iam.get_role().role_name(name).send().await.map_err(|error| cloud_error(OPERATION, &error))?;
    let role = answer.role().ok_or_else(|| unreadable(OPERATION, "the answer holds no role"))?;
    let arn = role.arn().parse::<Arn>().map_err(|_| unreadable(OPERATION, "the answer names no ARN of the role"))?;
    let trust = role.assume_role_policy_document();
    let trust = trust.ok_or_else(|| unreadable(OPERATION, "the answer holds no trust policy"))?;
    Ok(RoleState { arn, trust: decoded(trust) })
}

/// `iam:ListAttachedRolePolicies`.
pub(super) async fn attached(iam: &aws_sdk_iam::Client, name: &str) -> Result<Vec<String>, CloudError> {
    const OPERATION: &str = "iam:ListAttachedRolePolicies";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = iam.list_attached_role_policies().role_name(name).set_marker(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        found.extend(page.attached_policies().iter().filter_map(AttachedPolicy::policy_arn).map(tame));
        token = pages.next(page.marker())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// `iam:SimulatePrincipalPolicy`.
pub(super) async fn simulate(iam: &aws_sdk_iam::Client, ask: &Simulation) -> Result<Vec<Decision>, CloudError> {
    const OPERATION: &str = "iam:SimulatePrincipalPolicy";
    let context = ask.passed_to.map(|service| {
        let entry = ContextEntry::builder().context_key_name("iam:PassedToService").context_key_values(service);
        vec![entry.context_key_type(ContextKeyTypeEnum::String).build()]
    });
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let request = iam
            .simulate_principal_policy()
            .policy_source_arn(ask.principal.as_str())
            .set_action_names(Some(ask.actions.clone()))
            .resource_arns(&ask.resource)
            .set_context_entries(context.clone())
            .set_marker(token);
        let page = request.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        found.extend(page.evaluation_results().iter().map(|result| Decision {
            action: tame(result.eval_action_name()),
            allowed: *result.eval_decision() == PolicyEvaluationDecisionType::Allowed,
            missing: result.missing_context_values().iter().map(|key| tame(key)).collect(),
        }));
        token = pages.next(page.marker())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Percent-encoding taken away. What is no encoding stays as it is.
fn decoded(text: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let pair = (digit(bytes.get(at + 1)), digit(bytes.get(at + 2)));
        match (*byte, pair) {
            (b'%', (Some(high), Some(low))) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn a_policy_is_decoded_and_a_broken_one_is_left() {
        assert_eq!(decoded("%7B%22Version%22%3A%222012-10-17%22%7D"), r#"{"Version":"2012-10-17"}"#);
        assert_eq!(decoded("{\"a\": 1}"), "{\"a\": 1}");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%4"), "%zz%4");
        assert_eq!(decoded("%ff"), "\u{fffd}");
    }
}
