//! The simulated AWS: an HTTP server on loopback that speaks AWS's wire protocols over a world of its own.
//!
//! ```text
//! definition, world file ──spec──▶ make ──▶ world ◀──physics── clock
//!                                            ▲
//! HTTP ──line, server──▶ protocol ──▶ service┘        (holds and faults stand between protocol and service)
//! ```
//!
//! `protocol` knows bytes and no world; `physics`, `restore` and `world` know AWS's behaviour and no bytes; `thing` knows each
//! kind of resource, one file or folder a kind; `service` joins them, one file or folder a service. `sql` runs the real database servers behind restored instances.
//!
//! Nothing but `cli` and tests may import this module: the product talks to it over the wire alone.

mod blueprint;
mod channel;
mod clock;
mod control;
mod data;
pub mod direct;
pub mod engine;
pub mod evidence;
pub mod fault;
pub mod file;
mod function;
pub mod hold;
pub mod idle;
pub mod inventory;
mod jobs;
mod line;
mod listed;
mod make;
mod network;
mod physics;
mod plans;
mod private;
pub mod profile;
mod protocol;
mod quota;
mod rates;
pub mod remote;
pub mod resource_file;
mod restore;
mod role;
mod seed;
mod server;
mod service;
pub mod signing;
pub mod spec;
pub mod sql;
mod start;
mod suggest;
mod thing;
mod world;

pub use crate::sandbox::blueprint::Blueprint;
pub use crate::sandbox::direct::{Cut, Direct};
pub use crate::sandbox::fault::{Fault, What};
pub use crate::sandbox::file::{WorldFile, WorldFileError};
pub use crate::sandbox::hold::{Held, Hold, When};
pub use crate::sandbox::idle::IdleClock;
pub use crate::sandbox::inventory::Inventory;
pub use crate::sandbox::remote::Remote;
pub use crate::sandbox::spec::{WorldSpec, access_key};
pub use crate::sandbox::start::{Options, Sandbox, SandboxError, SqlMissing};
