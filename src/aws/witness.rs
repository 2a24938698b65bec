//! The witness: where requests go, and whether a run may call itself a run against AWS.
//!
//! Invariant: once the mode is known, no request leaves this process for a place that does not fit it. In the mode
//! `aws` every request goes over TLS to AWS itself; in the mode `sandbox` none does, so that a rehearsal can never
//! touch a real account. Requests for the credentials themselves (instance metadata, single sign-on) are the SDK's own;
//! the requests to STS that assume an `access_role` go where the STS client goes, which is looked at like every other.
//!
//! Only `session` uses this module.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::words::id::{AccountId, Region};
use crate::words::kind::Mode;
use crate::words::text::tame;

/// The domains under which AWS answers for its own services, one row per partition and address family.
///
/// Customers have names under some of them too (load balancers, API gateways, buckets): [`is_aws`] therefore accepts
/// `SERVICE.REGION.DOMAIN` and nothing else.
const DOMAINS: &[&str] = &["amazonaws.com", "api.aws", "amazonaws.com.cn", "api.amazonwebservices.com.cn"];

/// Where one service's requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The service's name in AWS's host names, such as `backup`.
    pub service: &'static str,
    /// Scheme and host, such as `https://backup.eu-west-1.amazonaws.com`; no path, no user information.
    pub origin: String,
    /// Whether that is AWS itself, over TLS.
    pub aws: bool,
}

impl Place {
    /// The place that `uri` is in.
    #[must_use]
    pub fn new(service: &'static str, uri: &str) -> Self {
        Self { service, origin: origin(uri), aws: is_aws(service, uri) }
    }

    /// The place that a request goes to of a client whose endpoint was looked at before: S3 and DynamoDB may put a name of
    /// their customers before their own. An endpoint that somebody gives is not AWS itself with such a name: in a bucket of
    /// one's own there may lie whatever an answer should say.
    fn of_request(service: &'static str, uri: &str) -> Self {
        let place = Self::new(service, uri);
        Self { aws: place.aws || is_behind_a_name(service, uri), ..place }
    }

    /// Whether a run of this mode may send a request there.
    #[must_use]
    pub fn fits(&self, mode: Mode) -> bool {
        match mode {
            Mode::Aws => self.aws,
            Mode::Sandbox => !self.aws,
            Mode::CustomEndpoint => true,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.service, self.origin)
    }
}

/// A request that was not sent, because it would have gone where the run's mode does not allow it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a run of mode `{mode}` sends nothing to `{origin}`; the request was not sent. Check `AWS_ENDPOINT_URL*` and the \
     profile"
)]
pub struct Refused {
    /// The run's mode.
    pub mode: Mode,
    /// Where the request would have gone.
    pub origin: String,
}

/// What every client carries: refuses requests that do not fit the mode, after they were signed and before they are
/// sent.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    pub(crate) service: &'static str,
    pub(crate) mode: Mode,
}

impl Intercept for Guard {
    fn name(&self) -> &'static str {
        "drill-guard"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let place = Place::of_request(self.service, context.request().uri());
        if place.fits(self.mode) { Ok(()) } else { Err(Refused { mode: self.mode, origin: place.origin }.into()) }
    }
}

/// Sees where a request would go and stops it there.
///
/// The hook is the first one after the endpoint is resolved (credentials are resolved before it, so the client that
/// carries this has some of its own). Nothing is signed and nothing is sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Capture {
    seen: Arc<Mutex<Option<String>>>,
}

/// What [`Capture`] stops a request with.
#[derive(Debug, thiserror::Error)]
#[error("the request was only made to see where it goes")]
struct Captured;

impl Capture {
    /// The URI that was seen.
    pub(crate) fn seen(&self) -> Option<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Intercept for Capture {
    fn name(&self) -> &'static str {
        "drill-capture"
    }

    fn read_before_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let uri = context.request().uri().to_owned();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(uri);
        Err(Captured.into())
    }
}

/// Scheme and host, for people. User information in an endpoint's URL may be a secret: it is left out.
fn origin(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    tame(&format!("{scheme}://{host}"))
}

/// The domains of services that have one endpoint for all regions. STS has regional ones besides; IAM has none but in
/// China, where its endpoint looks like a region's.
const GLOBAL: &[(&str, &str)] = &[
    ("iam", "amazonaws.com"),
    ("iam", "us-gov.amazonaws.com"),
    ("iam", "us-gov.api.aws"),
    ("iam", "global.api.aws"),
    ("sts", "amazonaws.com"),
];

/// Whether `uri` is AWS's own endpoint for `service`, over TLS: `https://SERVICE[-fips].REGION.DOMAIN`, or one of
/// `GLOBAL`.
#[must_use]
pub fn is_aws(service: &str, uri: &str) -> bool {
    host_over_tls(uri).is_some_and(|host| is_host_of(service, &host))
}

/// The same for what a service's client makes of that by itself: `https://BUCKET.s3[-fips].REGION.DOMAIN`, and
/// `https://ACCOUNT.ddb.REGION.DOMAIN`.
fn is_behind_a_name(service: &str, uri: &str) -> bool {
    let Some(host) = host_over_tls(uri) else { return false };
    let Some((name, rest)) = host.split_once('.') else { return false };
    match service {
        "s3" => !name.is_empty() && is_host_of("s3", rest),
        "dynamodb" => name.parse::<AccountId>().is_ok() && is_host_of("ddb", rest),
        _ => false,
    }
}

