//! The destination's credentials for services of other regions: the key that signs evidence and the bucket that it is
//! archived in need not be where a drill restores.
//!
//! Invariant: its clients carry the guard of the session's mode and wait for their turn, like those of the session.

use std::sync::Arc;

use aws_types::SdkConfig;

use crate::aws::limit::{Limits, Meter};
use crate::aws::witness::Guard;
use crate::words::id::Region;
use crate::words::kind::Mode;

/// Makes clients of other regions.
#[derive(Clone)]
pub struct Elsewhere {
    config: SdkConfig,
    mode: Mode,
    limits: Arc<Limits>,
}

impl Elsewhere {
    pub(crate) fn new(config: SdkConfig, mode: Mode, limits: Arc<Limits>) -> Self {
        Self { config, mode, limits }
    }

    fn config(&self, region: &Region) -> SdkConfig {
        let region = aws_types::region::Region::new(region.as_str().to_owned());
        self.config.clone().into_builder().region(region).build()
    }

    fn meter(&self, service: &'static str) -> Meter {
        Meter { service, limits: Arc::clone(&self.limits) }
    }

    /// KMS of a region.
    pub(crate) fn kms(&self, region: &Region) -> aws_sdk_kms::Client {
        let config = aws_sdk_kms::config::Builder::from(&self.config(region))
            .interceptor(Guard { service: "kms", mode: self.mode })
            .interceptor(self.meter("kms"))
            .build();
        aws_sdk_kms::Client::from_conf(config)
    }

    /// S3 of a region. A bucket's name becomes a part of the host's name at AWS; an endpoint of somebody else's has no
    /// such names.
    pub(crate) fn s3(&self, region: &Region) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config(region))
            .force_path_style(self.mode != Mode::Aws)
            .interceptor(Guard { service: "s3", mode: self.mode })
            .interceptor(self.meter("s3"))
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }
}
