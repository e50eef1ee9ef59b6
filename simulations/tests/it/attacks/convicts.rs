//! Convicts: whoever was convicted is known by what its notary tells everyone, whatever it shows of itself, and whoever was
//! away while that was told hears of it as it comes back.

use assay_market::effect::Effect;
use assay_protocol::{
    id::NetworkId,
    message::Message,
    offer::Offer,
    outcome::Outcome,
    signed::Signed,
    units::{Amount, Duration},
};
use assay_simulations::{
    behaviour::{Behaviour, Forger},
    crypto::SimulatedKey,
    kernel::Span,
    plan::{Plan, UNIT_PRICE},
    world::{Place, Tail, Wish, World},
};

use super::{restake, sell_at};
use crate::support::{LIMIT, market, settle};

/// What strangers ask for a unit: less than anybody else.
const CHEAP: Amount = Amount(UNIT_PRICE.0 * 46 / 100);
/// Orders behind the conviction, of which one in sixteen falls on the lot, and the time between them.
const JOBS: u64 = 320;
const PAUSE: Span = Span::millis(400);

/// Leaves the notary's word on itself out of what it offers.
#[derive(Debug)]
struct Shy(SimulatedKey, NetworkId);

impl Behaviour for Shy {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Publish(Message::Offer(offer)) = &effect else { return Some(effect) };
        let offer = Offer { standing: None, ..(*offer.said()).clone() };
        Some(Effect::Publish(Signed::seal(offer, &self.0, self.1).into()))
    }
}

/// A notary whose checkpoints reach nobody.
#[derive(Debug)]
struct Silent;

impl Behaviour for Silent {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let is_tick = |message: &Message| matches!(message, Message::Tick(_));
        let is_told =
            matches!(&effect, Effect::Publish(message) | Effect::Send { message, .. } if is_tick(message));
        (!is_told).then_some(effect)
    }
}

/// A market of honest peers with a stake; a client that has only heard of the others; one that was convicted and says nothing
/// of it; and a newcomer.
struct Scene {
    world: World,
    client: Place,
    convict: Place,
    newcomer: Place,
}

impl Scene {
    fn new() -> Self {
        let mut world = market(Plan { clients: 4, slots: 8, ..Plan::default() });
        let [client, convict, newcomer] = [1, 2, 3].map(|number| world.plan().client(number));
        world.provide(convict);
        restake(&mut world, convict, Amount::credits(1));
        Self { world, client, convict, newcomer }
    }

    /// One of the peers is convicted, and offers for little from then on, as does the newcomer; two epochs pass.
    fn convict(&mut self) {
        let (victim, convict) = (self.world.plan().client(0), self.convict);
        self.world.behave(convict, Forger);
        let wish = Wish { checks: 1, provider: Some(convict), attempts_max: 1, ..Wish::default() };
        self.world.submit(victim, wish);
        self.world.run_for(LIMIT);
        assert!(self.world.closed().values().any(|closed| closed.outcome == Outcome::Slashed));
        let shy = Shy(self.world.key(convict), self.world.genesis().id());
        self.world.behave(convict, shy);
        [convict, self.newcomer].into_iter().for_each(|place| sell_at(&mut self.world, place, CHEAP));
        self.world.run_for(self.epochs(2));
    }

    fn epochs(&self, count: u64) -> Span {
        let timers = self.world.genesis().timers;
        let Duration(length) = timers.tick.times(count * timers.epoch_ticks);
        Span::millis(length)
    }

    /// How many jobs each of the two has run of so many more.
    #[allow(clippy::print_stdout, reason = "a figure beside what is asserted of it")]
    fn jobs(mut self, what: &str) -> [usize; 2] {
        for number in 1..=JOBS {
            self.world.submit(self.client, Wish { number, ..Wish::default() });
            self.world.run_for(PAUSE);
        }
        settle(&mut self.world, LIMIT, "convicts");
        let ran = |place: Place| {
            let peer = self.world.id(place);
            let closed = self.world.closed().values();
            closed.filter(|closed| closed.provider == peer && closed.outcome.is_paid()).count()
        };
        let [convict, newcomer] = [self.convict, self.newcomer].map(ran);
        println!("{what}: of {JOBS} jobs the convict ran {convict}, a newcomer {newcomer}");
        [convict, newcomer]
    }
}

#[test]
fn whoever_was_convicted_and_shows_nothing_of_itself_is_no_newcomer() {
    let mut scene = Scene::new();
    scene.convict();
    let [convict, newcomer] = scene.jobs("told by checkpoints");
    assert!(convict == 0 && newcomer > 8, "{convict}, {newcomer}");
    // Where nobody hears of it, it passes for one.
    let mut scene = Scene::new();
    let notary = scene.world.plan().notary();
    scene.world.behave(notary, Silent);
    scene.convict();
    let [convict, newcomer] = scene.jobs("told to nobody");
    assert!(convict > 2 && newcomer > 2, "{convict}, {newcomer}");
}

#[test]
fn a_client_that_was_away_learns_of_a_conviction_and_asks_nobody_convicted() {
    let mut scene = Scene::new();
    let client = scene.client;
    let away = scene.epochs(3).plus(LIMIT);
    scene.world.crash(client, Tail::Kept, away);
    scene.convict();
    while scene.world.node(client).is_none() {
        scene.world.run_for(Span::seconds(1));
    }
    scene.world.run_for(Span::seconds(1));
    let [convict, newcomer] = scene.jobs("told to one that was away");
    assert!(convict == 0 && newcomer > 8, "{convict}, {newcomer}");
}
