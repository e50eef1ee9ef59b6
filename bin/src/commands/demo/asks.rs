//! What the demonstration, and tests that are like it, ask of a peer's daemon.

use std::time::{self, Instant};

use assay_market::view::BooksView;
use assay_peer::handle::{
    Attachment, AuditNotary, Audited, JobView, Provide, ReadOutput, ReadReceipt, Respond, ServiceWish,
    ShowAccount, ShowBooks, ShowJob, Submit,
};
use assay_protocol::{
    id::{Digest, PeerId},
    manifest::Manifest,
    notice::Account,
    units::Amount,
};

use super::{
    network::DemoPeer,
    own::{self, OwnModel},
    plan::{self, Bounds},
};
use crate::{
    bundle::{DIGITS, SUMS, Sample},
    command_error::{CommandError, Exit},
    commands::provide::service,
};

/// Trials of what a peer is to offer, at most.
const TRIALS: usize = 3;
/// How long a notary has until it answers for the first time: on a busy machine it may be long until it is found.
const NOTARY_WAIT: time::Duration = time::Duration::from_secs(4 * 60);

impl DemoPeer {
    /// Has the peer offer the bundled models, at this price a picture and what is usual beside it for a token.
    ///
    /// # Errors
    /// [`CommandError`], if its daemon is gone or refuses; so for all that follow.
    pub async fn provide(&self, picture: Amount) -> Result<(), CommandError> {
        self.provide_with(picture, None).await
    }

    /// The same, and a model of the user's own.
    pub(super) async fn provide_with(
        &self,
        picture: Amount,
        own: Option<&OwnModel>,
    ) -> Result<(), CommandError> {
        let priced = [(&DIGITS, picture), (&SUMS, plan::token_price(picture))];
        let bundled = priced
            .into_iter()
            .map(|(bundle, price)| service(bundle.name.to_owned(), &bundle.manifest(), price));
        let own = own.map(|own| service(own.manifest.name.clone(), &own.manifest, own::TOKEN_PRICE));
        self.offer(bundled.chain(own).collect()).await
    }

    /// Has the peer offer one model of language alone, for less than others do: one of the user's own, or `sums`.
    pub(super) async fn provide_text(&self, own: Option<&OwnModel>) -> Result<(), CommandError> {
        let sums = || service(SUMS.name.to_owned(), &SUMS.manifest(), plan::token_price(plan::CHEAP));
        let named = |own: &OwnModel| service(own.manifest.name.clone(), &own.manifest, own::TOKEN_CHEAP);
        self.offer(vec![own.map_or_else(sums, named)]).await
    }

    /// Has the peer offer this. What it tries before that may take too long on a machine that has much else to do: then once more.
    async fn offer(&self, services: Vec<ServiceWish>) -> Result<(), CommandError> {
        let provide = Provide { services, ..Provide::default() };
        for _ in 1..TRIALS {
            match self.ask(provide.clone()).await {
                Err(failed) if failed.code() == "SELF_TEST_FAILED" => {}
                answer => return answer.map(drop),
            }
        }
        self.ask(provide).await.map(drop)
    }

    /// Has the peer submit a sample of a model, to be run by this provider or by any; returns the name of the submission.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn submit(&self, sample: &Sample, provider: Option<PeerId>) -> Result<Digest, CommandError> {
        let manifest = sample.bundle().manifest();
        self.submit_within(&manifest, sample, (plan::units_max(&manifest), None), provider).await
    }

    /// Has the peer submit something to a model, within these bounds: how long it is before an undrawn job is paid goes with that of
    /// its run.
    pub(super) async fn submit_within(
        &self,
        manifest: &Manifest,
        sample: &Sample,
        (units_max, run_max): Bounds,
        provider: Option<PeerId>,
    ) -> Result<Digest, CommandError> {
        let (manifest, input) = (manifest.name.clone(), Attachment(sample.bytes.to_vec()));
        let submit = Submit { manifest, input, provider, units_max, run_max, ..Submit::default() };
        Ok(self.ask(submit).await?.key)
    }

    /// How far a submission is.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn job(&self, key: Digest) -> Result<JobView, CommandError> {
        self.ask(ShowJob { name: key.to_string() }).await
    }

    /// A result.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn output(&self, digest: Digest) -> Result<Vec<u8>, CommandError> {
        Ok(self.ask(ReadOutput { digest, of: None }).await?.all().await?)
    }

    /// The receipt of a closed job.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn receipt(&self, name: Digest) -> Result<Vec<u8>, CommandError> {
        Ok(self.ask(ReadReceipt { name: name.to_string() }).await?.all().await?)
    }

    /// What the notary holds for the peer. It is asked again where it does not answer soon.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn account(&self) -> Result<Account, CommandError> {
        let deadline = Instant::now() + NOTARY_WAIT;
        loop {
            match self.ask(ShowAccount::default()).await {
                Err(silence) if silence.exit() == Exit::NoPeers && Instant::now() < deadline => {}
                answer => return Ok(answer?.account),
            }
        }
    }

    /// The books of a notary.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn books(&self) -> Result<BooksView, CommandError> {
        self.ask(ShowBooks).await
    }

    /// What a replay of the notary's journal finds.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn audit(&self) -> Result<Audited, CommandError> {
        self.ask(AuditNotary::default()).await
    }

    async fn ask<C: Respond>(&self, call: C) -> Result<C::Answer, CommandError> {
        Ok(self.connect().await?.call(call).await?)
    }
}