/// The host of a URL of HTTPS and its usual port.
fn host_over_tls(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("https://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.strip_suffix(":443").unwrap_or(authority).to_ascii_lowercase();
    host.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.').then_some(host)
}

fn is_host_of(service: &str, host: &str) -> bool {
    let Some((label, domain)) = host.split_once('.') else {
        return false;
    };
    if label.strip_suffix("-fips").unwrap_or(label) != service {
        return false;
    }
    let global = GLOBAL.contains(&(service, domain));
    global || DOMAINS.iter().any(|known| region_of(domain, known).is_some())
}

fn region_of(domain: &str, known: &str) -> Option<Region> {
    domain.strip_suffix(known)?.strip_suffix('.')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Place, is_aws};
    use crate::words::kind::Mode;

    #[test]
    fn awss_own_endpoints_are_known() {
        for (service, uri) in [
            ("backup", "https://backup.eu-west-1.amazonaws.com/backup-vaults"),
            ("backup", "https://backup.eu-west-1.amazonaws.com:443/"),
            ("rds", "https://rds-fips.us-gov-west-1.amazonaws.com"),
            ("ec2", "https://ec2.eu-west-1.api.aws/"),
            ("kms", "https://kms.cn-north-1.amazonaws.com.cn/"),
            ("sts", "https://sts.amazonaws.com/"),
            ("iam", "https://iam.amazonaws.com/"),
            ("iam", "https://iam-fips.amazonaws.com/"),
            ("iam", "https://iam.us-gov.amazonaws.com/"),
            ("iam", "https://iam.cn-north-1.amazonaws.com.cn/"),
            ("servicequotas", "https://servicequotas.eu-west-1.amazonaws.com/"),
        ] {
            assert!(is_aws(service, uri), "{uri}");
        }
    }

    #[test]
    fn what_only_looks_like_aws_is_not_aws() {
        for (service, uri) in [
            ("backup", "http://backup.eu-west-1.amazonaws.com/"),
            ("backup", "https://backup.eu-west-1.amazonaws.com.evil.example/"),
            ("backup", "https://evilamazonaws.com/"),
            ("backup", "https://backup.eu-west-1.amazonaws.com@evil.example/"),
            ("backup", "https://evil.example/backup.eu-west-1.amazonaws.com"),
            ("backup", "https://backup.eu-west-1.amazonaws.com:8443/"),
            ("backup", "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/backup"),
            ("backup", "https://backup.eu-west-1.elb.amazonaws.com/"),
            ("backup", "https://rds.eu-west-1.amazonaws.com/"),
            ("backup", "https://backup.amazonaws.com/"),
            ("backup", "https://iam.amazonaws.com/"),
            ("iam", "https://iam.evil.amazonaws.com/"),
            ("backup", "https://127.0.0.1:4566/"),
            ("backup", ""),
        ] {
            assert!(!is_aws(service, uri), "{uri}");
        }
    }

    #[test]
    fn a_request_may_have_a_name_before_the_services_and_an_endpoint_may_not() {
        for (service, uri) in [
            ("s3", "https://carts.s3.eu-west-1.amazonaws.com/key?list-type=2"),
            ("s3", "https://carts.s3-fips.us-gov-west-1.amazonaws.com/"),
            ("dynamodb", "https://123456789012.ddb.eu-west-1.amazonaws.com/"),
        ] {
            assert!(Place::of_request(service, uri).aws && !Place::new(service, uri).aws, "{uri}");
        }
        assert!(Place::of_request("s3", "https://s3.eu-west-1.amazonaws.com/carts").aws);
        for (service, uri) in [
            ("s3", "http://carts.s3.eu-west-1.amazonaws.com/"),
            ("s3", "https://carts.s3.eu-west-1.amazonaws.com.evil.example/"),
            ("s3", "https://carts.s3-website.eu-west-1.amazonaws.com/"),
            ("s3", "https://carts.rds.eu-west-1.amazonaws.com/"),
            ("s3", "https://.s3.eu-west-1.amazonaws.com/"),
            ("rds", "https://carts.s3.eu-west-1.amazonaws.com/"),
            ("dynamodb", "https://evil.ddb.eu-west-1.amazonaws.com/"),
            ("dynamodb", "https://ddb.eu-west-1.amazonaws.com/"),
        ] {
            assert!(!Place::of_request(service, uri).aws, "{uri}");
        }
    }

    #[test]
    fn a_place_fits_a_mode_or_does_not() {
        let aws = Place::new("rds", "https://rds.eu-west-1.amazonaws.com/");
        let other = Place::new("rds", "http://user:secret@127.0.0.1:4566/path");
        assert_eq!(other.to_string(), "rds http://127.0.0.1:4566");
        for (mode, aws_fits, other_fits) in
            [(Mode::Aws, true, false), (Mode::Sandbox, false, true), (Mode::CustomEndpoint, true, true)]
        {
            assert_eq!((aws.fits(mode), other.fits(mode)), (aws_fits, other_fits), "{mode}");
        }
    }
}
