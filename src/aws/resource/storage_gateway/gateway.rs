//! The requests to Storage Gateway (facts 2.9). Permissions: those of the type, and `sts:GetCallerIdentity`.
//!
//! Invariant: before anything is changed or deleted, the volume is one of the gateway that the definition names, and
//! its region and account are those of the session (trap 30). The gateway itself is only looked at.

use std::collections::BTreeMap;
use std::error::Error as StdError;

use async_trait::async_trait;
use aws_sdk_storagegateway::types::{StorageGatewayError, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::paging::Pages;
use crate::aws::resource::ebs::tags::removable;
use crate::aws::resource::shared::check::{check, existence};
use crate::aws::resource::shared::guard::{Guard, refuse};
use crate::aws::resource::shared::network::key;
use crate::aws::resource::storage_gateway::look::{Volume, observation, of_cached, of_stored};
use crate::aws::resource::storage_gateway::settings::{Gateway, Route, route};
use crate::aws::session::Clients;
use crate::aws::time::made_since;
use crate::cloud::check::{Check, CheckResult};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Ground;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::cloud::resource::{Found, Observation, Removal, ResourceCalls, Subject};
use crate::words::arn::Arn;
use crate::words::kind::CheckId;
use crate::words::text::tame;

/// [`ResourceCalls`] of volumes that a gateway has.
pub(crate) struct GatewayCalls {
    guard: Guard,
    pub(super) client: Handle<aws_sdk_storagegateway::Client>,
}

/// What the ARN of a gateway's volume must say.
const ITS_ARN: (&str, &str) = ("storagegateway", "gateway/");

pub(super) const LIST: &str = "storagegateway:ListVolumes";
const TAGS: &str = "storagegateway:ListTagsForResource";
const CACHED: &str = "storagegateway:DescribeCachediSCSIVolumes";
const STORED: &str = "storagegateway:DescribeStorediSCSIVolumes";

impl GatewayCalls {
    /// Over the destination's clients.
    pub(crate) fn new(clients: &Clients) -> Self {
        Self { guard: Guard::new(clients), client: clients.storagegateway.clone() }
    }

    /// `DescribeCachediSCSIVolumes` or `DescribeStorediSCSIVolumes`.
    pub(super) async fn describe(&self, stored: bool, arns: Vec<String>) -> Result<Vec<Volume>, CloudError> {
        if stored {
            let answer = self.client.describe_storedi_scsi_volumes().set_volume_arns(Some(arns)).send().await;
            let answer = answer.map_err(|error| failure(STORED, error))?;
            Ok(answer.storedi_scsi_volumes().iter().map(of_stored).collect())
        } else {
            let answer = self.client.describe_cachedi_scsi_volumes().set_volume_arns(Some(arns)).send().await;
            let answer = answer.map_err(|error| failure(CACHED, error))?;
            Ok(answer.cachedi_scsi_volumes().iter().map(of_cached).collect())
        }
    }

    /// The gateway's volumes of the definition's kind, by ARN.
    async fn volumes(&self, gateway: Gateway<'_>) -> Result<Vec<String>, CloudError> {
        let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(LIST), None);
        loop {
            let ask = self.client.list_volumes().gateway_arn(gateway.arn).set_marker(token);
            let page = ask.send().await.map_err(|error| failure(LIST, error))?;
            for volume in page.volume_infos() {
                let stored = volume.volume_type().is_some_and(|word| word.to_uppercase().starts_with("STORED"));
                if let Some(arn) = volume.volume_arn().filter(|_| stored == gateway.stored) {
                    found.push(arn.to_owned());
                }
            }
            token = pages.next(page.marker())?;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// `ListTagsForResource`, to the end of the list.
    pub(super) async fn tags_of(&self, arn: &str) -> Result<BTreeMap<String, String>, CloudError> {
        let (mut found, mut pages, mut token) = (BTreeMap::new(), Pages::new(TAGS), None);
        loop {
            let ask = self.client.list_tags_for_resource().resource_arn(arn).set_marker(token);
            let page = ask.send().await.map_err(|error| failure(TAGS, error))?;
            // Keys stay as they came, for a tag is removed by its key.
            found.extend(page.tags().iter().map(|tag| (tag.key().to_owned(), tame(tag.value()))));
            token = pages.next(page.marker())?;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Lets a change of the volume through: it must be one of the definition's gateway.
    async fn check<'a>(&self, operation: &str, subject: &'a Subject) -> Result<&'a Arn, CloudError> {
        let gateway = gateway(operation, subject)?;
        let arn = self.guard.check(operation, subject, ITS_ARN).await?;
        if arn.as_str().strip_prefix(gateway.arn).is_some_and(|rest| rest.starts_with("/volume/")) {
            Ok(arn)
        } else {
            Err(refuse(operation, &format!("`{arn}` is not a volume of `{}`; nothing was sent", gateway.arn)))
        }
    }
}

#[async_trait]
impl ResourceCalls for GatewayCalls {
    async fn observe(&self, subject: &Subject) -> Result<Observation, CloudError> {
        let Some(arn) = subject.arn() else { return Ok(Observation::absent()) };
        let stored = gateway(CACHED, subject)?.stored;
        match self.describe(stored, vec![arn.to_string()]).await {
            // An empty list is no proof of absence: Storage Gateway says `VolumeNotFound`.
            Ok(volumes) => match volumes.into_iter().next() {
                Some(volume) => Ok(observation(volume)),
                None => {
                    let operation = if stored { STORED } else { CACHED };
                    Err(unreadable(operation, "the answer holds no volume and no error"))
                }
            },
            Err(error) if is_gone(&error) => Ok(Observation::absent()),
            Err(error) => Err(error),
        }
    }

    /// The iSCSI target carries the drill's name, which carries the run's digits.
    async fn find(&self, subject: &Subject) -> Result<Found, CloudError> {
        let gateway = gateway(LIST, subject)?;
        let arns = self.volumes(gateway).await?;
        if arns.is_empty() {
            return Ok(Found::Nothing);
        }
        let name = subject.expected.name.as_str();
        let mut volumes = self.describe(gateway.stored, arns).await?.into_iter();
        let ours = volumes.find(|volume| {
            volume.target.as_deref().is_some_and(|target| is_named(target, name))
                && made_since(volume.made.as_ref(), subject.since)
        });
        let arn = ours.and_then(|volume| volume.arn).and_then(|arn| arn.parse().ok());
        Ok(arn.map_or(Found::Nothing, Found::Marked))
    }

    async fn tags(&self, subject: &Subject) -> Result<BTreeMap<String, String>, CloudError> {
        let Some(arn) = subject.arn() else {
            return Err(refuse(TAGS, "nobody knows the id of what the restore made; nothing was sent"));
        };
        self.tags_of(arn.as_str()).await
    }

    async fn untag(&self, subject: &Subject, keys: &[String]) -> Result<(), CloudError> {
        const OPERATION: &str = "storagegateway:RemoveTagsFromResource";
        let keys = removable(keys);
        if keys.is_empty() {
            return Ok(());
        }
        let arn = self.check(OPERATION, subject).await?;
        let ask = self.client.remove_tags_from_resource().resource_arn(arn.as_str()).set_tag_keys(Some(keys));
        ask.send().await.map(|_| ()).map_err(|error| failure(OPERATION, error))
    }

    async fn tag(&self, subject: &Subject, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        const OPERATION: &str = "storagegateway:AddTagsToResource";
        if tags.is_empty() {
            return Ok(());
        }
        let arn = self.check(OPERATION, subject).await?;
        let tags: Result<Vec<Tag>, _> =
            tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let tags =
            tags.map_err(|error| CloudError::new(OPERATION, ErrorKind::Invalid, "request", &error.to_string(), None))?;
        let ask = self.client.add_tags_to_resource().resource_arn(arn.as_str()).set_tags(Some(tags));
        ask.send().await.map(|_| ()).map_err(|error| failure(OPERATION, error))
    }

    /// Volumes have no deletion protection.
    async fn unprotect(&self, _subject: &Subject) -> Result<(), CloudError> {
        Ok(())
    }

    async fn remove(&self, subject: &Subject, _seen: &Observation) -> Result<Removal, CloudError> {
        const OPERATION: &str = "storagegateway:DeleteVolume";
        let arn = self.check(OPERATION, subject).await?;
        let answer = self.client.delete_volume().volume_arn(arn.as_str()).send().await;
        match answer.map_err(|error| failure(OPERATION, error)) {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(Removal::Asked),
        }
    }

    async fn leftovers(&self, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
        self.list(wanted).await
    }

    async fn preflight(&self, ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
        const OPERATION: &str = "storagegateway:DescribeGatewayInformation";
        let Ok(gateway) = gateway(OPERATION, subject) else { return Vec::new() };
        let what = format!("gateway {}", gateway.arn);
        let answer = self.client.describe_gateway_information().gateway_arn(gateway.arn).send().await;
        let mut checks = vec![match answer.map_err(|error| failure(OPERATION, error)) {
            Ok(answer) => judge_gateway(&what, answer.gateway_state(), answer.gateway_type(), gateway.stored),
            Err(error) => existence(CheckId::HostReady, &what, OPERATION, Err(error)),
        }];
        checks.extend(key(ground, subject).await);
        checks
    }
}

/// The definition's gateway.
fn gateway<'a>(operation: &str, subject: &'a Subject) -> Result<Gateway<'a>, CloudError> {
    match route(&subject.with) {
        Route::Gateway(gateway) if !gateway.arn.is_empty() => Ok(gateway),
        _ => Err(refuse(operation, "the definition names no gateway; nothing was sent")),
    }
}

