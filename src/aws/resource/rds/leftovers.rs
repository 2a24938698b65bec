//! DB instances that a drill may have left, and what RDS keeps of such as are gone. Permissions:
//! [`crate::aws::permissions::SWEEP`].

use std::collections::BTreeMap;

use aws_sdk_rds::types::Tag;

use crate::aws::error::cloud_error;
use crate::aws::paging::Pages;
use crate::aws::resource::shared::listed::{arn_of, thing};
use crate::cloud::error::CloudError;
use crate::cloud::leftover::{Leftover, Wanted, digits_in};
use crate::words::kind::ResourceKind;
use crate::words::text::tame;

/// Instances, then, if they are wanted, the snapshots and the automated backups of drills' instances.
pub(super) async fn list(rds: &aws_sdk_rds::Client, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
    let mut found = instances(rds, wanted).await?;
    if !wanted.kept {
        return Ok(found);
    }
    // Without a type RDS leaves the snapshots of AWS Backup out.
    for kind in [None, Some("awsbackup")] {
        found.extend(snapshots(rds, kind).await?);
    }
    found.extend(automated_backups(rds).await?);
    Ok(found)
}

/// Members of clusters are left out: they belong to their cluster.
async fn instances(rds: &aws_sdk_rds::Client, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
    const OPERATION: &str = "rds:DescribeDBInstances";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = rds.describe_db_instances().set_marker(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        let alone = |cluster: Option<&str>| cluster.is_none_or(str::is_empty);
        for one in page.db_instances().iter().filter(|one| alone(one.db_cluster_identifier())) {
            let arn = arn_of(OPERATION, one.db_instance_arn())?;
            let (name, tags) = (one.db_instance_identifier(), tags(one.tag_list()));
            if wanted.has(&arn, name, &tags) {
                let (state, made) = (one.db_instance_status(), one.instance_create_time());
                let listed = thing(ResourceKind::Rds, "DB instance", arn, state, made);
                found.push(Leftover { name: name.map(tame), tags, ..listed });
            }
        }
        token = pages.next(page.marker())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Keys stay as they came, for a tag is removed by its key; AWS allows no control characters in them.
pub(super) fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tame(tag.value().unwrap_or_default())))).collect()
}

async fn snapshots(rds: &aws_sdk_rds::Client, kind: Option<&str>) -> Result<Vec<Leftover>, CloudError> {
    const OPERATION: &str = "rds:DescribeDBSnapshots";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = rds.describe_db_snapshots().set_snapshot_type(kind.map(ToOwned::to_owned)).set_marker(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        // Automated ones go with the automated backup that they belong to.
        for one in page.db_snapshots().iter().filter(|one| one.snapshot_type() != Some("automated")) {
            let Some(name) = one.db_instance_identifier().filter(|name| digits_in(name).is_some()) else { continue };
            let arn = arn_of(OPERATION, one.db_snapshot_arn())?;
            let listed = thing(ResourceKind::Rds, "DB snapshot", arn, one.status(), one.snapshot_create_time());
            found.push(Leftover { name: Some(tame(name)), tags: tags(one.tag_list()), removable: false, ..listed });
        }
        token = pages.next(page.marker())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Those of living instances go with them.
async fn automated_backups(rds: &aws_sdk_rds::Client) -> Result<Vec<Leftover>, CloudError> {
    const OPERATION: &str = "rds:DescribeDBInstanceAutomatedBackups";
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = rds.describe_db_instance_automated_backups().set_marker(token);
        let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
        for one in page.db_instance_automated_backups().iter().filter(|one| one.status() == Some("retained")) {
            let Some(name) = one.db_instance_identifier().filter(|name| digits_in(name).is_some()) else { continue };
            let arn = arn_of(OPERATION, one.db_instance_automated_backups_arn())?;
            let listed = thing(ResourceKind::Rds, "automated backup", arn, one.status(), None);
            found.push(Leftover { name: Some(tame(name)), removable: false, ..listed });
        }
        token = pages.next(page.marker())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}
