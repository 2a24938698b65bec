//! The words of the design as types: names, ids, ARNs, regions, time, secrets.
//!
//! Invariant: a value of one of these types is valid; parsing is the only way to make one from text.
//! Anyone may import this module; it imports nothing of ours.

pub mod archive;
pub mod arn;
pub mod base64;
pub mod both;
pub mod id;
pub mod kind;
pub mod path;
pub mod reference;
pub mod secret;
pub mod shared;
pub mod text;
pub mod time;
