//! The one integration binary: each further one would link the AWS SDKs again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod asked;
mod aws_probes;
mod clients;
mod command_line;
mod crash;
mod docs;
mod drills;
mod examples;
mod fault;
mod file_systems;
mod guard;
mod harness;
mod hostile;
mod kill;
mod layers;
mod mariadb;
mod mysql_world;
mod net_probes;
mod pick;
mod postgres;
mod preflight;
mod private;
mod probes;
mod report;
mod schema;
mod select;
mod shell;
mod sqlserver;
mod together;
mod types;
mod validate;
mod verdict;
mod wire;
