//! A value that many have in common, and that is there once.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that many may hold, on any thread. It is read and written as the value itself. Whoever changes it changes a copy of
/// its own if others hold it too, and they keep theirs.
#[derive(Default, PartialEq, Eq)]
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// Held by nobody else yet.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// Whether both are one value that is there once, and not two that are equal.
    #[must_use]
    pub fn is_one(one: &Self, other: &Self) -> bool {
        Arc::ptr_eq(&one.0, &other.0)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(&self.0, f)
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::serialize(&self.0, serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::Shared;

    #[test]
    fn whoever_changes_it_changes_a_copy_of_its_own() {
        let one = Shared::new(vec![1, 2]);
        let mut other = one.clone();
        assert!(Shared::is_one(&one, &other));
        other.push(3);
        assert_eq!((one.len(), other.len()), (2, 3));
        assert!(!Shared::is_one(&one, &other));
    }

    #[test]
    fn it_is_written_and_read_as_the_value() {
        let shared: Shared<Vec<u8>> = vec![1, 2].into();
        let text = serde_json::to_string(&shared).unwrap();
        assert_eq!((text.as_str(), format!("{shared:?}").as_str()), ("[1,2]", "[1, 2]"));
        assert_eq!(serde_json::from_str::<Shared<Vec<u8>>>(&text).unwrap(), shared);
    }
}
