//! What the resource types have in common. A type takes from here what fits it and decides everything else itself.

pub(crate) mod draft;
pub(crate) mod name;
pub(crate) mod setting;

#[cfg(feature = "aws")]
pub(crate) mod check;
#[cfg(feature = "aws")]
pub(crate) mod guard;
#[cfg(feature = "aws")]
pub(crate) mod listed;
#[cfg(feature = "aws")]
pub(crate) mod network;
