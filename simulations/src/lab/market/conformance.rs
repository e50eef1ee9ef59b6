//! The shell of the laboratory follows the cases that every shell follows.
//!
//! One peer's brain is never told anything, and what it would be told is noted instead; the brains of the others are never
//! told anything either, so all that happens is what a case wants. The disk takes longer than any case to sync by itself.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, sync::OnceLock};

use assay_market::Effect;
use assay_protocol::{id::PeerId, receipt::Receipt};

use super::*;
use crate::{
    suite::{self, Cast, Left, QUOTA_BYTES, Shell},
    world::Wish,
};

/// No sync ends by itself before this, and nobody that is away comes back.
const NEVER: Span = Span::seconds(1_000_000_000);
/// Everything that a case sets off is over after this.
const REST: Span = Span::seconds(60);
/// No job takes longer.
const LIMIT: Span = Span::seconds(600);

#[test]
fn the_shell_of_the_laboratory_does_what_every_shell_does() {
    suite::check(Laboratory::new);
}

/// Notes what leaves one peer, and how often each is asked.
#[derive(Debug)]
struct Notes {
    of: Place,
    left: RefCell<Vec<Left>>,
    asked: Vec<usize>,
    receipts: Vec<Receipt>,
}

impl Notes {
    fn new(of: Place) -> Self {
        Self { of, left: RefCell::default(), asked: vec![0; plan().peers()], receipts: Vec::new() }
    }
}

impl Observer for Notes {
    fn performed(&mut self, seen: MarketSight, effect: &Effect) {
        if seen.place != self.of {
            return;
        }
        self.left.get_mut().extend(Left::of(effect));
        if let Effect::File { receipt } = effect {
            self.receipts.push((**receipt).clone());
        }
    }

    fn asked(&mut self, seen: MarketSight) {
        self.asked[seen.place.0] += 1;
    }
}

/// Hears in the brain's place.
#[derive(Clone, Debug, Default)]
struct Ear(Rc<RefCell<VecDeque<Input>>>);

impl Behaviour for Ear {
    fn hear(&mut self, input: Input) -> Option<Input> {
        self.0.borrow_mut().push_back(input);
        None
    }
}

impl Ear {
    /// The next input that this picks; those before it are passed over.
    fn pick<T>(&self, pick: impl Fn(&Input) -> Option<T>) -> Option<T> {
        let heard = &mut *self.0.borrow_mut();
        core::iter::from_fn(|| heard.pop_front()).find_map(|input| pick(&input))
    }
}

/// A market in which one peer's shell is looked at.
struct Laboratory {
    market: Market<Notes>,
    place: Place,
    ear: Ear,
}

fn plan() -> Plan {
    Plan { clients: 2, ..Plan::default() }
}

/// The receipts of two jobs that were run under the same rules.
fn receipts() -> [Receipt; 2] {
    static RECEIPTS: OnceLock<[Receipt; 2]> = OnceLock::new();
    let run = || {
        let plan = plan();
        let mut market = Market::new(plan.clone(), Ground::of(&plan), Notes::new(plan.notary()));
        market.open_market();
        for number in 0..2 {
            market.submit(plan.client(0), Wish { number, ..Wish::default() });
        }
        market.settle(LIMIT).unwrap();
        market.observer().receipts.clone().try_into().unwrap()
    };
    RECEIPTS.get_or_init(run).clone()
}

impl Laboratory {
    fn new() -> Self {
        let plan = Plan { sync_max: NEVER, ..plan() };
        let (place, away, ear) = (plan.client(0), plan.client(1), Ear::default());
        let ground = Ground { keeps_records: true, ..Ground::of(&plan) };
        let mut market = Market::new(plan, ground, Notes::new(place));
        (0..market.plan.peers()).for_each(|number| market.behave(Place(number), Ear::default()));
        market.behave(place, ear.clone());
        market.living(place).store.limit(QUOTA_BYTES);
        market.run_until(market.now());
        market.crash(away, NEVER);
        ear.0.borrow_mut().clear();
        Self { market, place, ear }
    }

    /// The place of another peer: the notary, then founders.
    fn other(number: usize) -> Place {
        Place(number)
    }

    fn peer(&mut self) -> &mut Living {
        self.market.living(self.place)
    }

    /// Lets time pass until something is heard.
    fn hear<T>(&mut self, pick: impl Fn(&Input) -> Option<T>) -> T {
        let end = self.market.now().after(REST);
        loop {
            assert!(self.market.calendar.next_at().is_some_and(|next| next <= end), "nothing is heard");
            self.market.step();
            if let Some(picked) = self.ear.pick(&pick) {
                return picked;
            }
        }
    }
}

impl Shell for Laboratory {
    fn cast(&self) -> Cast {
        let others = [0, 1, 2].map(|number| self.market.directory.name(Self::other(number)));
        let away: PeerId = self.market.directory.name(self.market.plan.client(1));
        let key = self.market.plan.key(self.place);
        Cast::new(&key, self.market.network, others, away, receipts())
    }

    fn now(&mut self) -> Steady {
        self.market.moment(self.place).steady
    }

    fn put(&mut self, bytes: &[u8]) -> bool {
        self.peer().store.store(bytes)
    }

    fn stock(&mut self, other: usize, digest: Digest, bytes: &[u8]) {
        let to = self.market.directory.name(self.place);
        let store = &mut self.market.living(Self::other(other)).store;
        match Digest::of(bytes) == digest {
            true => assert!(store.store(bytes)),
            false => store.spoil(digest, bytes),
        }
        store.permit(digest, digest, to);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        self.market.perform_all(self.place, effects.into_iter());
    }

    fn sync(&mut self) {
        while !self.peer().journal.is_durable() {
            self.market.synced(self.place);
        }
    }

    fn crash(&mut self) {
        self.market.crash(self.place, Span::ZERO);
        self.ear.0.borrow_mut().clear();
        self.market.run_until(self.market.now());
    }

    fn left(&mut self) -> Vec<Left> {
        self.market.observer().left.take()
    }

    fn ask(&mut self, by: PeerId, digest: Digest) -> Option<Vec<u8>> {
        self.peer().store.fetch(&digest, by).map(|bytes| bytes.to_vec())
    }

    fn asked(&mut self, other: usize) -> usize {
        self.market.observer().asked[Self::other(other).0]
    }

    fn answers(&mut self) -> Vec<Input> {
        self.market.run_until(self.market.now().after(REST));
        self.ear.0.borrow_mut().drain(..).filter(|input| !matches!(input, Input::Wake)).collect()
    }

    fn woken(&mut self) -> Steady {
        self.hear(|input| matches!(input, Input::Wake).then_some(()));
        self.now()
    }

    fn undelivered(&mut self) -> PeerId {
        self.hear(|input| if let Input::Undelivered { to } = input { Some(*to) } else { None })
    }
}
