//! What an order of a key may cost: by the settings of the home, and by what is left to the key today.
//!
//! **Invariant:** no order of a key with a ceiling leaves before what it may cost is counted.

use assay_peer::handle::{Attachment, QuoteJob, Submit};
use assay_protocol::units::Amount;
use axum::http::StatusCode;

use crate::{
    Gateway,
    failure::HttpFailure,
    keys::AccessKey,
    spending::{Allowance, SpendingError},
};

/// A key has spent as much as it may today.
pub(crate) const NO_QUOTA: &str = "insufficient_quota";

/// The most that an order may cost that wants as much: one of a key never more than the home's orders.
pub(crate) fn cost_max(gateway: &Gateway, key: Option<&AccessKey>, asked: Option<Amount>) -> Option<Amount> {
    match key {
        Some(_) => Some(asked.unwrap_or(gateway.cost_max).min(gateway.cost_max)),
        None => asked,
    }
}

/// Bounds what an order of a key may cost, and counts it. Where there are no keys the daemon's own bounds hold.
pub(crate) async fn allow(
    gateway: &Gateway,
    key: Option<&AccessKey>,
    submit: &mut Submit,
) -> Result<Option<Allowance>, HttpFailure> {
    let Some(key) = key else { return Ok(None) };
    submit.cost_max = cost_max(gateway, Some(key), submit.cost_max);
    let most = submit.cost_max.unwrap_or(gateway.cost_max);
    let Some(daily_max) = key.daily_max else { return Ok(None) };
    let left = gateway.spending.left(&key.name, daily_max);
    let wish = Submit { input: Attachment::default(), ..submit.clone() };
    let quote = gateway.link.call(QuoteJob(wish)).await?;
    // Prices move; half as much again is room for another provider. Where nobody matches now, somebody may in a moment.
    let cost = quote.chosen.map(|chosen| chosen.order.total_max);
    let wanted = cost.map_or(most, |cost| cost.plus(Amount(cost.0 / 2)).unwrap_or(most).min(most));
    let need =
        cost.map_or_else(|| wanted.min(left), |cost| if left < cost { cost } else { wanted.min(left) });
    let (spending, name) = (gateway.spending.clone(), key.name.clone());
    // Whoever hangs up here leaves an allowance that nobody takes.
    let reserved = tokio::task::spawn_blocking(move || spending.reserve(&name, daily_max, need)).await;
    match reserved {
        Ok(Ok(allowance)) if !need.is_zero() || cost.is_some() => {
            submit.cost_max = Some(allowance.most());
            Ok(Some(allowance.taken()))
        }
        Ok(Err(SpendingError::Disk(error))) => Err(HttpFailure::no_room(&error, error.kind())),
        Ok(Ok(_) | Err(SpendingError::Over { .. })) => {
            let message = format!(
                "{left} is left to this key today beside what its open orders may cost, and this one may cost {need}; its \
                 ceiling of {daily_max} a day begins anew at midnight, universal time"
            );
            Err(HttpFailure::new(StatusCode::TOO_MANY_REQUESTS, NO_QUOTA, message))
        }
        Err(_) => Err(HttpFailure::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", "the order failed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{keys::AccessKeys, tests::bound};

    #[tokio::test]
    async fn an_order_of_a_key_wants_no_more_than_the_home_allows() {
        let folder = tempfile::tempdir().unwrap();
        let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
        let mut keys = AccessKeys::default();
        keys.add("phone", None, Vec::new()).unwrap();
        let (key, much, little) = (keys.keys.first(), Some(Amount::credits(9)), Some(Amount(1)));
        let most = |key, asked| cost_max(&gateway, key, asked);
        assert_eq!(
            (most(key, None), most(key, much), most(key, little)),
            (Some(gateway.cost_max), Some(gateway.cost_max), little)
        );
        assert_eq!((most(None, None), most(None, much)), (None, much), "the daemon has bounds of its own");
    }
}
