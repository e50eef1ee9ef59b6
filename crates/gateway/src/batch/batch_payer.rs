//! The key that a batch is carried out for, where it is for one, and what of that key's day its open orders take.
//!
//! **Invariant:** no order of a key leaves before what it may cost is counted, and less is counted only once the order is known
//! to cost less: when its answer is here, since it has one attempt, and when it is over. Whoever goes on with a batch counts
//! nothing again for orders that were made before: they were counted.

use std::{collections::HashMap, sync::Arc};

use assay_peer::handle::Submit;
use assay_protocol::{id::Digest, units::Amount};
use axum::http::StatusCode;

use crate::{
    Gateway,
    failure::HttpFailure,
    keys::{AccessKey, AccessKeys},
    spending::Allowance,
    spending_limit,
};

/// Who pays for a batch beside the home.
#[derive(Default)]
pub(crate) struct BatchPayer {
    /// The key, by its digest; none where the owner of the home wants it.
    key: Option<(Arc<Gateway>, Digest)>,
    counted: HashMap<Digest, Allowance>,
}

impl BatchPayer {
    /// The owner of a batch.
    pub(crate) fn of(gateway: &Arc<Gateway>, owner: Option<Digest>) -> Self {
        Self { key: owner.map(|digest| (gateway.clone(), digest)), counted: HashMap::new() }
    }

    /// Whether it is carried out for a key: then each order has one attempt, so that none costs twice what is counted.
    pub(crate) fn is_key(&self) -> bool {
        self.key.is_some()
    }

    /// The most that an order may cost for which somebody would pay so much.
    pub(crate) fn most(&self, wanted: Amount) -> Amount {
        self.key.as_ref().map_or(wanted, |(gateway, _)| wanted.min(gateway.cost_max))
    }

    /// Bounds what an order may cost, and counts it.
    pub(crate) async fn allow(&mut self, order: Digest, submit: &mut Submit) -> Result<(), HttpFailure> {
        let Some((gateway, digest)) = &self.key else { return Ok(()) };
        let key = key_of(gateway, *digest)?;
        if let Some(allowance) = spending_limit::allow(gateway, Some(&key), submit).await? {
            self.counted.insert(order, allowance);
        }
        Ok(())
    }

    /// An order that is not over may cost no more than this: less than what is counted, once its answer is here.
    pub(crate) fn lower(&mut self, order: Digest, cost: Amount) {
        let counted = self.counted.get_mut(&order);
        if let Some(allowance) = counted.filter(|allowance| cost < allowance.most()) {
            allowance.lower(cost);
        }
    }

    /// An order is over, and has cost at most this.
    pub(crate) fn settle(&mut self, order: Digest, cost: Amount) {
        if let Some(allowance) = self.counted.remove(&order) {
            allowance.settle(cost);
        }
    }

    /// What an order has cost is not known: all of it stays counted.
    pub(crate) fn lose(&mut self, order: Digest) {
        self.counted.remove(&order);
    }
}

/// The key of a digest, as it is now.
pub(crate) fn key_of(gateway: &Gateway, digest: Digest) -> Result<AccessKey, HttpFailure> {
    let keys = AccessKeys::read(&gateway.keys_file).map_err(|error| HttpFailure::no_keys(&error))?;
    keys.keys.into_iter().find(|key| key.digest == digest).ok_or_else(|| {
        let message = "the key that this belongs to was taken away";
        HttpFailure::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
    })
}
