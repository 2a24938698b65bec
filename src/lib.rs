//! `drill` proves that AWS backups restore.
//!
//! ```text
//! definition ──parse, check──▶ plan ──decide, drive──▶ journal ──fold──▶ report · status · JSON
//!               (pure)        (pure)   (pure)  (I/O)   (rows)   (pure)
//! ```
//!
//! Folders, in the order in which they may know each other: a folder imports only from those above it in this table
//! (`tests/it/layers.rs` holds the code to it).
//!
//! | folder | may import, besides std and crates |
//! |---|---|
//! | `words` | nothing of ours |
//! | `yaml` | `words` |
//! | `cloud` | `words`, `yaml` |
//! | `probe` | `words`, `yaml`, `cloud`, `definition::model` |
//! | `definition` | `words`, `yaml`, `cloud`, `probe` |
//! | `plan` | `words`, `cloud`, `probe`, `definition::model` |
//! | `journal` | `words`, `cloud`, `probe`'s data, `definition::model`, `plan::step` |
//! | `history` | `words`, `cloud`, `definition::model`, `plan`, `journal` |
//! | `report` | `words`, `cloud`, `probe`'s data, `definition::model`, `plan`, `journal`, `history` |
//! | `evidence` | `words`, `cloud`, `journal`, `report` |
//! | `run` | `words`, `cloud`, `probe`, `definition::model`, `plan`, `journal`, `report`, `evidence` |
//! | `aws` | `words`, `yaml`, `cloud`; alone the SDK |
//! | `sandbox` | `words`, `definition::model` |
//! | `cli` | everything |

pub mod words;

pub mod yaml;

pub mod cloud;

pub mod probe;

pub mod definition;

pub mod plan;

pub mod journal;

pub mod history;

pub mod report;

pub mod evidence;

pub mod run;

pub mod aws;

pub mod sandbox;

#[cfg(feature = "aws")]
pub mod cli;
