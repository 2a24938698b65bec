//! What a probe's settings become just before an attempt: templates filled, secrets and small files read.
//!
//! Invariant: what comes out is data. It is never looked at for references again, never given to a shell, and a secret
//! leaves only as a [`Secret`]. Only the probe kinds call this module.

use std::error::Error as StdError;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cloud::error::CloudError;
use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::target::Target;
use crate::words::path::stays_inside;
use crate::words::reference::{Reference, Template, check_port};
use crate::words::secret::Secret;
use crate::words::text::tame;
use crate::words::time::show_duration;

/// The longest secret that is read from a file, in bytes.
const LONGEST_SECRET_BYTES: u64 = 64 * 1024;

/// A miss without observations, its message made harmless.
pub(crate) fn miss(reason: ProbeReason, message: &str) -> Miss {
    Miss { reason, message: tame(message), observed: None, missing_data: false }
}

/// The miss for a request to AWS that failed. It says nothing about what was restored, so it is `setup`.
pub(crate) fn unasked(error: &CloudError) -> Miss {
    miss(ProbeReason::Setup, &format!("{error}; {}", error.advice()))
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        said = format!("{said}: {cause}");
        next = cause.source();
    }
    said
}

/// The typed form of a kind's checked settings.
pub(crate) fn typed<T: DeserializeOwned>(settings: &Settings) -> Result<T, String> {
    T::deserialize(settings).map_err(|error| format!("the settings do not fit: {error}"))
}

/// How people read the length of a wait.
pub(crate) fn shown(duration: Duration) -> String {
    show_duration(SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX))
}

/// A variable of the environment that drill was started with.
#[expect(clippy::disallowed_methods, reason = "secrets by name, and what programs inherit; nowhere else in probes")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A setting as the user gave it: text with references, or a plain scalar.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Given(Value);

impl Given {
    /// Whether it is `null`.
    pub(crate) fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// Whether it can be filled, whatever the references turn out to be.
    pub(crate) fn check(&self, key: &str) -> Result<(), String> {
        self.template(key).map(drop)
    }

    /// Whether it can be a port: a number, or one reference that yields one.
    pub(crate) fn check_port(&self, key: &str) -> Result<(), String> {
        let text = self.text().ok_or_else(|| format!("`{key}` needs a port"))?;
        check_port(&text).map_err(|problem| format!("`{key}`: {problem}"))
    }

    /// The text with its references replaced by the values that the engine looked up.
    pub(crate) fn fill(&self, key: &str, target: &Target) -> Result<String, Miss> {
        let template = self.template(key).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
        template
            .fill(|reference| target.values.get(&reference.text()).cloned())
            .map_err(|reference| valueless(key, &reference))
    }

    /// The text, if it holds no reference: then it is known before anything runs.
    pub(crate) fn literal(&self) -> Option<String> {
        let template = Template::parse(&self.text()?).ok()?;
        template.fill(|_| None).ok()
    }

    /// The filled text, as a port.
    pub(crate) fn fill_port(&self, key: &str, target: &Target) -> Result<u16, Miss> {
        let text = self.fill(key, target)?;
        port(&text, key).map_err(|problem| miss(ProbeReason::Setup, &problem))
    }

