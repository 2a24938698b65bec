//! Ctrl-C, SIGTERM and SIGHUP, for a whole command: the first ends what is under way with a teardown, every later one
//! stops at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::cli::keeper::Berth;
use crate::run::drive::Signal;

/// The signals of one command. A command that drives runs one after the other has one of these; one that drives several at
/// once has one for each besides, which says what the first one says.
pub struct Signals {
    sender: mpsc::Sender<Signal>,
    receiver: mpsc::Receiver<Signal>,
    asked: Arc<AtomicBool>,
    /// What the run shares with others that are driven at the same time.
    berth: Option<Arc<Berth>>,
}

impl Signals {
    /// Begins to listen.
    #[must_use]
    pub fn listen() -> Self {
        let (sender, receiver) = mpsc::channel(4);
        let asked = Arc::new(AtomicBool::new(false));
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let Ok(mut stream) = signal(kind) else { continue };
            let (sender, asked) = (sender.clone(), Arc::clone(&asked));
            tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    let again = asked.swap(true, Ordering::Relaxed);
                    let meaning = if again { Signal::Stop } else { Signal::Cancel };
                    if sender.send(meaning).await.is_err() {
                        break;
                    }
                }
            });
        }
        Self { sender, receiver, asked, berth: None }
    }

    /// Those of one run among several: whoever keeps the sender passes on what came.
    pub(crate) fn for_one(&self, berth: Arc<Berth>) -> Self {
        let (sender, receiver) = mpsc::channel(4);
        Self { sender, receiver, asked: Arc::clone(&self.asked), berth: Some(berth) }
    }

    /// What the run shares with others, if it is not alone.
    pub(crate) fn berth(&self) -> Option<Arc<Berth>> {
        self.berth.clone()
    }

    /// Whether any came: then the command begins nothing new.
    #[must_use]
    pub fn asked_to_end(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// For whoever else speaks to the run, such as the person at the terminal.
    #[must_use]
    pub fn sender(&self) -> mpsc::Sender<Signal> {
        self.sender.clone()
    }

    /// For the run that is driven now.
    pub fn receiver(&mut self) -> &mut mpsc::Receiver<Signal> {
        &mut self.receiver
    }
}
