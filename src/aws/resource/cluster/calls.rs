//! Which request follows from what was seen of a cluster. Permissions: its family's, and `sts:GetCallerIdentity`.
//!
//! Invariant: before anything is changed or deleted, the ARN is one that drill names, and its region and account are
//! those of the session (trap 30). The services take identifiers and not ARNs: with the wrong credentials a request
//! would hit the cluster of that name in another account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use crate::aws::resource::cluster::api::{Cluster, ClusterApi, Member, NewMember};
use crate::aws::resource::cluster::facts::{MEMBER, members};
use crate::aws::resource::cluster::observe::{left_behind, observation};
use crate::aws::resource::cluster::sdk::{is_no_cluster, is_no_member};
use crate::aws::resource::cluster::{Family, leftovers, preflight, readiness, settings};
use crate::aws::resource::shared::guard::{Guard, without};
use crate::aws::resource::shared::setting::text;
use crate::aws::session::Clients;
use crate::cloud::check::Check;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Ground;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::cloud::resource::{Observation, Part, Phase, Removal, ResourceCalls, Subject};
use crate::cloud::vault::Metadata;
use crate::words::secret::Secret;

/// What the ARN of a cluster must say, of whichever service it is.
const ITS_ARN: (&str, &str) = ("rds", "cluster:");

/// [`ResourceCalls`] of the clusters of one service.
pub(crate) struct ClusterCalls {
    family: &'static Family,
    guard: Guard,
    api: Arc<dyn ClusterApi>,
}

impl ClusterCalls {
    /// Over the destination's clients, of which `api` is the one for the family.
    pub(crate) fn new(family: &'static Family, clients: &Clients, api: Arc<dyn ClusterApi>) -> Self {
        Self { family, guard: Guard::new(clients), api }
    }

    /// The cluster is gone: what is left of the members that the run planned or saw.
    async fn members_left(&self, subject: &Subject) -> Result<Vec<Member>, CloudError> {
        let mut left = Vec::new();
        for part in subject.parts.iter().filter(|part| part.kind == MEMBER) {
            let member = self.api.member(&part.id).await?;
            // Under that name there may be somebody else's instance, or another restore's.
            left.extend(member.filter(|member| member.cluster.as_deref() == Some(subject.expected.name.as_str())));
        }
        Ok(left)
    }

    /// Adds a member. One that an earlier request made is what was asked for.
    async fn add(&self, new: NewMember<'_>) -> Result<(), CloudError> {
        let error = match self.api.add_member(new).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if wants_capacity(&error) {
            return Err(CloudError { kind: ErrorKind::Busy, ..error });
        }
        if error.code != "DBInstanceAlreadyExists" && error.code != "DBInstanceAlreadyExistsFault" {
            return Err(error);
        }
        match self.api.member(new.id).await? {
            Some(there) if there.cluster.as_deref() == Some(new.cluster) => Ok(()),
            Some(_) => {
                let message = format!("an instance `{}` is there already, and not in the restored cluster", new.id);
                Err(CloudError { message, ..error })
            }
            None => Err(CloudError { kind: ErrorKind::Busy, ..error }),
        }
    }

    /// Asks for the removal of each of these members, whatever comes of the others; the first failure is answered.
    async fn remove_members(&self, ids: &[&str]) -> Result<(), CloudError> {
        let mut result = Ok(());
        for id in ids {
            match self.api.remove_member(id).await {
                Err(error) if !is_no_member(&error) && !is_leaving(&error) => result = result.and(Err(judged(error))),
                _ => {}
            }
        }
        result
    }
}

#[async_trait]
impl ResourceCalls for ClusterCalls {
    async fn observe(&self, subject: &Subject) -> Result<Observation, CloudError> {
        let expected = &subject.expected;
        let planned = members(&subject.with, expected);
        let Some(cluster) = self.api.cluster(&expected.name).await? else {
            return Ok(left_behind(&planned, &self.members_left(subject).await?));
        };
        if let (Some(seen), Some(arn)) = (&cluster.arn, &expected.arn)
            && seen != arn.as_str()
        {
            let message = format!("the session sees `{seen}` under the name of `{arn}`");
            return Err(CloudError::new("rds:DescribeDBClusters", ErrorKind::Invalid, "wrong_session", &message, None));
        }
        let seen = self.api.members(&expected.name).await?;
        Ok(observation(self.family, &planned, &cluster, &seen))
    }

