//! The world file's `server:` block: what a restored instance answers and what its scripts find.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::definition::model::Probe;
use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::thing::shell::{Files, Network, Rule, Texts};
use crate::sandbox::thing::web::{Pages, Served};
use crate::words::kind::ProbeKind;

/// No server has more commands or files of its own.
const MOST: usize = 200;

/// No console has more lines of its own, in bytes: EC2 keeps so much of one.
const MOST_CONSOLE: usize = 64 * 1024;

/// The whole block.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServerBlock {
    pub(super) http: HttpBlock,
    /// What commands answer, by a regular expression on the command's line or on the whole script.
    pub(super) commands: BTreeMap<String, CommandBlock>,
    /// Files that the backup holds, by path.
    pub(super) files: Texts,
    /// What it reaches besides the endpoints of Systems Manager and what else was restored.
    pub(super) network: NetworkBlock,
    /// Lines that it writes to its console when it has booted, besides the usual ones.
    pub(super) console: String,
}

/// What the server answers over HTTP.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HttpBlock {
    /// Besides the ports of the definition's probes.
    pub(super) port: Option<u16>,
    /// Bodies by path; `$NAME` is a value of an environment file.
    pub(super) path: BTreeMap<String, Value>,
    /// Files without which it is not configured.
    pub(super) needs: Vec<String>,
    /// Values that it has without a file, such as `DB_HOST`.
    pub(super) env: BTreeMap<String, String>,
}

/// What the server reaches.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NetworkBlock {
    /// `HOST:PORT` each.
    pub(super) reaches: BTreeSet<String>,
    /// Names that have an address, besides those.
    pub(super) resolves: BTreeSet<String>,
}

/// What a command answers.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CommandBlock {
    pub(super) stdout: String,
    pub(super) exit: i32,
}

impl ServerBlock {
    /// Reads the block and says what is wrong with it.
    pub(super) fn read(block: &Map<String, Value>) -> Result<Self, String> {
        let read: Self =
            serde_json::from_value(Value::Object(block.clone())).map_err(|error| format!("cannot be read: {error}"))?;
        if read.commands.len() > MOST || read.files.len() > MOST {
            return Err(format!("has more than {MOST} commands or files"));
        }
        if read.console.len() > MOST_CONSOLE {
            return Err(format!("has a `console` of more than {MOST_CONSOLE} bytes"));
        }
        for pattern in read.commands.keys() {
            Regex::new(pattern)
                .map_err(|error| format!("`commands`: `{pattern}` is no regular expression: {error}"))?;
        }
        let is_place = |text: &&String| {
            text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if let Some(wrong) = read.network.reaches.iter().find(|text| !is_place(text)) {
            return Err(format!("`network`: `{wrong}` must be a host and a port, such as db.prod.internal:5432"));
        }
        let paths = read.http.path.keys().chain(&read.http.needs).chain(read.files.keys());
        match paths.into_iter().find(|path| !path.starts_with('/')) {
            Some(path) => Err(format!("`{path}` must be a path that begins with `/`")),
            None => Ok(read),
        }
    }

    /// The commands, as scripts look them up.
    pub(super) fn rules(&self) -> Vec<Rule> {
        let rule = |(pattern, command): (&String, &CommandBlock)| {
            let pattern = Regex::new(pattern).ok()?;
            Some(Rule { pattern, stdout: command.stdout.clone(), exit: command.exit })
        };
        self.commands.iter().filter_map(rule).collect()
    }

    /// What it reaches.
    pub(super) fn network(&self) -> Network {
        Network { reaches: self.network.reaches.clone(), resolves: self.network.resolves.clone() }
    }
}

/// What a restored instance serves: the block's pages, on the block's port and those of the definition's probes.
pub(super) fn served(spec: &ResourceSpec, block: &ServerBlock) -> Served {
    let mut ports: BTreeSet<u16> = spec.probes.iter().filter_map(port).collect();
    ports.extend(block.http.port);
    let pages = Pages {
        ports,
        paths: block.http.path.clone(),
        needs: block.http.needs.clone(),
        environment: block.http.env.clone(),
    };
    Served::new(pages, Files::new(block.files.clone()))
}

/// The port that a probe asks the instance on.
fn port(probe: &Probe) -> Option<u16> {
    let text = |key: &str| match probe.settings.get(key) {
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    let given = text("port").map(|text| text.parse().ok());
    match probe.kind {
        ProbeKind::Tcp => given.flatten(),
        ProbeKind::Http => given.unwrap_or_else(|| match text("url") {
            Some(url) => Some(url_port(&url)),
            None if text("scheme").as_deref() == Some("https") => None,
            None => Some(80),
        }),
        _ => None,
    }
}

/// The port in `http://HOST:PORT/…`, whatever the host is.
fn url_port(url: &str) -> u16 {
    let server = url.split_once("://").map_or(url, |(_, rest)| rest);
    // The host may be a reference, with dots and blanks in it.
    let server = server.rsplit_once("}}").map_or(server, |(_, rest)| rest);
    let server = server.split(['/', '?', '#']).next().unwrap_or_default();
    server.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ServerBlock, url_port};

    #[test]
    fn a_wrong_block_is_told() {
        let read = |block: serde_json::Value| ServerBlock::read(block.as_object().unwrap()).map(drop);
        let whole = json!({ "http": { "port": 8080, "path": { "/health": {} }, "needs": ["/etc/shop.env"] },
            "commands": { "^pg_dump": { "stdout": "x", "exit": 1 } }, "console": "shop: ready" });
        assert!(read(whole).is_ok());
        assert!(read(json!({ "console": "x".repeat(65_537) })).unwrap_err().contains("`console`"));
        assert!(read(json!({ "network": { "reaches": ["db.prod:5432"], "resolves": ["db.prod"] } })).is_ok());
        assert!(read(json!({ "network": { "reaches": ["db.prod"] } })).unwrap_err().contains("a host and a port"));
        assert!(read(json!({ "commands": { "(": {} } })).unwrap_err().contains("no regular expression"));
        assert!(read(json!({ "http": { "needs": ["etc/shop.env"] } })).unwrap_err().contains("begins with `/`"));
    }

    #[test]
    fn a_url_names_its_port() {
        assert_eq!(url_port("http://${{ restore.app.endpoint.host }}:8080/health"), 8080);
        assert_eq!((url_port("http://10.0.0.1/a:1"), url_port("http://10.0.0.1:81")), (80, 81));
    }
}
