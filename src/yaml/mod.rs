//! Text, what it says, and how to point at it.
//!
//! `source` has the texts and the places in them; `node` reads YAML into nodes that know where they stand; `shape` says what
//! a construct may hold; `check` holds nodes against a shape, collecting every problem; `schema` prints the same shapes as JSON
//! Schema; `diagnostic` is one problem; `snippet` draws it under its text.

pub mod check;
pub mod diagnostic;
pub mod node;
pub mod scalar;
pub mod schema;
pub mod shape;
pub mod snippet;
pub mod source;
