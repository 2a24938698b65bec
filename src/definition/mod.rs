//! YAML text → a [`model::Definition`], or every problem at once.
//!
//! `load` reads files (the stage's only I/O); `defaults` and `vars` merge and substitute on nodes; `shape` says what a
//! definition may hold; `check` holds the nodes against it and then asks what a shape cannot say: `places` (regions,
//! accounts, ARNs), `bounds` (limits, rates, leases), `evidence` (its key, its archive), `names` (who refers to whom, cycles), `proof` (expectations and controls); `assemble` makes the
//! model of what passed. The grammar of `${{ … }}` is in `words::reference`.

pub mod assemble;
pub mod bounds;
pub mod check;
pub mod defaults;
pub mod evidence;
pub mod expand;
pub mod load;
pub mod model;
pub mod names;
pub mod places;
pub mod proof;
pub mod shape;
pub mod vars;
