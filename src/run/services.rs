//! What a run is given: everything that is not the plan and not the journal. `cli` builds it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::cloud::Cloud;
use crate::cloud::resource::{ResourceCalls, Types};
use crate::run::guards::Guards;
use crate::run::other::OtherCalls;
use crate::run::prober::Prober;
use crate::run::stop::StopSwitch;
use crate::words::id::Region;
use crate::words::kind::ResourceKind;
use crate::words::secret::Secret;
use crate::words::time::Clock;

/// The outside of a run.
#[derive(Clone)]
pub struct Services {
    /// AWS, or something that speaks like it.
    pub cloud: Cloud,
    /// The run's clock.
    pub clock: Arc<dyn Clock>,
    /// The destination's region.
    pub region: Region,
    /// The resource types.
    pub types: Types,
    /// The folder of the definition: `file:` references and CA bundles are relative to it.
    pub folder: PathBuf,
    /// The CA bundle for databases, unless a probe names its own.
    pub ca_bundle: Option<PathBuf>,
    /// The simulated AWS's own CA bundle.
    pub sandbox_ca: Option<PathBuf>,
    /// Looks up `${{ env.X }}`.
    pub environment: fn(&str) -> Option<String>,
    /// What passwords that a run sets are derived from; known to this machine alone.
    pub key: Secret,
    /// The switch of this machine that stops everything.
    pub stop: Arc<dyn StopSwitch>,
    /// Where the run's report is written.
    pub evidence: PathBuf,
    /// The key that signs the evidence; nobody signs where there is no such file.
    pub signing_key: PathBuf,
    /// The run came by import: neither that key nor one of KMS signs it.
    pub imported: bool,
    /// Who asks what was restored.
    pub prober: Arc<dyn Prober>,
    /// Real time between two looks for what was asked of the run from elsewhere, such as `drill cancel`.
    pub look_for_requests: Duration,
    /// The engine's own guards: all of them.
    pub guards: Guards,
}

impl Services {
    /// The calls of a type. For [`ResourceKind::Other`] they are what the definition says.
    #[must_use]
    pub fn calls(&self, kind: ResourceKind) -> Arc<dyn ResourceCalls> {
        (self.cloud.resources)(kind).unwrap_or_else(|| Arc::new(OtherCalls::new(self)))
    }
}
