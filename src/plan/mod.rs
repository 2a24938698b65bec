//! Model → an immutable DAG of steps. Pure.

pub mod compile;
pub mod estimate;
pub mod graph;
pub mod permissions;
pub mod show;
pub mod step;
