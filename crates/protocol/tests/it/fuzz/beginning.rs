//! What a job begins with: its order, and how the parties stand when it is opened.

use assay_protocol::{
    codec,
    order::{Order, secret_commit},
    ticket::Standing,
    units::{Amount, Duration, Rate, Timestamp},
};

use super::{
    super::town::{self, CLASS, CLIENT, NOTARY, PROVIDER, Town},
    OPENED, SECRET,
};

/// An order that may be opened.
pub(super) fn order(town: &Town) -> Order {
    Order {
        client: CLIENT,
        provider: PROVIDER,
        notary: NOTARY,
        lane: 0,
        nonce: 1,
        class: CLASS,
        manifest: town::manifest(&town.genesis),
        input_commit: codec::digest("input", &0_u8),
        units_max: 100,
        work_max: 1_000,
        unit_price: Amount(1_000),
        total_max: Amount(200_000),
        checks: 0,
        unchecked_ok: false,
        cancel_fee: Amount(500),
        run_max: Duration::seconds(1),
        open_by: Timestamp(1_100_000),
        secret_commit: secret_commit(SECRET.as_bytes()),
    }
}

/// How the parties of that order stand.
pub(super) fn standing(town: &Town) -> Standing {
    let tick = &town.ticks[OPENED as usize];
    Standing {
        opened: tick.time,
        round: tick.round,
        position: 5,
        checkers: town.roster.beside([CLIENT, PROVIDER]),
        trust: 20 << 32,
        greys: 0,
        strict: false,
        endowed: false,
        stake: Amount::ZERO,
        exposed: Amount::ZERO,
        reserve: Amount::ZERO,
        serving: 0,
        open: 0,
        fee_margin: Rate::per_mille(150),
    }
}

/// Every number that a client or a notary can put into a job.
pub(super) fn numbers<'a>(order: &'a mut Order, standing: &'a mut Standing) -> Vec<&'a mut u64> {
    vec![
        &mut order.units_max,
        &mut order.work_max,
        &mut order.unit_price.0,
        &mut order.total_max.0,
        &mut order.cancel_fee.0,
        &mut order.run_max.0,
        &mut order.open_by.0,
        &mut standing.checkers.leaves,
        &mut standing.checkers.weight,
        &mut standing.checkers.squares.low,
        &mut standing.checkers.parties[1],
        &mut standing.checkers.missing,
        &mut standing.trust,
        &mut standing.greys,
        &mut standing.exposed.0,
        &mut standing.reserve.0,
        &mut standing.serving,
        &mut standing.open,
        &mut standing.fee_margin.0,
    ]
}