/// A volume gateway is `RUNNING`, and of one kind.
fn judge_gateway(what: &str, state: Option<&str>, kind: Option<&str>, stored: bool) -> Check {
    let (state, kind) = (tame(state.unwrap_or("unknown")), tame(kind.unwrap_or("unknown")));
    let wanted = if stored { "STORED" } else { "CACHED" };
    if kind != wanted {
        let detail = format!("it is of the type `{kind}`, and the definition says {wanted} (`gateway_type`)");
        return Check::failed(CheckId::HostReady, what, &detail)
            .mended_by("set `gateway_type` to what the gateway is, or name another `gateway`");
    }
    if state != "RUNNING" {
        let detail = format!("its state is `{state}`");
        return Check::failed(CheckId::HostReady, what, &detail)
            .mended_by("start the gateway (`aws storagegateway start-gateway`), and wait until it is running");
    }
    check(CheckId::HostReady, what, CheckResult::Ok, &format!("it is running, {kind}"))
}

/// AWS writes a target as an iSCSI name, or as an ARN that ends in one: `iqn.1997-05.com.amazon:NAME`.
fn is_named(target: &str, name: &str) -> bool {
    target.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with([':', '/']))
}

fn is_gone(error: &CloudError) -> bool {
    error.code == "VolumeNotFound"
}

