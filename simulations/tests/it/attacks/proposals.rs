//! Keys that only propose: an order that nobody opens takes nothing from those who mean theirs.

use assay_protocol::{
    id::Digest,
    message::Message,
    order::{Order, Propose},
    signed::Signed,
    units::{Amount, Duration},
};
use assay_simulations::{
    kernel::Span,
    plan::{self, LABEL, Plan, UNIT_PRICE},
    world::{Place, World},
};

use super::deliveries::{Deliveries, TURN_MILLIS};
use crate::support::market;

/// Keys that only propose.
const KEYS: usize = 8;
/// Proposals that each of them makes in a second.
const PROPOSALS: u64 = 134;
/// Providers with one slot each.
const PROVIDERS: usize = 4;

fn plan() -> Plan {
    Plan { founders: PROVIDERS, clients: 1 + KEYS, slots: 1, ..Plan::default() }
}

/// Those who only propose.
struct Proposers {
    made: u64,
    due: u64,
}

impl Proposers {
    /// Makes the proposals of one turn: each in a place of its own, at the price on offer.
    fn propose(&mut self, world: &mut World) {
        self.due += KEYS as u64 * PROPOSALS * TURN_MILLIS;
        while self.due >= 1_000 {
            self.due -= 1_000;
            let number = self.made;
            self.made += 1;
            let from = world.plan().client(1 + (number % KEYS as u64) as usize);
            let to = world.plan().founder((number / KEYS as u64) as usize % PROVIDERS);
            propose(world, from, to, number);
        }
    }
}

fn propose(world: &mut World, from: Place, to: Place, number: u64) {
    let manifest = world.genesis().manifest(LABEL).expect("it is pinned").clone();
    let order = Order {
        client: world.id(from),
        provider: world.id(to),
        notary: world.id(world.plan().notary()),
        lane: (number % 256) as u16,
        nonce: number,
        class: plan::class(),
        input_commit: Digest::of(&number.to_be_bytes()),
        units_max: 1,
        work_max: manifest.work.call,
        manifest,
        unit_price: UNIT_PRICE,
        total_max: Amount::credits(1),
        checks: 0,
        unchecked_ok: false,
        cancel_fee: Amount::ZERO,
        run_max: Duration::seconds(1),
        open_by: world.clock(to).after(Duration::seconds(30)),
        secret_commit: Digest::default(),
    };
    let (key, network) = (world.key(from), world.genesis().id());
    let order = Signed::seal(order, &key, network).into_signed();
    world.post(
        from,
        to,
        Message::from(Signed::seal(Propose { order, standing: None }, &key, network)).encode(),
    );
}

#[test]
fn keys_that_only_propose_take_no_slot_and_no_time() {
    let span = (Span::millis(400), Span::seconds(60));
    let client = plan().client(0);
    let peace = Deliveries::of(&mut market(plan()), client, 40, span, |_| {});
    let mut proposers = Proposers { made: 0, due: 0 };
    let mut world = market(plan());
    let disturbed = Deliveries::of(&mut world, client, 40, span, |world| proposers.propose(world));
    assert!(proposers.made > 80_000, "{} proposals are few", proposers.made);
    disturbed.assert_undisturbed(&peace, "8 keys that only propose");
}
