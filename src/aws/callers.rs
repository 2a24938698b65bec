//! Which account the credentials are of, asked once for each access key: a key never changes its account.
//!
//! Invariant: once a change was let through for an account, no change of a restored thing leaves that is signed with a key
//! of which STS has not said that it is of that account. Credentials may be renewed between the question and the change:
//! then the change is not sent, and the next try asks again.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityOutput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

use crate::aws::limit::rate::reads;
use crate::aws::scope::signature;
use crate::words::id::AccountId;

/// So many keys are remembered: the present one, and a few for requests that are on their way while it changes.
const MOST_KEYS: usize = 8;

/// The services in which a restored thing is changed by its name or id, after the guard was asked.
const GUARDED: &[&str] = &["rds", "docdb", "neptune", "dynamodb", "ec2", "efs", "fsx", "s3", "storagegateway"];

/// What is known of one side's credentials.
#[derive(Default)]
pub(crate) struct Callers(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The newest last.
    accounts: VecDeque<(String, AccountId)>,
    latest: Option<String>,
    vouched: Option<AccountId>,
}

/// A change that was not sent, because its credentials are not those that were looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the credentials changed after it was asked whose they are; the request was not sent")]
pub(crate) struct Unvouched;

impl Callers {
    /// The account of the key that signed last, if STS has said it.
    pub(crate) fn current(&self) -> Option<AccountId> {
        let known = self.known();
        known.account(known.latest.as_deref()?).cloned()
    }

    /// Changes in this account were let through.
    pub(crate) fn vouch(&self, account: &AccountId) {
        self.known().vouched = Some(account.clone());
    }

    /// Knows nothing any more: what a new process knows.
    pub(crate) fn forget(&self) {
        *self.known() = Known::default();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn account(&self, key: &str) -> Option<&AccountId> {
        self.accounts.iter().find(|(known, _)| known == key).map(|(_, account)| account)
    }

    fn learn(&mut self, key: &str, account: AccountId) {
        self.accounts.retain(|(known, _)| known != key);
        if self.accounts.len() >= MOST_KEYS {
            self.accounts.pop_front();
        }
        self.accounts.push_back((key.to_owned(), account));
    }

    fn allows(&self, key: &str) -> bool {
        self.vouched.as_ref().is_none_or(|vouched| self.account(key) == Some(vouched))
    }
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callers")
    }
}

/// The key that a request was signed with.
struct SignedBy(String);

impl fmt::Debug for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedBy")
    }
}

impl Storable for SignedBy {
    type Storer = StoreReplace<Self>;
}

/// What every client carries: sees who signs, and hears what STS says.
#[derive(Debug, Clone)]
pub(crate) struct Doorman {
    pub(crate) service: &'static str,
    pub(crate) callers: Arc<Callers>,
}

impl Doorman {
    fn guards(&self, bag: &ConfigBag) -> bool {
        GUARDED.contains(&self.service) && bag.load::<Metadata>().is_none_or(|asked| !reads(asked.name()))
    }
}

impl Intercept for Doorman {
    fn name(&self) -> &'static str {
        "drill-doorman"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(signed) = signature(context.request()) else { return Ok(()) };
        let is_let_through = {
            let mut known = self.callers.known();
            known.latest = Some(signed.access_key.to_owned());
            !self.guards(bag) || known.allows(signed.access_key)
        };
        bag.interceptor_state().store_put(SignedBy(signed.access_key.to_owned()));
        if is_let_through { Ok(()) } else { Err(Unvouched.into()) }
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (Ok(output), Some(SignedBy(key))) = (context.output_or_error(), bag.load::<SignedBy>()) else {
            return Ok(());
        };
        let account = output.downcast_ref::<GetCallerIdentityOutput>().and_then(GetCallerIdentityOutput::account);
        if let Some(account) = account.and_then(|account| account.parse().ok()) {
            self.callers.known().learn(key, account);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Callers, MOST_KEYS};

    #[test]
    fn a_change_with_a_new_key_is_not_let_through_before_it_was_asked_whose_it_is() {
        let callers = Callers::default();
        let (ours, theirs) = ("123456789012".parse().unwrap(), "999999999999".parse().unwrap());
        callers.known().latest = Some("first".to_owned());
        assert_eq!(callers.current(), None, "nobody was asked");
        assert!(callers.known().allows("first"), "no guard was asked before: as the request itself wants it");
        callers.known().learn("first", ours);
        let account = callers.current().unwrap();
        callers.vouch(&account);
        assert!(callers.known().allows("first"));
        callers.known().latest = Some("second".to_owned());
        assert_eq!(callers.current(), None, "a new key is asked about");
        assert!(!callers.known().allows("second"));
        callers.known().learn("second", theirs);
        assert!(!callers.known().allows("second"), "and it is of another account");
        callers.known().learn("second", account);
        assert!(callers.known().allows("second") && callers.known().allows("first"));
    }

    #[test]
    fn only_the_last_keys_are_remembered() {
        let callers = Callers::default();
        for number in 0..3 * MOST_KEYS {
            callers.known().learn(&number.to_string(), "123456789012".parse().unwrap());
        }
        let known = callers.known();
        assert_eq!(known.accounts.len(), MOST_KEYS);
        assert!(known.account("0").is_none() && known.account(&(3 * MOST_KEYS - 1).to_string()).is_some());
    }
}