    fn text(&self) -> Option<String> {
        match &self.0 {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The text, taken apart.
    pub(crate) fn template(&self, key: &str) -> Result<Template, String> {
        let text = self.text().ok_or_else(|| format!("`{key}` needs text"))?;
        Template::parse(&text).map_err(|bad| format!("`{key}`: {}", bad.message))
    }
}

/// Whether every text of a value can be filled.
pub(crate) fn check_data(value: &Value, key: &str) -> Result<(), String> {
    match value {
        Value::String(_) => Given(value.clone()).check(key),
        Value::Array(items) => items.iter().try_for_each(|item| check_data(item, key)),
        Value::Object(entries) => {
            entries.iter().try_for_each(|(name, value)| check_data(value, &format!("{key}.{name}")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// A value with the references of its texts replaced. They stay texts.
pub(crate) fn fill_data(value: &Value, key: &str, target: &Target) -> Result<Value, Miss> {
    Ok(match value {
        Value::String(_) => Given(value.clone()).fill(key, target)?.into(),
        Value::Array(items) => {
            let filled: Result<Vec<Value>, Miss> = items.iter().map(|item| fill_data(item, key, target)).collect();
            filled?.into()
        }
        Value::Object(entries) => {
            let fill = |(name, value): (&String, &Value)| -> Result<(String, Value), Miss> {
                Ok((name.clone(), fill_data(value, &format!("{key}.{name}"), target)?))
            };
            Value::Object(entries.iter().map(fill).collect::<Result<Settings, Miss>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// The miss for a reference that nothing is known for.
pub(crate) fn valueless(key: &str, reference: &Reference) -> Miss {
    miss(ProbeReason::Setup, &format!("`{key}` needs `${{{{ {reference} }}}}`, which has no value"))
}

fn port(text: &str, key: &str) -> Result<u16, String> {
    match text.trim().parse() {
        Ok(0) | Err(_) => Err(format!("`{key}` needs a port from 1 to 65535, not `{}`", tame(text))),
        Ok(port) => Ok(port),
    }
}

/// Where a secret lives. A definition never holds the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) enum SecretRef {
    /// A variable of drill's environment.
    Env(String),
    /// A file, relative to the definition's folder.
    File(String),
    /// A secret of AWS Secrets Manager in the destination; with `key`, one value of its JSON object.
    SecretsManager { id: String, key: Option<String> },
    /// A parameter of SSM's Parameter Store in the destination, decrypted.
    SsmParameter(String),
    /// A database's password alone: a token that IAM signs for one server and one user.
    RdsIam,
    /// A database's password alone: the master password that this run set on what it restored.
    MasterPasswordReset,
}

impl TryFrom<Value> for SecretRef {
    // The text is fixed: an error that quotes its input would print a literal secret.
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        const WRONG: &str = "a secret is a reference: `{env: NAME}`, `{file: PATH}`, `{ssm: NAME}` or \
                             `{secretsmanager: ID}`, the last with an optional `key`; a database's password also \
                             `{rds_iam: true}` or `{master_password_reset: true}`";
        let Value::Object(mut parts) = value else { return Err(WRONG) };
        let key = match parts.remove("key") {
            None => None,
            Some(Value::String(key)) if !key.is_empty() => Some(key),
            Some(_) => return Err(WRONG),
        };
        let mut parts = parts.into_iter();
        let (Some((source, value)), None) = (parts.next(), parts.next()) else { return Err(WRONG) };
        match (source.as_str(), value, key) {
            (_, Value::String(text), _) if text.is_empty() => Err(WRONG),
            ("env", Value::String(name), None) => Ok(Self::Env(name)),
            ("file", Value::String(path), None) => Ok(Self::File(path)),
            ("secretsmanager", Value::String(id), key) => Ok(Self::SecretsManager { id, key }),
            ("ssm", Value::String(name), None) => Ok(Self::SsmParameter(name)),
            ("rds_iam", Value::Bool(true), None) => Ok(Self::RdsIam),
            ("master_password_reset", Value::Bool(true), None) => Ok(Self::MasterPasswordReset),
            _ => Err(WRONG),
        }
    }
}

impl SecretRef {
    /// Whether it can be read wherever a secret is wanted; `key` is the setting that holds it. What logs in to a
    /// database alone cannot: the kinds that do so ask [`crate::probe::sql::login::Login`] instead.
    ///
    /// # Errors
    /// A sentence for the user.
    pub(crate) fn check(&self, key: &str) -> Result<(), String> {
        let word = match self {
            Self::RdsIam => "rds_iam",
            Self::MasterPasswordReset => "master_password_reset",
            Self::File(path) => return check_path(path).map_err(|problem| format!("`{key}`: {problem}")),
            Self::Env(_) | Self::SecretsManager { .. } | Self::SsmParameter(_) => return Ok(()),
        };
        Err(format!(
            "`{key}`: `{word}: true` is the password of a restored database, for `sql` and `sql_schema`, and no secret \
             that can be read; write `{{env: NAME}}`, `{{file: PATH}}`, `{{ssm: NAME}}` or `{{secretsmanager: ID}}`"
        ))
    }

    /// Reads the value, just before use.
    ///
    /// # Errors
    /// A `setup` miss that names the reference and never its value.
    pub(crate) async fn read(&self, target: &Target) -> Result<Secret, Miss> {
        let missing = |problem: String| miss(ProbeReason::Setup, &problem);
        let text = match self {
            Self::Env(name) => environment(name)
                .ok_or_else(|| missing(format!("the environment variable `{name}` is not set, or is not text")))?,
            Self::File(path) => secret_file(path, &target.folder).map_err(missing)?,
            Self::SecretsManager { id, key } => {
                let read = target.secrets.secret(id, key.as_deref()).await;
                let unread = |error: CloudError| format!("cannot read the secret `{id}`: {error}; {}", error.advice());
                return read.map_err(|error| missing(unread(error)));
            }
            Self::SsmParameter(name) => {
                let read = target.secrets.parameter(name).await;
                let unread =
                    |error: CloudError| format!("cannot read the parameter `{name}`: {error}; {}", error.advice());
                return read.map_err(|error| missing(unread(error)));
            }
            Self::RdsIam | Self::MasterPasswordReset => {
                return Err(missing(self.check("password").err().unwrap_or_default()));
            }
        };
        if text.is_empty() {
            return Err(missing(format!("the secret at {self:?} is empty")));
        }
        Ok(Secret::new(text))
    }
}

fn secret_file(written: &str, folder: &Path) -> Result<String, String> {
    let bytes = own_file(folder, written, LONGEST_SECRET_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| format!("`{written}` is not UTF-8 text"))?;
    // An editor's or `echo`'s last line break is not part of a password.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// Whether a file that a definition names can be read for it: definitions read nothing outside of their folder.
///
/// # Errors
/// A sentence for the user.
pub(crate) fn check_path(written: &str) -> Result<(), String> {
    if stays_inside(written) {
        return Ok(());
    }
    Err(format!("`{written}` leaves the folder of the definition; name a file inside of it"))
}

/// Where a file of the definition's folder really is: no link leads out of the folder either.
///
/// # Errors
/// A sentence for the user.
pub(crate) fn inside(folder: &Path, written: &str) -> Result<PathBuf, String> {
    check_path(written)?;
    let unreadable = |error: std::io::Error| format!("cannot read `{written}`: {error}");
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let real = folder.join(written).canonicalize().map_err(unreadable)?;
    if real.starts_with(folder.canonicalize().map_err(unreadable)?) {
        return Ok(real);
    }
    Err(format!("`{written}` is a link that leaves the folder of the definition; copy the file into it"))
}

/// The bytes of a file of the definition's folder, of at most `longest`.
///
/// # Errors
/// A sentence for the user.
pub(crate) fn own_file(folder: &Path, written: &str, longest: u64) -> Result<Vec<u8>, String> {
    file(&inside(folder, written)?, written, longest)
}

/// The bytes of a regular file of at most `longest` bytes. `shown` is its name in messages.
///
/// # Errors
/// A sentence for the user.
pub(crate) fn file(path: &Path, shown: &str, longest: u64) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("cannot read `{shown}`: {error}");
    // A named pipe would block the thread for ever.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(format!("`{shown}` is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(longest + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > longest {
        return Err(format!("`{shown}` is larger than {longest} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Given, SecretRef, file, secret_file};
    use crate::definition::model::ProbeReason;
    use crate::probe::target::Target;
    use serde_json::json;

    #[test]
    fn a_secret_is_a_reference_and_errors_never_quote_the_value() {
        let read = |value| serde_json::from_value::<SecretRef>(value);
        assert_eq!(read(json!({ "env": "DB" })).unwrap(), SecretRef::Env("DB".into()));
        assert_eq!(
            read(json!({ "secretsmanager": "drill/orders", "key": "password" })).unwrap(),
            SecretRef::SecretsManager { id: "drill/orders".into(), key: Some("password".into()) }
        );
        assert_eq!(read(json!({ "ssm": "/drill/orders" })).unwrap(), SecretRef::SsmParameter("/drill/orders".into()));
        assert_eq!(read(json!({ "rds_iam": true })).unwrap(), SecretRef::RdsIam);
        assert_eq!(read(json!({ "master_password_reset": true })).unwrap(), SecretRef::MasterPasswordReset);
        for bad in [
            json!("canary-9f2c"),
            json!({}),
            json!({ "env": "" }),
            json!({ "rds_iam": false }),
            json!({ "rds_iam": "canary-9f2c" }),
            json!({ "rds_iam": true, "master_password_reset": true }),
            json!({ "ssm": "canary-9f2c", "key": "x" }),
            json!({ "key": "canary-9f2c" }),
            json!({ "literal": "canary-9f2c" }),
            json!({ "env": "A", "file": "canary-9f2c" }),
            json!({ "env": ["canary-9f2c"] }),
            json!({ "file": "canary-9f2c", "key": "x" }),
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains("a secret is a reference"), "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[tokio::test]
    async fn what_logs_in_to_a_database_is_no_secret_elsewhere() {
        for (reference, word) in
            [(SecretRef::RdsIam, "rds_iam"), (SecretRef::MasterPasswordReset, "master_password_reset")]
        {
            let problem = reference.check("secret_env.TOKEN").unwrap_err();
            assert!(problem.starts_with("`secret_env.TOKEN`") && problem.contains(word), "{problem}");
            assert_eq!(reference.read(&Target::for_tests()).await.unwrap_err().reason, ProbeReason::Setup);
        }
        assert_eq!(SecretRef::Env("A".into()).check("x"), Ok(()));
        // A unit test has no cloud: the miss says what was asked for.
        let missed = SecretRef::SsmParameter("/drill/orders".into()).read(&Target::for_tests()).await.unwrap_err();
        assert!(missed.message.contains("`/drill/orders`"), "{}", missed.message);
    }

    #[test]
    fn only_one_trailing_line_break_is_trimmed() {
        let folder = tempfile::tempdir().unwrap();
        for (written, read) in [("pw\n", "pw"), ("pw\r\n", "pw"), ("pw\n\n", "pw\n"), (" pw ", " pw ")] {
            std::fs::write(folder.path().join("password"), written).unwrap();
            assert_eq!(secret_file("password", folder.path()).unwrap(), read);
        }
    }

    #[test]
    fn definitions_read_nothing_outside_of_their_folder() {
        let (inner, outer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let secret = outer.path().join("secret");
        std::fs::write(&secret, "theirs").unwrap();
        std::fs::write(inner.path().join("own"), "ours").unwrap();
        std::os::unix::fs::symlink(&secret, inner.path().join("out")).unwrap();
        std::os::unix::fs::symlink(outer.path(), inner.path().join("up")).unwrap();
        std::os::unix::fs::symlink("own", inner.path().join("in")).unwrap();
        let up = format!("../{}/secret", outer.path().file_name().unwrap().to_string_lossy());
        for name in [secret.to_str().unwrap(), &up, "out", "up/secret", "./../x", "a\0b", ""] {
            assert!(secret_file(name, inner.path()).is_err(), "{name:?}");
        }
        for name in ["own", "./own", "in"] {
            assert_eq!(secret_file(name, inner.path()).unwrap(), "ours");
        }
        let problem = SecretRef::File(up).check("password").unwrap_err();
        assert!(problem.contains("leaves the folder of the definition"), "{problem}");
    }

    #[test]
    fn files_are_bounded_and_must_be_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("big"), "x".repeat(11)).unwrap();
        assert!(file(&folder.path().join("big"), "big", 10).unwrap_err().contains("larger than 10 bytes"));
        assert!(file(&folder.path().join("big"), "big", 11).is_ok());
        assert!(file(folder.path(), "folder", 10).unwrap_err().contains("is not a file"));
        assert!(file(&folder.path().join("none"), "none", 10).unwrap_err().contains("cannot read `none`"));
    }

    #[test]
    fn ports_are_numbers_or_references_to_one() {
        let check = |value| serde_json::from_value::<Given>(value).unwrap().check_port("port");
        for good in [json!(5432), json!("5432"), json!("${{ restore.orders.endpoint.port }}")] {
            assert_eq!(check(good.clone()), Ok(()), "{good}");
        }
        for bad in [json!(0), json!(65_536), json!("http"), json!(null), json!("${{ restore.orders.endpoint.host }}")] {
            assert!(check(bad.clone()).is_err(), "{bad}");
        }
    }
}
