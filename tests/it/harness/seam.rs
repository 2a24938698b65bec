//! Stand-ins at the seam that pass everything on to the simulated AWS and tell it differently: a vault whose jobs show
//! other words, a service that lags behind itself, a clock that is wrong. What is true is still read from the inventory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use restore_drill::cloud::check::Check;
use restore_drill::cloud::error::CloudError;
use restore_drill::cloud::ground::Ground;
use restore_drill::cloud::resource::{Found, Observation, Phase, Removal, ResourceCalls, Subject};
use restore_drill::cloud::vault::{
    FoundJob, Metadata, PointDetail, RecoveryPoint, RestoreJob, StartRestore, Vault, VaultState,
};
use restore_drill::words::arn::Arn;
use restore_drill::words::id::{JobId, VaultName};
use restore_drill::words::secret::Secret;
use restore_drill::words::time::Clock;

use crate::harness::life::Bench;

/// How the n-th look at a job (from 1) is told.
type Retold = fn(u32, RestoreJob) -> RestoreJob;

/// How the n-th whole list of jobs (from 1) is told.
type Listed = fn(u32, Vec<RestoreJob>) -> Result<Vec<RestoreJob>, CloudError>;

/// AWS Backup, told differently.
pub(crate) struct ToldVault {
    inner: Arc<dyn Vault>,
    /// How jobs are told.
    pub(crate) job: Retold,
    /// How whole lists of jobs are told.
    pub(crate) list: Listed,
    /// So many searches find nothing.
    pub(crate) omits: u32,
    /// So many starts are refused with this error before one gets through.
    pub(crate) refuses: Option<(u32, CloudError)>,
    looks: AtomicU32,
    searches: AtomicU32,
    starts: AtomicU32,
    lists: AtomicU32,
}

impl ToldVault {
    /// Over the bench's own vault, and as it is.
    pub(crate) fn over(bench: &Bench) -> Self {
        Self::of(Arc::clone(&bench.services.cloud.vault))
    }

    /// Over this vault, and as it is.
    pub(crate) fn of(inner: Arc<dyn Vault>) -> Self {
        Self {
            inner,
            job: |_, job| job,
            list: |_, jobs| Ok(jobs),
            omits: 0,
            refuses: None,
            looks: AtomicU32::new(0),
            searches: AtomicU32::new(0),
            starts: AtomicU32::new(0),
            lists: AtomicU32::new(0),
        }
    }

    /// In the place of the bench's vault.
    pub(crate) fn stands_in(self, bench: &mut Bench) {
        bench.services.cloud.vault = Arc::new(self);
    }
}

/// How many came before, this one included.
fn count(counter: &AtomicU32) -> u32 {
    counter.fetch_add(1, Ordering::SeqCst) + 1
}

#[async_trait]
impl Vault for ToldVault {
    async fn describe_vault(&self, vault: &VaultName) -> Result<VaultState, CloudError> {
        self.inner.describe_vault(vault).await
    }

    async fn recovery_points(&self, vault: &VaultName, resource: &Arn) -> Result<Vec<RecoveryPoint>, CloudError> {
        self.inner.recovery_points(vault, resource).await
    }

    async fn describe_point(&self, vault: &VaultName, point: &Arn) -> Result<PointDetail, CloudError> {
        self.inner.describe_point(vault, point).await
    }

    async fn restore_metadata(&self, vault: &VaultName, point: &Arn) -> Result<Metadata, CloudError> {
        self.inner.restore_metadata(vault, point).await
    }

    async fn start_restore(&self, ask: &StartRestore) -> Result<JobId, CloudError> {
        let start = count(&self.starts);
        match &self.refuses {
            Some((times, error)) if start <= *times => Err(error.clone()),
            _ => self.inner.start_restore(ask).await,
        }
    }

    async fn restore_job(&self, job: &JobId) -> Result<RestoreJob, CloudError> {
        let seen = self.inner.restore_job(job).await?;
        Ok((self.job)(count(&self.looks), seen))
    }

    async fn find_restore_job(
        &self,
        resource_type: Option<&str>,
        point: &Arn,
        mark: (&str, &str),
        since: Timestamp,
    ) -> Result<FoundJob, CloudError> {
        if count(&self.searches) <= self.omits {
            return Ok(FoundJob::Nothing);
        }
        self.inner.find_restore_job(resource_type, point, mark, since).await
    }

    async fn restore_jobs(&self, since: Timestamp) -> Result<Vec<RestoreJob>, CloudError> {
        let jobs = self.inner.restore_jobs(since).await?;
        (self.list)(count(&self.lists), jobs)
    }

    async fn restore_job_metadata(&self, job: &JobId) -> Result<Option<Metadata>, CloudError> {
        self.inner.restore_job_metadata(job).await
    }

    async fn points_of_type(&self, vault: &VaultName, resource_type: &str) -> Result<Vec<RecoveryPoint>, CloudError> {
        self.inner.points_of_type(vault, resource_type).await
    }

    async fn point_tags(&self, point: &Arn) -> Result<BTreeMap<String, String>, CloudError> {
        self.inner.point_tags(point).await
    }
}

/// What a lagging service remembers.
#[derive(Default)]
struct Memory {
    /// When it was first there.
    made: Option<Timestamp>,
    /// How often it was looked at while it was there.
    sights: u32,
    /// What was last there.
    last: Option<Observation>,
    /// When its removal was first accepted.
    removed: Option<Timestamp>,
    /// How often it was said to be absent after it had been there.
    absences: u32,
}

