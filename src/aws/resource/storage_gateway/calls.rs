//! Which way the requests about a restored volume go.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::aws::resource::ebs::EbsCalls;
use crate::aws::resource::storage_gateway::gateway::GatewayCalls;
use crate::aws::resource::storage_gateway::settings::{Route, route};
use crate::aws::session::Clients;
use crate::cloud::check::Check;
use crate::cloud::error::CloudError;
use crate::cloud::ground::Ground;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::cloud::resource::{Found, Observation, Removal, ResourceCalls, Subject};

/// [`ResourceCalls`] of Storage Gateway volumes.
pub(crate) struct StorageGatewayCalls {
    ebs: EbsCalls,
    gateway: GatewayCalls,
}

impl StorageGatewayCalls {
    /// Over the destination's clients.
    pub(crate) fn new(clients: &Clients) -> Self {
        Self { ebs: EbsCalls::new(clients), gateway: GatewayCalls::new(clients) }
    }

    fn of(&self, subject: &Subject) -> &dyn ResourceCalls {
        match route(&subject.with) {
            Route::Ebs => &self.ebs,
            Route::Gateway(_) => &self.gateway,
        }
    }
}

#[async_trait]
impl ResourceCalls for StorageGatewayCalls {
    async fn observe(&self, subject: &Subject) -> Result<Observation, CloudError> {
        self.of(subject).observe(subject).await
    }

    async fn find(&self, subject: &Subject) -> Result<Found, CloudError> {
        self.of(subject).find(subject).await
    }

    async fn finish(&self, subject: &Subject) -> Result<(), CloudError> {
        self.of(subject).finish(subject).await
    }

    async fn tags(&self, subject: &Subject) -> Result<BTreeMap<String, String>, CloudError> {
        self.of(subject).tags(subject).await
    }

    async fn untag(&self, subject: &Subject, keys: &[String]) -> Result<(), CloudError> {
        self.of(subject).untag(subject, keys).await
    }

    async fn tag(&self, subject: &Subject, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        self.of(subject).tag(subject, tags).await
    }

    async fn unprotect(&self, subject: &Subject) -> Result<(), CloudError> {
        self.of(subject).unprotect(subject).await
    }

    async fn remove(&self, subject: &Subject, seen: &Observation) -> Result<Removal, CloudError> {
        self.of(subject).remove(subject, seen).await
    }

    async fn remains(&self, subject: &Subject) -> Result<Vec<String>, CloudError> {
        self.of(subject).remains(subject).await
    }

    async fn leftovers(&self, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
        self.gateway.leftovers(wanted).await
    }

    async fn preflight(&self, ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
        self.of(subject).preflight(ground, subject).await
    }
}
