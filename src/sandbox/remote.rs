//! A world in another process (`drill sandbox`), seen from a client's process.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::sandbox::clock::{later, machine_now, real_distance, rest, sane_speed, scaled, ticks};
use crate::sandbox::start::{SandboxError, SqlMissing};
use crate::words::text::tame;
use crate::words::time::Clock;

/// One look at `/_world` may take this long, in real time.
const LOOK: Duration = Duration::from_secs(5);

/// A sleeper looks at the world's clock again after this long, in real time: somebody may have advanced it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// No answer to a look is larger.
const LARGEST: u64 = 64 * 1024;

/// Another process's world.
#[derive(Debug)]
pub struct Remote {
    clock: Arc<RemoteClock>,
    state: State,
}

/// What `GET /_world` answers.
#[derive(Debug, Clone, Deserialize)]
struct State {
    version: u32,
    /// Worlds of an older `drill` have none.
    #[serde(default)]
    id: Option<Uuid>,
    now: Timestamp,
    speed: f64,
    seed: u64,
    made: bool,
    ca_bundle: Option<PathBuf>,
    sql_missing: SqlMissing,
    frozen_at_real_ms: i64,
}

impl Remote {
    /// Looks at the world at `url`, such as `http://127.0.0.1:4566`.
    ///
    /// # Errors
    /// When nothing answers there, or something else than a world of this version.
    pub async fn connect(url: &str) -> Result<Self, SandboxError> {
        let no_world = |reason: String| SandboxError::NoWorld { url: tame(url), reason };
        let authority =
            authority(url).ok_or_else(|| no_world("it must look like `http://127.0.0.1:4566`".to_owned()))?;
        let state = look(&authority).await.map_err(&no_world)?;
        if state.version != 1 {
            return Err(no_world(format!("its version {} is unknown to this `drill`", state.version)));
        }
        let anchor = Mutex::new(Anchor::of(&state));
        let speed = sane_speed(state.speed);
        Ok(Self { clock: Arc::new(RemoteClock { authority, speed, anchor }), state })
    }

    /// The world's clock.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }

    /// The CA of the world's databases: a file of this machine.
    #[must_use]
    pub fn ca_bundle(&self) -> Option<PathBuf> {
        self.state.ca_bundle.clone()
    }

    /// What to install for SQL probes, where it is missing there.
    #[must_use]
    pub fn sql_missing(&self) -> SqlMissing {
        self.state.sql_missing.clone()
    }

    /// What tells it from every other world, also from one with the same seed and at the same address.
    #[must_use]
    pub fn id(&self) -> Option<Uuid> {
        self.state.id
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.state.seed
    }

    /// Whether the world was made from definitions alone.
    #[must_use]
    pub fn made(&self) -> bool {
        self.state.made
    }
}

/// A clock that follows another process's.
#[derive(Debug)]
struct RemoteClock {
    authority: String,
    speed: f64,
    anchor: Mutex<Anchor>,
}

/// A moment of the world and of this machine that were the same.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    world: Timestamp,
    here: Instant,
}

impl Anchor {
    /// The world's clock went on between its answer and now; both processes share the machine's clock.
    fn of(state: &State) -> Self {
        let passed = u64::try_from(machine_now().as_millisecond().saturating_sub(state.frozen_at_real_ms)).unwrap_or(0);
        Self { world: later(state.now, scaled(Duration::from_millis(passed), sane_speed(state.speed))), here: ticks() }
    }
}

impl RemoteClock {
    async fn look_again(&self) {
        // A world that does not answer now is asked again later; until then its clock is taken to go on.
        if let Ok(state) = look(&self.authority).await {
            let fresh = Anchor::of(&state);
            if fresh.world > self.now() {
                *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
            }
        }
    }
}

#[async_trait]
impl Clock for RemoteClock {
    fn now(&self) -> Timestamp {
        let anchor = *self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        later(anchor.world, scaled(ticks().duration_since(anchor.here), self.speed))
    }

    async fn sleep_until(&self, instant: Timestamp) {
        while let Some(real) = real_distance(self.now(), instant, self.speed) {
            rest(real.min(LOOK_AGAIN)).await;
            if real > LOOK_AGAIN {
                self.look_again().await;
            }
        }
    }
}

/// `127.0.0.1:4566` of `http://127.0.0.1:4566/`.
fn authority(url: &str) -> Option<String> {
    let rest = url.strip_prefix("http://")?.trim_end_matches('/');
    let plain = rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '[' | ']'));
    (plain && rest.contains(':')).then(|| rest.to_owned())
}

async fn look(authority: &str) -> Result<State, String> {
    match tokio::time::timeout(LOOK, get(authority)).await {
        Ok(Ok(text)) => read(&text),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it did not answer in time".to_owned()),
    }
}

async fn get(authority: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(authority).await?;
    let request = format!("GET /_world HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn read(answer: &str) -> Result<State, String> {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return Err("it does not speak HTTP".to_owned()) };
    if !head.starts_with("HTTP/1.1 200") {
        return Err("what answers there is not a simulated AWS".to_owned());
    }
    serde_json::from_str(body).map_err(|_| "what answers there is not a simulated AWS".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{authority, read};

    #[test]
    fn only_plain_loopback_like_urls_are_taken() {
        assert_eq!(authority("http://127.0.0.1:4566/").as_deref(), Some("127.0.0.1:4566"));
        for url in ["https://127.0.0.1:1", "http://h", "http://h:1/x y", "127.0.0.1:1"] {
            assert_eq!(authority(url), None, "{url}");
        }
    }

    #[test]
    fn another_server_is_not_a_world() {
        assert!(read("HTTP/1.1 404 Not Found\r\n\r\n").is_err());
        assert!(read("HTTP/1.1 200 OK\r\n\r\n<html>").is_err());
        assert!(read("SSH-2.0").is_err());
    }
}
