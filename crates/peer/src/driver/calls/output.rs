//! Reading what a job left: its output and its receipt.
//!
//! **Invariant:** bytes leave piece by piece as they are taken; an output counts as handed over once all of it was taken.

use assay_market::{Command, Input};
use assay_protocol::id::Digest;
use serde::{Deserialize, Serialize};

use crate::{
    driver::{
        Driver, names,
        responder::{Respond, Responder},
    },
    handle::{Call, Pieces, Refused},
    journal::Broken,
};

/// A blob that is here, such as an output.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadOutput {
    /// Its digest.
    pub digest: Digest,
    /// The submission to whose user it is handed over; nothing for all that it came of.
    #[serde(default)]
    pub of: Option<Digest>,
}

/// The receipt file of a closed job.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadReceipt {
    /// The key of the submission, a job id, a receipt's own name or a unique prefix of these.
    pub name: String,
}

impl Call for ReadOutput {
    const NAME: &'static str = "read_output";
    type Answer = Pieces;
}

impl Respond for ReadOutput {
    async fn respond(self, responder: &Responder) -> Result<Pieces, Refused> {
        let (Self { digest, of }, told) = (self, responder.clone());
        let taken = async move {
            // An error means that the daemon ends; the user can take it again.
            drop(told.act(move |driver| Box::pin(driver.handed_over(digest, of))).await);
        };
        responder.blob(digest, taken).await
    }
}

impl Call for ReadReceipt {
    const NAME: &'static str = "read_receipt";
    type Answer = Pieces;
}

impl Respond for ReadReceipt {
    async fn respond(self, responder: &Responder) -> Result<Pieces, Refused> {
        let name = self.name.clone();
        let digest = match responder.look(move |driver| driver.receipt(&name)).await? {
            Err(unknown @ (Refused::UnknownJob { .. } | Refused::TooFewDigits { .. })) => {
                filed(self.name, responder).await?.ok_or(unknown)?
            }
            found => found?,
        };
        responder.receipt(digest).await
    }
}

/// The receipt that is called so itself, if it is the only one here: those of jobs that this peer served have no other name.
async fn filed(name: String, responder: &Responder) -> Result<Option<Digest>, Refused> {
    let receipts = responder.store.receipts.clone();
    let names = responder.work(move |_| receipts.list()).await?;
    let mut names = names.map_err(|error| Refused::Disk { reason: error.to_string() })?;
    names.retain(|digest| digest.to_string().starts_with(&name));
    Ok(if let [one] = &names[..] { Some(*one) } else { None })
}

impl Driver {
    /// A user has taken all the bytes of an output: the submissions that it came of, or the one that is meant, need it no more.
    async fn handed_over(&mut self, digest: Digest, of: Option<Digest>) -> Result<(), Broken> {
        let mut keys = self.node.submissions_with(digest);
        keys.retain(|key| of.is_none_or(|of| of == *key));
        for key in keys {
            self.take(Input::Command(Command::Taken { key })).await?;
        }
        Ok(())
    }

    /// The digest of a receipt: that of the attempt that is named, or else of the one whose result is its user's, or of the
    /// last which has one; or of a job that this notary closed.
    fn receipt(&self, name: &str) -> Result<Digest, Refused> {
        match self.submission_named(name) {
            Ok(view) => {
                let named = names::attempt(&view, name);
                let last = || view.attempts.iter().rev().find_map(|attempt| attempt.receipt);
                let receipt = match named.or(view.answer()) {
                    Some(attempt) => attempt.receipt,
                    None => last(),
                };
                receipt.ok_or(Refused::NoReceipt)
            }
            Err(unknown) => {
                let filed = name.parse().ok().and_then(|job| self.indexing.receipt(&job));
                filed.ok_or(unknown)
            }
        }
    }
}
