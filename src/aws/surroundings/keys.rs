//! Who may use a key: its policy and its grants.

use aws_sdk_kms::types::GrantListEntry;

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::paging::Pages;
use crate::cloud::error::CloudError;
use crate::words::arn::Arn;
use crate::words::text::tame;

/// `kms:GetKeyPolicy`. A key has one policy, which is called `default`.
pub(super) async fn policy(kms: &aws_sdk_kms::Client, key: &Arn) -> Result<String, CloudError> {
    const OPERATION: &str = "kms:GetKeyPolicy";
    let answer = kms.get_key_policy().key_id(key.as_str()).policy_name("default").send().await;
    let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
    let policy = answer.policy().ok_or_else(|| unreadable(OPERATION, "the answer holds no policy"))?;
    Ok(policy.to_owned())
}

/// `kms:ListGrants`.
pub(super) async fn grantees(kms: &aws_sdk_kms::Client, key: &Arn) -> Result<Vec<String>, CloudError> {
    const OPERATION: &str = "kms:ListGrants";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = kms.list_grants().key_id(key.as_str()).set_marker(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        found.extend(page.grants().iter().filter_map(GrantListEntry::grantee_principal).map(tame));
        token = pages.next(page.next_marker())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}
