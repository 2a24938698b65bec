//! The requests about clusters over each of the three SDKs. They are the same operations with the same fields, in types
//! of their own; what only some of them have stands in the three uses of the macro.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::paging::Pages;
use crate::aws::resource::cluster::api::{Cluster, ClusterApi, ListedCluster, Member, NewMember, SubnetGroup};
use crate::aws::resource::cluster::settings::Capacity;
use crate::aws::resource::shared::listed::arn_of;
use crate::aws::time::instant;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::words::secret::Secret;
use crate::words::text::tame;

/// The tag that says which restored cluster a member was added to.
const MEMBER_TAG: &str = "drill:cluster";

/// An instance of whichever SDK as a [`Member`].
macro_rules! member {
    ($one:expr) => {
        Member {
            id: tame($one.db_instance_identifier().unwrap_or_default()),
            status: tame($one.db_instance_status().unwrap_or_default()),
            cluster: filled($one.db_cluster_identifier()),
            class: filled($one.db_instance_class()),
            engine_version: filled($one.engine_version()),
            zone: filled($one.availability_zone()),
            encrypted: $one.storage_encrypted(),
            public: $one.publicly_accessible(),
        }
    };
}

/// Implements [`ClusterApi`] for a client. The braces hold what is added to a request, to a cluster and to the trait.
macro_rules! cluster_api {
    (
        $sdk:ident,
        add_member: { $($add_member:tt)* },
        remove_member: { $($remove_member:tt)* },
        remove_cluster: { $($remove_cluster:tt)* },
        cluster: |$seen:ident| { $($field:ident: $value:expr,)* },
        besides: { $($besides:tt)* }
    ) => {
        #[async_trait]
        impl ClusterApi for Handle<$sdk::Client> {
            async fn cluster(&self, name: &str) -> Result<Option<Cluster>, CloudError> {
                const OPERATION: &str = "rds:DescribeDBClusters";
                let answer = self.describe_db_clusters().db_cluster_identifier(name).send().await;
                let answer = match answer.map_err(|error| cloud_error(OPERATION, &error)) {
                    Ok(answer) => answer,
                    Err(error) if is_no_cluster(&error) => return Ok(None),
                    Err(error) => return Err(error),
                };
                // An empty list is no proof of absence: the service says so for a name that does not exist.
                let Some($seen) = answer.db_clusters().first() else {
                    return Err(unreadable(OPERATION, "the answer holds no cluster and no error"));
                };
                let members = $seen.db_cluster_members().iter().filter_map(|member| {
                    Some((tame(member.db_instance_identifier()?), member.is_cluster_writer().unwrap_or(false)))
                });
                let capacity = $seen.serverless_v2_scaling_configuration().and_then(|range| {
                    Some(Capacity { min: range.min_capacity()?, max: range.max_capacity()? })
                });
                Ok(Some(Cluster {
                    arn: filled($seen.db_cluster_arn()),
                    status: tame($seen.status().unwrap_or_default()),
                    engine: tame($seen.engine().unwrap_or_default()),
                    engine_version: filled($seen.engine_version()),
                    endpoint: filled($seen.endpoint()),
                    reader_endpoint: filled($seen.reader_endpoint()),
                    port: $seen.port(),
                    protected: $seen.deletion_protection(),
                    encrypted: $seen.storage_encrypted(),
                    kms_key: filled($seen.kms_key_id()),
                    storage_type: filled($seen.storage_type()),
                    subnet_group: filled($seen.db_subnet_group()),
                    parameter_group: filled($seen.db_cluster_parameter_group()),
                    capacity,
                    members: members.collect(),
                    $($field: $value,)*
                }))
            }

            async fn clusters(&self) -> Result<Vec<ListedCluster>, CloudError> {
                const OPERATION: &str = "rds:DescribeDBClusters";
                let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
                loop {
                    let ask = self.describe_db_clusters().set_marker(token);
                    let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
                    for one in page.db_clusters() {
                        found.push(ListedCluster {
                            name: tame(one.db_cluster_identifier().unwrap_or_default()),
                            arn: arn_of(OPERATION, one.db_cluster_arn())?,
                            status: tame(one.status().unwrap_or_default()),
                            engine: tame(one.engine().unwrap_or_default()),
                            created: instant(one.cluster_create_time()),
                        });
                    }
                    token = pages.next(page.marker())?;
                    if token.is_none() {
                        return Ok(found);
                    }
                }
            }

            async fn kept_snapshots(&self, kind: Option<&str>) -> Result<Vec<ListedCluster>, CloudError> {
                const OPERATION: &str = "rds:DescribeDBClusterSnapshots";
                let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
                loop {
                    let ask = self.describe_db_cluster_snapshots().set_marker(token);
                    let ask = ask.set_snapshot_type(kind.map(ToOwned::to_owned));
                    let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
                    // Automated ones go with their cluster.
                    let all = page.db_cluster_snapshots().iter();
                    for one in all.filter(|one| one.snapshot_type() != Some("automated")) {
                        found.push(ListedCluster {
                            name: tame(one.db_cluster_identifier().unwrap_or_default()),
                            arn: arn_of(OPERATION, one.db_cluster_snapshot_arn())?,
                            status: tame(one.status().unwrap_or_default()),
                            engine: tame(one.engine().unwrap_or_default()),
                            created: instant(one.snapshot_create_time()),
                        });
                    }
                    token = pages.next(page.marker())?;
                    if token.is_none() {
                        return Ok(found);
                    }
                }
            }

            async fn members(&self, cluster: &str) -> Result<Vec<Member>, CloudError> {
                const OPERATION: &str = "rds:DescribeDBInstances";
                let filter = $sdk::types::Filter::builder().name("db-cluster-id").values(cluster).build();
                let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
                loop {
                    let ask = self.describe_db_instances().filters(filter.clone()).set_marker(token);
                    let page = match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
                        Ok(page) => page,
                        Err(error) if error.kind == ErrorKind::NotFound => return Ok(found),
                        Err(error) => return Err(error),
                    };
                    // A service that passes over the filter lists the whole account.
                    let all = page.db_instances().iter();
                    for one in all.filter(|one| one.db_cluster_identifier() == Some(cluster)) {
                        found.push(member!(one));
                    }
                    token = pages.next(page.marker())?;
                    if token.is_none() {
                        return Ok(found);
                    }
                }
            }

            async fn member(&self, id: &str) -> Result<Option<Member>, CloudError> {
                const OPERATION: &str = "rds:DescribeDBInstances";
                let answer = self.describe_db_instances().db_instance_identifier(id).send().await;
                let answer = match answer.map_err(|error| cloud_error(OPERATION, &error)) {
                    Ok(answer) => answer,
                    Err(error) if is_no_member(&error) => return Ok(None),
                    Err(error) => return Err(error),
                };
                match answer.db_instances().first() {
                    Some(one) => Ok(Some(member!(one))),
                    None => Err(unreadable(OPERATION, "the answer holds no instance and no error")),
                }
            }

            async fn add_member(&self, new: NewMember<'_>) -> Result<(), CloudError> {
                const OPERATION: &str = "rds:CreateDBInstance";
                let tag = $sdk::types::Tag::builder().key(MEMBER_TAG).value(new.cluster).build();
                let ask = self
                    .create_db_instance()
                    .db_instance_identifier(new.id)
                    .db_cluster_identifier(new.cluster)
                    .engine(new.engine)
                    .db_instance_class(new.class)
                    .auto_minor_version_upgrade(false)
                    .tags(tag)
                    $($add_member)*;
                ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
            }

            async fn remove_member(&self, id: &str) -> Result<(), CloudError> {
                const OPERATION: &str = "rds:DeleteDBInstance";
                let ask = self.delete_db_instance().db_instance_identifier(id) $($remove_member)*;
                ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
            }

            async fn scale(&self, cluster: &str, capacity: Capacity) -> Result<(), CloudError> {
                const OPERATION: &str = "rds:ModifyDBCluster";
                let range = $sdk::types::ServerlessV2ScalingConfiguration::builder()
                    .min_capacity(capacity.min)
                    .max_capacity(capacity.max)
                    .build();
                let ask = self.modify_db_cluster().db_cluster_identifier(cluster);
                let ask = ask.serverless_v2_scaling_configuration(range).apply_immediately(true);
                ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
            }

            async fn unprotect(&self, cluster: &str) -> Result<(), CloudError> {
                const OPERATION: &str = "rds:ModifyDBCluster";
                let ask = self.modify_db_cluster().db_cluster_identifier(cluster);
                let ask = ask.deletion_protection(false).apply_immediately(true);
                ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
            }

            async fn remove_cluster(&self, cluster: &str) -> Result<(), CloudError> {
                const OPERATION: &str = "rds:DeleteDBCluster";
                let ask = self.delete_db_cluster().db_cluster_identifier(cluster);
                let ask = ask.skip_final_snapshot(true) $($remove_cluster)*;
                ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
            }

            async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CloudError> {
                const OPERATION: &str = "rds:ListTagsForResource";
                let answer = self.list_tags_for_resource().resource_name(arn).send().await;
                let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
                // Keys stay as they came, for a tag is removed by its key; AWS allows no control characters in them.
                let pair = |tag: &$sdk::types::Tag| {
                    Some((tag.key()?.to_owned(), tame(tag.value().unwrap_or_default())))
                };
                Ok(answer.tag_list().iter().filter_map(pair).collect())
            }

            async fn untag(&self, arn: &str, keys: Vec<String>) -> Result<(), CloudError> {
                const OPERATION: &str = "rds:RemoveTagsFromResource";
                let ask = self.remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(keys));
                ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
            }

            async fn tag(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
                const OPERATION: &str = "rds:AddTagsToResource";
                let tag = |(key, value): (&String, &String)| $sdk::types::Tag::builder().key(key).value(value).build();
                let tags = tags.iter().map(tag).collect();
                let ask = self.add_tags_to_resource().resource_name(arn).set_tags(Some(tags));
                ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
            }

            async fn snapshots(&self, cluster: &str, kind: Option<&str>) -> Result<Vec<String>, CloudError> {
                const OPERATION: &str = "rds:DescribeDBClusterSnapshots";
                let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
                loop {
                    let ask = self.describe_db_cluster_snapshots().db_cluster_identifier(cluster).set_marker(token);
                    let ask = ask.set_snapshot_type(kind.map(ToOwned::to_owned));
                    let page = match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
                        Ok(page) => page,
                        Err(error) if error.kind == ErrorKind::NotFound => return Ok(found),
                        Err(error) => return Err(error),
                    };
                    for one in page.db_cluster_snapshots() {
                        let id = one.db_cluster_snapshot_identifier().unwrap_or("without a name");
                        let kind = one.snapshot_type().unwrap_or("no type");
                        found.push(tame(&format!("DB cluster snapshot {id} ({kind})")));
                    }
                    token = pages.next(page.marker())?;
                    if token.is_none() {
                        return Ok(found);
                    }
                }
            }

            async fn subnet_group(&self, name: &str) -> Result<Option<SubnetGroup>, CloudError> {
                const OPERATION: &str = "rds:DescribeDBSubnetGroups";
                let answer = self.describe_db_subnet_groups().db_subnet_group_name(name).send().await;
                let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
                Ok(answer.db_subnet_groups().first().map(|group| {
                    let zone = |subnet: &$sdk::types::Subnet| Some(tame(subnet.subnet_availability_zone()?.name()?));
                    SubnetGroup {
                        vpc: filled(group.vpc_id()),
                        status: filled(group.subnet_group_status()),
                        zones: group.subnets().iter().filter_map(zone).collect(),
                    }
                }))
            }

            async fn offers(&self, engine: &str, class: &str) -> Result<bool, CloudError> {
                const OPERATION: &str = "rds:DescribeOrderableDBInstanceOptions";
                let (mut pages, mut token) = (Pages::new(OPERATION), None);
                loop {
                    let ask = self.describe_orderable_db_instance_options().engine(engine).db_instance_class(class);
                    let page = ask.set_marker(token).send().await.map_err(|error| cloud_error(OPERATION, &error))?;
                    if !page.orderable_db_instance_options().is_empty() {
                        return Ok(true);
                    }
                    token = pages.next(page.marker())?;
                    if token.is_none() {
                        return Ok(false);
                    }
                }
            }

            async fn parameter_group(&self, name: &str) -> Result<Option<String>, CloudError> {
                const OPERATION: &str = "rds:DescribeDBClusterParameterGroups";
                let ask = self.describe_db_cluster_parameter_groups().db_cluster_parameter_group_name(name);
                let answer = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
                let group = answer.db_cluster_parameter_groups().first();
                Ok(group.and_then(|group| filled(group.db_parameter_group_family())))
            }

            $($besides)*
        }
    };
}

