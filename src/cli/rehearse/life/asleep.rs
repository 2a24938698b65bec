//! A process that is paused in the middle of its run and loses its lock; another goes on with the run, and then the first
//! wakes. Its host was suspended and declared dead, say, and somebody removed the lock's file.
//!
//! While it sleeps nothing of it moves: its loop is not polled, and its calls wait at the wire (`slumber`).

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::sync::{Notify, mpsc};

use crate::cli::rehearse::life::{AWAY, Actor, LAST_TURNS, Life};
use crate::cli::rehearse::pen::{Fate, Pen};
use crate::cli::rehearse::played::{How, Woke};
use crate::cli::rehearse::slumber::Slumber;
use crate::cli::rehearse::trouble::Takeover;
use crate::cli::rehearse::watch::Watch;
use crate::journal::state::State;
use crate::journal::store::RunJournal;
use crate::run::drive::{DriveError, Ended, drive};
use crate::run::services::Services;
use crate::words::time::Clock as _;

/// The first process wakes when the other has written so many records.
const WAKES_AFTER: u64 = 4;

/// A process as a whole, with all that it has.
type Process = Pin<Box<dyn Future<Output = Result<Ended, DriveError>>>>;

/// A process that stands still, or that woke and has not ended yet.
pub(super) struct Asleep {
    process: Process,
    how: Takeover,
    /// Rings when the other is at work.
    alarm: Arc<Notify>,
    woken: bool,
}

impl Actor<'_> {
    /// The first process lives until its pause, at which its lock is lost. One that ends before is not paused.
    pub(super) async fn falls_asleep(&mut self, journal: RunJournal, state: State, (at, how): (u64, Takeover)) -> Life {
        let Some(stage) = self.play.pause else { return Life::Broken("nothing was prepared for a pause".to_owned()) };
        let (sender, mut signals) = mpsc::channel(16);
        let mut watch = Watch::new(sender, &self.machine, &self.play.clock, (self.scenario, &self.switch), true);
        let mut pen = Pen::new(journal, state.seq, Fate { sleeps_at: Some(at), ..Fate::default() });
        let asleep = pen.asleep();
        let services = Arc::new(Services { cloud: stage.cloud.clone(), ..self.services.clone() });
        let mut process: Process =
            Box::pin(async move { drive(services, state, &mut pen, &mut signals, &mut watch).await });
        let limit = self.limit();
        let ended = tokio::select! {
            biased;
            ended = until_asleep(&mut process, &asleep) => ended,
            () = self.play.clock.sleep_until(limit) => return Life::Endless,
        };
        if let Some(ended) = ended {
            self.struck = false;
            return Life::from(ended);
        }
        if how == Takeover::Beside {
            for _ in 0..LAST_TURNS {
                tokio::task::yield_now().await;
            }
        }
        stage.slumber().fall_asleep();
        let lock = format!("{}.lock", self.play.script.definition().name);
        self.struck &= std::fs::remove_file(self.state_folder.join("locks").join(lock)).is_ok();
        self.asleep = Some(Asleep { process, how, alarm: Arc::default(), woken: false });
        Life::Asleep
    }

    /// Has the next process wake the one that sleeps, when it has come so far.
    pub(super) fn sets_alarm(&self, watch: &mut Watch, records: u64) {
        if let Some(asleep) = self.asleep.as_ref().filter(|asleep| asleep.how == Takeover::Beside) {
            watch.ring(records + WAKES_AFTER, Arc::clone(&asleep.alarm));
        }
    }

    /// The first process wakes beside another, and goes on until it ends. Never answers.
    pub(super) async fn wakes_beside(&mut self) {
        if let Some(asleep) = &self.asleep {
            let alarm = Arc::clone(&asleep.alarm);
            if !asleep.woken {
                alarm.notified().await;
            }
            self.goes_on().await;
        }
        pending::<()>().await;
    }

    /// It wakes when everybody else is done, unless it did before. What it leaves then is left.
    pub(super) async fn outsleeps_everybody(&mut self) {
        let Some(asleep) = &self.asleep else { return };
        if asleep.how == Takeover::Late {
            self.play.clock.advance(AWAY);
        }
        let limit = self.limit();
        let play = self.play;
        tokio::select! {
            biased;
            () = self.goes_on() => {}
            () = play.clock.sleep_until(limit) => {}
        }
        if let Some((at, conclusion)) = self.state.as_ref().and_then(|state| state.concluded.clone()) {
            self.ended(How::Concluded(Box::new(conclusion), at));
        }
    }

    /// It is awake from here on, until it ends.
    async fn goes_on(&mut self) {
        let (Some(asleep), Some(stage)) = (&mut self.asleep, self.play.pause) else { return };
        let slumber: &Slumber = stage.slumber();
        if !asleep.woken {
            asleep.woken = true;
            slumber.wake();
            self.woke = Some(Woke { ended: false, changed: Vec::new() });
        }
        let ended = asleep.process.as_mut().await;
        let ended = matches!(ended, Err(DriveError::TakenOver(_)));
        self.woke = Some(Woke { ended, changed: slumber.changed() });
        self.asleep = None;
    }
}

/// How it ends, or nothing as soon as it stands still.
async fn until_asleep(process: &mut Process, asleep: &AtomicBool) -> Option<Result<Ended, DriveError>> {
    poll_fn(|context| match process.as_mut().poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if asleep.load(Ordering::SeqCst) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}
