//! Places for restores: how many jobs of a type may be under way in an account and region, and which run begins next. Pure.
//!
//! Runs that are driven by one process wait here before they begin: without a journal, a lock, or a clock that counts. A
//! run holds a place for each of its restores that has not ended, at most `limits.max_parallel_restores`, and gives it
//! back when the job is over. What a service refuses for want of a place lowers the figure to what is under way; each
//! completed job raises it by one, up to where it began.
//!
//! Invariant: who is let in fits below the figure of each of its spots, or is alone there. What goes on after a crash is
//! under way already, so it takes its places whatever is free.
//!
//! Of those that come together the longest expected is first, over all types: what takes long and begins last would keep
//! everything from being over. Nobody is passed for ever by those who come later: a run counts as expected so much longer as
//! it came sooner. Who needs several places goes first of all once it has waited longer than anybody is expected to take, and
//! nobody takes the places that it waits for: they are never free together by themselves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::cloud::resource::Types;
use crate::definition::model::Definition;
use crate::journal::event::{Earlier, StepEnd};
use crate::journal::state::State;
use crate::plan::step::Work;
use crate::run::pace::Usual;
use crate::words::id::{AccountId, Name, Region};
use crate::words::kind::ResourceKind;

/// Runs are let in so that their starts come no faster than AWS documents: five a second for each account and region (facts
/// 1.3).
const BETWEEN_STARTS: SignedDuration = SignedDuration::from_millis(200);

/// So many starts may come at once after a rest, in the time that they take at that rate.
const BURST: SignedDuration = SignedDuration::from_secs(1);

/// Where restores take places.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The destination's account.
    pub account: AccountId,
    /// The destination's region.
    pub region: Region,
    /// The type.
    pub kind: ResourceKind,
}

/// How many places, by where.
pub type Wants = BTreeMap<Spot, usize>;

/// How many jobs of a type AWS lets run at once; nothing for what it says nothing about. For DynamoDB that is documented for
/// restores on demand, for the others for restore testing, which is the best guess that there is (facts 4).
#[must_use]
pub fn documented(kind: ResourceKind) -> Option<usize> {
    match kind {
        ResourceKind::DynamoDb => Some(50),
        ResourceKind::Ebs | ResourceKind::Ec2 => Some(100),
        ResourceKind::Rds
        | ResourceKind::Aurora
        | ResourceKind::DocumentDb
        | ResourceKind::Neptune
        | ResourceKind::Fsx => Some(40),
        ResourceKind::Efs | ResourceKind::S3 | ResourceKind::StorageGateway => Some(30),
        ResourceKind::Other => None,
    }
}

/// Where a restore takes its place.
#[must_use]
pub fn spot(definition: &Definition, restore: &Name) -> Option<Spot> {
    definition.restore.get(restore).map(|restore| spot_of(definition, restore.kind))
}

fn spot_of(definition: &Definition, kind: ResourceKind) -> Spot {
    let destination = &definition.destination;
    Spot { account: destination.account.clone(), region: destination.region.clone(), kind }
}

/// As many at once as the definition allows of each type.
fn bounded(definition: &Definition, kinds: impl Iterator<Item = (ResourceKind, usize)>) -> Wants {
    let most = usize::try_from(definition.limits.max_parallel_restores).unwrap_or(usize::MAX).max(1);
    let mut wants = Wants::new();
    for (kind, count) in kinds {
        let places = wants.entry(spot_of(definition, kind)).or_insert(0);
        *places = places.saturating_add(count).min(most);
    }
    wants
}

/// What a run of this definition needs to begin. How many a selection finds is not known before it is asked: it counts as
/// many as there may be at once.
#[must_use]
pub fn wants(definition: &Definition) -> Wants {
    let restores = definition.restore.values().map(|restore| (restore.kind, 1));
    let selections = definition.selections.values().map(|selection| (selection.template.kind, usize::MAX));
    bounded(definition, restores.chain(selections))
}

/// What a run still needs: a place for each restore that has not begun, or whose job is or may be under way.
#[must_use]
pub fn left(state: &State) -> Wants {
    let definition = &state.started.plan.definition;
    let open = definition.restore.iter().filter(|(name, _)| needs_place(state, name));
    bounded(definition, open.map(|(_, restore)| (restore.kind, 1)))
}

