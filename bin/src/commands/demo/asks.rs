//! What the demonstration, and tests that are like it, ask of a peer's daemon.

use assay_market::view::BooksView;
use assay_peer::handle::{Audited, Bytes, JobView, Provide, Request, Response, Submit};
use assay_protocol::{
    id::{Digest, PeerId},
    notice::Account,
    units::Amount,
};

use super::network::Peer;
use crate::{
    bundle::{DIGITS, Sample},
    commands::provide::stall,
    daemon::astray,
    failure::Failure,
};

impl Peer {
    /// Has the peer offer the bundled model.
    ///
    /// # Errors
    /// [`Failure`], if its daemon is gone or refuses; so for all that follow.
    pub async fn provide(&self, price: Amount) -> Result<(), Failure> {
        let services = vec![stall(DIGITS.name.to_owned(), price)];
        self.ask(Request::Provide(Provide { services, slots: None })).await.map(drop)
    }

    /// Has the peer submit a picture, to be read by this provider or by any; returns the name of the submission.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn submit(&self, sample: &Sample, provider: Option<PeerId>) -> Result<Digest, Failure> {
        let input = Bytes(sample.bytes.to_vec());
        let submit = Submit { manifest: DIGITS.name.to_owned(), input, provider, ..Submit::default() };
        let answer = self.ask(Request::Submit(Box::new(submit))).await?;
        let Response::Submitted { key } = answer else { return Err(astray(&answer)) };
        Ok(key)
    }

    /// How far a submission is.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn job(&self, key: Digest) -> Result<JobView, Failure> {
        let answer = self.ask(Request::Job { name: key.to_string() }).await?;
        let Response::Job(job) = answer else { return Err(astray(&answer)) };
        Ok(*job)
    }

    /// A result.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn output(&self, digest: Digest) -> Result<Vec<u8>, Failure> {
        self.bytes(Request::Output { digest }).await
    }

    /// The receipt of a closed job.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn receipt(&self, name: Digest) -> Result<Vec<u8>, Failure> {
        self.bytes(Request::Receipt { name: name.to_string() }).await
    }

    /// What the notary holds for the peer.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn account(&self) -> Result<Account, Failure> {
        let answer = self.ask(Request::Account { notary: None }).await?;
        let Response::Account(view) = answer else { return Err(astray(&answer)) };
        Ok(view.account)
    }

    /// The books of a notary.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn books(&self) -> Result<BooksView, Failure> {
        let answer = self.ask(Request::Books).await?;
        let Response::Books(books) = answer else { return Err(astray(&answer)) };
        Ok(*books)
    }

    /// What a replay of the notary's journal finds.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn audit(&self) -> Result<Audited, Failure> {
        let answer = self.ask(Request::Audit { notary: None }).await?;
        let Response::Audited(audited) = answer else { return Err(astray(&answer)) };
        Ok(audited)
    }

    async fn bytes(&self, request: Request) -> Result<Vec<u8>, Failure> {
        let answer = self.ask(request).await?;
        let Response::Bytes(bytes) = answer else { return Err(astray(&answer)) };
        Ok(bytes.0)
    }

    async fn ask(&self, request: Request) -> Result<Response, Failure> {
        Ok(self.connect().await?.call(request).await?)
    }
}
