//! Measuring again what is offered here.
//!
//! **Invariant:** what is offered goes on meanwhile; the offer says what was measured, and of what does not work any more
//! what it said before.

use assay_market::provision::{Provision, Stock};
use assay_protocol::{id::Digest, units::Duration};
use serde::{Deserialize, Serialize};

use super::{
    offered::meant,
    provide::{is_fault_of_model, tried},
};
use crate::{
    driver::responder::{Respond, Responder},
    handle::{Attachment, Call, OfferRefused, Refused},
};

/// Measure again what is offered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeasureOffered {
    /// A model that is offered; all of them if none.
    pub model: Option<String>,
    /// What models are run on; something that fits most runners for all others.
    pub samples: Vec<ModelSample>,
}

/// What one model is run on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSample {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// What it reads.
    pub sample: Attachment,
}

/// What was measured of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredModel {
    /// The model.
    pub name: String,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// How long a run took when it was measured last.
    pub before: Duration,
    /// What came of it.
    pub result: Measurement,
}

/// What came of a measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measurement {
    /// It works, and the offer says how well.
    Works {
        /// How long a run takes.
        run: Duration,
        /// How many tokens that run wrote; nothing of a model that writes no texts.
        tokens_written: u64,
    },
    /// It does not work; it is offered as it was.
    Fails {
        /// Why.
        reason: String,
    },
}

impl Call for MeasureOffered {
    const NAME: &'static str = "measure_offered";
    type Answer = Vec<MeasuredModel>;

    fn attachments(&mut self) -> Vec<&mut Attachment> {
        self.samples.iter_mut().map(|sample| &mut sample.sample).collect()
    }
}

impl Respond for MeasureOffered {
    async fn respond(self, responder: &Responder) -> Result<Vec<MeasuredModel>, Refused> {
        let Self { model, mut samples } = self;
        let concerned = responder.look(move |driver| {
            concerned(driver.node.provision().ok_or(Refused::NotOffering)?, model.as_deref())
        });
        let mut measured = Vec::new();
        for (class, stock) in concerned.await?? {
            let manifest = stock.manifest.digest();
            let place = samples.iter().position(|sample| sample.manifest == manifest);
            let sample = place.map(|place| samples.swap_remove(place).sample);
            let result = match tried(&stock.manifest, sample, responder).await {
                // It would give other bytes than those that are on offer.
                Ok((found, _)) if found.digest() != class => {
                    let name = &stock.manifest.name;
                    Measurement::Fails {
                        reason: format!("{name} runs here in another class than it is offered in"),
                    }
                }
                Ok((_, run)) => Measurement::Works { run: run.run, tokens_written: run.tokens_written },
                Err(refused)
                    if is_fault_of_model(&refused)
                        || matches!(refused, Refused::Offer(OfferRefused::RunnerNotAllowed { .. })) =>
                {
                    Measurement::Fails { reason: refused.to_string() }
                }
                Err(refused) => return Err(refused),
            };
            measured.push(MeasuredModel { name: stock.manifest.name, manifest, before: stock.run, result });
        }
        let told = responder.act_and_save(move |driver| {
            Box::pin(driver.change_offer(move |provision| {
                note(provision, &measured);
                Ok(measured)
            }))
        });
        told.await?
    }
}

/// What is to be measured, each with the class that it is on offer in.
fn concerned(provision: &Provision, model: Option<&str>) -> Result<Vec<(Digest, Stock)>, Refused> {
    let only = model.map(|name| meant(provision, name)).transpose()?;
    let stocks = provision.stocks().map(|(bench, stock)| (bench.class, stock.clone()));
    Ok(stocks.filter(|(_, stock)| only.is_none_or(|only| stock.manifest.digest() == only)).collect())
}

/// Has the offer say what was measured.
fn note(provision: &mut Provision, measured: &[MeasuredModel]) {
    for stock in provision.benches.iter_mut().flat_map(|bench| &mut bench.services) {
        let manifest = stock.manifest.digest();
        let of_it = measured.iter().find(|model| model.manifest == manifest);
        if let Some(MeasuredModel { result: Measurement::Works { run, .. }, .. }) = of_it {
            stock.run = *run;
        }
    }
}
