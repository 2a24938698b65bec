//! The kinds of resource: how each lives in the world, and everything of it in one account and region.
//!
//! `physics`, `make`, `inventory` and the services that serve every kind speak with [`Physics`], [`Making`] and [`Shelf`]
//! alone. A kind's own service (`service/rds` for `rds`) also reads its shelf. A kind is one folder or file here, one
//! line in [`physics`] and one in [`Shelves`].

pub(crate) mod asked;
pub(crate) mod cluster;
pub(crate) mod contents;
pub(crate) mod database;
pub(crate) mod dynamodb;
pub(crate) mod ebs;
pub(crate) mod ec2;
pub(crate) mod efs;
pub(crate) mod fsx;
pub(crate) mod keys;
pub(crate) mod lambda;
pub(crate) mod rds;
pub(crate) mod redshift;
pub(crate) mod s3;
pub(crate) mod sessions;
pub(crate) mod shell;
pub(crate) mod storage_gateway;
pub(crate) mod subnets;
pub(crate) mod web;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::sandbox::inventory::Thing;
use crate::sandbox::restore::Timetable;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::sql::Server;
use crate::sandbox::world::{Point, Site, World};
use crate::words::kind::ResourceKind;

/// How a kind of resource lives in the world: its source, its recovery points, its restores.
pub(crate) trait Physics: Sync {
    /// AWS Backup's word for it in `ResourceType`, such as `RDS`.
    fn backup_type(&self) -> &'static str;

    /// The operations that delete what a restore makes, such as `rds:DeleteDBInstance`: the fault `deny_delete` hits them.
    fn deletions(&self) -> &'static [&'static str];

    /// The key of this kind's own block in a resource of the world file, such as `table`.
    fn block(&self) -> Option<&'static str> {
        None
    }

    /// Reads the block, to say what is wrong with it. What is right stands in [`ResourceSpec::extra`].
    fn check_block(&self, _block: &Map<String, Value>) -> Result<(), String> {
        Ok(())
    }

    /// The smallest `maxResults` that `ListRecoveryPointsByResource` takes.
    fn smallest_page(&self) -> u32 {
        1
    }

    /// The ARN of a new recovery point (facts 1.5.2).
    fn point_arn(&self, place: &Place, spec: &ResourceSpec, how: Copied, stream: &mut Stream) -> String;

    /// What `BackupSizeInBytes` says: for most the allocated storage (facts 4).
    fn point_bytes(&self, spec: &ResourceSpec) -> u64 {
        u64::from(spec.size_gib) * 1024 * 1024 * 1024
    }

    /// Adds the source resource, and what a definition lets one know of its surroundings and of the restore's. Vaults,
    /// networks and roles are there already.
    fn add_source(&self, world: &mut World, spec: &Arc<ResourceSpec>);

    /// What `GetRecoveryPointRestoreMetadata` answers. It describes the source in the source's region: echoing it into a
    /// restore elsewhere fails (traps 8, 31). Values may be null or empty, as AWS's are (facts 2.0).
    fn returned_metadata(&self, world: &World, point: &Point) -> Map<String, Value>;

    /// The metadata key whose absence refuses `StartRestoreJob` itself; whatever else is wrong fails the job later.
    fn missing(&self, _spec: &ResourceSpec, _metadata: &BTreeMap<String, String>) -> Option<&'static str> {
        None
    }

    /// The median of a restore's duration, in seconds.
    fn usual_seconds(&self, spec: &ResourceSpec) -> f64;

    /// Whether a job can be `COMPLETED` though not everything was restored, and its message alone says so.
    fn completes_in_part(&self) -> bool {
        false
    }

    /// Reads the metadata: what the job will make, or the `StatusMessage` with which it fails seconds later (trap 10). Ids
    /// that AWS assigns are drawn here, from [`World::stream`].
    fn wish(
        &self,
        world: &mut World,
        place: &Place,
        point: &Point,
        metadata: &BTreeMap<String, String>,
        job_id: &str,
    ) -> Result<Box<dyn Making>, String>;
}

/// Which recovery point of a night: the one in the source's vault, or its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copied {
    Original,
    Copy,
}

/// What one restore makes. While jobs advance, [`Site::restore_jobs`] is empty: a making knows its own job alone.
pub(crate) trait Making: Send {
    /// What `CreatedResourceArn` will say.
    fn arn(&self) -> String;

    /// The job was accepted and will make something: what takes real time, such as a database server, begins now.
    fn prepare(&mut self, _world: &World, _job: &JobView) {}

    /// It appears, in its creating state.
    ///
    /// # Errors
    /// When its name was taken since the job was accepted; the job fails with this message.
    fn appear(&mut self, site: &mut Site, job: &JobView) -> Result<(), String>;

    /// Whether something real holds the job up. Asked until the job ends.
    fn progress(&mut self, _site: &mut Site) -> Progress {
        Progress::Ready
    }

    /// Whether [`Making::progress`] may change at any look, and not with the world's time alone.
    fn is_watched(&self) -> bool {
        false
    }

    /// A stuck job goes on, with this time-table: what stayed in its creating state leaves it.
    fn resume(&mut self, site: &mut Site, times: &Timetable);

