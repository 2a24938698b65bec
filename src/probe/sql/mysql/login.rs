//! How the driver logs in: where the bridge is, whom to trust, and nothing that a server could ask it for.

use std::net::{IpAddr, Ipv4Addr};

use mysql_async::{Opts, OptsBuilder, SslOpts};

use crate::probe::Miss;
use crate::probe::sql::engine::{Door, Trusted};
use crate::probe::sql::wire::MOST_BYTES;
use crate::probe::trust::authorities;

/// How long the server keeps a connection on which nothing happens, in seconds. Given, so that the driver does not ask.
const IDLE_SECONDS: usize = 600;

/// What the driver is told. It reads no files: without a handler, `LOAD DATA LOCAL` gets none.
///
/// # Errors
/// A `setup` miss when the CA bundle cannot be read.
pub(super) fn opts(door: &Door, port: u16) -> Result<Opts, Miss> {
    let here = Ipv4Addr::LOCALHOST;
    let tls = door.trust.as_ref().map(trusting).transpose()?;
    let builder = OptsBuilder::default()
        .ip_or_hostname(door.host.as_str())
        .tcp_port(port)
        .resolved_ips(Some(vec![IpAddr::V4(here)]))
        // A server that names a socket of this machine is not followed there.
        .prefer_socket(false)
        .user(Some(door.user.as_str()))
        .pass(Some(door.password.expose()))
        .db_name(Some(door.database.as_str()))
        .max_allowed_packet(Some(MOST_BYTES))
        .wait_timeout(Some(IDLE_SECONDS))
        // Servers see a token of IAM as it is. No other password is sent so, and none to a server without proof.
        .enable_cleartext_plugin(door.token && tls.is_some())
        .ssl_opts(tls);
    Ok(builder.into())
}

/// The bundle alone: the driver brings roots of its own, and takes the host for the name in the certificate.
fn trusting(trusted: &Trusted) -> Result<SslOpts, Miss> {
    let roots = authorities(&trusted.bundle)?;
    Ok(SslOpts::default()
        .with_disable_built_in_roots(true)
        .with_root_certs(roots.into_iter().map(|root| root.to_vec().into()).collect())
        .with_danger_tls_hostname_override(Some(trusted.server_name.clone())))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::opts;
    use crate::probe::reach::Open;
    use crate::probe::sql::engine::{Door, Trusted};
    use crate::probe::target::Target;
    use crate::probe::trust::trusting;
    use crate::words::secret::Secret;

    fn door(token: bool, bundle: Option<&Path>) -> Door {
        let trust = bundle.map(|bundle| Trusted {
            config: trusting(None, &Target { ca_bundle: Some(bundle.to_owned()), ..Target::for_tests() }, "").unwrap(),
            bundle: bundle.to_owned(),
            server_name: "orders.example.com".to_owned(),
        });
        Door {
            host: "orders.example.com".to_owned(),
            port: 3306,
            open: Open { addresses: Vec::new(), held: None },
            database: "shop".to_owned(),
            user: "probe".to_owned(),
            password: Secret::new("canary-9f2c".to_owned()),
            token,
            trust,
            timeout: Duration::from_secs(5),
        }
    }

    #[test]
    fn a_password_is_sent_as_it_is_only_if_it_is_a_token_and_the_server_has_proved_who_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("ca.pem");
        let issued = rcgen::generate_simple_self_signed(vec!["orders.example.com".to_owned()]).unwrap();
        std::fs::write(&bundle, issued.cert.pem()).unwrap();
        for (token, trusted, allowed) in
            [(true, true, true), (true, false, false), (false, true, false), (false, false, false)]
        {
            let opts = opts(&door(token, trusted.then_some(bundle.as_path())), 5).unwrap();
            assert_eq!(opts.enable_cleartext_plugin(), allowed, "token {token}, TLS {trusted}");
            assert_eq!(opts.ssl_opts().is_some(), trusted);
            assert!(!opts.prefer_socket() && opts.tcp_port() == 5);
        }
        let opts = opts(&door(false, Some(&bundle)), 5).unwrap();
        let tls = opts.ssl_opts().unwrap();
        assert!(tls.disable_built_in_roots() && tls.root_certs().len() == 1 && tls.client_identity().is_none());
        assert!(!tls.skip_domain_validation() && !tls.accept_invalid_certs());
        assert_eq!(tls.tls_hostname_override(), Some("orders.example.com"));
    }
}
