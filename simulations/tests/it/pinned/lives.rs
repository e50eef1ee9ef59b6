//! What happens in each of the pinned worlds: jobs of every kind, and somebody or something that is in their way.

use assay_market::{Command, Effect, view::AttemptState};
use assay_protocol::{
    id::{Digest, PeerId},
    message::Message,
    notice::Head,
    signed::Signed,
    units::{Amount, Duration},
};
use assay_simulations::{
    behaviour::{
        Aborter, AbsentVerifier, Behaviour, Drifter, FalseOpener, Forger, LazyVerifier, Raver,
        SecretiveClient, SilentProvider, Sleeper, Streamer, TwoFaced, Withholder,
    },
    kernel::Span,
    network::Conditions,
    plan::{self, EXACT, LABEL, Plan, TENSOR, UNIT_PRICE},
    world::{Crash, Place, Tail, Wish, World},
};

use crate::{
    crook::{Crook, Tamperer},
    support::LIMIT,
};

/// A world's name, what it is made of but for its seed, and what happens once its market is open.
pub(crate) type Pinned = (&'static str, fn() -> Plan, fn(&mut World));

/// The worlds: the number of each is its seed, so what is added comes last.
pub(crate) const WORLDS: [Pinned; 30] = [
    ("jobs of each kind", usual, |world| end(world, 12)),
    ("jobs with checks paid in advance", usual, paid_checks),
    ("more jobs than providers have slots for", crowded, |world| end(world, 24)),
    ("a bad network", bad, |world| end(world, 24)),
    ("clocks that are far apart", skewed, |world| end(world, 8)),
    ("a notary that is cut off for a while", usual, cut_off),
    ("nobody provides what is wanted", usual, unmatched),
    ("a client that crashes", usual, |world| crashing(world, &[world.plan().client(0)])),
    ("a provider that crashes", usual, |world| crashing(world, &[world.plan().founder(0)])),
    ("verifiers that crash", usual, |world| crashing(world, &founders(world)[1..])),
    ("a notary that crashes", usual, |world| crashing(world, &[world.plan().notary()])),
    ("everybody crashes on a bad network", bad, everybody_crashes),
    ("a provider with an old disk", usual, old_disk),
    ("a forger", usual, |world| with(world, &[0], |_, _| Forger)),
    ("a provider that never opens its claims", usual, |world| with(world, &[0], |_, _| SilentProvider)),
    ("a provider that opens something else", usual, |world| with(world, &[0], false_opener)),
    ("a provider with two claims", usual, |world| with(world, &[0], two_faced)),
    ("a provider that streams something else", bad, streamed),
    ("a provider that gives every job up", usual, |world| with(world, &[0, 1], |_, _| Aborter)),
    ("providers that never claim", usual, |world| with(world, &[0, 1], |_, _| Sleeper)),
    ("a client that keeps its secret", usual, |world| client(world, SecretiveClient)),
    ("a client that serves no input", usual, |world| client(world, Withholder)),
    ("an input that no verifier is served", usual, unserved),
    ("verifiers that do not answer, lie and rave", usual, bad_verifiers),
    ("a machine that is a little off", usual, |world| with(world, &[0, 1], |_, _| Drifter)),
    ("jobs that are cancelled", fees, cancelled),
    ("results that are disputed", usual, disputed),
    ("a newcomer that stakes, registers, provides and withdraws", newcomers, joining),
    ("falsehoods that are truly signed", usual, falsehoods),
    ("a notary with two journals", usual, forked),
];

fn usual() -> Plan {
    Plan { clients: 2, ..Plan::default() }
}

fn bad() -> Plan {
    Plan { conditions: Conditions::bad(), ..usual() }
}

fn crowded() -> Plan {
    Plan { founders: 4, slots: 1, ..usual() }
}

fn skewed() -> Plan {
    Plan { skew_ms_max: 5_000, sync_max: Span::millis(80), ..usual() }
}

fn fees() -> Plan {
    Plan { cancel_fee_min: Amount(UNIT_PRICE.0 / 8), ..usual() }
}

fn newcomers() -> Plan {
    Plan { unbonding: Duration::seconds(1), slots: 4, ..usual() }
}

fn founders(world: &World) -> Vec<Place> {
    (0..world.plan().founders).map(|number| world.plan().founder(number)).collect()
}

/// Submits a job of the kind that its number says, by one client after another; every third for the first founder.
fn submit(world: &mut World, number: u64) -> (Place, Digest) {
    let client = world.plan().client((number % 2) as usize);
    let provider = number.is_multiple_of(3).then(|| world.plan().founder(0));
    let manifest = [LABEL, TENSOR, EXACT][(number / 2 % 3) as usize];
    let (unchecked_ok, cancel_fee) = (number % 4 < 2, Amount(UNIT_PRICE.0 / 4));
    let wish = Wish { number, manifest, provider, unchecked_ok, cancel_fee, ..Wish::default() };
    (client, world.submit(client, wish))
}

fn work(world: &mut World, numbers: core::ops::Range<u64>) {
    for number in numbers {
        submit(world, number);
        world.run_for(Span::millis(70));
    }
}

fn rest(world: &mut World) {
    world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
}

/// So many jobs, and all is over.
fn end(world: &mut World, jobs: u64) {
    work(world, 0..jobs);
    rest(world);
}

fn paid_checks(world: &mut World) {
    let client = world.plan().client(0);
    for number in 0..4_u16 {
        let (checks, unchecked_ok) = (number, number % 2 == 0);
        world.submit(client, Wish { number: number.into(), checks, unchecked_ok, ..Wish::default() });
    }
    rest(world);
}

fn cut_off(world: &mut World) {
    let notary = world.plan().notary();
    work(world, 0..4);
    world.run_for(Span::millis(400));
    world.network().cut_off([notary]);
    work(world, 4..6);
    world.run_for(Span::seconds(20));
    world.network().cut_off([]);
    rest(world);
}

/// A submission that no offer fits, one that is for somebody who offers nothing, and one whose time is over.
fn unmatched(world: &mut World) {
    let (client, silent) = (world.plan().client(0), world.plan().client(1));
    world.submit(client, Wish { number: 1, unit_price_max: Some(Amount(1)), ..Wish::default() });
    world.submit(client, Wish { number: 2, provider: Some(silent), ..Wish::default() });
    let within = Some(Duration(2_000));
    world.submit(client, Wish { number: 3, provider: Some(silent), within, ..Wish::default() });
    rest(world);
}

/// Jobs during which these peers crash one after another, at effects further and further on.
fn crashing(world: &mut World, places: &[Place]) {
    for (number, place) in (0..24_u64).zip(places.iter().cycle()) {
        let tail = if number % 2 == 0 { Tail::Lost } else { Tail::Kept };
        let down = Span::millis(200 + number * 90);
        world.crash_at(*place, Crash { before: 2 + number * 3 % 31, tail, down });
        submit(world, number);
        world.run_for(Span::millis(600));
    }
    world.call_crashes_off();
    rest(world);
}

fn everybody_crashes(world: &mut World) {
    let places: Vec<Place> = (0..world.plan().peers()).map(Place).collect();
    crashing(world, &places);
}

fn old_disk(world: &mut World) {
    let provider = world.plan().founder(0);
    let backup = world.backup(provider);
    end(world, 4);
    submit(world, 6);
    world.run_for(Span::millis(250));
    world.restore(provider, backup, Span::millis(300));
    rest(world);
}

/// Jobs while these founders behave like this.
fn with<B: Behaviour + 'static>(world: &mut World, numbers: &[usize], behaviour: fn(&World, Place) -> B) {
    for number in numbers {
        let place = world.plan().founder(*number);
        world.behave(place, behaviour(world, place));
    }
    end(world, 12);
}

