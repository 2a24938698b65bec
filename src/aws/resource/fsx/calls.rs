//! The requests to FSx. Permissions: [`crate::aws::resource::fsx::facts::PERMISSIONS`] and `sts:GetCallerIdentity`.
//!
//! Invariants: before anything is changed or deleted, region and account are those of the session (trap 30), and the
//! ARN is of what the definition's flavour makes. Of ONTAP only a volume is ever deleted (trap 31; see [`Thing`]).

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_fsx::types::{
    DeleteFileSystemLustreConfiguration, DeleteFileSystemOpenZfsConfiguration, DeleteFileSystemOpenZfsOption,
    DeleteFileSystemWindowsConfiguration, DeleteVolumeOntapConfiguration, FileSystem, OntapVolumeConfiguration, Tag,
    Volume,
};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::paging::Pages;
use crate::aws::resource::fsx::flavour::{Flavour, SystemFlavour, Thing};
use crate::aws::resource::fsx::ontap::{svm, volume_name};
use crate::aws::resource::fsx::{leftovers, look, preflight, seen};
use crate::aws::resource::shared::guard::{Guard, refuse};
use crate::aws::session::Clients;
use crate::aws::time::made_since;
use crate::cloud::check::Check;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Ground;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::cloud::resource::{Found, Observation, Phase, Removal, ResourceCalls, Settings, Subject};
use crate::words::arn::Arn;
use crate::words::id::RunId;
use crate::words::text::tame;

/// [`ResourceCalls`] of FSx file systems and ONTAP volumes.
pub(crate) struct FsxCalls {
    guard: Guard,
    fsx: Handle<aws_sdk_fsx::Client>,
    ec2: Handle<aws_sdk_ec2::Client>,
}

impl FsxCalls {
    /// Over the destination's clients.
    pub(crate) fn new(clients: &Clients) -> Self {
        Self { guard: Guard::new(clients), fsx: clients.fsx.clone(), ec2: clients.ec2.clone() }
    }

    /// A change, which needs the id. Answers the ARN too, by which FSx takes tags.
    async fn allowed<'a>(&self, operation: &str, subject: &'a Subject) -> Result<(&'a Arn, Thing<'a>), CloudError> {
        let thing = thing(operation, subject)?;
        let Some(thing) = thing else {
            return Err(refuse(operation, "nobody knows the id of what the restore made; nothing was sent"));
        };
        Ok((self.guard.check(operation, subject, ("fsx", thing.prefix())).await?, thing))
    }

    /// The volume: by its id once that is known, else by its name in the definition's machine.
    async fn find_volume(&self, subject: &Subject, own: &Settings) -> Result<Option<Volume>, CloudError> {
        match (thing("fsx:DescribeVolumes", subject)?, svm(own)) {
            (Some(Thing::Volume { id }), _) => look::volume(&self.fsx, id).await,
            (_, Some(svm)) => look::volume_named(&self.fsx, svm, &volume_name(&subject.expected.name)).await,
            _ => Ok(None),
        }
    }

    async fn observe_volume(&self, subject: &Subject, own: &Settings) -> Result<Observation, CloudError> {
        let Some(volume) = self.find_volume(subject, own).await? else { return Ok(Observation::absent()) };
        let bare = seen::volume(&volume, None);
        let machine = volume.ontap_configuration().and_then(OntapVolumeConfiguration::storage_virtual_machine_id);
        match machine {
            Some(machine) if bare.phase == Phase::Ready => {
                let machine = look::machine(&self.fsx, machine).await?;
                Ok(seen::volume(&volume, Some(&machine)))
            }
            _ => Ok(bare),
        }
    }

    async fn delete_file_system(&self, id: &str, flavour: SystemFlavour) -> Result<(), CloudError> {
        const OPERATION: &str = "fsx:DeleteFileSystem";
        let ask = self.fsx.delete_file_system().file_system_id(id);
        let ask = match flavour {
            SystemFlavour::Windows => ask
                .windows_configuration(DeleteFileSystemWindowsConfiguration::builder().skip_final_backup(true).build()),
            SystemFlavour::Lustre => {
                ask.lustre_configuration(DeleteFileSystemLustreConfiguration::builder().skip_final_backup(true).build())
            }
            SystemFlavour::OpenZfs => ask.open_zfs_configuration(
                DeleteFileSystemOpenZfsConfiguration::builder()
                    .skip_final_backup(true)
                    .options(DeleteFileSystemOpenZfsOption::DeleteChildVolumesAndSnapshots)
                    .build(),
            ),
        };
        gone_is_success(ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error)))
    }

    async fn delete_volume(&self, id: &str) -> Result<(), CloudError> {
        const OPERATION: &str = "fsx:DeleteVolume";
        let skip = DeleteVolumeOntapConfiguration::builder().skip_final_backup(true).build();
        let sent = self.fsx.delete_volume().volume_id(id).ontap_configuration(skip).send().await;
        gone_is_success(sent.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error)))
    }
}

