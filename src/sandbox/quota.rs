//! How much an account may have in a region: what Service Quotas tells, and what a restore beyond it is told.

use crate::sandbox::spec::{Place, Quotas};
use crate::sandbox::world::{Site, World};
use crate::words::kind::ResourceKind;

/// GiB in a TiB.
const TIB: u32 = 1_024;

/// One quota.
pub(crate) struct Quota {
    /// The service's word in Service Quotas, and how it is written for people.
    pub(crate) service: (&'static str, &'static str),
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    /// The types whose restores it bounds.
    kinds: &'static [ResourceKind],
    most: fn(&Quotas) -> u32,
    used: fn(&Site) -> usize,
    /// The `StatusMessage` of a restore beyond it.
    refusal: &'static str,
}

/// Every quota. One entry a quota.
pub(crate) static ALL: &[Quota] = &[
    Quota {
        service: ("dynamodb", "Amazon DynamoDB"),
        code: "L-F98FE922",
        name: "Maximum number of tables",
        kinds: &[ResourceKind::DynamoDb],
        most: |quotas| quotas.dynamodb_tables,
        used: |site| site.shelves.dynamodb.tables.len(),
        refusal: "Subscriber limit exceeded: the account's quota of tables is reached (Service: AmazonDynamoDBv2; Status \
                  Code: 400; Error Code: LimitExceededException)",
    },
    Quota {
        service: ("ebs", "Amazon Elastic Block Store (Amazon EBS)"),
        code: "L-7A658B76",
        name: "Storage for General Purpose SSD (gp3) volumes, in TiB",
        kinds: &[ResourceKind::Ebs],
        most: |quotas| quotas.gp3_tib,
        used: gp3_tib,
        refusal: "You have exceeded your maximum gp3 storage limit, a quota of this account (Service: AmazonEC2; Status \
                  Code: 400; Error Code: VolumeLimitExceeded)",
    },
    Quota {
        service: ("ec2", "Amazon Elastic Compute Cloud (Amazon EC2)"),
        code: "L-1216C47A",
        name: "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        kinds: &[ResourceKind::Ec2],
        most: |quotas| quotas.vcpus,
        used: vcpus,
        refusal: "You have requested more vCPU capacity than your current vCPU limit allows for the instance bucket that \
                  the specified instance type belongs to (Service: AmazonEC2; Status Code: 400; Error Code: \
                  VcpuLimitExceeded)",
    },
    Quota {
        service: ("elasticfilesystem", "Amazon Elastic File System (EFS)"),
        code: "L-848C634D",
        name: "File systems per account",
        kinds: &[ResourceKind::Efs],
        most: |quotas| quotas.efs_file_systems,
        used: |site| site.shelves.efs.file_systems.len(),
        refusal: "The quota of file systems of this account is reached (Service: AmazonElasticFileSystem; Status Code: 403; \
                  Error Code: FileSystemLimitExceeded)",
    },
    Quota {
        service: ("rds", "Amazon Relational Database Service (Amazon RDS)"),
        code: "L-952B80B8",
        name: "DB clusters",
        kinds: &[ResourceKind::Aurora, ResourceKind::DocumentDb, ResourceKind::Neptune],
        most: |quotas| quotas.db_clusters,
        used: |site| site.shelves.clusters.clusters.len(),
        refusal: "DB Cluster quota exceeded (Service: AmazonRDS; Status Code: 403; Error Code: DBClusterQuotaExceededFault)",
    },
    Quota {
        service: ("rds", "Amazon Relational Database Service (Amazon RDS)"),
        code: "L-7B6409FD",
        name: "DB instances",
        kinds: &[ResourceKind::Rds],
        most: |quotas| quotas.db_instances,
        used: db_instances,
        refusal: "DB Instance quota exceeded (Service: AmazonRDS; Status Code: 400; Error Code: InstanceQuotaExceeded)",
    },
    Quota {
        service: ("s3", "Amazon Simple Storage Service (Amazon S3)"),
        code: "L-DC2B2D3D",
        name: "General purpose buckets",
        kinds: &[ResourceKind::S3],
        most: |quotas| quotas.s3_buckets,
        used: |site| site.shelves.s3.buckets.len(),
        refusal: "You have attempted to create more buckets than the quota of this account allows (Service: Amazon S3; \
                  Status Code: 400; Error Code: TooManyBuckets)",
    },
];

/// DB instances, those of clusters included.
pub(crate) fn db_instances(site: &Site) -> usize {
    site.shelves.rds.instances.len() + site.shelves.clusters.members.len()
}

fn gp3_tib(site: &Site) -> usize {
    let gp3 = site.shelves.ec2.volumes.values().filter(|volume| volume.settings.kind == "gp3");
    let gib: u32 = gp3.map(|volume| volume.settings.size_gib).sum();
    usize::try_from(gib / TIB).unwrap_or(usize::MAX)
}

fn vcpus(site: &Site) -> usize {
    let running = site.shelves.ec2.instances.values().filter(|one| matches!(one.state, "pending" | "running"));
    running.map(|one| vcpus_of(&one.settings.kind)).sum()
}

/// Most types have two of size `large` and below, and twice as many of each size above.
fn vcpus_of(kind: &str) -> usize {
    let size = kind.split_once('.').map_or("", |(_, size)| size);
    match size.strip_suffix("xlarge") {
        Some("") => 4,
        Some(times) => times.parse::<usize>().map_or(4, |times| times.saturating_mul(4)),
        None => 2,
    }
}

impl Quota {
    /// The quota's value, which the fault `quota_full` makes that of what is in use.
    pub(crate) fn value(&self, site: &Site, quotas: &Quotas) -> usize {
        if site.full.contains(self.code) {
            return (self.used)(site);
        }
        usize::try_from((self.most)(quotas)).unwrap_or(usize::MAX)
    }

    fn is_reached(&self, site: &Site, quotas: &Quotas) -> bool {
        (self.used)(site) >= self.value(site, quotas)
    }
}

/// The codes of the quotas that bound restores of a type, or of every type.
pub(crate) fn codes(kind: Option<ResourceKind>) -> impl Iterator<Item = &'static str> {
    let bounds = move |quota: &&Quota| kind.is_none_or(|kind| quota.kinds.contains(&kind));
    ALL.iter().filter(bounds).map(|quota| quota.code)
}

impl World {
    /// Why a restore of this type fails here, if a quota is reached.
    pub(crate) fn beyond_quota(&self, place: &Place, kind: ResourceKind) -> Option<&'static str> {
        let site = self.sites.get(place)?;
        let bounds = |quota: &&Quota| quota.kinds.contains(&kind) && quota.is_reached(site, &self.quotas);
        ALL.iter().find(bounds).map(|quota| quota.refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::{codes, vcpus_of};
    use crate::words::kind::ResourceKind;

    #[test]
    fn sizes_double() {
        let known = ["t3.micro", "m6i.large", "m6i.xlarge", "r6i.2xlarge", "m6i.16xlarge"].map(vcpus_of);
        assert_eq!(known, [2, 2, 4, 8, 64]);
    }

    #[test]
    fn a_type_has_its_own_quotas() {
        assert_eq!(codes(Some(ResourceKind::Aurora)).collect::<Vec<_>>(), ["L-952B80B8"]);
        assert_eq!(codes(None).count(), 7);
    }
}
