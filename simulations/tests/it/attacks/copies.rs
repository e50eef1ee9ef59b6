//! Verifiers that want fees without work: they copy what others sealed, ask for what was claimed, or seal what fits
//! anything.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use assay_market::{
    Input,
    effect::{Effect, Run},
    input::RunResult,
};
use assay_protocol::{
    check::Seal,
    codec::BLOB_BYTES_MAX,
    id::{Digest, JobId, NetworkId, PeerId},
    message::{Message, Opened},
    notice::NoticeEvent,
    signed::Signed,
};
use assay_simulations::{
    behaviour::{Behaviour, Forger, LazyVerifier},
    crypto::SimulatedKey,
    plan::{LABEL, Plan, TENSOR},
    world::{Place, Wish, World},
};

use super::{
    Coalition,
    scenes::{Junk, PRICE, drawn, order, outcome, receipt, run_out, wealth},
};
use crate::support::{LIMIT, market, settle};

/// What was committed to in each job, the latest last; and what its output is called and who holds it.
#[derive(Debug, Default)]
struct Overheard {
    commits: BTreeMap<JobId, Vec<Digest>>,
    outputs: BTreeMap<JobId, (Digest, PeerId)>,
}

/// Hears what a peer hears, and passes it on.
#[derive(Clone, Debug)]
struct Tap(Rc<RefCell<Overheard>>);

impl Behaviour for Tap {
    fn hear(&mut self, input: Input) -> Option<Input> {
        let mut overheard = self.0.borrow_mut();
        if let Input::Message(Opened::Claim(claim)) = &input {
            overheard.commits.entry(claim.job).or_default().push(claim.commit);
        }
        if let Input::Message(Opened::Seal(seal)) = &input {
            overheard.commits.entry(seal.job).or_default().push(seal.commit);
        }
        if let Input::Message(Opened::Deliver(deliver)) = &input {
            let job = deliver.claim().job;
            overheard.outputs.insert(job, (deliver.leaf.written.blob, deliver.signer()));
        }
        Some(input)
    }
}

/// Computes nothing and seals what was committed to last in the job.
#[derive(Clone, Debug)]
struct Copier(Rc<RefCell<Overheard>>, SimulatedKey, NetworkId);

impl Behaviour for Copier {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message: Message::Seal(seal) } = effect else { return Some(effect) };
        let job = seal.said().job;
        let commit = *self.0.borrow().commits.get(&job)?.last()?;
        Some(Effect::Send {
            to,
            message: Signed::seal(Seal { job, commit, evidence: None }, &self.1, self.2).into(),
        })
    }

    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        LazyVerifier.compute(run, output)
    }
}

/// Asks the provider for what it claimed instead of running it again.
#[derive(Clone, Debug)]
struct Beggar(Rc<RefCell<Overheard>>);

impl Behaviour for Beggar {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Run(run) = effect else { return Some(effect) };
        if !run.id.check {
            return Some(Effect::Run(run));
        }
        let job = run.id.job;
        let (digest, from) = *self.0.borrow().outputs.get(&job)?;
        Some(Effect::Fetch { holder: job, digest, from: vec![from], bytes_max: BLOB_BYTES_MAX as u64 })
    }
}

/// Notes what kinds of messages come in.
#[derive(Clone, Debug, Default)]
struct Listener(Rc<RefCell<BTreeSet<&'static str>>>);

impl Behaviour for Listener {
    fn hear(&mut self, input: Input) -> Option<Input> {
        if let Input::Message(message) = &input {
            self.0.borrow_mut().insert(message.kind());
        }
        if let Input::Message(Opened::Notice(notice)) = &input {
            assert!(matches!(notice.event, NoticeEvent::Open { .. }), "{notice:?}");
        }
        Some(input)
    }
}

/// Seals noise, with a scale beside which nothing is far from it.
#[derive(Clone, Copy, Debug)]
struct RubberStamp;

impl Behaviour for RubberStamp {
    fn hear(&mut self, input: Input) -> Option<Input> {
        let Input::Ran { run, result: Ok(result) } = input else { return Some(input) };
        let rms = if run.check { 1e30_f64.to_bits() } else { result.rms };
        Some(Input::Ran { run, result: Ok(RunResult { rms, ..result }) })
    }

    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        LazyVerifier.compute(run, output)
    }
}

