//! Who asks a database, and where: what `sql` and the kinds that compare databases have in common.

use std::time::Duration;

use serde::Deserialize;

use crate::definition::model::ProbeReason;
use crate::probe::Miss;
use crate::probe::input::{Given, SecretRef, miss};
use crate::probe::reach::{self, Place};
use crate::probe::sql::engine::{Door, Engine};
use crate::probe::sql::tls::{self, TlsMode, TlsSettings};
use crate::probe::target::Target;
use crate::words::secret::Secret;
use crate::yaml::shape::{Field, Shape};

/// The settings. A kind may flatten them into its own: then they see only the keys that they know.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    #[serde(default)]
    engine: Engine,
    host: Option<Given>,
    port: Option<Given>,
    #[serde(default)]
    allow_local: bool,
    database: Given,
    user: Given,
    password: SecretRef,
    #[serde(default)]
    tls: TlsSettings,
}

impl Login {
    /// The shapes.
    pub(crate) fn fields() -> Vec<Field> {
        vec![
            Field::optional(
                "engine",
                Shape::Choice(Engine::WORDS),
                "`postgres` (the default), `mysql` (MySQL, MariaDB, Aurora MySQL) or `sqlserver`.",
            ),
            Field::optional("host", Shape::Template, "Where to connect; by default the restored resource's endpoint."),
            Field::optional("port", Shape::Template, "Port, 1 to 65535; by default the endpoint's."),
            Field::optional("allow_local", Shape::Bool, reach::ALLOW_LOCAL),
            Field::required("database", Shape::Template, "The database."),
            Field::required("user", Shape::Template, "The user. It needs no more than to connect and to read."),
            Field::required(
                "password",
                Shape::SecretRef,
                "Where the password lives; or `rds_iam: true`, or `master_password_reset: true`.",
            ),
            Field::optional("tls", Shape::Map(tls::fields()), "How the server proves who it is."),
        ]
    }

