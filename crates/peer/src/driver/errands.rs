//! What a user sets off that takes long and ends with the brain: a submission, an offer.
//!
//! **Invariant:** the user hears that something was taken only when it is on the disk.

use std::sync::Arc;

use assay_market::{
    Command, Input,
    input::{Provision, Stock, Submission},
};
use assay_protocol::{genesis::Genesis, manifest::Manifest, units::Amount};
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{Driver, Visible, hands::Hands, names, wish::Wish};
use crate::{
    executor::sample,
    handle::{Provide, Refused, Response, Stall},
    journal::Broken,
};

/// Where an answer goes.
pub(crate) type Reply = oneshot::Sender<Result<Response, Refused>>;

/// What came of it.
pub(crate) enum Errand {
    /// The input is stored: the job can be submitted.
    Submit(Box<Submission>, Reply),
    /// The manifests were tried out: they can be offered.
    Provide(Box<Provision>, Reply),
}

impl Hands {
    /// Stores the input of a job.
    pub(crate) fn submit(&self, wish: Wish, reply: Reply) {
        let hands = self.clone();
        tokio::spawn(async move {
            let Wish { submission, blob } = wish;
            let (blobs, key) = (hands.blobs.blobs.clone(), submission.key);
            let stored =
                spawn_blocking(move || blobs.put_for(key, &blob).map_err(|error| error.to_string())).await;
            match stored.unwrap_or_else(|cut_short| Err(cut_short.to_string())) {
                Ok(_) => hands.come_back(Errand::Submit(Box::new(submission), reply)).await,
                Err(reason) => drop(reply.send(Err(Refused::Disk { reason }))),
            }
        });
    }

    /// Sees to it that everything that is to be offered is here and works.
    pub(crate) fn provide(&self, provide: Provide, genesis: Arc<Genesis>, reply: Reply) {
        let hands = self.clone();
        tokio::spawn(async move {
            match hands.try_out(provide, &genesis).await {
                Ok(provision) => hands.come_back(Errand::Provide(Box::new(provision), reply)).await,
                Err(refused) => drop(reply.send(Err(refused))),
            }
        });
    }

    async fn try_out(&self, provide: Provide, genesis: &Genesis) -> Result<Provision, Refused> {
        if provide.services.is_empty() {
            return Err(Refused::NothingToOffer);
        }
        let mut services = Vec::new();
        for stall in provide.services {
            let manifest = names::manifest(genesis, &stall.manifest)?.clone();
            services.push(self.stock(manifest, stall).await?);
        }
        let class = self.executor.class().await.map_err(|none| Refused::Sandbox { reason: none.reason })?;
        let places = u16::try_from(self.executor.places()).unwrap_or(u16::MAX);
        Ok(Provision {
            class: class.digest(),
            machine: class.to_string(),
            services,
            slots: provide.slots.unwrap_or(places).max(1),
            cancel_fee_min: Amount::ZERO,
            addresses: self.network.listening(),
        })
    }

    async fn stock(&self, manifest: Manifest, stall: Stall) -> Result<Stock, Refused> {
        let equipped = self.pinned.equip(&manifest).await;
        equipped.map_err(|absent| Refused::PartAbsent {
            manifest: manifest.name.clone(),
            part: absent.part.to_owned(),
            digest: absent.digest,
        })?;
        let input = stall.sample.map_or_else(|| sample(&manifest), |sample| sample.0);
        let tested = self.executor.test(manifest.clone(), input).await;
        let run = tested.map_err(|reason| Refused::TestFailed { manifest: manifest.name.clone(), reason })?;
        Ok(Stock { manifest, unit_price: stall.unit_price, run })
    }

    async fn come_back(&self, errand: Errand) {
        // The loop has ended; the user sees the connection end.
        drop(self.errands.send(errand).await);
    }
}

impl Driver {
    /// Hands the brain what was prepared, and answers the user behind it.
    pub(super) async fn finish_errand(&mut self, errand: Errand) -> Result<(), Broken> {
        let (answer, reply) = match errand {
            Errand::Submit(submission, reply) => {
                let key = submission.key;
                self.take(Input::Command(Command::Submit(*submission))).await?;
                let taken = self.node.submission(key).map(|_| Response::Submitted { key });
                (taken.ok_or(Refused::TooManyJobs), reply)
            }
            Errand::Provide(provision, reply) => {
                let providing = self.providing_view(&provision);
                self.providing = Some((*provision).clone());
                self.take(Input::Command(Command::Provide(*provision))).await?;
                (Ok(Response::Providing(providing)), reply)
            }
        };
        self.let_out(Visible::Answer(Box::new(answer), reply)).await;
        Ok(())
    }
}