fn client(world: &mut World, behaviour: impl Behaviour + 'static) {
    world.behave(world.plan().client(0), behaviour);
    end(world, 12);
}

/// Serves its input to the first founder alone.
#[derive(Debug)]
struct Discreet(PeerId);

impl Behaviour for Discreet {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let withheld = matches!(&effect, Effect::Serve { to, .. } if *to != self.0);
        (!withheld).then_some(effect)
    }
}

fn unserved(world: &mut World) {
    let founder = world.id(world.plan().founder(0));
    (0..world.plan().clients).for_each(|number| world.behave(world.plan().client(number), Discreet(founder)));
    with(world, &[0], |_, _| Withholder);
}

fn false_opener(world: &World, place: Place) -> FalseOpener {
    FalseOpener(world.key(place), world.genesis().id())
}

fn two_faced(world: &World, place: Place) -> TwoFaced {
    TwoFaced(world.key(place), world.genesis().id())
}

fn streamed(world: &mut World) {
    with(world, &[0, 1, 2], |world, place| Streamer::new(world.key(place), world.genesis().id()));
}

fn bad_verifiers(world: &mut World) {
    world.behave(world.plan().founder(1), AbsentVerifier);
    world.behave(world.plan().founder(2), LazyVerifier);
    with(world, &[3, 4], |world, place| Raver(world.id(place)));
}

