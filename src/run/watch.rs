//! Looks at restore jobs, shared by the runs of one process: one list in the place of a look for each job.
//!
//! Invariant: a list may spare a look, and never says that something is not there or went wrong. What it shows and is plain
//! is answered, because it shows the same fields of the same service; everything else is looked at by itself. So a list
//! that lags only delays, and one that omits costs a request. Only a list that was begun after a question answers it. A run
//! that is alone looks as if there were no list.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use crate::cloud::error::CloudError;
use crate::cloud::likeness::Likeness;
use crate::cloud::vault::{
    FoundJob, JobStatus, Metadata, PointDetail, RecoveryPoint, RestoreJob, StartRestore, Vault, VaultState,
};
use crate::words::arn::Arn;
use crate::words::id::{JobId, VaultName};
use crate::words::time::Clock;

/// So long the first who asks waits for others to ask too.
const OTHERS_MAY_ASK: SignedDuration = SignedDuration::from_secs(5);
/// A page of the list holds so many jobs: what one request shows (facts 1.7).
const PAGE: usize = 1_000;
/// A job that nobody asked about for so long is not watched any more: longer than any pause between two looks.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(2);
/// A job of which it is not known when it was made may be so much older than the question. One that is older still is looked
/// at, and then that is known.
const MADE_BEFORE: SignedDuration = SignedDuration::from_mins(15);

/// One run's view of a vault that several runs look at: a [`Vault`] like the one behind it.
pub struct Watch {
    shared: Arc<Shared>,
    run: u64,
    /// The jobs that it asked about.
    jobs: Mutex<Vec<JobId>>,
}

impl Watch {
    /// Over this vault, for the first run, by the runs' clock.
    #[must_use]
    pub fn new(inner: Arc<dyn Vault>, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared { inner, clock, lead: tokio::sync::Mutex::new(()), desk: Mutex::default() };
        Self::of(Arc::new(shared))
    }

    /// Over the same vault, for one more run. It counts until it is dropped.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::of(Arc::clone(&self.shared))
    }

    /// Watches the job, and says whether a list is worth more than a look.
    fn is_shared(&self, job: &JobId, now: Timestamp) -> bool {
        let mut own = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.desk().watch(self.run, &mut own, job, now)
    }

    fn of(shared: Arc<Shared>) -> Self {
        let run = shared.desk().enter();
        Self { shared, run, jobs: Mutex::default() }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let jobs = mem::take(self.jobs.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.shared.desk().leave(self.run, &jobs);
    }
}

struct Shared {
    inner: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    /// Who has it lists for everybody. If that one is dropped half-way, the next has it, and the questions are still there.
    lead: tokio::sync::Mutex<()>,
    desk: Mutex<Desk>,
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job's own look.
    async fn look(&self, job: &JobId) -> Result<RestoreJob, CloudError> {
        let seen = self.inner.restore_job(job).await?;
        self.desk().note(&seen);
        Ok(seen)
    }

    /// A list's word about the job.
    async fn ask(&self, job: &JobId, now: Timestamp) -> Told {
        let (answer, mut told) = oneshot::channel();
        self.desk().question(job, now, answer);
        tokio::select! {
            biased;
            told = &mut told => told.unwrap_or(Told::Look),
            _lead = self.lead.lock() => {
                // Whoever had it before may have listed for this question too.
                if let Ok(told) = told.try_recv() {
                    return told;
                }
                // One of many makes it, and nobody else has room for it.
                Box::pin(self.round()).await;
                told.try_recv().unwrap_or(Told::Look)
            }
        }
    }

    /// One list for everybody who has asked when it begins.
    async fn round(&self) {
        let Some(first) = self.desk().first() else { return };
        self.clock.sleep_until(later(first, OTHERS_MAY_ASK)).await;
        let round = self.desk().begin(self.clock.now());
        let listed = match round.since {
            Some(since) => self.inner.restore_jobs(since).await.map(Some),
            None => Ok(None),
        };
        self.desk().tell(round.last, listed);
    }
}

/// What a question is told.
enum Told {
    /// The job stands in this list, there.
    Listed(Arc<Vec<RestoreJob>>, usize),
    /// Nothing: it must be looked at.
    Look,
    /// The list failed.
    Failed(Arc<CloudError>),
}

/// Who watches what, and who waits for an answer.
#[derive(Default)]
struct Desk {
    /// How many there are.
    runs: usize,
    came: u64,
    watched: BTreeMap<JobId, Watched>,
    /// None of the watched was last asked about before then.
    asked_since: Option<Timestamp>,
    questions: Vec<Question>,
    asked: u64,
    /// How many jobs the last list showed.
    listed: usize,
}

struct Watched {
    run: u64,
    asked_at: Timestamp,
    /// What was last answered.
    said: Option<Said>,
}

