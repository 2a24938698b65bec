//! Clusters that a drill may have left, with their members, and snapshots of such as are gone. Permissions:
//! [`crate::aws::permissions::SWEEP`].

use std::collections::BTreeMap;

use serde_json::json;

use crate::aws::resource::cluster::Family;
use crate::aws::resource::cluster::api::{ClusterApi, ListedCluster, Member};
use crate::cloud::error::CloudError;
use crate::cloud::leftover::{Leftover, Wanted, digits_in};
use crate::cloud::resource::Settings;

/// Clusters of the family, then, if they are wanted, the snapshots of drills' clusters.
pub(crate) async fn list(api: &dyn ClusterApi, family: &Family, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
    let mut found = Vec::new();
    // RDS lists the clusters of all three services to whoever asks.
    for one in api.clusters().await? {
        // Neptune and DocumentDB show no tags in their lists, so only names and restore jobs lead here.
        if family.has(&one.engine) && (wanted.made.contains(&one.arn) || digits_in(&one.name).is_some()) {
            found.push(cluster(api, family, one).await?);
        }
    }
    if !wanted.kept {
        return Ok(found);
    }
    for kind in [None, Some("awsbackup")].into_iter().take(if family.keeps_backups { 2 } else { 1 }) {
        for one in api.kept_snapshots(kind).await? {
            if family.has(&one.engine) && digits_in(&one.name).is_some() {
                found.push(leftover(family, "DB cluster snapshot", one, false));
            }
        }
    }
    Ok(found)
}

async fn cluster(api: &dyn ClusterApi, family: &Family, one: ListedCluster) -> Result<Leftover, CloudError> {
    let tags = api.tags(one.arn.as_str()).await?;
    let members = api.members(&one.name).await?;
    let with = settings(&one.name, &members);
    Ok(Leftover { tags, with, ..leftover(family, "DB cluster", one, true) })
}

fn leftover(family: &Family, what: &'static str, one: ListedCluster, removable: bool) -> Leftover {
    let ListedCluster { name, arn, status, created, .. } = one;
    Leftover {
        kind: family.kind,
        what,
        arn,
        name: Some(name),
        state: status,
        created,
        tags: BTreeMap::new(),
        with: Settings::new(),
        removable,
    }
}

/// As many members as have the names that a drill gives. One with another name is somebody else's.
fn settings(cluster: &str, members: &[Member]) -> Settings {
    let number = |member: &Member| member.id.strip_prefix(cluster)?.strip_prefix('-')?.parse::<i64>().ok();
    let most = members.iter().filter_map(number).max().unwrap_or(1);
    [("instances".to_owned(), json!(most))].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::settings;
    use crate::aws::resource::cluster::api::Member;

    #[test]
    fn only_members_with_a_drills_names_are_counted() {
        let member = |id: &str| Member { id: id.to_owned(), ..Member::default() };
        let name = "drill-7f3a9c21-orders";
        let members = ["drill-7f3a9c21-orders-1", "drill-7f3a9c21-orders-2", "reporting"].map(member);
        assert_eq!(settings(name, &members)["instances"], 2);
        assert_eq!(settings(name, &[])["instances"], 1);
    }
}