fn needs_place(state: &State, name: &Name) -> bool {
    let entry = state.ledger.get(name);
    if entry.is_some_and(|entry| entry.terminal_job().is_some()) {
        return false;
    }
    let end = |work: Work| state.step(&work).end();
    // What was given up with the teardown is as good as over.
    if end(Work::Teardown(name.clone())).is_some() {
        return false;
    }
    let may_be_under_way =
        entry.is_some_and(|entry| entry.job.is_some() || entry.in_doubt || !entry.doubtful.is_empty());
    may_be_under_way || end(Work::Restore(name.clone())).is_none_or(|end| *end == StepEnd::Passed)
}

/// How long the longest restore of a run is expected to take: as its drill's last runs, else as its type usually does.
#[must_use]
pub fn expected(definition: &Definition, history: &[Earlier], types: Types) -> SignedDuration {
    let usual = |kind: ResourceKind| SignedDuration::from_mins(types(kind).usual_minutes());
    let restores = definition.restore.iter().map(|(name, restore)| {
        let took = history.iter().filter_map(|run| run.restores.get(name).copied());
        Usual::learned(took).map_or_else(|| usual(restore.kind), |learned| learned.most)
    });
    let selections = definition.selections.values().map(|selection| usual(selection.template.kind));
    restores.chain(selections).max().unwrap_or_default()
}

/// How many places there are at a spot.
#[derive(Debug, Clone, Copy)]
struct Figure {
    most: usize,
    first: usize,
}

/// Those who wait for the same: where the first of them does not fit, none does.
#[derive(Debug, Default)]
struct Queue {
    /// By [`turn`].
    by_turn: BTreeSet<(Timestamp, u64)>,
    /// In the order in which they came.
    by_arrival: BTreeMap<u64, (SignedDuration, Timestamp)>,
}

impl Queue {
    fn add(&mut self, number: u64, expected: SignedDuration, since: Timestamp) {
        self.by_turn.insert((turn(expected, since), number));
        self.by_arrival.insert(number, (expected, since));
    }

    fn remove(&mut self, number: u64) {
        if let Some((expected, since)) = self.by_arrival.remove(&number) {
            self.by_turn.remove(&(turn(expected, since), number));
        }
    }

    /// Who came before that instant, else whoever's turn it is.
    fn first(&self, patient_since: Timestamp) -> Option<Next> {
        let (oldest, (_, since)) = self.by_arrival.first_key_value()?;
        if *since < patient_since {
            return Some(Next { is_patient: false, turn: Timestamp::MIN, number: *oldest });
        }
        let (turn, number) = *self.by_turn.first()?;
        Some(Next { is_patient: true, turn, number })
    }
}

/// When it would have had to begin to be over when it came: the least goes first.
fn turn(expected: SignedDuration, since: Timestamp) -> Timestamp {
    since.saturating_sub(expected).unwrap_or(Timestamp::MIN)
}

/// Whose turn is next: the least comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    /// Needs one place, or has not waited longer than anybody is expected to take.
    is_patient: bool,
    turn: Timestamp,
    number: u64,
}

/// The places of one process.
#[derive(Debug, Default)]
pub struct Places {
    figures: BTreeMap<Spot, Figure>,
    used: Wants,
    held: BTreeMap<u64, Wants>,
    waiting: BTreeMap<Wants, Queue>,
    /// What the longest of all that were asked for is expected to take.
    longest: SignedDuration,
    /// When the starts that were let in will have been sent, at the documented rate.
    starts_until: BTreeMap<(AccountId, Region), Timestamp>,
    /// From when on somebody may be let in who fits now and comes too soon.
    too_soon_until: Option<Timestamp>,
    came: u64,
}

impl Places {
    /// With other figures than the documented ones.
    #[must_use]
    pub fn with(figures: impl IntoIterator<Item = (Spot, usize)>) -> Self {
        let figures = figures.into_iter().map(|(spot, most)| (spot, Figure { most, first: most }));
        Self { figures: figures.collect(), ..Self::default() }
    }

    /// Waits for places. The number is the run's from now on.
    pub fn ask(&mut self, wants: Wants, expected: SignedDuration, now: Timestamp) -> u64 {
        self.came += 1;
        self.longest = self.longest.max(expected);
        self.waiting.entry(wants).or_default().add(self.came, expected, now);
        self.came
    }

