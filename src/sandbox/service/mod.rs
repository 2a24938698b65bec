//! The services of the simulated AWS: operations over a world. One file or folder a service, one line in [`SERVICES`];
//! adding an operation is one arm and its name in [`ServiceCalls::operations`].

pub(crate) mod backup;
pub(crate) mod cloudwatch;
pub(crate) mod dynamodb;
pub(crate) mod ec2;
pub(crate) mod efs;
pub(crate) mod fsx;
pub(crate) mod iam;
pub(crate) mod kms;
pub(crate) mod lambda;
pub(crate) mod page;
pub(crate) mod rbin;
pub(crate) mod rds;
pub(crate) mod redshift;
pub(crate) mod s3;
pub(crate) mod secretsmanager;
pub(crate) mod servicequotas;
mod sessions;
pub(crate) mod ssm;
pub(crate) mod storagegateway;
pub(crate) mod sts;
pub(crate) mod tagging;

use std::pin::Pin;

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol, Route, Target, Wire};
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;

/// Something that is done without the world, and what it answers.
pub(crate) type Deed = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;

/// A service: what it is called, how it is spoken to, what it does.
pub(crate) trait ServiceCalls: Sync {
    /// Its name in the credential scope of a `SigV4` signature. `rds` serves DocumentDB and Neptune too.
    fn signing_name(&self) -> &'static str;

    /// The word before the colon in `backup:StartRestoreJob`, as in IAM: faults, holds and records use it.
    fn prefix(&self) -> &'static str {
        self.signing_name()
    }

    fn protocol(&self) -> Protocol;

    /// The protocol of this request, of a service that speaks several: clients choose.
    fn spoken(&self, _wire: &Wire) -> Protocol {
        self.protocol()
    }

    /// The operation that a REST request means, and the values in its path. The other protocols name the operation.
    fn route(&self, _target: &Target) -> Option<Route> {
        None
    }

    /// The operations that it knows. Others are not performed; a fault that names one is a mistake.
    fn operations(&self) -> &'static [&'static str];

    /// Performs an operation on an advanced world.
    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure>;

    /// What takes real time outside of the world, such as asking a database: done in the place of [`Self::call`], while
    /// the world goes on.
    fn deed(&self, _world: &mut World, _caller: &Caller, _ask: &Ask) -> Option<Deed> {
        None
    }

    /// What a successful request changed, if its operation changes anything.
    fn changed(&self, _ask: &Ask) -> Option<String> {
        None
    }
}

/// One line a service.
static SERVICES: &[&dyn ServiceCalls] = &[
    &backup::Backup,
    &cloudwatch::CloudWatch,
    &dynamodb::DynamoDb,
    &ec2::Ec2,
    &efs::Efs,
    &fsx::Fsx,
    &iam::Iam,
    &kms::Kms,
    &lambda::Lambda,
    &rbin::RecycleBin,
    &rds::Rds,
    &redshift::Redshift,
    &s3::S3,
    &secretsmanager::SecretsManager,
    &servicequotas::ServiceQuotas,
    &ssm::Ssm,
    &storagegateway::StorageGateway,
    &sts::Sts,
    &tagging::Tagging,
];

/// The service that a signature names.
pub(crate) fn find(signing_name: &str) -> Result<&'static dyn ServiceCalls, Failure> {
    let found = SERVICES.iter().find(|service| service.signing_name() == signing_name);
    found.copied().ok_or_else(|| Failure::unknown(signing_name))
}

/// The words before the colon that are known.
pub(crate) fn prefixes() -> Vec<&'static str> {
    SERVICES.iter().map(|service| service.prefix()).collect()
}

/// The operations of the service with this word before the colon; none if there is no such service.
pub(crate) fn operations(prefix: &str) -> &'static [&'static str] {
    let found = SERVICES.iter().find(|service| service.prefix() == prefix);
    found.map_or(&[], |service| service.operations())
}

/// The protocol of an operation such as `rds:DeleteDBInstance`: it decides what common errors are called.
pub(crate) fn protocol_of(operation: &str) -> Protocol {
    let prefix = operation.split_once(':').map_or(operation, |(prefix, _)| prefix);
    let found = SERVICES.iter().find(|service| service.prefix() == prefix);
    found.map_or(Protocol::RestJson, |service| service.protocol())
}

/// Performs an operation on an advanced world.
pub(crate) fn call(
    service: &dyn ServiceCalls,
    world: &mut World,
    caller: &Caller,
    ask: &Ask,
) -> Result<Answer, Failure> {
    let is_known = service.operations().contains(&ask.operation.as_str());
    let result = if is_known { service.call(world, caller, ask) } else { Err(Failure::unknown(&ask.operation)) };
    if let Err(failure) = &result
        && failure.code == "UnknownOperationException"
    {
        tracing::warn!(operation = %ask.operation, "the simulated AWS does not know an operation");
    }
    result
}

impl Caller {
    /// Whose world it is, and where.
    pub(crate) fn place(&self) -> Place {
        Place { account: self.account.clone(), region: self.region.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{SERVICES, ServiceCalls, find, operations, prefixes};

    #[test]
    fn no_two_services_share_a_name() {
        let names: BTreeSet<&str> = SERVICES.iter().map(|service| service.signing_name()).collect();
        let words: BTreeSet<&str> = prefixes().into_iter().collect();
        assert_eq!((names.len(), words.len()), (SERVICES.len(), SERVICES.len()));
        assert_eq!(find("tagging").map(ServiceCalls::prefix), Ok("tag"));
        assert_eq!(find("nosuch").map(ServiceCalls::prefix).unwrap_err().status, 404);
    }

    #[test]
    fn every_service_knows_its_operations_once() {
        for service in SERVICES {
            let known: BTreeSet<&str> = service.operations().iter().copied().collect();
            assert!(!known.is_empty() && known.len() == service.operations().len(), "{}", service.prefix());
        }
        assert!(operations("iam").contains(&"GetRole") && operations("nosuch").is_empty());
    }
}