#[async_trait]
impl ResourceCalls for FsxCalls {
    async fn observe(&self, subject: &Subject) -> Result<Observation, CloudError> {
        const OPERATION: &str = "fsx:DescribeFileSystems";
        let (flavour, own) = flavour(OPERATION, &subject.with)?;
        if flavour == Flavour::Ontap {
            return self.observe_volume(subject, own).await;
        }
        let Some(Thing::FileSystem { id, flavour }) = thing(OPERATION, subject)? else {
            return Ok(Observation::absent());
        };
        match look::file_system(&self.fsx, id).await? {
            None => Ok(Observation::absent()),
            // An ONTAP file system that a restore job named would be somebody's shared one.
            Some(found) if found.file_system_type().is_some_and(|word| word.as_str() != flavour.word()) => {
                let message = format!("`{id}` is not of the type {} that the definition names", flavour.word());
                Err(CloudError::new(OPERATION, ErrorKind::Invalid, "wrong_type", &message, None))
            }
            Some(found) => Ok(seen::file_system(&found, flavour)),
        }
    }

    /// A volume by its name, which only this run gave. A file system has no name: those that were made since are named.
    async fn find(&self, subject: &Subject) -> Result<Found, CloudError> {
        let (flavour, own) = flavour("fsx:DescribeFileSystems", &subject.with)?;
        if let Flavour::System(flavour) = flavour {
            let mut suspects: Vec<Arn> = look::file_systems(&self.fsx)
                .await?
                .iter()
                .filter(|found| is_suspect(found, flavour, subject))
                .filter_map(|found| found.resource_arn()?.parse().ok())
                .collect();
            suspects.sort();
            return Ok(if suspects.is_empty() { Found::Nothing } else { Found::Suspects(suspects) });
        }
        let Some(volume) = self.find_volume(subject, own).await? else { return Ok(Found::Nothing) };
        let arn = volume.resource_arn().and_then(|arn| arn.parse().ok());
        arn.map(Found::Marked).ok_or_else(|| unreadable("fsx:DescribeVolumes", "the answer names no ARN of the volume"))
    }

    async fn tags(&self, subject: &Subject) -> Result<BTreeMap<String, String>, CloudError> {
        const OPERATION: &str = "fsx:ListTagsForResource";
        let arn = subject.arn().ok_or_else(|| refuse(OPERATION, "nobody knows the id of what the restore made"))?;
        let (mut found, mut pages, mut token) = (BTreeMap::new(), Pages::new(OPERATION), None);
        loop {
            let ask = self.fsx.list_tags_for_resource().resource_arn(arn.as_str()).set_next_token(token);
            let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
            // Keys stay as they came, for a tag is removed by its key; AWS allows no control characters in them.
            let pair = |tag: &Tag| Some((tag.key()?.to_owned(), tame(tag.value().unwrap_or_default())));
            found.extend(page.tags().iter().filter_map(pair));
            token = pages.next(page.next_token())?;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    async fn untag(&self, subject: &Subject, keys: &[String]) -> Result<(), CloudError> {
        const OPERATION: &str = "fsx:UntagResource";
        // Tags of AWS's own cannot be removed, and asking for one refuses the whole request.
        let keys: Vec<String> = keys.iter().filter(|key| !key.starts_with("aws:")).cloned().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let (arn, _) = self.allowed(OPERATION, subject).await?;
        let sent = self.fsx.untag_resource().resource_arn(arn.as_str()).set_tag_keys(Some(keys)).send().await;
        sent.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
    }

    async fn tag(&self, subject: &Subject, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        const OPERATION: &str = "fsx:TagResource";
        let tags: Vec<Tag> = tags
            .iter()
            .filter(|(key, _)| !key.starts_with("aws:"))
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        if tags.is_empty() {
            return Ok(());
        }
        let (arn, _) = self.allowed(OPERATION, subject).await?;
        let sent = self.fsx.tag_resource().resource_arn(arn.as_str()).set_tags(Some(tags)).send().await;
        sent.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
    }

    /// FSx has no deletion protection. A SnapLock volume refuses deletion until its retention ends, which nobody can
    /// switch off.
    async fn unprotect(&self, _subject: &Subject) -> Result<(), CloudError> {
        Ok(())
    }

    /// Never a final backup, which FSx makes unless told otherwise (trap 25).
    async fn remove(&self, subject: &Subject, _seen: &Observation) -> Result<Removal, CloudError> {
        match self.allowed("fsx:Delete", subject).await?.1 {
            Thing::FileSystem { id, flavour } => self.delete_file_system(id, flavour).await?,
            Thing::Volume { id } => self.delete_volume(id).await?,
        }
        Ok(Removal::Asked)
    }

    async fn remains(&self, subject: &Subject) -> Result<Vec<String>, CloudError> {
        match thing("fsx:DescribeBackups", subject)? {
            Some(thing) => look::backups(&self.fsx, thing).await,
            None => Ok(Vec::new()),
        }
    }

    async fn leftovers(&self, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
        leftovers::list(&self.fsx, wanted).await
    }

    async fn preflight(&self, ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
        match Flavour::of(&subject.with) {
            Ok((Flavour::System(flavour), own)) => preflight::system(&self.ec2, ground, subject, flavour, own).await,
            Ok((Flavour::Ontap, own)) => preflight::volume(&self.fsx, subject, own, self.observe(subject).await).await,
            Err(why) => vec![preflight::wrong(&why)],
        }
    }
}

fn flavour<'a>(operation: &str, with: &'a Settings) -> Result<(Flavour, &'a Settings), CloudError> {
    Flavour::of(with).map_err(|why| CloudError::new(operation, ErrorKind::Invalid, "definition", &why, None))
}

/// What the restore made, once that is known. What the definition's flavour does not make is refused.
fn thing<'a>(operation: &str, subject: &'a Subject) -> Result<Option<Thing<'a>>, CloudError> {
    let (flavour, _) = flavour(operation, &subject.with)?;
    let Some(arn) = subject.arn() else { return Ok(None) };
    Thing::of(flavour, arn).map(Some).ok_or_else(|| {
        refuse(operation, &format!("`{arn}` is not what a restore of type {} makes; nothing was sent", flavour.word()))
    })
}

