//! Real database servers behind the simulated AWS: a restored instance answers SQL because it is a server.
//!
//! The server programs are the machine's own. What a start costs: a data folder made once per cache folder (under a
//! second to a few), then per server a copy of that folder (28 MB of PostgreSQL, 19 MB of MariaDB), a start (0.1 s) and
//! the writes that the recovery point holds.
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
//! | `engine` | [`Engine`], and what differs between engines: the trait `Kind` |
//! | `postgres`, `mariadb` | one engine each: its programs, its settings, its SQL |
//! | `programs`, `account` | which programs, and as whom they run when we are root |
//! | `home` | folders: short enough for a socket, ours alone, swept when their sandbox is dead |
//! | `authority` | the certificates |
//! | `template` | the data folder that is made once |
//! | `settings` | the folder of a server before it starts |
//! | `supervise` | the shell that ends the server when we end |
//! | `ask` | one question to a server, as a simulated function puts it |
//! | `token`, `ldap` | tokens of IAM in the place of passwords, and who tells a server that one is good |
//! | `seed` | how a server is filled, whatever its engine, and what can go wrong |
//!
//! Only `sandbox` may import this.

mod account;
mod ask;
mod authority;
mod data;
mod engine;
mod home;
mod ldap;
mod mariadb;
mod postgres;
mod programs;
mod seed;
mod server;
mod servers;
mod settings;
mod supervise;
mod template;
mod token;
mod wait;

pub(crate) use crate::sandbox::sql::ask::{Question, Unanswered, reply};
pub use crate::sandbox::sql::data::{Data, Write};
pub use crate::sandbox::sql::engine::Engine;
pub use crate::sandbox::sql::server::{Server, ServerState};
pub use crate::sandbox::sql::servers::{Missing, Servers};