    /// Takes places whatever is free.
    pub fn take(&mut self, wants: Wants) -> u64 {
        self.came += 1;
        self.hold(self.came, wants);
        self.came
    }

    /// Everybody whose turn it is, in order. They hold their places now.
    pub fn let_in(&mut self, now: Timestamp) -> Vec<u64> {
        self.too_soon_until = None;
        let impatient_before = now.saturating_sub(self.longest).unwrap_or(Timestamp::MIN);
        let mut waiting = std::mem::take(&mut self.waiting);
        let first = |wants: &Wants, queue: &Queue| {
            let needs_several = wants.values().sum::<usize>() > 1;
            queue.first(if needs_several { impatient_before } else { Timestamp::MIN })
        };
        let mut next: BTreeMap<Next, Wants> =
            waiting.iter().filter_map(|(wants, queue)| Some((first(wants, queue)?, wants.clone()))).collect();
        let (mut kept_free, mut let_in) = (Wants::new(), Vec::new());
        while let Some((one, wants)) = next.pop_first() {
            if !self.fits(&wants, &kept_free) {
                if !one.is_patient {
                    for (spot, count) in wants {
                        *kept_free.entry(spot).or_default() += count;
                    }
                }
                continue;
            }
            if self.comes_too_soon(&wants, now) {
                continue;
            }
            self.will_start(&wants, now);
            self.hold(one.number, wants.clone());
            let_in.push(one.number);
            if let Some(queue) = waiting.get_mut(&wants) {
                queue.remove(one.number);
                next.extend(first(&wants, queue).map(|one| (one, wants)));
            }
        }
        waiting.retain(|_, queue| !queue.by_arrival.is_empty());
        self.waiting = waiting;
        let_in
    }

    /// When somebody may be let in although no place becomes free before.
    #[must_use]
    pub fn wake(&self) -> Option<Timestamp> {
        self.too_soon_until
    }

    /// From now on a run holds at most this.
    pub fn shrink(&mut self, number: u64, left: &Wants) {
        let Some(held) = self.held.remove(&number) else { return };
        self.release(&held);
        let still = |(spot, count): (Spot, usize)| {
            let count = left.get(&spot).copied().unwrap_or(0).min(count);
            (count > 0).then_some((spot, count))
        };
        self.hold(number, held.into_iter().filter_map(still).collect());
    }

    /// A run is over, or waits no more.
    pub fn leave(&mut self, number: u64) {
        self.waiting.values_mut().for_each(|queue| queue.remove(number));
        if let Some(held) = self.held.remove(&number) {
            self.release(&held);
        }
    }

    /// A job completed.
    pub fn completed(&mut self, spot: &Spot) {
        if let Some(figure) = self.figure(spot) {
            let most = figure.most.saturating_add(1).min(figure.first);
            self.figures.insert(spot.clone(), Figure { most, ..figure });
        }
    }

    /// A start was refused for want of a place. Whoever was refused holds one and keeps it: it asks again.
    pub fn refused(&mut self, spot: &Spot) {
        if let Some(figure) = self.figure(spot) {
            let under_way = self.used_at(spot).saturating_sub(1).max(1);
            self.figures.insert(spot.clone(), Figure { most: under_way.min(figure.most), ..figure });
        }
    }

    /// How many places are held at a spot.
    #[must_use]
    pub fn used_at(&self, spot: &Spot) -> usize {
        self.used.get(spot).copied().unwrap_or(0)
    }

    /// How many jobs may be under way at a spot; nothing if nothing bounds them.
    #[must_use]
    pub fn most_at(&self, spot: &Spot) -> Option<usize> {
        self.figure(spot).map(|figure| figure.most)
    }

    fn figure(&self, spot: &Spot) -> Option<Figure> {
        let known = self.figures.get(spot).copied();
        known.or_else(|| documented(spot.kind).map(|most| Figure { most, first: most }))
    }

    /// Whether all of it is free beside what is kept for others. What is more than the figure fits where nobody else is: AWS
    /// then says itself what is too much.
    fn fits(&self, wants: &Wants, kept_free: &Wants) -> bool {
        wants.iter().all(|(spot, count)| {
            let Some(figure) = self.figure(spot) else { return true };
            let kept = kept_free.get(spot).copied().unwrap_or(0);
            let taken = self.used_at(spot).saturating_add(kept);
            taken == 0 || taken.saturating_add(*count) <= figure.most
        })
    }

