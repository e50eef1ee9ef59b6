//! What the demonstration, and tests that are like it, ask of a peer's daemon.

use assay_market::view::BooksView;
use assay_peer::handle::{
    Attachment, AuditNotary, Audited, JobView, Provide, ReadOutput, ReadReceipt, Respond, ShowAccount,
    ShowBooks, ShowJob, Submit,
};
use assay_protocol::{
    id::{Digest, PeerId},
    notice::Account,
    units::Amount,
};

use super::network::Peer;
use crate::{
    bundle::{DIGITS, Sample},
    commands::provide::service,
    failure::Failure,
};

impl Peer {
    /// Has the peer offer the bundled model.
    ///
    /// # Errors
    /// [`Failure`], if its daemon is gone or refuses; so for all that follow.
    pub async fn provide(&self, price: Amount) -> Result<(), Failure> {
        let services = vec![service(DIGITS.name.to_owned(), price)];
        self.ask(Provide { services, slots: None }).await.map(drop)
    }

    /// Has the peer submit a picture, to be read by this provider or by any; returns the name of the submission.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn submit(&self, sample: &Sample, provider: Option<PeerId>) -> Result<Digest, Failure> {
        let input = Attachment(sample.bytes.to_vec());
        let submit = Submit { manifest: DIGITS.name.to_owned(), input, provider, ..Submit::default() };
        Ok(self.ask(submit).await?.key)
    }

    /// How far a submission is.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn job(&self, key: Digest) -> Result<JobView, Failure> {
        self.ask(ShowJob { name: key.to_string() }).await
    }

    /// A result.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn output(&self, digest: Digest) -> Result<Vec<u8>, Failure> {
        Ok(self.ask(ReadOutput { digest }).await?.all().await?)
    }

    /// The receipt of a closed job.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn receipt(&self, name: Digest) -> Result<Vec<u8>, Failure> {
        Ok(self.ask(ReadReceipt { name: name.to_string() }).await?.all().await?)
    }

    /// What the notary holds for the peer.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn account(&self) -> Result<Account, Failure> {
        Ok(self.ask(ShowAccount::default()).await?.account)
    }

    /// The books of a notary.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn books(&self) -> Result<BooksView, Failure> {
        self.ask(ShowBooks).await
    }

    /// What a replay of the notary's journal finds.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn audit(&self) -> Result<Audited, Failure> {
        self.ask(AuditNotary::default()).await
    }

    async fn ask<C: Respond>(&self, call: C) -> Result<C::Answer, Failure> {
        Ok(self.connect().await?.call(call).await?)
    }
}
