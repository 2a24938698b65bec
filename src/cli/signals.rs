//! Ctrl-C, SIGTERM and SIGHUP, for a whole command: the first ends what is under way with a teardown, every later one
//! stops at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::run::drive::Signal;

/// The signals of one command. A command that drives several runs has one of these, not one a run.
#[derive(Debug)]
pub struct Signals {
    sender: mpsc::Sender<Signal>,
    receiver: mpsc::Receiver<Signal>,
    asked: Arc<AtomicBool>,
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
        Self { sender, receiver, asked }
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