/// Each a little later than the one before: before it is opened, while it runs, and after its claim.
fn cancelled(world: &mut World) {
    for number in 0..8 {
        let (client, key) = submit(world, number);
        world.run_for(Span::millis(number * 90));
        world.command(client, Command::Cancel { key });
    }
    rest(world);
}

/// Once the first founder is trusted, so that some of its results are not drawn.
fn disputed(world: &mut World) {
    let (client, provider) = (world.plan().client(0), Some(world.plan().founder(0)));
    for number in 0..20 {
        let key = world.submit(client, Wish { number, provider, attempts_max: 1, ..Wish::default() });
        for _ in 0..60 {
            world.run_for(Span::millis(50));
            if world.state(client, key) == Some(AttemptState::Delivered) {
                break;
            }
        }
        if number > 12 {
            world.command(client, Command::Dispute { key });
        }
    }
    rest(world);
}

fn joining(world: &mut World) {
    let (place, notary) = (world.plan().client(1), world.id(world.plan().notary()));
    let amount = Amount::credits(50);
    let manifests = world.genesis().manifests.iter();
    let kinds = manifests.map(|it| it.kind(plan::class())).collect();
    world.command(place, Command::Stake { notary, amount, target: Some(amount) });
    world.command(place, Command::Register { notary, kinds });
    world.command(place, Command::Unstake { notary, amount: Amount::credits(1_000) });
    world.provide(place);
    world.run_for(Span::seconds(25));
    let customer = world.plan().client(0);
    for number in 0..8 {
        let provider = (number % 2 == 0).then_some(place);
        world.submit(customer, Wish { number, provider, ..Wish::default() });
        world.run_for(Span::millis(300));
    }
    world.crash(place, Tail::Lost, Span::millis(500));
    world.command(place, Command::Unstake { notary, amount: Amount::credits(45) });
    world.command(place, Command::Stake { notary, amount: Amount(1), target: None });
    rest(world);
    world.run_for(Span::seconds(3));
}

fn falsehoods(world: &mut World) {
    let places = [world.plan().founder(5), world.plan().client(1)];
    places.iter().for_each(|place| world.disown(*place));
    world.overhear();
    world.behave(places[0], Tamperer(Crook::new(world, &places[..1])));
    let mut crook = Crook::new(world, &places);
    for number in 0..24 {
        submit(world, number);
        crook.listen(world);
        for _ in 0..40 {
            crook.send(world);
        }
        world.run_for(Span::millis(150));
    }
    rest(world);
}

/// One of its clients hears of another journal, and orders nothing more.
fn forked(world: &mut World) {
    work(world, 0..3);
    let (client, notary, network) = (world.plan().client(0), world.plan().notary(), world.genesis().id());
    let accounts = world.node(client).map(|node| node.accounts()).unwrap_or_default();
    for view in accounts {
        let head = Head { digest: Digest::of(b"another journal"), ..view.account.head };
        let account = assay_protocol::notice::Account { head, ..view.account };
        let message: Message = Signed::seal(account, &world.key(notary), network).into();
        world.post(notary, client, message.encode());
    }
    work(world, 3..8);
    rest(world);
}