    /// Whether as many starts are on their way as may be.
    fn comes_too_soon(&mut self, wants: &Wants, now: Timestamp) -> bool {
        let starts =
            wants.keys().filter_map(|spot| self.starts_until.get(&(spot.account.clone(), spot.region.clone())));
        let Some(last) = starts.max().copied().filter(|last| last.duration_since(now) > BURST) else { return false };
        let from = last.saturating_sub(BURST).unwrap_or(last);
        self.too_soon_until = Some(self.too_soon_until.map_or(from, |known| known.min(from)));
        true
    }

    fn will_start(&mut self, wants: &Wants, now: Timestamp) {
        for (spot, count) in wants {
            let until = self.starts_until.entry((spot.account.clone(), spot.region.clone())).or_insert(now);
            let starts = i32::try_from(*count).unwrap_or(i32::MAX);
            *until = (*until).max(now).saturating_add(BETWEEN_STARTS.saturating_mul(starts)).unwrap_or(now);
        }
    }

    fn hold(&mut self, number: u64, wants: Wants) {
        for (spot, count) in &wants {
            let used = self.used.entry(spot.clone()).or_default();
            *used = used.saturating_add(*count);
        }
        self.held.insert(number, wants);
    }

    fn release(&mut self, held: &Wants) {
        for (spot, count) in held {
            if let Some(used) = self.used.get_mut(spot) {
                *used = used.saturating_sub(*count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Places, Spot, Wants, documented};
    use crate::words::kind::ResourceKind;

    fn spot(kind: ResourceKind) -> Spot {
        Spot { account: "123456789012".parse().unwrap(), region: "eu-west-1".parse().unwrap(), kind }
    }

    fn one(kind: ResourceKind) -> Wants {
        some(kind, 1)
    }

    fn some(kind: ResourceKind, count: usize) -> Wants {
        Wants::from([(spot(kind), count)])
    }

    fn minutes(count: i64) -> SignedDuration {
        SignedDuration::from_mins(count)
    }

    /// So many minutes after the beginning.
    fn at(count: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + minutes(count)
    }

    fn places(most: usize) -> Places {
        Places::with([(spot(ResourceKind::Rds), most), (spot(ResourceKind::S3), most)])
    }

    #[test]
    fn longest_expected_first_over_all_types_and_never_more_than_the_figure() {
        let mut places = places(2);
        let short = places.ask(one(ResourceKind::Rds), minutes(5), at(0));
        let long = places.ask(one(ResourceKind::Rds), minutes(50), at(0));
        let middle = places.ask(one(ResourceKind::Rds), minutes(20), at(0));
        let other = places.ask(one(ResourceKind::S3), minutes(30), at(0));
        assert_eq!(places.let_in(at(0)), [long, other, middle]);
        assert_eq!(places.used_at(&spot(ResourceKind::Rds)), 2);
        assert!(places.let_in(at(1)).is_empty());
        places.leave(middle);
        assert_eq!(places.let_in(at(2)), [short]);
    }

    #[test]
    fn who_waits_for_much_is_passed_at_first_and_then_waited_for() {
        let mut places = places(3);
        let wide = some(ResourceKind::Rds, 3);
        let mut under_way = vec![places.ask(one(ResourceKind::Rds), minutes(30), at(0))];
        assert_eq!(places.let_in(at(0)), under_way);
        let wide = places.ask(wide, minutes(10), at(0));
        let mut let_in_after = None;
        // Somebody new comes each minute, and each is over after three: without order there are never three places at once.
        for minute in 1..60 {
            under_way.push(places.ask(one(ResourceKind::Rds), minutes(20), at(minute)));
            if under_way.len() > 3 {
                places.leave(under_way.remove(0));
            }
            if places.let_in(at(minute)).contains(&wide) {
                let_in_after = Some(minute);
                break;
            }
        }
        assert!(let_in_after.is_some_and(|minute| (30..40).contains(&minute)), "{let_in_after:?}");
    }

    #[test]
    fn what_was_asked_for_together_stays_in_order_however_long_it_waits() {
        let mut places = places(1);
        let long = places.ask(one(ResourceKind::Rds), minutes(30), at(0));
        let short = places.ask(one(ResourceKind::Rds), minutes(5), at(0));
        let middle = places.ask(one(ResourceKind::Rds), minutes(20), at(0));
        assert_eq!(places.let_in(at(0)), [long]);
        places.leave(long);
        assert_eq!(places.let_in(at(90)), [middle]);
        places.leave(middle);
        assert_eq!(places.let_in(at(180)), [short]);
    }

    #[test]
    fn nobody_waits_for_ever_while_others_come_who_take_longer() {
        let mut places = places(1);
        let short = places.ask(one(ResourceKind::Rds), minutes(5), at(0));
        let mut under_way = places.ask(one(ResourceKind::Rds), minutes(20), at(0));
        assert_eq!(places.let_in(at(0)), [under_way]);
        let let_in_after = (1..200).find(|minute| {
            places.ask(one(ResourceKind::Rds), minutes(20), at(*minute));
            places.leave(under_way);
            let come = places.let_in(at(*minute));
            under_way = come[0];
            come == [short]
        });
        assert_eq!(let_in_after, Some(15), "who takes 15 minutes longer and came 15 minutes later counts the same");
    }

    #[test]
    fn a_refusal_lowers_the_figure_to_what_is_under_way_and_completed_jobs_raise_it_again() {
        let rds = spot(ResourceKind::Rds);
        let mut places = places(4);
        let numbers: Vec<u64> = (0..4).map(|_| places.ask(one(ResourceKind::Rds), minutes(9), at(0))).collect();
        assert_eq!(places.let_in(at(0)), numbers);
        places.refused(&rds);
        assert_eq!(places.most_at(&rds), Some(3));
        let last = places.ask(one(ResourceKind::Rds), minutes(9), at(1));
        places.leave(numbers[0]);
        assert!(places.let_in(at(1)).is_empty(), "who was refused asks again, and takes the place");
        places.completed(&rds);
        assert_eq!(places.let_in(at(2)), [last]);
        (0..9).for_each(|_| places.completed(&rds));
        assert_eq!(places.most_at(&rds), Some(4), "never above where it began");
    }

    #[test]
    fn what_goes_on_takes_its_places_first_and_gives_each_back_alone() {
        let rds = spot(ResourceKind::Rds);
        let mut places = places(2);
        let resumed = places.take(some(ResourceKind::Rds, 3));
        let new = places.ask(one(ResourceKind::Rds), minutes(9), at(0));
        assert!(places.let_in(at(0)).is_empty());
        places.shrink(resumed, &some(ResourceKind::Rds, 2));
        assert!(places.let_in(at(1)).is_empty());
        places.shrink(resumed, &one(ResourceKind::Rds));
        assert_eq!((places.let_in(at(2)), places.used_at(&rds)), (vec![new], 2));
        // Nobody holds more than it did.
        places.shrink(resumed, &some(ResourceKind::Rds, 9));
        assert_eq!(places.used_at(&rds), 2);
        places.leave(resumed);
        places.leave(new);
        assert_eq!(places.used_at(&rds), 0);
    }

    #[test]
    fn what_needs_more_than_there_is_begins_alone() {
        let mut places = places(2);
        let first = places.ask(one(ResourceKind::Rds), minutes(9), at(0));
        let wide = places.ask(some(ResourceKind::Rds, 5), minutes(5), at(0));
        assert_eq!(places.let_in(at(0)), [first]);
        places.leave(first);
        assert_eq!(places.let_in(at(1)), [wide]);
    }

    #[test]
    fn starts_are_let_in_at_the_documented_rate() {
        let mut places = Places::default();
        for _ in 0..20 {
            places.ask(one(ResourceKind::Ebs), minutes(3), at(0));
        }
        let mut now = at(0);
        let mut let_in = vec![places.let_in(now).len()];
        while let Some(wake) = places.wake() {
            assert!(wake > now, "nobody is asked twice at the same moment");
            now = wake;
            let_in.push(places.let_in(now).len());
        }
        assert_eq!(let_in[0], 6, "those that the burst holds, and one behind them");
        assert_eq!((let_in[1..].iter().all(|count| *count == 1), let_in.iter().sum::<usize>()), (true, 20));
        assert_eq!(now.duration_since(at(0)).as_millis(), 14 * 200);
    }

    #[test]
    fn only_what_aws_knows_nothing_of_is_not_bounded() {
        for kind in ResourceKind::ALL {
            assert_eq!(documented(*kind).is_none(), *kind == ResourceKind::Other, "{kind}");
        }
    }
}