/// What is kept of an answer. Many are, so it is small.
struct Said {
    whole: Likeness,
    stage: u8,
    point: Likeness,
    created_resource: Option<Likeness>,
    created: Option<Timestamp>,
}

impl Said {
    fn of(job: &RestoreJob) -> Self {
        Self {
            whole: Likeness::of(job),
            stage: stage(&job.status),
            point: Likeness::of(&job.point),
            created_resource: job.created_resource.as_ref().map(Likeness::of),
            created: job.created,
        }
    }

    /// Whether the other may come after it.
    fn leads_to(&self, next: &Self) -> bool {
        let made = self.created_resource.is_none() || self.created_resource == next.created_resource;
        made && self.point == next.point && self.stage <= next.stage
    }
}

struct Question {
    number: u64,
    job: JobId,
    at: Timestamp,
    answer: oneshot::Sender<Told>,
}

/// A list that begins.
struct Round {
    /// The last question that it answers.
    last: u64,
    /// From when on jobs are listed; none if it is not worth a list.
    since: Option<Timestamp>,
}

impl Desk {
    fn enter(&mut self) -> u64 {
        self.came += 1;
        self.runs += 1;
        self.came
    }

    /// These are the jobs that it asked about.
    fn leave(&mut self, run: u64, jobs: &[JobId]) {
        self.runs = self.runs.saturating_sub(1);
        for job in jobs {
            if self.watched.get(job).is_some_and(|watched| watched.run == run) {
                self.watched.remove(job);
            }
        }
    }

    /// Watches the job, and says whether a list is worth more than a look. `own` are the jobs that the run asked about.
    fn watch(&mut self, run: u64, own: &mut Vec<JobId>, job: &JobId, now: Timestamp) -> bool {
        self.forget(now);
        let is_new = match self.watched.entry(job.clone()) {
            btree_map::Entry::Vacant(entry) => {
                entry.insert(Watched { run, asked_at: now, said: None });
                true
            }
            btree_map::Entry::Occupied(mut entry) => {
                let watched = entry.get_mut();
                watched.asked_at = now;
                mem::replace(&mut watched.run, run) != run
            }
        };
        if is_new && !own.contains(job) {
            // Nearly all ask about one.
            own.reserve_exact(usize::from(own.is_empty()));
            own.push(job.clone());
        }
        self.asked_since = Some(self.asked_since.map_or(now, |since| since.min(now)));
        self.runs > 1 && self.watched.len() > self.pages()
    }

    /// Forgets what nobody asked about for long. All of it is gone through only when there may be any.
    fn forget(&mut self, now: Timestamp) {
        if self.asked_since.is_some_and(|since| now.duration_since(since) < FORGOTTEN_AFTER) {
            return;
        }
        self.watched.retain(|_, watched| now.duration_since(watched.asked_at) < FORGOTTEN_AFTER);
        self.asked_since = self.watched.values().map(|watched| watched.asked_at).min();
    }

    fn pages(&self) -> usize {
        self.listed.div_ceil(PAGE).max(1)
    }

    fn question(&mut self, job: &JobId, at: Timestamp, answer: oneshot::Sender<Told>) {
        self.asked += 1;
        self.questions.push(Question { number: self.asked, job: job.clone(), at, answer });
    }

    /// When the first of those asked who still wait.
    fn first(&mut self) -> Option<Timestamp> {
        self.questions.retain(|question| !question.answer.is_closed());
        self.questions.first().map(|question| question.at)
    }

    fn begin(&mut self, now: Timestamp) -> Round {
        self.questions.retain(|question| !question.answer.is_closed());
        let jobs: BTreeSet<&JobId> = self.questions.iter().map(|question| &question.job).collect();
        let made = |job: &JobId| {
            let known = self.watched.get(job).and_then(|watched| watched.said.as_ref()?.created);
            known.unwrap_or_else(|| earlier(now, MADE_BEFORE))
        };
        let oldest = jobs.iter().copied().map(made).min().filter(|_| jobs.len() > self.pages());
        // The filter leaves out what was made at that very second.
        Round { last: self.asked, since: oldest.map(|oldest| earlier(oldest, SignedDuration::from_secs(1))) }
    }

    /// Answers every question up to the last one of the round.
    fn tell(&mut self, last: u64, listed: Result<Option<Vec<RestoreJob>>, CloudError>) {
        if let Ok(Some(jobs)) = &listed {
            self.listed = jobs.len();
        }
        let listed = listed.map(|jobs| Arc::new(jobs.unwrap_or_default())).map_err(Arc::new);
        let shown = listed.as_ref().map_or_else(|_| BTreeMap::new(), |jobs| shown(jobs));
        let (due, rest): (Vec<_>, Vec<_>) =
            mem::take(&mut self.questions).into_iter().partition(|question| question.number <= last);
        self.questions = rest;
        for Question { job, answer, .. } in due {
            let told = match (&listed, shown.get(&job)) {
                (Err(error), _) => Told::Failed(Arc::clone(error)),
                (Ok(jobs), Some(Some((at, seen)))) if self.is_plain(seen) => {
                    self.note(seen);
                    Told::Listed(Arc::clone(jobs), *at)
                }
                (Ok(_), _) => Told::Look,
            };
            // Who does not wait any more has no use for it.
            let _ = answer.send(told);
        }
    }

