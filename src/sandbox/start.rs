//! Starting and stopping a world.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::sandbox::blueprint::Blueprint;
use crate::sandbox::clock::{WorldClock, machine_now};
use crate::sandbox::fault::{Fault, add_fault};
use crate::sandbox::hold::{Held, Hold, Holds};
use crate::sandbox::inventory::{self, Inventory};
use crate::sandbox::line::{Lines, Scissors};
use crate::sandbox::server::{Memory, Shared, router};
use crate::sandbox::service::ssm::set_parameter;
use crate::sandbox::spec::{Place, WorldSpec};
use crate::sandbox::sql::{self, Servers};
use crate::sandbox::thing::database::Databases;
use crate::words::id::{AccountId, Region};
use crate::words::time::Clock;

/// Requests under way get this long, in real time, when the world stops.
const FAREWELL: Duration = Duration::from_millis(500);

/// How to run a world.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on loopback; 0 is any free one.
    pub port: u16,
    /// World seconds for each real second.
    pub speed: f64,
    /// Where everything random comes from.
    pub seed: u64,
    /// The folder for what is costly to make: the template of database servers, certificates.
    pub cache: PathBuf,
}

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The port is taken, or loopback is not there.
    #[error("the simulated AWS cannot listen on 127.0.0.1:{port}; choose another `--port`")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process's world cannot be reached or understood.
    #[error("there is no simulated AWS at `{url}`: {reason}; start one with `drill sandbox`")]
    NoWorld {
        /// Where it was looked for.
        url: String,
        /// What came instead.
        reason: String,
    },
}

/// What a machine lacks for databases that answer, by the dialect that is spoken to them: what to install.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlMissing {
    /// For PostgreSQL's.
    pub postgres: Option<String>,
    /// For MySQL's and MariaDB's.
    pub mysql: Option<String>,
}

impl SqlMissing {
    fn of(servers: &Servers) -> Self {
        let missing = |engine| servers.missing(engine).map(|missing| missing.to_string());
        Self { postgres: missing(sql::Engine::Postgres), mysql: missing(sql::Engine::MariaDb) }
    }
}

/// A running world. Dropping it ends it; [`Sandbox::stop`] also waits until its database servers are gone.
pub struct Sandbox {
    shared: Arc<Shared>,
    port: u16,
    tasks: Vec<JoinHandle<()>>,
    farewell: Option<oneshot::Sender<()>>,
}

impl Sandbox {
    /// Starts the world of `spec`.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub async fn start(mut spec: WorldSpec, options: Options) -> Result<Self, SandboxError> {
        let Options { port: asked, speed, seed, cache } = options;
        let listener = listen(asked).await?;
        let port = port_of(&listener, asked)?;
        let mute = listen(0).await?;
        let mute_port = port_of(&mute, 0)?;
        let found =
            tokio::task::spawn_blocking(move || Servers::find(&cache).map_err(|missing| missing.to_string())).await;
        let found = found.unwrap_or_else(|_| Err("the search for a database server failed".to_owned()));
        let (servers, sql_missing) = match found {
            Ok(servers) => {
                for engine in sql::Engine::ALL {
                    if let Some(version) = servers.version(engine) {
                        spec.claim_engine_version(engine, version);
                    }
                }
                let missing = SqlMissing::of(&servers);
                (Some(servers), missing)
            }
            Err(missing) => (None, SqlMissing { postgres: Some(missing.clone()), mysql: Some(missing) }),
        };
        let ca_bundle = servers.as_ref().map(|servers| servers.ca_bundle().to_owned());
        let made = spec.made;
        let started = spec.starts.unwrap_or_else(machine_now);
        let world = Blueprint::new(spec, seed, started).world(Databases { servers, mute_port });
        let shared = Arc::new(Shared {
            clock: Arc::new(WorldClock::new(started, speed)),
            world: Mutex::new(world),
            holds: Holds::default(),
            id: Uuid::new_v4(),
            made,
            seed,
            ca_bundle,
            sql_missing,
            requests: AtomicU32::new(0),
            memory: Memory::of_everything(),
        });
        let (farewell, until) = oneshot::channel::<()>();
        let service = router(Arc::clone(&shared)).into_make_service_with_connect_info::<Scissors>();
        let serving = axum::serve(Lines(listener), service).with_graceful_shutdown(async move {
            // A dropped sender ends the world as well.
            let _ = until.await;
        });
        let server = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the simulated AWS ended");
            }
        });
        let tasks = vec![server, tokio::spawn(stay_mute(mute))];
        Ok(Self { shared, port, tasks, farewell: Some(farewell) })
    }

    /// The endpoint for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The world's clock.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.shared.clock) as Arc<dyn Clock>
    }

    /// The CA of the world's databases; absent without server binaries.
    #[must_use]
    pub fn ca_bundle(&self) -> Option<PathBuf> {
        self.shared.ca_bundle.clone()
    }

    /// What to install for SQL probes, where it is missing.
    #[must_use]
    pub fn sql_missing(&self) -> SqlMissing {
        self.shared.sql_missing.clone()
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.shared.seed
    }

    /// Whether the world was made from definitions alone: no world file says what is in its databases.
    #[must_use]
    pub fn made(&self) -> bool {
        self.shared.made
    }

    /// Everything in the world, and everything that was asked of it.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        inventory::take(&self.shared.world())
    }

    /// Holds a request.
    #[must_use = "a hold that is dropped is released"]
    pub fn hold(&self, rule: Hold) -> Held {
        self.shared.holds.set(rule)
    }

    /// Adds a fault to the running world.
    pub fn add_fault(&self, fault: Fault) {
        add_fault(&mut self.shared.world(), fault);
    }

    /// Sets a parameter of SSM in this account and region.
    pub fn set_parameter(&self, account: &AccountId, region: &Region, name: &str, value: &str) {
        let place = Place { account: account.clone(), region: region.clone() };
        set_parameter(&mut self.shared.world(), &place, name, value);
    }

    /// Moves the world's clock forward.
    pub fn advance(&self, by: jiff::SignedDuration) {
        self.shared.clock.advance(by);
    }

    /// Ends the world and waits until its database servers are gone.
    pub async fn stop(mut self) {
        drop(self.farewell.take());
        let mut tasks = std::mem::take(&mut self.tasks).into_iter();
        if let Some(mut server) = tasks.next()
            && tokio::time::timeout(FAREWELL, &mut server).await.is_err()
        {
            server.abort();
        }
        tasks.for_each(|task| task.abort());
        let servers = self.shared.world().take_servers();
        for server in servers {
            server.stop().await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("port", &self.port).field("seed", &self.shared.seed).finish_non_exhaustive()
    }
}

async fn listen(port: u16) -> Result<TcpListener, SandboxError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|source| SandboxError::Listen { port, source })
}

fn port_of(listener: &TcpListener, asked: u16) -> Result<u16, SandboxError> {
    let address = listener.local_addr().map_err(|source| SandboxError::Listen { port: asked, source })?;
    Ok(address.port())
}

/// Accepts connections and closes them: a database of which only the port can be probed.
async fn stay_mute(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((connection, _)) => drop(connection),
            // Out of file handles, perhaps: others need the time more.
            Err(_) => crate::sandbox::clock::rest(Duration::from_millis(50)).await,
        }
    }
}