/// Made since the intent, of the flavour, and not tagged by another run.
fn is_suspect(found: &FileSystem, flavour: SystemFlavour, subject: &Subject) -> bool {
    let of_flavour = found.file_system_type().is_some_and(|word| word.as_str() == flavour.word());
    let young = made_since(found.creation_time(), subject.since);
    let prefix = |run: &str| run.parse::<RunId>().map(|run| format!("drill-{}-", run.short())).unwrap_or_default();
    let of_another = |tag: &Tag| {
        let prefix = prefix(tag.value().unwrap_or_default());
        tag.key() == Some("drill:run") && (prefix.is_empty() || !subject.expected.name.starts_with(&prefix))
    };
    of_flavour && young && !found.tags().iter().any(of_another)
}

/// Absence is proven by looks, never by this.
fn gone_is_success(sent: Result<(), CloudError>) -> Result<(), CloudError> {
    match sent {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        Err(error) if is_passing(&error) => Err(CloudError { kind: ErrorKind::Busy, ..error }),
        sent => sent,
    }
}

/// FSx has no code for a state that passes, only words: a backup or another change is under way.
fn is_passing(error: &CloudError) -> bool {
    let message = error.message.to_lowercase();
    error.code == "BackupInProgress"
        || (error.code == "BadRequest"
            && ["in progress", "being", "creating", "deleting", "updating"].iter().any(|word| message.contains(word)))
}

#[cfg(test)]
mod tests {
    use aws_sdk_fsx::primitives::DateTime;
    use aws_sdk_fsx::types::{FileSystem, FileSystemType, Tag};
    use serde_json::json;

    use super::{SystemFlavour, is_suspect};
    use crate::cloud::resource::{Expected, Subject};

    #[test]
    fn what_another_run_tagged_or_what_is_older_is_no_suspect() {
        let expected = Expected {
            name: "drill-07070707-shares".to_owned(),
            arn: None,
            region: "eu-west-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
        };
        let subject = Subject {
            expected,
            made: None,
            point: None,
            since: "2026-01-01T00:00:00Z".parse().unwrap(),
            with: json!({ "lustre": {} }).as_object().unwrap().clone(),
            parts: Vec::new(),
        };
        let found = |secs: i64, run: Option<&str>| {
            let tags = run.map(|run| vec![Tag::builder().key("drill:run").value(run).build()]);
            FileSystem::builder()
                .file_system_type(FileSystemType::Lustre)
                .creation_time(DateTime::from_secs(secs))
                .set_tags(tags)
                .build()
        };
        let since = subject.since.as_second();
        let suspect = |found: &FileSystem| is_suspect(found, SystemFlavour::Lustre, &subject);
        assert!(suspect(&found(since, None)));
        assert!(!suspect(&found(since - 3_600, None)));
        assert!(!suspect(&found(since, Some("0197a000-0000-7000-8000-000000000001"))));
        assert!(!is_suspect(&found(since, None), SystemFlavour::Windows, &subject));
    }
}
