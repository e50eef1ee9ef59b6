//! Terms that break one rule: what a ticket cannot say, and what no order may ask for.

use assay_protocol::{
    order::Order,
    ticket::{Standing, Ticket},
    units::{Amount, Rate, Timestamp},
};

/// Changes this number of what a ticket fixes; false if it has no such number.
pub(crate) fn change_ticket(ticket: &mut Ticket, number: usize) -> bool {
    match number {
        0 => ticket.rate = Rate(ticket.rate.0 ^ 1),
        1 => ticket.policy_rate = Rate(ticket.policy_rate.0 ^ 1),
        2 => ticket.prepaid ^= 1,
        3 => ticket.slash.0 ^= 1,
        4 => ticket.premium.0 += 1,
        5 => ticket.dues.0 += 1,
        6 => ticket.newcomer = !ticket.newcomer,
        7 => ticket.covered = !ticket.covered,
        8 => ticket.place.0 ^= 1,
        9 => ticket.window.0 += 1,
        10 => ticket.claim_by.0 += 1,
        _ => return false,
    }
    true
}

/// Makes an order one that may not be opened as things stand; false if there is no such way.
pub(crate) fn break_demand(order: &mut Order, standing: &mut Standing, number: usize) -> bool {
    match number {
        0 => order.cancel_fee = Amount(order.price().unwrap_or_default().0 + 1),
        1 => order.manifest.name.clear(),
        2 => order.manifest.licence.clear(),
        3 => order.checks = 17,
        4 => order.open_by = Timestamp(0),
        5 => order.open_by = Timestamp(u64::MAX),
        6 => order.total_max = order.total_max.minus_up_to(Amount(1)),
        7 => (order.checks, order.unchecked_ok, order.total_max) = (11, false, Amount::credits(1)),
        8 => (order.unchecked_ok, standing.checkers.missing) = (false, u64::MAX),
        _ => return false,
    }
    true
}
