//! Inputs that are not served: by a client that frames its provider, by both that flee from a check, and by both that
//! want a verifier to pay.

use std::{cell::Cell, rc::Rc};

use assay_market::{
    Command, Input,
    effect::{Effect, Run},
    view::AttemptState,
};
use assay_protocol::{id::PeerId, message::Opened, outcome::Outcome, receipt::Happening, units::Amount};
use assay_simulations::{
    behaviour::{Behaviour, Forger},
    kernel::Span,
    plan::{EXACT, LABEL, Plan, TENSOR},
    world::{Tail, Wish, World},
};

use super::{
    Coalition,
    scenes::{check_cost, deterring, drawn, order, outcome, owed, price, receipt, run_out, until, wealth},
};
use crate::support::{LIMIT, market, settle};

/// Serves nobody but one, and sells noise if it is to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hoarder {
    pub(super) serves: PeerId,
    pub(super) forges: bool,
}

impl Behaviour for Hoarder {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let serves = |to: &PeerId| *to == self.serves;
        let kept = matches!(&effect, Effect::Serve { to, .. } if !serves(to));
        (!kept).then_some(effect)
    }

    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        if self.forges { Forger.compute(run, output) } else { output }
    }
}

/// Serves everybody but the first that asks.
#[derive(Clone, Debug, Default)]
struct Tormentor(Rc<Cell<Option<PeerId>>>);

impl Behaviour for Tormentor {
    fn hear(&mut self, input: Input) -> Option<Input> {
        if let Input::Message(Opened::Check(check)) = &input
            && self.0.get().is_none()
        {
            self.0.set(Some(check.verifier));
        }
        Some(input)
    }

    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let victim = self.0.get();
        let kept = matches!(&effect, Effect::Serve { to, .. } if Some(*to) == victim);
        (!kept).then_some(effect)
    }
}

fn town(seed: u64) -> World {
    market(Plan { seed, founders: 8, ..Plan::default() })
}

#[test]
fn a_client_that_serves_no_verifier_pays_as_ever_and_frames_nobody() {
    for (seed, manifest) in [(0, LABEL), (1, TENSOR), (2, EXACT)] {
        let mut world = town(seed);
        let (client, provider) = (world.plan().client(0), world.plan().founder(0));
        let serves = world.id(provider);
        world.behave(client, Hoarder { serves, forges: false });
        let (coalition, before) = (Coalition::new(&world, [client]), wealth(&world, provider));
        let key = order(&mut world, provider, 0, manifest);
        settle(&mut world, LIMIT, "framed");
        let receipt = receipt(&world, key);
        assert_eq!(outcome(&world, key), Outcome::Checked, "{manifest}");
        assert_eq!(wealth(&world, provider) - before, owed(&receipt), "{manifest}");
        assert_eq!(coalition.gain(&world, &format!("framing, {manifest}")), -price(&receipt));
    }
}

/// How long the provider is away: longer than an accused one may be silent.
const AWAY: Span = Span::seconds(60);

/// Whoever was away when its claim was to be opened was convicted of that, and a client could bring that about for nothing: it
/// doubted a result, and gave nobody the input. A claim of exact bytes opens itself, and the doubt costs a check.
#[test]
fn a_client_that_doubts_the_result_of_one_that_is_away_and_serves_nobody_pays_for_it_and_convicts_nobody() {
    let mut doubted = 0;
    for seed in 0..4 {
        let mut world = market(Plan { seed, founders: 8, checks: deterring(), ..Plan::default() });
        let (client, provider) = (world.plan().client(0), world.plan().founder(0));
        let serves = world.id(provider);
        world.behave(client, Hoarder { serves, forges: false });
        let (coalition, before) = (Coalition::new(&world, [client]), wealth(&world, provider));
        let key = order(&mut world, provider, 0, EXACT);
        until(&mut world, |world| world.state(client, key) == Some(AttemptState::Delivered));
        world.crash(provider, Tail::Kept, AWAY);
        world.command(client, Command::Dispute { key });
        settle(&mut world, LIMIT, "doubted while away");
        let receipt = receipt(&world, key);
        assert!(world.closed().values().all(|closed| closed.slashed.is_zero()), "seed {seed}");
        // One that is drawn cannot be doubted.
        if !receipt.story.events.iter().any(|event| matches!(event.what, Happening::Dispute(_))) {
            continue;
        }
        doubted += 1;
        assert_eq!(outcome(&world, key), Outcome::Unchecked, "seed {seed}");
        assert_eq!(wealth(&world, provider) - before, owed(&receipt), "seed {seed}");
        let gain = coalition.gain(&world, &format!("doubting one that is away, seed {seed}"));
        assert_eq!(gain, -price(&receipt) - check_cost(&world), "seed {seed}");
    }
    assert!(doubted > 1, "{doubted} of 4 could be doubted");
}