    /// Whether what a list shows can be answered as it is: it goes on as it did, or ended well, or was said before.
    fn is_plain(&self, seen: &RestoreJob) -> bool {
        let fits = match self.watched.get(&seen.id).and_then(|watched| watched.said.as_ref()) {
            Some(said) => {
                let next = Said::of(seen);
                if said.whole == next.whole {
                    return true;
                }
                said.leads_to(&next)
            }
            None => true,
        };
        let ends_well = seen.status == JobStatus::Completed && seen.created_resource.is_some();
        fits && (ends_well || matches!(seen.status, JobStatus::Pending | JobStatus::Running))
    }

    /// What was answered. A job that cannot change any more is not watched.
    fn note(&mut self, seen: &RestoreJob) {
        if seen.status.is_terminal() {
            self.watched.remove(&seen.id);
        } else if let Some(watched) = self.watched.get_mut(&seen.id) {
            watched.said = Some(Said::of(seen));
        }
    }
}

/// The jobs of a list by id, each with where it stands; nothing for one that it shows twice and differently.
fn shown(jobs: &[RestoreJob]) -> BTreeMap<&JobId, Option<(usize, &RestoreJob)>> {
    let mut shown: BTreeMap<&JobId, Option<(usize, &RestoreJob)>> = BTreeMap::new();
    for (at, job) in jobs.iter().enumerate() {
        let entry = shown.entry(&job.id).or_insert(Some((at, job)));
        if entry.is_none_or(|(_, first)| first != job) {
            *entry = None;
        }
    }
    shown
}

/// How far a job is. A word that is not known is never behind.
fn stage(status: &JobStatus) -> u8 {
    match status {
        JobStatus::Pending => 0,
        JobStatus::Running => 1,
        JobStatus::Other(_) => 2,
        JobStatus::Completed | JobStatus::Aborted | JobStatus::Failed => 3,
    }
}

fn later(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn earlier(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

#[async_trait]
impl Vault for Watch {
    async fn describe_vault(&self, vault: &VaultName) -> Result<VaultState, CloudError> {
        self.shared.inner.describe_vault(vault).await
    }

    async fn recovery_points(&self, vault: &VaultName, resource: &Arn) -> Result<Vec<RecoveryPoint>, CloudError> {
        self.shared.inner.recovery_points(vault, resource).await
    }

    async fn describe_point(&self, vault: &VaultName, point: &Arn) -> Result<PointDetail, CloudError> {
        self.shared.inner.describe_point(vault, point).await
    }

    async fn restore_metadata(&self, vault: &VaultName, point: &Arn) -> Result<Metadata, CloudError> {
        self.shared.inner.restore_metadata(vault, point).await
    }

    async fn start_restore(&self, ask: &StartRestore) -> Result<JobId, CloudError> {
        self.shared.inner.start_restore(ask).await
    }

    async fn restore_job(&self, job: &JobId) -> Result<RestoreJob, CloudError> {
        let now = self.shared.clock.now();
        if !self.is_shared(job, now) {
            return self.shared.look(job).await;
        }
        match self.shared.ask(job, now).await {
            Told::Listed(jobs, at) => {
                if let Some(seen) = jobs.get(at) {
                    return Ok(seen.clone());
                }
            }
            Told::Failed(error) => return Err(CloudError::clone(&error)),
            Told::Look => {}
        }
        self.shared.look(job).await
    }

    async fn find_restore_job(
        &self,
        resource_type: Option<&str>,
        point: &Arn,
        mark: (&str, &str),
        since: Timestamp,
    ) -> Result<FoundJob, CloudError> {
        // Without any memory: whether a start arrived is asked anew each time.
        self.shared.inner.find_restore_job(resource_type, point, mark, since).await
    }

    async fn restore_jobs(&self, since: Timestamp) -> Result<Vec<RestoreJob>, CloudError> {
        self.shared.inner.restore_jobs(since).await
    }

    async fn restore_job_metadata(&self, job: &JobId) -> Result<Option<Metadata>, CloudError> {
        self.shared.inner.restore_job_metadata(job).await
    }

    async fn points_of_type(&self, vault: &VaultName, resource_type: &str) -> Result<Vec<RecoveryPoint>, CloudError> {
        self.shared.inner.points_of_type(vault, resource_type).await
    }

    async fn point_tags(&self, point: &Arn) -> Result<BTreeMap<String, String>, CloudError> {
        self.shared.inner.point_tags(point).await
    }
}