    /// What the shapes cannot say.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.host.as_ref().map_or(Ok(()), |host| host.check("host"))?;
        self.port.as_ref().map_or(Ok(()), |port| port.check_port("port"))?;
        self.database.check("database")?;
        self.user.check("user")?;
        self.tls.check()?;
        match self.password {
            SecretRef::RdsIam if self.engine == Engine::SqlServer => {
                Err("`rds_iam` is for PostgreSQL, MySQL and MariaDB: RDS has no IAM login for SQL Server".to_owned())
            }
            SecretRef::RdsIam if self.tls.mode != TlsMode::Verify => Err(
                "`rds_iam` needs `tls` with `mode: verify`: the token is sent as it is, and whoever reads it can log in"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }

    /// The database's kind.
    pub(crate) fn engine(&self) -> Engine {
        self.engine
    }

    /// Everything that a driver needs: references filled, the way found, the secret read. It is not connected yet, and
    /// has no deadline of its own; `timeout` is for connecting.
    ///
    /// # Errors
    /// A `setup` miss for what is missing here, `unreachable` where there is no way to the place.
    pub(crate) async fn door(&self, target: &Target, timeout: Duration) -> Result<Door, Miss> {
        let place = reach::destination(self.host.as_ref(), self.port.as_ref(), target)?;
        let place = Place { local: self.allow_local, ..place };
        let trust = self.tls.prepare(target, &place.host)?;
        let user = self.user.fill("user", target)?;
        let database = self.database.fill("database", target)?;
        let password = self.secret(&place, &user, target).await?;
        let open = reach::way(&place, target).await?;
        let token = self.password == SecretRef::RdsIam;
        Ok(Door { host: place.host, port: place.port, open, database, user, password, token, trust, timeout })
    }

    async fn secret(&self, place: &Place, user: &str, target: &Target) -> Result<Secret, Miss> {
        match &self.password {
            SecretRef::RdsIam => {
                let signed = target.secrets.database_token(&place.host, place.port, user).await;
                signed.map_err(|error| {
                    let message = format!("cannot sign a login as `{user}`: {error}; {}", error.advice());
                    miss(ProbeReason::Setup, &message)
                })
            }
            SecretRef::MasterPasswordReset => target.master_password.clone().ok_or_else(|| {
                let message = "this run has set no master password: `master_password_reset` is for a probe that is \
                               `on` a restored database of RDS or Aurora; say where the password lives, with \
                               `secretsmanager`, `ssm`, `env` or `file`";
                miss(ProbeReason::Setup, message)
            }),
            elsewhere => elsewhere.read(target).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use async_trait::async_trait;
    use serde_json::{Value, json};

    use super::Login;
    use crate::cloud::error::CloudError;
    use crate::cloud::ground::Secrets;
    use crate::cloud::remote::{Tunnel, Tunnels};
    use crate::cloud::resource::Endpoint;
    use crate::definition::model::ProbeReason;
    use crate::probe::target::{Target, Way};
    use crate::words::secret::Secret;

    fn login(change: Value) -> Login {
        let mut all = json!({
            "host": "orders.example.com", "port": 5432, "database": "shop", "user": "probe", "password": { "ssm": "p" },
            "tls": { "mode": "insecure-off" },
        });
        let (Value::Object(given), Value::Object(change)) = (&mut all, change) else { unreachable!() };
        given.extend(change);
        serde_json::from_value(all).unwrap()
    }

    /// Writes down what it was asked for.
    #[derive(Default)]
    struct Asked(Mutex<Vec<String>>);

    impl Asked {
        #[expect(clippy::unnecessary_wraps, reason = "it is what each of the calls answers")]
        fn note(&self, what: String) -> Result<Secret, CloudError> {
            self.0.lock().unwrap().push(what.clone());
            Ok(Secret::new(what))
        }
    }

    #[async_trait]
    impl Secrets for Asked {
        async fn secret(&self, id: &str, _: Option<&str>) -> Result<Secret, CloudError> {
            self.note(format!("secret {id}"))
        }

        async fn parameter(&self, name: &str) -> Result<Secret, CloudError> {
            self.note(format!("parameter {name}"))
        }

        async fn database_token(&self, host: &str, port: u16, user: &str) -> Result<Secret, CloudError> {
            self.note(format!("token {user}@{host}:{port}"))
        }
    }

    struct Here;

    #[async_trait]
    impl Tunnels for Here {
        async fn open(&self, _: &str, _: &str, _: u16) -> Result<Tunnel, CloudError> {
            Ok(Tunnel { address: SocketAddr::from(([127, 0, 0, 1], 9)), held: Box::new(()) })
        }
    }

    fn target() -> (Target, Arc<Asked>) {
        let asked = Arc::new(Asked::default());
        let tunnel = Some(Way { instance: "i-0a1b2c3d".to_owned(), tunnels: Arc::new(Here) });
        let target = Target { secrets: Arc::clone(&asked) as Arc<dyn Secrets>, tunnel, ..Target::for_tests() };
        (target, asked)
    }

    #[tokio::test]
    async fn a_token_is_for_the_endpoint_and_never_for_the_tunnel() {
        let (mut target, asked) = target();
        let iam = || json!({ "password": { "rds_iam": true } });
        let door = login(iam()).door(&target, Duration::from_secs(5)).await.unwrap();
        assert!(door.token && door.open.addresses == [SocketAddr::from(([127, 0, 0, 1], 9))]);
        assert_eq!((door.host.as_str(), door.port), ("orders.example.com", 5432));
        target.endpoint = Some(Endpoint { host: "drill.rds.example.com".to_owned(), port: Some(3306) });
        let mut own = iam();
        own["host"] = Value::Null;
        own["port"] = Value::Null;
        login(own).door(&target, Duration::from_secs(5)).await.unwrap();
        let wanted = ["token probe@orders.example.com:5432", "token probe@drill.rds.example.com:3306"];
        assert_eq!(*asked.0.lock().unwrap(), wanted);
    }

    #[tokio::test]
    async fn a_master_password_is_the_one_that_the_run_set() {
        let (mut target, asked) = target();
        let reset = login(json!({ "password": { "master_password_reset": true } }));
        let missed = reset.door(&target, Duration::from_secs(5)).await.err().unwrap();
        assert_eq!(missed.reason, ProbeReason::Setup);
        assert!(missed.message.contains("no master password"), "{}", missed.message);
        target.master_password = Some(Secret::new("Dr1-canary".to_owned()));
        let door = reset.door(&target, Duration::from_secs(5)).await.unwrap();
        assert!(door.password.expose() == "Dr1-canary" && !door.token);
        assert!(asked.0.lock().unwrap().is_empty());
        let door = login(json!({})).door(&target, Duration::from_secs(5)).await.unwrap();
        assert_eq!(door.password.expose(), "parameter p");
    }

    #[test]
    fn a_token_needs_a_server_that_proved_who_it_is_and_an_engine_that_takes_it() {
        let iam = json!({ "rds_iam": true });
        for (change, part) in [
            (json!({ "password": iam }), "needs `tls` with `mode: verify`"),
            (json!({ "password": iam, "engine": "sqlserver", "tls": {} }), "no IAM login for SQL Server"),
            (json!({ "tls": { "ca": "system" } }), "names a bundle in PEM"),
        ] {
            let problem = login(change).check().unwrap_err();
            assert!(problem.contains(part), "{problem}");
        }
        assert_eq!(login(json!({ "password": iam, "tls": {}, "engine": "mysql" })).check(), Ok(()));
    }
}