/// A service whose looks lag behind what it does. Spans are world time.
pub(crate) struct LaggingCalls {
    inner: Arc<dyn ResourceCalls>,
    clock: Arc<dyn Clock>,
    /// What was made is not found by the first so many looks.
    pub(crate) hides: u32,
    /// What was removed is shown, as it last was, for so long.
    pub(crate) haunts: SignedDuration,
    /// After its first absence it is shown once more.
    pub(crate) flickers: bool,
    /// Tags are not shown before so long after it was first there.
    pub(crate) untagged: SignedDuration,
    memory: Mutex<Memory>,
}

impl LaggingCalls {
    /// Over the bench's own calls of its one restore, and without any lag.
    pub(crate) fn over(bench: &Bench) -> Self {
        let restore = bench.plan.definition.restore.values().next().expect("the drill restores something");
        Self {
            inner: bench.services.calls(restore.kind),
            clock: Arc::clone(&bench.services.clock),
            hides: 0,
            haunts: SignedDuration::ZERO,
            flickers: false,
            untagged: SignedDuration::ZERO,
            memory: Mutex::default(),
        }
    }

    /// In the place of the bench's calls, whatever the type.
    pub(crate) fn stands_in(self, bench: &mut Bench) {
        let calls: Arc<dyn ResourceCalls> = Arc::new(self);
        bench.services.cloud.resources = Arc::new(move |_| Some(Arc::clone(&calls)));
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What of the truth is told now.
    fn tell(&self, seen: Observation) -> Observation {
        let now = self.clock.now();
        let mut memory = self.memory();
        let is_gone = matches!(seen.phase, Phase::Gone | Phase::Leaving);
        if let (Some(removed), Some(last)) = (memory.removed, memory.last.clone())
            && is_gone
        {
            if now.duration_since(removed) < self.haunts {
                return last;
            }
            if seen.phase == Phase::Gone {
                memory.absences += 1;
                if self.flickers && memory.absences == 2 {
                    return last;
                }
            }
            return seen;
        }
        if seen.phase == Phase::Gone {
            return seen;
        }
        memory.made.get_or_insert(now);
        memory.sights += 1;
        if !is_gone {
            memory.last = Some(seen.clone());
        }
        if memory.sights <= self.hides { Observation::absent() } else { seen }
    }
}

#[async_trait]
impl ResourceCalls for LaggingCalls {
    async fn observe(&self, subject: &Subject) -> Result<Observation, CloudError> {
        let seen = self.inner.observe(subject).await?;
        Ok(self.tell(seen))
    }

    async fn find(&self, subject: &Subject) -> Result<Found, CloudError> {
        self.inner.find(subject).await
    }

    async fn set_master_password(&self, subject: &Subject, password: &Secret) -> Result<(), CloudError> {
        self.inner.set_master_password(subject, password).await
    }

    async fn lay(&self, subject: &Subject) -> Result<(), CloudError> {
        self.inner.lay(subject).await
    }

    async fn finish(&self, subject: &Subject) -> Result<(), CloudError> {
        self.inner.finish(subject).await
    }

    async fn tags(&self, subject: &Subject) -> Result<BTreeMap<String, String>, CloudError> {
        let tags = self.inner.tags(subject).await?;
        let made = self.memory().made;
        let is_young = made.is_some_and(|made| self.clock.now().duration_since(made) < self.untagged);
        Ok(if is_young { BTreeMap::new() } else { tags })
    }

    async fn untag(&self, subject: &Subject, keys: &[String]) -> Result<(), CloudError> {
        self.inner.untag(subject, keys).await
    }

    async fn tag(&self, subject: &Subject, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        self.inner.tag(subject, tags).await
    }

    async fn unprotect(&self, subject: &Subject) -> Result<(), CloudError> {
        self.inner.unprotect(subject).await
    }

    async fn remove(&self, subject: &Subject, seen: &Observation) -> Result<Removal, CloudError> {
        let removal = self.inner.remove(subject, seen).await?;
        let now = self.clock.now();
        self.memory().removed.get_or_insert(now);
        Ok(removal)
    }

    async fn remains(&self, subject: &Subject) -> Result<Vec<String>, CloudError> {
        self.inner.remains(subject).await
    }

    async fn preflight(&self, ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
        self.inner.preflight(ground, subject).await
    }
}

/// A machine's clock that is wrong by so much, from this moment of the world on.
pub(crate) struct WrongClock {
    inner: Arc<dyn Clock>,
    from: Timestamp,
    by: SignedDuration,
    told: Arc<AtomicBool>,
}

impl WrongClock {
    /// In the place of the bench's clock: wrong as soon as it is told to be.
    pub(crate) fn waits(bench: &mut Bench, by: SignedDuration) -> Arc<AtomicBool> {
        let inner = Arc::clone(&bench.services.clock);
        let (from, told) = (inner.now(), Arc::new(AtomicBool::new(false)));
        bench.services.clock = Arc::new(Self { inner, from, by, told: Arc::clone(&told) });
        told
    }

    /// In the place of the bench's clock: wrong from `after` on, counted from now.
    pub(crate) fn stands_in(bench: &mut Bench, after: SignedDuration, by: SignedDuration) {
        let inner = Arc::clone(&bench.services.clock);
        let from = inner.now() + after;
        let told = Arc::new(AtomicBool::new(true));
        bench.services.clock = Arc::new(Self { inner, from, by, told });
    }
}

#[async_trait]
impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        let right = self.inner.now();
        if right < self.from || !self.told.load(Ordering::SeqCst) { right } else { right + self.by }
    }

    async fn sleep_until(&self, instant: Timestamp) {
        // In pieces, as a machine's clock waits: it may be set meanwhile.
        let piece = SignedDuration::from_secs(30);
        loop {
            let left = instant.duration_since(self.now());
            if left <= SignedDuration::ZERO {
                return;
            }
            self.inner.sleep_until(self.inner.now() + left.min(piece)).await;
        }
    }
}
