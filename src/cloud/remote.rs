//! Running things inside the destination: scripts on instances, functions, and ways through instances.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::cloud::error::CloudError;

/// How a script on an instance stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptState {
    /// Not over.
    UnderWay,
    /// Over.
    Ended(ScriptEnd),
}

/// How a script on an instance ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptEnd {
    /// SSM's word: `Success`, `Failed`, `TimedOut`, `Cancelled`, `Undeliverable`, …
    pub status: String,
    /// The script's exit code; none if it never ran.
    pub exit_code: Option<i32>,
    /// Standard output; SSM cuts it at 24,000 characters. Not made harmless: whoever shows it does that.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

/// What a function answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Invoked {
    /// Its payload, if it is JSON.
    pub payload: Option<Value>,
    /// `Handled` or `Unhandled` when the function itself failed.
    pub function_error: Option<String>,
}

/// SSM and Lambda in the destination.
#[async_trait]
pub trait Remote: Send + Sync {
    /// `ssm:SendCommand` with the document `AWS-RunShellScript`: the id of the command. Not idempotent.
    async fn send_script(&self, instance: &str, script: &str, within: Duration) -> Result<String, CloudError>;

    /// `ssm:GetCommandInvocation`. A command that SSM does not list yet (`InvocationDoesNotExist`) is under way.
    async fn script_state(&self, instance: &str, command: &str) -> Result<ScriptState, CloudError>;

    /// `lambda:Invoke`, synchronously. Not idempotent.
    async fn invoke(&self, function: &str, payload: &Value) -> Result<Invoked, CloudError>;
}

/// A way to one host and port, through an instance. It ends when this is dropped.
pub struct Tunnel {
    /// Where this machine listens for it: a loopback address. It takes one connection.
    pub address: SocketAddr,
    /// What keeps it open.
    pub held: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Ways through instances in the destination.
#[async_trait]
pub trait Tunnels: Send + Sync {
    /// `ssm:StartSession` with the document `AWS-StartPortForwardingSessionToRemoteHost`: to `host` and `port` as the
    /// instance sees them.
    async fn open(&self, instance: &str, host: &str, port: u16) -> Result<Tunnel, CloudError>;
}
