//! Real PostgreSQL servers behind the simulated AWS: a restored instance answers SQL because it is a server.
//!
//! The server programs are the machine's own. What a start costs: `initdb` once per cache folder (under a second to a
//! few), then per server a copy of that folder (28 MB), a start (0.1 s) and the writes that the recovery point holds.
//!
//! Invariants
//! - A server listens on 127.0.0.1 alone, answers there over TLS alone, and knows no user but those of its [`Data`].
//! - A server never outlives the process that started it, `kill -9` included (`supervise`).
//! - Nothing here waits without a bound; the waits are real time, because servers are real (`wait`).
//!
//! | module | what it knows |
//! |---|---|
//! | `servers` | [`Servers`]: what all servers of one sandbox share; what is [`Missing`] |
//! | `server` | [`Server`]: one server's life, from the copy to its end |
//! | `data` | [`Data`] and [`Write`]: what a server holds |
//! | `binaries`, `account` | which programs, and as whom they run when we are root |
//! | `home` | folders: short enough for a socket, ours alone, swept when their sandbox is dead |
//! | `authority` | the certificates |
//! | `template` | `initdb`, once |
//! | `settings` | what is written into a server's folder before it starts |
//! | `supervise` | the shell that ends the server when we end |
//! | `seed` | users, database, writes |
//!
//! Only `sandbox` may import this.

mod account;
mod authority;
mod binaries;
mod data;
mod home;
mod seed;
mod server;
mod servers;
mod settings;
mod supervise;
mod template;
mod wait;

pub use crate::sandbox::sql::data::{Data, Write};
pub use crate::sandbox::sql::server::{Server, ServerState};
pub use crate::sandbox::sql::servers::{Missing, Servers};
