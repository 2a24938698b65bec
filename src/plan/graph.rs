//! Order over steps: the only importer of petgraph.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

/// A dependency graph over keys. Positions are the order in which keys were added.
#[derive(Debug, Default)]
pub struct Graph<K> {
    graph: DiGraph<K, ()>,
    index: HashMap<K, NodeIndex>,
}

/// A cycle, as the path that closes it: `a -> b -> a`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these wait for each other: {}", path.join(" -> "))]
pub struct Cycle {
    /// The keys on the path; the first is repeated at the end.
    pub path: Vec<String>,
}

impl<K: Clone + Eq + Hash + ToString> Graph<K> {
    /// An empty graph.
    #[must_use]
    pub fn new() -> Self {
        Self { graph: DiGraph::new(), index: HashMap::new() }
    }

    /// Adds a key, once.
    pub fn add(&mut self, key: &K) -> usize {
        if let Some(node) = self.index.get(key) {
            return node.index();
        }
        let node = self.graph.add_node(key.clone());
        self.index.insert(key.clone(), node);
        node.index()
    }

    /// `later` comes after `earlier`. Both are added if they are not there. To say it twice changes nothing; it is not looked
    /// for, because thousands may come after one.
    pub fn after(&mut self, later: &K, earlier: &K) {
        let (earlier, later) = (self.add(earlier), self.add(later));
        self.after_at(later, earlier);
    }

    /// Where a key stands, if it was added.
    pub fn position(&self, key: &K) -> Option<usize> {
        self.index.get(key).map(|node| node.index())
    }

    /// The same as [`Graph::after`] of keys that stand at these positions.
    pub fn after_at(&mut self, later: usize, earlier: usize) {
        self.graph.add_edge(NodeIndex::new(earlier), NodeIndex::new(later), ());
    }

    /// Every key, each after what it waits for; among those that are free, the one that was added first.
    ///
    /// # Errors
    /// The first cycle.
    pub fn order(&self) -> Result<Vec<K>, Cycle> {
        Ok(self.positions()?.into_iter().map(|at| self.graph[NodeIndex::new(at)].clone()).collect())
    }

    /// The same order, as positions.
    ///
    /// # Errors
    /// The first cycle.
    pub fn positions(&self) -> Result<Vec<usize>, Cycle> {
        let mut waiting: Vec<usize> = self
            .graph
            .node_indices()
            .map(|node| self.graph.neighbors_directed(node, Direction::Incoming).count())
            .collect();
        let mut free: BinaryHeap<Reverse<NodeIndex>> =
            self.graph.node_indices().filter(|node| waiting[node.index()] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(waiting.len());
        while let Some(Reverse(node)) = free.pop() {
            order.push(node.index());
            for next in self.graph.neighbors_directed(node, Direction::Outgoing) {
                waiting[next.index()] -= 1;
                if waiting[next.index()] == 0 {
                    free.push(Reverse(next));
                }
            }
        }
        if order.len() == waiting.len() { Ok(order) } else { Err(self.cycle(&waiting)) }
    }

    /// A node that still waits has, among those that it waits for, one that still waits: walking back must come round.
    fn cycle(&self, waiting: &[usize]) -> Cycle {
        let mut walked: Vec<NodeIndex> = Vec::new();
        let mut at = self.graph.node_indices().find(|node| waiting[node.index()] > 0);
        while let Some(node) = at {
            if let Some(start) = walked.iter().position(|seen| *seen == node) {
                walked.drain(..start);
                break;
            }
            walked.push(node);
            at = self
                .graph
                .neighbors_directed(node, Direction::Incoming)
                .filter(|before| waiting[before.index()] > 0)
                .min();
        }
        walked.extend(walked.first().copied());
        Cycle { path: walked.iter().map(|node| self.graph[*node].to_string()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::Graph;

    #[test]
    fn order_respects_edges_and_then_insertion() {
        let mut graph = Graph::new();
        for key in ["a", "b", "c", "d"] {
            graph.add(&key);
        }
        graph.after(&"a", &"d");
        graph.after(&"a", &"d");
        assert_eq!(graph.positions().unwrap(), [1, 2, 3, 0]);
        assert_eq!(graph.order().unwrap(), ["b", "c", "d", "a"]);
    }

    #[test]
    fn a_cycle_is_shown_as_a_path_without_its_approach() {
        let mut graph = Graph::new();
        graph.after(&"b", &"a");
        graph.after(&"c", &"b");
        graph.after(&"b", &"c");
        graph.after(&"x", &"c");
        let path = graph.order().unwrap_err().path;
        assert_eq!(path.len(), 3);
        assert_eq!(path.first(), path.last());
        assert!(path.contains(&"b".to_owned()) && path.contains(&"c".to_owned()));
    }
}