cluster_api!(
    aws_sdk_rds,
    add_member: { .publicly_accessible(false) },
    remove_member: { .skip_final_snapshot(true) },
    remove_cluster: { .delete_automated_backups(true) },
    cluster: |seen| {
        engine_mode: filled(seen.engine_mode()),
        iam_login: seen.iam_database_authentication_enabled(),
        global: filled(seen.global_cluster_identifier()),
    },
    besides: {
        async fn set_password(&self, cluster: &str, password: &Secret) -> Result<(), CloudError> {
            const OPERATION: &str = "rds:ModifyDBCluster";
            let ask = self.modify_db_cluster().db_cluster_identifier(cluster);
            let ask = ask.master_user_password(password.expose()).apply_immediately(true);
            ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
        }

        async fn automated_backups(&self, cluster: &str) -> Result<Vec<String>, CloudError> {
            const OPERATION: &str = "rds:DescribeDBClusterAutomatedBackups";
            let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
            loop {
                let ask = self.describe_db_cluster_automated_backups().db_cluster_identifier(cluster).set_marker(token);
                let page = match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
                    Ok(page) => page,
                    Err(error) if error.kind == ErrorKind::NotFound => return Ok(found),
                    Err(error) => return Err(error),
                };
                for one in page.db_cluster_automated_backups() {
                    let id = one.db_cluster_automated_backups_arn().or(one.db_cluster_resource_id()).unwrap_or(cluster);
                    found.push(tame(&format!("automated backup {id} ({})", one.status().unwrap_or("no status"))));
                }
                token = pages.next(page.marker())?;
                if token.is_none() {
                    return Ok(found);
                }
            }
        }
    }
);

