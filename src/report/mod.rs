//! State → what people and programs read. Pure, but for `write`.
//!
//! `facts` turns a run's state into the context of a template; `runbook` renders it; `json` is the same for programs.

pub mod bound;
pub mod controls;
pub mod facts;
pub mod html;
mod include;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod oscal;
pub mod redact;
mod row;
pub mod runbook;
pub mod sample;
pub mod schema;
pub mod template;
pub mod write;
