//! Sessions that Session Manager knows of, in one account and region.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::sandbox::inventory::Thing;
use crate::sandbox::thing::{Shelf, Tagged};

/// So many sessions are remembered; the oldest are forgotten.
const MOST: usize = 1_000;

/// The sessions, by id.
#[derive(Default)]
pub(crate) struct SessionShelf {
    sessions: BTreeMap<String, Session>,
}

/// A session that forwards one port.
pub(crate) struct Session {
    pub(crate) id: String,
    /// The instance that it goes through.
    pub(crate) target: String,
    pub(crate) document: String,
    /// What the instance connects to.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) token: String,
    pub(crate) reason: Option<String>,
    pub(crate) started: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    /// Whoever forwards it watches this.
    pub(crate) end: watch::Sender<bool>,
}

impl Session {
    /// Becomes true, or closes, when the session is over.
    pub(crate) fn watched(&self) -> watch::Receiver<bool> {
        self.end.subscribe()
    }
}

impl SessionShelf {
    pub(crate) fn get(&self, id: &str) -> Option<&Session> {
        self.sessions.get(id)
    }

    /// The oldest first.
    pub(crate) fn all(&self) -> Vec<&Session> {
        let mut all: Vec<&Session> = self.sessions.values().collect();
        all.sort_by_key(|session| (session.started, &session.id));
        all
    }

    pub(crate) fn add(&mut self, session: Session) {
        if self.sessions.len() >= MOST
            && let Some(oldest) = self.all().first().map(|session| session.id.clone())
        {
            self.sessions.remove(&oldest);
        }
        self.sessions.insert(session.id.clone(), session);
    }

    /// Ends a session, once; whether there is one.
    pub(crate) fn end(&mut self, id: &str, now: Timestamp) -> bool {
        let Some(session) = self.sessions.get_mut(id) else { return false };
        session.ended.get_or_insert(now);
        session.end.send_replace(true);
        true
    }
}

impl Shelf for SessionShelf {
    fn advance(&mut self, _now: Timestamp) {}

    fn due(&self) -> Option<Timestamp> {
        None
    }

    /// AWS bills nobody for a session.
    fn things(&self) -> Vec<Thing> {
        Vec::new()
    }

    fn tagged(&self) -> Vec<Tagged> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tokio::sync::watch;

    use super::{Session, SessionShelf};

    #[test]
    fn a_session_that_is_ended_tells_whoever_forwards_it() {
        let mut shelf = SessionShelf::default();
        shelf.add(Session {
            id: "s-1".to_owned(),
            target: "i-1".to_owned(),
            document: String::new(),
            host: "db".to_owned(),
            port: 5432,
            token: String::new(),
            reason: None,
            started: Timestamp::UNIX_EPOCH,
            ended: None,
            end: watch::Sender::new(false),
        });
        let watched = shelf.get("s-1").unwrap().watched();
        assert!(!*watched.borrow());
        assert!(shelf.end("s-1", Timestamp::UNIX_EPOCH) && !shelf.end("s-2", Timestamp::UNIX_EPOCH));
        assert!(*watched.borrow() && shelf.get("s-1").unwrap().ended.is_some());
    }
}