#[test]
fn a_provider_and_its_client_that_both_hide_the_input_gain_nothing_by_it() {
    for (seed, forges) in [(0, true), (1, true), (2, false)] {
        let mut world = town(seed);
        let (client, provider) = (world.plan().client(0), world.plan().founder(0));
        let (to_client, to_provider) = (world.id(client), world.id(provider));
        world.behave(client, Hoarder { serves: to_provider, forges: false });
        world.behave(provider, Hoarder { serves: to_client, forges });
        let coalition = Coalition::new(&world, [client, provider]);
        let key = order(&mut world, provider, 0, LABEL);
        settle(&mut world, LIMIT, "hidden");
        assert_eq!(outcome(&world, key), Outcome::Unreached, "seed {seed}");
        let gain = coalition.gain(&world, &format!("hiding the input, forged {forges}"));
        assert!(gain <= 0, "seed {seed}: {gain}");
    }
}

#[test]
fn shutting_one_verifier_out_costs_its_tormentors_a_check_and_it_nothing() {
    for seed in 0..4 {
        let mut world = town(seed);
        let (client, provider) = (world.plan().client(0), world.plan().founder(0));
        let tormentor = Tormentor::default();
        world.behave(client, tormentor.clone());
        world.behave(provider, tormentor);
        let coalition = Coalition::new(&world, [client, provider]);
        let before: Vec<i128> = (0..8).map(|number| wealth(&world, world.plan().founder(number))).collect();
        let key = order(&mut world, provider, 0, LABEL);
        settle(&mut world, LIMIT, "shut out");
        let receipt = receipt(&world, key);
        assert_eq!(outcome(&world, key), Outcome::Checked, "seed {seed}");
        let gain = coalition.gain(&world, &format!("shutting a verifier out, seed {seed}"));
        let victim = drawn(&world, &receipt)[0];
        let in_any_case = owed(&receipt) - price(&receipt);
        assert_eq!(gain, in_any_case - check_cost(&world), "seed {seed}: what the job costs, and a check");
        assert_eq!(before[victim.0 - 1], wealth(&world, victim), "seed {seed}");
    }
}

/// Parties whose friends are a fifth of the verifiers: each check that they bring about by shutting an honest one out pays
/// these something, and costs their provider more.
#[test]
fn shutting_verifiers_out_for_the_fees_of_friends_costs_more_than_it_brings() {
    let plan = Plan { founders: 11, stake: Amount::credits(1_000), ..Plan::default() };
    let mut world = market(Plan { checks: deterring(), ..plan });
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let friends = [world.plan().founder(1), world.plan().founder(2)];
    let coalition = Coalition::new(&world, [client, provider].into_iter().chain(friends));
    let mut beyond = 0;
    for number in 0..40 {
        let tormentor = Tormentor::default();
        world.behave(client, tormentor.clone());
        world.behave(provider, tormentor);
        let wish = Wish { number, checks: 1, provider: Some(provider), attempts_max: 1, ..Wish::default() };
        let key = world.submit(client, wish);
        run_out(&mut world);
        let receipt = receipt(&world, key);
        assert!(receipt.story.outcome.is_paid(), "{:?}", receipt.story.outcome);
        beyond += owed(&receipt) - price(&receipt);
    }
    settle(&mut world, LIMIT, "friends among the jurors");
    let gain = coalition.gain(&world, "forty verifiers shut out, with a fifth of them for friends");
    assert!(gain < beyond, "{gain}, where honest jobs cost {beyond}");
}