/// The SDK's error, with the inner code where there is one: `InvalidGatewayRequestException` alone says nothing.
pub(super) fn failure<E>(operation: &str, error: SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + StdError + 'static,
    aws_sdk_storagegateway::Error: From<SdkError<E, HttpResponse>>,
{
    let outer = cloud_error(operation, &error);
    let aws_sdk_storagegateway::Error::InvalidGatewayRequestException(inner) =
        aws_sdk_storagegateway::Error::from(error)
    else {
        return outer;
    };
    match inner.error().and_then(StorageGatewayError::error_code) {
        Some(code) => CloudError { kind: by_code(code.as_str()), code: tame(code.as_str()), ..outer },
        None => outer,
    }
}

/// What to do about an inner code (`ErrorCode`, facts 2.9).
fn by_code(code: &str) -> ErrorKind {
    match code {
        "VolumeNotFound" | "GatewayNotFound" | "TargetNotFound" => ErrorKind::NotFound,
        "GatewayNotConnected"
        | "GatewayProxyNetworkConnectionBusy"
        | "OperationAborted"
        | "SnapshotInProgress"
        | "VolumeInUse"
        | "VolumeNotReady" => ErrorKind::Busy,
        "GatewayInternalError" | "InternalError" | "RequestTimeout" | "ServiceUnavailable" => ErrorKind::Unavailable,
        "AuthenticationFailure" | "UnauthorizedOperation" => ErrorKind::Denied,
        _ => ErrorKind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::{by_code, is_named, judge_gateway};
    use crate::cloud::check::CheckResult;
    use crate::cloud::error::ErrorKind;

    #[test]
    fn the_inner_code_says_what_to_do() {
        for (code, kind) in [
            ("VolumeNotFound", ErrorKind::NotFound),
            ("VolumeInUse", ErrorKind::Busy),
            ("VolumeNotReady", ErrorKind::Busy),
            ("GatewayInternalError", ErrorKind::Unavailable),
            ("TargetAlreadyExists", ErrorKind::Invalid),
        ] {
            assert_eq!(by_code(code), kind, "{code}");
        }
    }

    #[test]
    fn a_target_is_ours_only_by_its_whole_name() {
        let name = "drill-7f3a9c21-share";
        assert!(is_named("iqn.1997-05.com.amazon:drill-7f3a9c21-share", name));
        assert!(is_named("drill-7f3a9c21-share", name));
        assert!(!is_named("iqn.1997-05.com.amazon:my-drill-7f3a9c21-share", name));
        assert!(!is_named("iqn.1997-05.com.amazon:drill-7f3a9c21-share-2", name));
    }

    #[test]
    fn a_gateway_must_run_and_be_of_the_kind() {
        let judged = |state, kind| judge_gateway("gateway g", Some(state), Some(kind), false).result;
        assert_eq!(judged("RUNNING", "CACHED"), CheckResult::Ok);
        assert_eq!(judged("RUNNING", "STORED"), CheckResult::Failed);
        assert_eq!(judged("SHUTDOWN", "CACHED"), CheckResult::Failed);
    }
}
