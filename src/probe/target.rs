//! What a probe is aimed at, and what it may use. The engine builds one for each attempt.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cloud::ground::Secrets;
use crate::cloud::resource::Endpoint;

/// The restored resource and the means to reach it.
#[derive(Clone)]
pub struct Target {
    /// Where the API says that the restored resource answers. The only loopback address that a probe may connect to.
    pub endpoint: Option<Endpoint>,
    /// Values of references, already looked up, by the reference's text (`restore.orders.endpoint.host`). Data: never
    /// evaluated again, never given to a shell.
    pub values: BTreeMap<String, String>,
    /// Where secrets are read.
    pub secrets: Arc<dyn Secrets>,
    /// The folder that `file:` secrets and CA bundles are relative to: the definition's own.
    pub folder: PathBuf,
    /// The CA bundle for databases, unless the probe names its own.
    pub ca_bundle: Option<PathBuf>,
    /// The sandbox's CA bundle, which wins over every other: its databases have their own CA.
    pub sandbox_ca: Option<PathBuf>,
}