    /// The capacity of serverless members first: without it none can be added (facts 2.2).
    async fn finish(&self, subject: &Subject) -> Result<(), CloudError> {
        const OPERATION: &str = "rds:CreateDBInstance";
        self.guard.check(OPERATION, subject, ITS_ARN).await?;
        let name = &subject.expected.name;
        let Some(cluster) = self.api.cluster(name).await? else {
            // It was seen before: a look may lag behind (facts 1.4), and one that is gone is found out by the next looks.
            let message = "the restored cluster is not seen";
            return Err(CloudError::new(OPERATION, ErrorKind::Busy, "DBClusterNotFoundFault", message, None));
        };
        let planned = members(&subject.with, &subject.expected);
        let missing = missing(&planned, &cluster, &self.api.members(name).await?);
        if missing.is_empty() || cluster.engine_mode.as_deref() == Some("serverless") {
            return Ok(());
        }
        let Some(class) = text(&subject.with, "instance_class") else {
            let message = "the definition names no `instance_class` for the members";
            return Err(CloudError::new(OPERATION, ErrorKind::Invalid, "no_instance_class", message, None));
        };
        if let Some(capacity) = settings::capacity(&subject.with)
            && cluster.capacity != Some(capacity)
        {
            self.api.scale(name, capacity).await?;
        }
        for id in missing {
            self.add(NewMember { id, cluster: name, engine: &cluster.engine, class }).await?;
        }
        Ok(())
    }

    async fn tags(&self, subject: &Subject) -> Result<BTreeMap<String, String>, CloudError> {
        let arn = subject.arn().map(ToString::to_string).unwrap_or_default();
        self.api.tags(&arn).await
    }

    async fn untag(&self, subject: &Subject, keys: &[String]) -> Result<(), CloudError> {
        // Tags of AWS's own cannot be removed, and asking for one refuses the whole request.
        let keys: Vec<String> = keys.iter().filter(|key| !key.starts_with("aws:")).cloned().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let arn = self.guard.check("rds:RemoveTagsFromResource", subject, ITS_ARN).await?;
        self.api.untag(arn.as_str(), keys).await
    }

    async fn tag(&self, subject: &Subject, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        if tags.is_empty() {
            return Ok(());
        }
        let arn = self.guard.check("rds:AddTagsToResource", subject, ITS_ARN).await?;
        self.api.tag(arn.as_str(), tags).await
    }

    async fn unprotect(&self, subject: &Subject) -> Result<(), CloudError> {
        self.guard.check("rds:ModifyDBCluster", subject, ITS_ARN).await?;
        self.api.unprotect(&subject.expected.name).await
    }

    /// As for a DB instance: the service takes it at once and acts on it later.
    async fn set_master_password(&self, subject: &Subject, password: &Secret) -> Result<(), CloudError> {
        self.guard.check("rds:ModifyDBCluster", subject, ITS_ARN).await?;
        let answer = self.api.set_password(&subject.expected.name, password).await;
        answer.map_err(|error| without(password, error))
    }

    /// Members first. The cluster as soon as each of them is being deleted: the service waits for them.
    async fn remove(&self, subject: &Subject, seen: &Observation) -> Result<Removal, CloudError> {
        let members = staying(seen);
        let operation = if members.is_empty() { "rds:DeleteDBCluster" } else { "rds:DeleteDBInstance" };
        self.guard.check(operation, subject, ITS_ARN).await?;
        if let Some(part) = seen.parts.iter().find(|part| part.foreign) {
            let name = &subject.expected.name;
            let why = format!("{} `{}` is on `{name}`, and the run did not put it there", part.kind, part.id);
            return Err(CloudError::new(operation, ErrorKind::Invalid, "foreign_part", &why, None));
        }
        if !members.is_empty() {
            return self.remove_members(&members).await.map(|()| Removal::Asked);
        }
        match self.api.remove_cluster(&subject.expected.name).await {
            Err(error) if !is_no_cluster(&error) && !is_leaving(&error) => Err(judged(error)),
            _ => Ok(Removal::Asked),
        }
    }

    /// The name carries the run's own digits, so whatever bears it is of this run.
    async fn remains(&self, subject: &Subject) -> Result<Vec<String>, CloudError> {
        let name = &subject.expected.name;
        let mut found: BTreeSet<String> = self.api.snapshots(name, None).await?.into_iter().collect();
        if self.family.keeps_backups {
            found.extend(self.api.automated_backups(name).await?);
            // A backup plan that selects by inherited tags may have backed the restored cluster up (trap 35).
            found.extend(self.api.snapshots(name, Some("awsbackup")).await?);
        }
        Ok(found.into_iter().collect())
    }

    async fn leftovers(&self, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
        leftovers::list(self.api.as_ref(), self.family, wanted).await
    }

    async fn preflight(&self, ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
        let seen = self.observe(subject).await;
        preflight::checks(self.api.as_ref(), ground, subject, seen).await
    }

    async fn preflight_of_point(&self, subject: &Subject, returned: Option<&Metadata>) -> Vec<Check> {
        vec![preflight::class(self.api.as_ref(), self.family, &subject.with, returned).await]
    }
}