/// Jobs with this many ordered checks, where so many of seven verifiers cheat; what these gained, and how often they were
/// drawn.
fn freeloaders(
    count: usize,
    seed: u64,
    wish: Wish,
    forged: bool,
    cheat: impl Fn(&mut World, Place),
) -> (i128, usize) {
    let mut world = market(Plan { seed, founders: 8, ..Plan::default() });
    let plan = world.plan().clone();
    let (client, provider) = (plan.client(0), plan.founder(0));
    if forged {
        world.behave(provider, Forger);
    }
    let cheats: Vec<Place> = (1..=count).map(|number| plan.founder(number)).collect();
    cheats.iter().for_each(|place| cheat(&mut world, *place));
    let coalition = Coalition::new(&world, cheats.clone());
    let mut seats = 0;
    for number in 0..8 {
        let before: Vec<i128> = (0..8).map(|number| wealth(&world, plan.founder(number))).collect();
        let wish = Wish { number, provider: Some(provider), attempts_max: 1, ..wish };
        let key = world.submit(client, wish);
        run_out(&mut world);
        let gain = |number: usize| wealth(&world, plan.founder(number)) - before[number];
        let outcome = outcome(&world, key);
        assert!(!outcome.is_slashed() || forged, "seed {seed}: {outcome:?}");
        assert!(!outcome.is_paid() || !forged, "seed {seed}: {outcome:?}");
        assert!(gain(0) >= 0 || forged, "seed {seed}: {outcome:?} costs the provider {}", gain(0));
        assert!((count + 1..8).all(|number| gain(number) >= 0), "seed {seed}: honest verifiers lose");
        let output = world.attempt(client, key).and_then(|attempt| attempt.output).expect("it was delivered");
        let held = cheats.iter().filter(|place| world.blob(**place, output).is_some()).count();
        assert_eq!(held, 0, "seed {seed}: what was claimed is served to the client alone");
        seats += drawn(&world, &receipt(&world, key)).iter().filter(|place| cheats.contains(place)).count();
    }
    settle(&mut world, LIMIT, "freeloaders");
    (coalition.gain(&world, &format!("freeloaders in {seats} seats, seed {seed}, forged {forged}")), seats)
}

#[test]
fn nothing_that_a_verifier_is_told_says_what_was_claimed_or_what_others_found() {
    let mut world = market(Plan { founders: 8, ..Plan::default() });
    let plan = world.plan().clone();
    let listener = Listener::default();
    world.behave(plan.founder(0), Forger);
    (1..8).for_each(|number| world.behave(plan.founder(number), listener.clone()));
    for manifest in [LABEL, TENSOR] {
        order(&mut world, plan.founder(0), 0, manifest);
        run_out(&mut world);
    }
    assert_eq!(
        listener.0.borrow().iter().copied().collect::<Vec<_>>(),
        ["Account", "Check", "Notice", "Standing", "Tick"]
    );
}

#[test]
fn verifiers_that_copy_what_others_committed_to_cannot_open_it_and_earn_nothing() {
    let mut seats = 0;
    for (seed, checks, forged) in [(0, 1, false), (1, 2, false), (5, 0, true)] {
        let (gain, drawn) =
            freeloaders(3, seed, Wish { checks, ..Wish::default() }, forged, |world, place| {
                let overheard = Rc::new(RefCell::new(Overheard::default()));
                world.behave(world.plan().notary(), Tap(overheard.clone()));
                let copier = Copier(overheard, world.key(place), world.genesis().id());
                world.behave(place, copier);
            });
        assert_eq!(gain, 0, "seed {seed}");
        seats += drawn;
    }
    assert!(seats > 8, "copiers were drawn {seats} times");
}

#[test]
fn verifiers_that_ask_for_the_output_are_not_served_and_earn_nothing() {
    let mut seats = 0;
    for seed in 0..8 {
        let (gain, drawn) = freeloaders(3, seed, Wish::default(), false, |world, place| {
            let overheard = Rc::new(RefCell::new(Overheard::default()));
            world.behave(world.plan().client(0), Tap(overheard.clone()));
            world.behave(place, Beggar(overheard));
        });
        assert_eq!(gain, 0, "seed {seed}");
        seats += drawn;
    }
    assert!(seats > 5, "beggars were drawn {seats} times");
}

#[test]
fn verifiers_that_seal_noise_pay_for_it() {
    let (mut seats, mut gained) = (0, 0);
    for seed in 0..3 {
        let (gain, drawn) =
            freeloaders(3, seed, Wish::default(), false, |world, place| world.behave(place, Junk(place.0)));
        (seats, gained) = (seats + drawn, gained + gain);
    }
    assert!(seats > 8 && gained < -(seats as i128) * PRICE / 10, "{gained} for {seats} seats");
}

/// Where all is shown the scale is computed again; where it is not, the smaller of both sides' counts, which is the truth.
#[test]
fn verifiers_that_seal_noise_with_a_boundless_scale_earn_nothing() {
    for (manifest, count) in [(LABEL, 3), (TENSOR, 2)] {
        let (mut seats, mut gained) = (0, 0);
        for seed in 0..6 {
            let wish = Wish { manifest, ..Wish::default() };
            let stamp = |world: &mut World, place| world.behave(place, RubberStamp);
            let (gain, drawn) = freeloaders(count, seed, wish, false, stamp);
            (seats, gained) = (seats + drawn, gained + gain);
        }
        assert!(seats > 8, "{manifest}: rubber stamps were drawn {seats} times");
        assert!(gained <= 0 && (manifest == LABEL || gained < 0), "{manifest}: {gained}");
    }
}
