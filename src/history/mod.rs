//! What earlier runs say: about this one, about the next, and about what is proven. Pure.
//!
//! `past` folds a run's state into short facts; `baseline` and `slope` are the arithmetic of several; `trend` puts both
//! into words; `spark` draws them; `compare` and `difference` set two runs side by side; `coverage` holds definitions
//! against runs; `summary` is what a run leaves for later ones. Whoever calls sees to it that all runs are of one mode:
//! rehearsals are never the history of real runs.

pub mod baseline;
pub mod compare;
pub mod coverage;
pub mod difference;
pub mod past;
pub mod slope;
pub mod spark;
pub mod summary;
pub mod trend;
