//! A world that can be made again and again: what is long and never changes is made once, and all of its worlds share it.
//!
//! That are the resources and their lists, recovery points and copy jobs. Everything else, which a run may change, is made
//! anew for each world, so that nothing of one world is in another.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::sandbox::fault::add_fault;
use crate::sandbox::listed::Listed;
use crate::sandbox::make::{add_points, make};
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::{Place, ResourceSpec, WorldSpec};
use crate::sandbox::thing::database::Databases;
use crate::sandbox::world::{CopyJob, Point, World};

/// Where an account and region have more recovery points, those of the next resource are put among them one by one. Up to
/// here all are put in another order each time, which takes longer the more there are.
const MOST_SHUFFLED: usize = 20_000;

/// What worlds are made of. Copies share it.
#[derive(Clone)]
pub struct Blueprint {
    kept: Arc<Kept>,
}

struct Kept {
    /// Without its resources.
    spec: WorldSpec,
    resources: Vec<Arc<ResourceSpec>>,
    seed: u64,
    started: Timestamp,
    lists: BTreeMap<Place, (Listed<Point>, Listed<CopyJob>)>,
}

impl Blueprint {
    /// Of the worlds of `spec` with this seed that begin at `started`.
    #[must_use]
    pub fn new(mut spec: WorldSpec, seed: u64, started: Timestamp) -> Self {
        let resources: Vec<Arc<ResourceSpec>> = std::mem::take(&mut spec.resources).into_iter().map(Arc::new).collect();
        // The vaults and their keys, which recovery points name.
        let nobody = Databases { servers: None, mute_port: 0 };
        let world = make(&spec, &resources, (seed, started), nobody);
        let mut lists = Growing::default();
        for resource in &resources {
            add_points(&world, resource, &mut lists);
        }
        let lists = lists.0.into_iter().map(|(place, lists)| (place, lists.in_order())).collect();
        Self { kept: Arc::new(Kept { spec, resources, seed, started, lists }) }
    }

    /// One more world, with the faults of its spec.
    pub(crate) fn world(&self, databases: Databases) -> World {
        let Kept { spec, resources, seed, started, lists } = &*self.kept;
        let mut world = make(spec, resources, (*seed, *started), databases);
        for (place, (points, copy_jobs)) in lists {
            let site = world.site(place);
            (site.points, site.copy_jobs) = (points.clone(), copy_jobs.clone());
        }
        for fault in &spec.faults {
            add_fault(&mut world, fault.clone());
        }
        world
    }

    /// Where everything random in it comes from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.kept.seed
    }

    /// Whether it is made from definitions alone.
    pub(crate) fn made(&self) -> bool {
        self.kept.spec.made
    }
}

impl std::fmt::Debug for Blueprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blueprint").field("seed", &self.kept.seed).finish_non_exhaustive()
    }
}

/// The lists of all accounts and regions while they are made.
#[derive(Default)]
pub(crate) struct Growing(BTreeMap<Place, Lists>);

/// Those of one.
#[derive(Default)]
pub(crate) struct Lists {
    points: Vec<Point>,
    /// The position in `points` of each recovery point of the listing.
    order: Vec<usize>,
    /// So many of `order` are shuffled.
    shuffled: usize,
    pub(crate) copy_jobs: Vec<CopyJob>,
}

impl Growing {
    /// Those of this account and region.
    pub(crate) fn at(&mut self, place: &Place) -> &mut Lists {
        self.0.entry(place.clone()).or_default()
    }
}

impl Lists {
    /// One more recovery point.
    pub(crate) fn add(&mut self, point: Point) {
        self.order.push(self.points.len());
        self.points.push(point);
    }

    /// Puts them into no useful order (trap 1).
    pub(crate) fn shuffle(&mut self, stream: &mut Stream) {
        if self.order.len() <= MOST_SHUFFLED {
            stream.shuffle(&mut self.order);
        } else {
            stream.shuffle_in(&mut self.order, self.shuffled);
        }
        self.shuffled = self.order.len();
    }

    fn in_order(self) -> (Listed<Point>, Listed<CopyJob>) {
        let points: Vec<Point> = self.order.iter().filter_map(|at| self.points.get(*at)).cloned().collect();
        (Listed::from(points), Listed::from(self.copy_jobs))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Blueprint, MOST_SHUFFLED};
    use crate::sandbox::spec::WorldSpec;
    use crate::sandbox::thing::database::Databases;

    #[test]
    fn an_empty_world_can_be_made_again() {
        let started = "2026-11-21T12:00:00Z".parse().unwrap();
        let blueprint = Blueprint::new(WorldSpec::empty(), 7, started);
        for _ in 0..2 {
            let world = blueprint.world(Databases { servers: None, mute_port: 9 });
            assert_eq!((world.sites.len(), world.started, blueprint.seed()), (0, started, 7));
        }
        assert!(blueprint.made());
    }

    #[test]
    fn what_is_put_in_one_by_one_keeps_everything() {
        let mut stream = crate::sandbox::seed::Seed::new(3).stream("order");
        let mut order: Vec<usize> = (0..MOST_SHUFFLED + 40).collect();
        stream.shuffle_in(&mut order, MOST_SHUFFLED);
        assert_ne!(order.get(MOST_SHUFFLED..), (MOST_SHUFFLED..MOST_SHUFFLED + 40).collect::<Vec<_>>().get(..));
        assert_eq!(order.iter().copied().collect::<BTreeSet<_>>().len(), MOST_SHUFFLED + 40);
    }
}
