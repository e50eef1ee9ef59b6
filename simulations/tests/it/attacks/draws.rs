//! Clients in league with their providers that steer whether a result is checked: by what they reveal, and when.

use std::{cell::Cell, collections::BTreeMap, rc::Rc};

use assay_market::{Event, Input, Record, effect::Effect};
use assay_protocol::{
    draw,
    id::{Digest, JobId},
    journal::Fact,
    message::{Message, Opened},
    notice::NoticeEvent,
    units::{Amount, Rate},
};
use assay_simulations::{
    behaviour::{Behaviour, Forger, SecretiveClient},
    kernel::Span,
    plan::{LABEL, Plan},
    world::{Place, World},
};

use super::{
    Coalition,
    scenes::{Gambles, credits, order, owed, receipt, staked, trusting, wealth},
};
use crate::support::{LIMIT, settle};

/// What a provider has at stake that would gain by a rate that is only a little lower.
const SMALL: Amount = Amount(82_500_000);

/// The name of never revealing.
const WITHHELD: &str = "withheld";

/// Publishes each value of the beacon as soon as the notary has it.
#[derive(Clone, Debug)]
struct Gazette(Rc<Cell<Digest>>);

impl Behaviour for Gazette {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        if let Effect::Save(Record::Chain(entry)) = &effect
            && let Fact::Tick(tick) = &entry.fact
        {
            self.0.set(tick.said().beacon);
        }
        Some(effect)
    }
}

/// Reveals its secret at a tick whose beacon would leave the job unchecked, or never.
#[derive(Debug)]
struct Steerer {
    gazette: Rc<Cell<Digest>>,
    rates: BTreeMap<JobId, Rate>,
    claims: BTreeMap<JobId, Digest>,
    /// How often a reveal was put off.
    waited: Rc<Cell<u32>>,
}

impl Behaviour for Steerer {
    fn hear(&mut self, input: Input) -> Option<Input> {
        if let Input::Message(Opened::Ticket(ticket)) = &input {
            self.rates.insert(ticket.job, ticket.rate);
        }
        if let Input::Message(Opened::Notice(notice)) = &input
            && let NoticeEvent::Claimed { claim, .. } = &notice.event
        {
            self.claims.insert(notice.job, claim.said().digest());
        }
        Some(input)
    }

    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message: Message::Reveal(reveal) } = effect else { return Some(effect) };
        let said = reveal.said();
        let (rate, claim) = (*self.rates.get(&said.job)?, *self.claims.get(&said.job)?);
        if draw::is_drawn(said.job, claim, said.secret, self.gazette.get(), rate) {
            self.waited.set(self.waited.get() + 1);
            return None;
        }
        Some(Effect::Send { to, message: Message::Reveal(reveal) })
    }
}

/// Reveals its secret when it is asked for the last time.
#[derive(Debug, Default)]
struct Procrastinator(BTreeMap<JobId, u32>);

impl Behaviour for Procrastinator {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message: Message::Reveal(reveal) } = effect else { return Some(effect) };
        let asked = self.0.entry(reveal.said().job).or_default();
        *asked += 1;
        (*asked > 5).then_some(Effect::Send { to, message: Message::Reveal(reveal) })
    }
}

/// Lets the first client steer; returns how often it put a reveal off.
fn steer(world: &mut World) -> Rc<Cell<u32>> {
    let (gazette, waited) = (Rc::new(Cell::new(Digest::default())), Rc::new(Cell::new(0)));
    world.behave(world.plan().notary(), Gazette(gazette.clone()));
    let (rates, claims) = (BTreeMap::new(), BTreeMap::new());
    world.behave(world.plan().client(0), Steerer { gazette, rates, claims, waited: waited.clone() });
    waited
}

fn withhold(world: &mut World) -> Rc<Cell<u32>> {
    world.behave(world.plan().client(0), SecretiveClient);
    Rc::new(Cell::new(1))
}

fn put_off(world: &mut World) -> Rc<Cell<u32>> {
    world.behave(world.plan().client(0), Procrastinator::default());
    Rc::new(Cell::new(1))
}

/// How the first draw of each job fell, from the notary's mouth: at which rate, and whether it is checked.
fn draws(world: &World, from: usize) -> BTreeMap<JobId, (Rate, bool)> {
    let mut draws = BTreeMap::new();
    for (_, event) in &world.told(world.plan().notary())[from..] {
        if let Event::Drawn { job, rate, verifier } = event {
            draws.entry(*job).or_insert((*rate, verifier.is_some()));
        }
    }
    draws
}

/// The chance of a check where the reveal is such: without one it is sure.
fn chance(name: &str, rate: Rate) -> f64 {
    if name == WITHHELD { 1.0 } else { rate.0 as f64 / Rate::ONE.0 as f64 }
}

#[test]
fn no_choice_of_a_reveal_lowers_the_rate_at_which_a_trusted_provider_is_checked() {
    for (name, tactic) in
        [("steered", steer as fn(&mut World) -> _), (WITHHELD, withhold), ("put off", put_off)]
    {
        let mut frequency = Gambles::default();
        for seed in 0..4 {
            let mut world = trusting(Plan { seed, founders: 8, slots: 16, ..Plan::default() }, 24);
            let waited = tactic(&mut world);
            let from = world.told(world.plan().notary()).len();
            for number in 0..150 {
                let provider = world.plan().founder(0);
                order(&mut world, provider, number, LABEL);
                world.run_for(Span::millis(700));
            }
            settle(&mut world, LIMIT, name);
            assert!(waited.get() > 0, "{name}: nothing was ever put off");
            for (rate, drawn) in draws(&world, from).into_values() {
                assert!(rate < Rate::per_mille(600), "{name}: {rate} is no trust");
                frequency.note(f64::from(u8::from(drawn)), chance(name, rate), 1.0, 0.0);
            }
        }
        frequency.assert_as_expected(&format!("checked, where the reveal is {name}"));
        assert!(frequency.count() > 580.0);
    }
}

#[test]
fn no_choice_of_a_reveal_makes_a_cheat_pay_even_where_little_is_at_stake() {
    for (name, tactic) in
        [("steered", steer as fn(&mut World) -> _), (WITHHELD, withhold), ("put off", put_off)]
    {
        let mut cheats = Gambles::default();
        for seed in 0..8 {
            let plan = Plan { seed: 100 + seed, founders: 8, clients: 17, ..Plan::default() };
            let mut world = staked(plan, SMALL, Forger);
            tactic(&mut world);
            let forgers: Vec<Place> = (1..17).map(|number| world.plan().client(number)).collect();
            let coalition = Coalition::new(&world, forgers.clone());
            let before: Vec<i128> = forgers.iter().map(|forger| wealth(&world, *forger)).collect();
            let keys: Vec<Digest> = (0..)
                .zip(&forgers)
                .map(|(number, forger)| order(&mut world, *forger, number, LABEL))
                .collect();
            settle(&mut world, LIMIT, name);
            for ((key, forger), before) in keys.iter().zip(&forgers).zip(before) {
                let receipt = receipt(&world, *key);
                let gain = credits(wealth(&world, *forger) - before);
                let (lost, won) = (-credits(i128::from(SMALL.0)), credits(owed(&receipt)));
                cheats.note(gain, chance(name, receipt.story.ticket.rate), lost, won);
            }
            coalition.gain(&world, &format!("sixteen cheats, the reveal {name}, seed {seed}"));
        }
        cheats.assert_as_expected(&format!("a cheat, where the reveal is {name}"));
        assert!(cheats.mean() < 0.0, "{name}");
    }
}
