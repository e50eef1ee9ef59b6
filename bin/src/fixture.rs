//! What the tests of this program tell of: money that is held.

use assay_market::held_money::HeldMoney;
use assay_protocol::{
    id::{Digest, PeerId},
    units::{Amount, Timestamp},
};

/// So much that a notary holds for a job of so high a price.
pub(crate) fn held_money(amount: Amount, price: Amount) -> HeldMoney {
    HeldMoney {
        submission: Digest([1; 32]),
        job: Digest([2; 32]),
        manifest: "digits".to_owned(),
        notary: PeerId([3; 32]),
        amount,
        price,
        until: Timestamp(1_000),
    }
}