    /// The job breaks half-way: what appeared is removed, or left in its failed state.
    fn break_off(&mut self, site: &mut Site, leaves_partial: bool);

    /// The job is complete.
    fn complete(&mut self, _site: &mut Site, _at: Timestamp) {}

    /// Half of what it restores fails, where the kind [completes in part](Physics::completes_in_part).
    fn restore_in_part(&mut self) {}

    /// `StatusMessage` of a completed job.
    fn completed_message(&self) -> Option<String> {
        None
    }

    /// A server that was started and not handed over yet, so that it can be stopped.
    fn take_server(&mut self) -> Option<Server> {
        None
    }
}

/// What a making may know of its job.
pub(crate) struct JobView<'a> {
    pub(crate) id: &'a str,
    pub(crate) source: &'a Arc<ResourceSpec>,
    /// The recovery point's ARN.
    pub(crate) point: &'a str,
    pub(crate) point_created: Timestamp,
    pub(crate) times: Timetable,
    /// What appears leaves its creating state by the time-table; that of a job that sticks or breaks does not.
    pub(crate) comes_up: bool,
}

/// Whether a job can go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    Ready,
    /// Something real, such as a database server, takes longer than the world's time-table.
    Waits,
    /// Something real failed; the making has put what appeared into its failed state.
    Failed(String),
}

/// Everything of one kind in one account and region.
pub(crate) trait Shelf: Send {
    /// Lets everything happen that is due by `now`.
    fn advance(&mut self, now: Timestamp);

    /// Before this moment nothing happens by itself; nothing if nothing ever does.
    fn due(&self) -> Option<Timestamp>;

    /// Everything that AWS would bill.
    fn things(&self) -> Vec<Thing>;

    /// What the tagging API finds.
    fn tagged(&self) -> Vec<Tagged>;

    /// Every real server, taken out so that it can be stopped.
    fn take_servers(&mut self) -> Vec<Server> {
        Vec::new()
    }
}

/// The first of some moments.
pub(crate) fn earliest(moments: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    moments.flatten().min()
}

/// A thing with tags.
pub(crate) struct Tagged {
    pub(crate) arn: String,
    /// The tagging API's word, such as `rds:db`; a request may also ask for what stands before the colon.
    pub(crate) kind: &'static str,
    pub(crate) tags: BTreeMap<String, String>,
}

/// The physics of a kind. One line a kind.
pub(crate) fn physics(kind: ResourceKind) -> &'static dyn Physics {
    match kind {
        ResourceKind::Rds => &rds::Rds,
        ResourceKind::Aurora => &cluster::Aurora,
        ResourceKind::DocumentDb => &cluster::DocumentDb,
        ResourceKind::DynamoDb => &dynamodb::DynamoDb,
        ResourceKind::Ebs => &ebs::Ebs,
        ResourceKind::Ec2 => &ec2::Ec2,
        ResourceKind::Efs => &efs::Efs,
        ResourceKind::Fsx => &fsx::Fsx,
        ResourceKind::Neptune => &cluster::Neptune,
        ResourceKind::S3 => &s3::S3,
        ResourceKind::StorageGateway => &storage_gateway::StorageGateway,
        ResourceKind::Other => &redshift::Redshift,
    }
}

/// Every physics, in the order of the kinds.
pub(crate) fn every() -> impl Iterator<Item = &'static dyn Physics> {
    ResourceKind::ALL.iter().map(|kind| physics(*kind))
}

macro_rules! shelves {
    ($($kind:ident: $shelf:ty,)+) => {
        /// One shelf a kind.
        #[derive(Default)]
        pub(crate) struct Shelves { $(pub(crate) $kind: $shelf,)+ }

        impl Shelves {
            /// Every shelf.
            pub(crate) fn each(&self) -> impl Iterator<Item = &dyn Shelf> {
                [$(&self.$kind as &dyn Shelf,)+].into_iter()
            }

            /// Before this moment nothing happens on any of them by itself.
            pub(crate) fn due(&self) -> Option<Timestamp> {
                earliest(self.each().map(Shelf::due))
            }

            /// Every shelf, to change it.
            pub(crate) fn each_mut(&mut self) -> impl Iterator<Item = &mut dyn Shelf> {
                [$(&mut self.$kind as &mut dyn Shelf,)+].into_iter()
            }
        }
    };
}

shelves! {
    rds: rds::RdsShelf,
    clusters: cluster::ClusterShelf,
    dynamodb: dynamodb::DynamoDbShelf,
    ec2: ec2::Ec2Shelf,
    efs: efs::EfsShelf,
    fsx: fsx::FsxShelf,
    lambda: lambda::LambdaShelf,
    s3: s3::S3Shelf,
    sessions: sessions::SessionShelf,
    storage_gateway: storage_gateway::StorageGatewayShelf,
    redshift: redshift::RedshiftShelf,
}

impl ResourceSpec {
    /// How its kind lives.
    pub(crate) fn physics(&self) -> &'static dyn Physics {
        physics(self.kind)
    }

    /// AWS Backup's word for its type.
    pub(crate) fn backup_type(&self) -> &'static str {
        self.physics().backup_type()
    }

    /// What `BackupSizeInBytes` says of its recovery points.
    pub(crate) fn point_bytes(&self) -> u64 {
        self.physics().point_bytes(self)
    }
}