// Instances of DocumentDB have no public address and no snapshots of their own: its API has no field for either.
cluster_api!(
    aws_sdk_docdb,
    add_member: {},
    remove_member: {},
    remove_cluster: {},
    cluster: |seen| {
        engine_mode: None,
        iam_login: None,
        global: None,
    },
    besides: {
        async fn set_password(&self, cluster: &str, password: &Secret) -> Result<(), CloudError> {
            const OPERATION: &str = "rds:ModifyDBCluster";
            let ask = self.modify_db_cluster().db_cluster_identifier(cluster);
            let ask = ask.master_user_password(password.expose()).apply_immediately(true);
            ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
        }
    }
);

cluster_api!(
    aws_sdk_neptune,
    add_member: { .publicly_accessible(false) },
    remove_member: { .skip_final_snapshot(true) },
    remove_cluster: {},
    cluster: |seen| {
        engine_mode: None,
        iam_login: seen.iam_database_authentication_enabled(),
        global: filled(seen.global_cluster_identifier()),
    },
    besides: {}
);

/// A text that is there and not empty, made harmless: XML has empty elements where JSON has no key at all.
fn filled(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(tame)
}

/// The endings differ between clusters and instances (trap 22).
pub(crate) fn is_no_cluster(error: &CloudError) -> bool {
    matches!(error.code.as_str(), "DBClusterNotFoundFault" | "DBClusterNotFound")
}

/// As [`is_no_cluster`]: the code on the wire has no `Fault`, the shape's name has.
pub(crate) fn is_no_member(error: &CloudError) -> bool {
    matches!(error.code.as_str(), "DBInstanceNotFound" | "DBInstanceNotFoundFault")
}
