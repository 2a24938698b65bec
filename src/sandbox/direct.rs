//! A world without a network: requests of the wire protocols are handed over in memory, byte for byte what they would
//! be on the wire. For rehearsals, which live through thousands of worlds.

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response};
use uuid::Uuid;

use crate::sandbox::blueprint::Blueprint;
use crate::sandbox::clock::WorldClock;
use crate::sandbox::fault::{Fault, add_fault};
use crate::sandbox::hold::Holds;
use crate::sandbox::idle::IdleClock;
use crate::sandbox::inventory::{self, Inventory};
use crate::sandbox::line::Scissors;
use crate::sandbox::protocol::Wire;
use crate::sandbox::server::{Memory, Shared, answer, operation};
use crate::sandbox::spec::WorldSpec;
use crate::sandbox::start::SqlMissing;
use crate::sandbox::thing::database::Databases;
use crate::words::time::Clock as _;

/// No answer is larger.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// The port that restored databases name: nobody connects to it.
const NO_PORT: u16 = 9;

/// The connection was reset instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("connection reset by peer")]
pub struct Cut;

/// A world in memory. Its databases have no servers.
#[derive(Clone)]
pub struct Direct {
    shared: Arc<Shared>,
}

impl Direct {
    /// The world of `spec` at the present of `clock`.
    #[must_use]
    pub fn new(spec: WorldSpec, seed: u64, clock: &Arc<IdleClock>) -> Self {
        Self::of(&Blueprint::new(spec, seed, clock.now()), clock)
    }

    /// One more world of a blueprint. Its clock shows the moment at which the blueprint's worlds begin.
    #[must_use]
    pub fn of(blueprint: &Blueprint, clock: &Arc<IdleClock>) -> Self {
        let world = blueprint.world(Databases { servers: None, mute_port: NO_PORT });
        let shared = Shared {
            clock: Arc::new(WorldClock::following(Arc::clone(clock))),
            world: Mutex::new(world),
            holds: Holds::default(),
            // Nobody asks a world in memory for it.
            id: Uuid::nil(),
            made: blueprint.made(),
            seed: blueprint.seed(),
            ca_bundle: None,
            sql_missing: SqlMissing::default(),
            requests: AtomicU32::new(0),
            memory: Memory::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Hands a request over, and brings the answer back.
    ///
    /// # Errors
    /// When a fault cut the connection.
    pub async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        let scissors = Scissors::default();
        let response = answer(Arc::clone(&self.shared), scissors.clone(), request.map(Body::from)).await;
        if scissors.is_cut() {
            return Err(Cut);
        }
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, LARGEST_ANSWER).await.map_err(|_| Cut)?;
        Ok(Response::from_parts(parts, body))
    }

    /// The operation that a request asks for, such as `rds:DescribeDBInstances`; nothing where that cannot be read.
    #[must_use]
    pub fn operation(&self, request: &Request<Bytes>) -> Option<String> {
        let wire = Wire {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            headers: request.headers().clone(),
            body: request.body().to_vec(),
        };
        operation(&self.shared, &wire)
    }

    /// Everything in the world, and everything that was asked of it.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        inventory::take(&self.shared.world())
    }

    /// The same without what was asked of it.
    #[must_use]
    pub fn holdings(&self) -> Inventory {
        inventory::holdings(&self.shared.world())
    }

    /// How many requests were understood.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.shared.world().calls.len()
    }

    /// Whether, after so many requests, one of this operation changed something.
    #[must_use]
    pub fn changed_since(&self, calls: usize, operation: &str) -> bool {
        let world = self.shared.world();
        world.calls.iter().skip(calls).any(|call| call.effect && call.operation == operation)
    }

    /// Adds a fault. One that answers as before knows the answers from here on, or from an earlier such fault on.
    pub fn add_fault(&self, fault: Fault) {
        add_fault(&mut self.shared.world(), fault);
    }

    /// Whether every fault of requests and jobs has befallen something.
    #[must_use]
    pub fn all_struck(&self) -> bool {
        self.shared.world().faults.all_struck()
    }

    /// Ends every fault that was added or came with the world file.
    pub fn end_faults(&self) {
        self.shared.world().faults.end();
    }
}

impl std::fmt::Debug for Direct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Direct").field("seed", &self.shared.seed).finish_non_exhaustive()
    }
}
