//! Long lists that a world is made with and that hardly ever change: recovery points, copy jobs. Worlds of one blueprint
//! share them.
//!
//! Invariant: the order is that of the listings. What is looked up by key or by resource is found through an index, which is
//! made at the first look-up after a change. Whoever changes a shared list has one of its own from then on.

use std::collections::BTreeMap;
use std::slice;
use std::sync::{Arc, OnceLock};

/// Something in a list.
pub(crate) trait Entry: Clone {
    /// What it is called. Of two that are called the same the first is found.
    fn key(&self) -> &str;

    /// The ARN of the resource that it is of.
    fn resource(&self) -> &str;

    /// What it is counted under.
    fn home(&self) -> &str;
}

/// A list.
#[derive(Clone)]
pub(crate) struct Listed<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    all: Vec<T>,
    index: OnceLock<Index>,
}

/// Positions in the list.
struct Index {
    /// Sorted by key.
    by_key: Vec<usize>,
    /// Sorted by resource; those of one resource in the order of the list.
    by_resource: Vec<usize>,
    counts: BTreeMap<String, usize>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T> From<Vec<T>> for Listed<T> {
    fn from(all: Vec<T>) -> Self {
        Self { shared: Arc::new(Shared { all, index: OnceLock::new() }) }
    }
}

impl<T: Clone> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { all: self.all.clone(), index: OnceLock::new() }
    }
}

impl<T> Listed<T> {
    /// All of it.
    pub(crate) fn iter(&self) -> slice::Iter<'_, T> {
        self.shared.all.iter()
    }
}

impl<T: Entry> Listed<T> {
    /// The one of this key.
    pub(crate) fn find(&self, key: &str) -> Option<&T> {
        let (all, by_key) = (&self.shared.all, &self.index().by_key);
        let from = by_key.partition_point(|at| all[*at].key() < key);
        by_key.get(from).map(|at| &all[*at]).filter(|entry| entry.key() == key)
    }

    /// Those of this resource, in the order of the list.
    pub(crate) fn of<'a>(&'a self, resource: &str) -> impl Iterator<Item = &'a T> + Clone + use<'a, T> {
        let (all, by_resource) = (&self.shared.all, &self.index().by_resource);
        let from = by_resource.partition_point(|at| all[*at].resource() < resource);
        let until = by_resource.partition_point(|at| all[*at].resource() <= resource);
        by_resource[from..until].iter().map(move |at| &all[*at])
    }

    /// How many there are in this home.
    pub(crate) fn count_in(&self, home: &str) -> usize {
        self.index().counts.get(home).copied().unwrap_or(0)
    }

    /// The list itself, to change it.
    pub(crate) fn change(&mut self) -> &mut Vec<T> {
        let shared = Arc::make_mut(&mut self.shared);
        shared.index = OnceLock::new();
        &mut shared.all
    }

    fn index(&self) -> &Index {
        self.shared.index.get_or_init(|| Index::of(&self.shared.all))
    }
}

impl Index {
    fn of<T: Entry>(all: &[T]) -> Self {
        let mut by_key: Vec<usize> = (0..all.len()).collect();
        let mut by_resource = by_key.clone();
        by_key.sort_by(|one, other| all[*one].key().cmp(all[*other].key()));
        by_resource.sort_by(|one, other| all[*one].resource().cmp(all[*other].resource()));
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for entry in all {
            match counts.get_mut(entry.home()) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(entry.home().to_owned(), 1);
                }
            }
        }
        Self { by_key, by_resource, counts }
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Listed};
    use crate::sandbox::seed::Seed;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct One(String, String, String);

    impl Entry for One {
        fn key(&self) -> &str {
            &self.0
        }

        fn resource(&self) -> &str {
            &self.1
        }

        fn home(&self) -> &str {
            &self.2
        }
    }

    /// The index against a look at everything.
    fn check(list: &Listed<One>) {
        for number in 0..60 {
            let (key, resource, home) = (number.to_string(), format!("r{number}"), format!("h{number}"));
            assert_eq!(list.find(&key), list.iter().find(|one| one.0 == key), "{key}");
            let of: Vec<&One> = list.iter().filter(|one| one.1 == resource).collect();
            assert_eq!(list.of(&resource).collect::<Vec<_>>(), of, "{resource}");
            assert_eq!(list.count_in(&home), list.iter().filter(|one| one.2 == home).count(), "{home}");
        }
    }

    #[test]
    fn what_is_found_is_what_a_look_at_everything_finds() {
        let mut stream = Seed::new(5).stream("list");
        let mut some = |count: u32| -> Vec<One> {
            let mut one =
                || One(stream.below(50).to_string(), format!("r{}", stream.below(9)), format!("h{}", stream.below(3)));
            (0..count).map(|_| one()).collect()
        };
        let mut list = Listed::from(some(200));
        check(&list);
        let before = list.clone();
        list.change().extend(some(40));
        check(&list);
        list.change().retain(|one| one.2 != "h1");
        check(&list);
        check(&Listed::default());
        assert_eq!((before.iter().count(), list.count_in("h1")), (200, 0), "a change is one's own");
        check(&before);
    }
}