/// The planned members that are in neither list.
fn missing<'a>(planned: &'a [Part], cluster: &Cluster, members: &[Member]) -> Vec<&'a str> {
    let listed = |id: &str| cluster.members.iter().any(|(listed, _)| listed == id);
    let described = |id: &str| members.iter().any(|member| member.id == id);
    planned.iter().map(|part| part.id.as_str()).filter(|id| !listed(id) && !described(id)).collect()
}

/// The members that nobody has asked to be deleted, the writer last: deleting it first would make a reader take over.
fn staying(seen: &Observation) -> Vec<&str> {
    let writer = seen.facts.get("writer").map(String::as_str);
    let stays = |part: &&Part| part.kind == MEMBER && readiness::member(&part.status) != Phase::Leaving;
    let mut ids: Vec<&str> = seen.parts.iter().filter(stays).map(|part| part.id.as_str()).collect();
    ids.sort_by_key(|id| Some(*id) == writer);
    ids
}

/// A second deletion is refused with a state that passes; the first one is what was asked for. Absence is proven by
/// looks, never by this.
fn is_leaving(error: &CloudError) -> bool {
    error.kind == ErrorKind::Busy && error.message.contains("already being deleted")
}

/// The range of serverless members was set and does not count yet.
fn wants_capacity(error: &CloudError) -> bool {
    error.code.contains("InvalidParameter") && error.message.to_lowercase().contains("serverless v2 scaling")
}

/// A refusal of a deletion, by what to do about it.
fn judged(error: CloudError) -> CloudError {
    let words = error.message.to_lowercase();
    // The service has a code for it, and says it under the code of states that pass as well.
    if error.code.contains("GlobalCluster") || words.contains("global cluster") || words.contains("globalcluster") {
        let advice = "a drill never touches a global cluster: take the restored one out of it by hand";
        let message = format!("{}; {advice}", error.message);
        return CloudError { kind: ErrorKind::Invalid, message, ..error };
    }
    // The flag was switched off and the service does not act on it yet.
    if error.code.contains("InvalidParameterCombination") && words.contains("protect") {
        return CloudError { kind: ErrorKind::Busy, ..error };
    }
    error
}

#[cfg(test)]
mod tests {
    use super::{is_leaving, judged, missing, staying, wants_capacity};
    use crate::aws::error::classify;
    use crate::aws::resource::cluster::api::{Cluster, Member};
    use crate::aws::resource::cluster::facts::MEMBER;
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::cloud::resource::{Observation, Part};

    fn refusal(code: &str, message: &str) -> CloudError {
        CloudError::new("rds:DeleteDBCluster", classify(Some(code), 400), code, message, None)
    }

    #[test]
    fn readers_go_before_the_writer_and_nobody_goes_twice() {
        let part = |id: &str, status: &str| Part { status: status.to_owned(), ..Part::planned(MEMBER, id) };
        let mut seen = Observation::absent();
        seen.parts = vec![part("a-1", "available"), part("a-2", "deleting"), part("a-3", "available")];
        seen.facts.insert("writer".to_owned(), "a-1".to_owned());
        assert_eq!(staying(&seen), ["a-3", "a-1"]);
    }

    #[test]
    fn a_member_that_either_list_has_is_not_added_again() {
        let planned = ["a-1", "a-2", "a-3"].map(|id| Part::planned(MEMBER, id));
        let cluster = Cluster { members: vec![("a-1".to_owned(), true)], ..Cluster::default() };
        let members = [Member { id: "a-2".to_owned(), ..Member::default() }];
        assert_eq!(missing(&planned, &cluster, &members), ["a-3"]);
    }

    #[test]
    fn refusals_of_a_deletion_are_told_apart() {
        let full = refusal("InvalidDBClusterStateFault", "it still contains DB instances in non-deleting state.");
        assert_eq!((is_leaving(&full), judged(full).kind), (false, ErrorKind::Busy));
        assert!(is_leaving(&refusal("InvalidDBClusterStateFault", "DB cluster x is already being deleted.")));
        let protected = refusal("InvalidParameterCombination", "Cannot delete protected Cluster");
        assert_eq!(judged(protected).kind, ErrorKind::Busy);
        for (code, message) in [
            ("InvalidGlobalClusterStateFault", "no"),
            ("InvalidDBClusterStateFault", "This cluster is a part of a global cluster, please remove it first"),
        ] {
            let global = judged(refusal(code, message));
            assert_eq!(global.kind, ErrorKind::Invalid, "{code}");
            assert!(global.message.contains("by hand"), "{}", global.message);
        }
    }

    #[test]
    fn a_range_that_does_not_count_yet_passes() {
        let early = "Set the Serverless v2 scaling configuration on the parent DB cluster before creating a member.";
        assert!(wants_capacity(&refusal("InvalidParameterCombination", early)));
        assert!(!wants_capacity(&refusal("InvalidParameterCombination", "no such class")));
    }
}
