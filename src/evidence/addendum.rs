//! Addenda: what was found after the verdict. The report never changes; each finding is a file of its own beside it,
//! signed on its own, and names the one before.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::evidence::bundle::{ADDENDA, Bundle};
use crate::evidence::dsse;
use crate::evidence::key::{KeyError, PublicKey, SigningKey};
use crate::evidence::manifest::{Manifest, SignedBy};
use crate::evidence::statement;
use crate::evidence::verify::{Found, Signer, TrustedKey, signer};
use crate::journal::chain::{Hash, sha256_hex};
use crate::journal::event::Recorded;
use crate::report::facts::finding::Weight;
use crate::words::id::RunId;

/// Version of an addendum.
///
/// | version | since | change |
/// |---|---|---|
/// | 1 | 0.1.0 | first |
pub const VERSION: u32 = 1;

/// Addenda of one run at most.
pub const MOST: u32 = 1_000;

/// A finding, or that one is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addendum {
    /// [`VERSION`].
    pub version: u32,
    /// The run that it is about.
    pub run: RunId,
    /// Which of the run's, from 1.
    pub number: u32,
    /// When it was added, by the clock of the machine.
    pub added: Timestamp,
    /// Who added it, as far as the machine knows: user@host.
    pub by: String,
    /// What was found, or how it was mended.
    pub text: String,
    /// How much it matters; none where it closes a finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Weight>,
    /// Who sees to it.
    pub owner: Option<String>,
    /// Until when.
    pub due: Option<Date>,
    /// Where somebody works on it, such as the number of a ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The number of the finding that it closes; none where it is a finding itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<u32>,
    /// Hash of the last record of the journal that it was added to.
    pub journal_head: Hash,
    /// SHA-256 of the addendum before; null for the first.
    pub before: Option<String>,
    /// Whose signature is beside it; null where there is none.
    pub signer: Option<SignedBy>,
}

/// An addendum in a bundle, and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenAddendum {
    /// The finding.
    pub addendum: Addendum,
    /// Who signed.
    pub signer: Signer,
}

impl Addendum {
    /// The name of its file.
    #[must_use]
    pub fn name(number: u32) -> String {
        format!("addendum-{number}.json")
    }

    /// The name of its signature's file.
    #[must_use]
    pub fn signature_name(number: u32) -> String {
        format!("addendum-{number}.sig")
    }

    /// Its text. The same addendum gives the same bytes.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads what [`Addendum::text`] wrote, and nothing else.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let read: Self = serde_json::from_slice(bytes).ok()?;
        (read.version == VERSION && read.text().as_bytes() == bytes).then_some(read)
    }

    /// The text of its signature.
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn signed(&self, key: &SigningKey) -> Result<String, KeyError> {
        dsse::sign(&self.statement(), key)
    }

    /// The bytes to sign, for a key that is elsewhere.
    #[must_use]
    pub fn to_sign(&self) -> Vec<u8> {
        dsse::encoded(dsse::PAYLOAD_TYPE, self.statement().as_bytes())
    }

    /// The text of its signature, around a signature of [`Addendum::to_sign`].
    ///
    /// # Errors
    /// When it is not that key's signature.
    pub fn enveloped(&self, key: &PublicKey, signature: &[u8]) -> Result<String, KeyError> {
        dsse::enveloped(&self.statement(), key, signature)
    }

    fn statement(&self) -> String {
        statement::of_addendum(self.run, &Self::name(self.number), self.text().as_bytes())
    }
}

/// The addenda of a bundle, in order; what does not fit is a problem.
pub(crate) fn check(
    bundle: &Bundle,
    manifest: &Manifest,
    records: &[Recorded],
    trusted: &[TrustedKey],
    found: &mut Found,
) -> Vec<SeenAddendum> {
    let mut seen: Vec<SeenAddendum> = Vec::new();
    let mut before: Option<String> = None;
    let mut known = Vec::new();
    for number in 1..=MOST {
        let (name, signature) = (Addendum::name(number), Addendum::signature_name(number));
        let Some(bytes) = bundle.addenda.get(&name) else { break };
        let file = format!("{ADDENDA}/{name}");
        if let Some(addendum) = Addendum::read(bytes) {
            if let Some(why) = misfit(&addendum, (number, before.as_deref()), manifest, records) {
                found.problem(&file, why);
            }
            if let Some(closes) = addendum.closes
                && !is_open(seen.iter().map(|seen| &seen.addendum), closes)
            {
                found.problem(&file, format!("closes {closes}, which is no open finding before it"));
            }
            let envelope = bundle.addenda.get(&signature).map(Vec::as_slice);
            let said = statement::of_addendum(manifest.run, &name, bytes);
            let parts = (addendum.signer.as_ref(), envelope, said.as_str());
            let signer = signer(&format!("{ADDENDA}/{signature}"), parts, trusted, found);
            seen.push(SeenAddendum { addendum, signer });
        } else {
            found.problem(&file, "is no addendum in the form in which drill writes it");
        }
        before = Some(sha256_hex(bytes));
        known.extend([name, signature]);
    }
    for name in bundle.addenda.keys().filter(|name| !known.contains(name)) {
        found.problem(&format!("{ADDENDA}/{name}"), "does not belong here, or one before it is missing");
    }
    seen
}

/// Whether the number is that of a finding among these addenda which none of them closes.
pub fn is_open<'a>(addenda: impl Iterator<Item = &'a Addendum>, number: u32) -> bool {
    addenda.fold(false, |open, addendum| match addendum.closes {
        Some(closes) if closes == number => false,
        None if addendum.number == number => true,
        _ => open,
    })
}

fn misfit(
    addendum: &Addendum,
    (number, before): (u32, Option<&str>),
    manifest: &Manifest,
    records: &[Recorded],
) -> Option<&'static str> {
    if addendum.run != manifest.run {
        return Some("is about another run");
    }
    if addendum.number != number {
        return Some("has the number of another");
    }
    if addendum.before.as_deref() != before {
        return Some("does not continue the addendum before it");
    }
    let leads_through = records.iter().any(|record| record.hash == addendum.journal_head);
    (!leads_through).then_some("was added to another journal")
}
