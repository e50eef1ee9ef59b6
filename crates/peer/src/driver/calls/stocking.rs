//! One model more in what is offered here, or one less.
//!
//! **Invariant:** a model that is added was tried first, and the others are on offer meanwhile.

use assay_market::provision::Provision;
use assay_protocol::{id::Digest, offer::Reachability, units::Amount};
use serde::{Deserialize, Serialize};

use super::{
    ServiceWish,
    offered::meant,
    provide::{bench, open_to_all, pays, stock},
};
use crate::{
    devices,
    driver::responder::{Respond, Responder},
    handle::{Attachment, Call, OfferRefused, Refused},
};

/// Offer one model more.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AddOffered {
    /// A model that the network pins or the library holds.
    pub model: String,
    /// What a unit costs; what it costs already, or else what is suggested, if none.
    pub unit_price: Option<Amount>,
    /// What the test run reads; something that fits most runners if none.
    pub sample: Option<Attachment>,
}

/// Offer one model less.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveOffered {
    /// A model that is offered.
    pub model: String,
}

impl Call for AddOffered {
    const NAME: &'static str = "add_offered";
    type Answer = Digest;

    fn attachments(&mut self) -> Vec<&mut Attachment> {
        self.sample.iter_mut().collect()
    }
}

impl Respond for AddOffered {
    async fn respond(self, responder: &Responder) -> Result<Digest, Refused> {
        responder.takes_new()?;
        let manifest = responder.own_model(&self.model)?.manifest;
        let (digest, named) = (manifest.digest(), manifest.clone());
        let price = responder.look(move |driver| {
            let is_offering = driver.node.provision().is_some();
            is_offering.then(|| driver.price_view(&named)).ok_or(Refused::NotOffering)
        });
        let price = price.await??;
        let as_now = price.unit_price.unwrap_or(price.suggestion.unit_price);
        let unit_price = self.unit_price.unwrap_or(as_now);
        pays(&manifest.name, unit_price)?;
        let wish = ServiceWish { manifest: self.model, unit_price, sample: self.sample };
        let (class, placed) = stock(manifest, wish, responder).await?;
        let mut new = bench(&class, vec![placed], &devices::processor());
        let alone = Provision {
            benches: vec![new.clone()],
            cancel_fee_min: Amount::ZERO,
            addresses: Vec::new(),
            reachability: Reachability::Unknown,
        };
        open_to_all(&alone, responder).await?;
        let added = responder.act_and_save(move |driver| {
            Box::pin(driver.change_offer(move |provision| {
                // Another price may have been set while it was tested.
                let now = provision.stocks().find(|(_, stock)| stock.manifest.digest() == digest);
                if let (None, Some((_, now))) = (self.unit_price, now) {
                    new.services.iter_mut().for_each(|stock| stock.unit_price = now.unit_price);
                }
                provision.add(new);
                Ok(digest)
            }))
        });
        added.await?
    }
}

impl Call for RemoveOffered {
    const NAME: &'static str = "remove_offered";
    type Answer = Digest;
}

impl Respond for RemoveOffered {
    async fn respond(self, responder: &Responder) -> Result<Digest, Refused> {
        let removed = responder.act_and_save(move |driver| {
            Box::pin(driver.change_offer(move |provision| {
                let digest = meant(provision, &self.model)?;
                provision.remove(digest);
                if provision.is_empty() {
                    return Err(OfferRefused::Last { name: self.model }.into());
                }
                Ok(digest)
            }))
        });
        removed.await?
    }
}
