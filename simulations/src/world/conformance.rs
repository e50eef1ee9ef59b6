//! The simulated shell follows the cases that every shell follows.
//!
//! One peer's brain is never told anything, and what it would be told is noted instead; the brains of the others are never
//! told anything either, so all that happens is what a case wants. The disk takes longer than any case to sync by itself.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, sync::OnceLock};

use assay_protocol::receipt::Receipt;

use super::*;
use crate::suite::{self, Cast, Left, QUOTA_BYTES, Shell};

/// No sync ends by itself before this, and nobody that is away comes back.
const NEVER: Span = Span::seconds(1_000_000_000);
/// Everything that a case sets off is over after this.
const REST: Span = Span::seconds(60);
/// No job takes longer.
const LIMIT: Span = Span::seconds(600);

#[test]
fn the_simulated_shell_does_what_every_shell_does() {
    suite::check(Simulation::new);
}

/// What has been seen of a peer.
#[derive(Debug, Default)]
pub(super) struct Seen {
    left: Vec<Left>,
    asked: usize,
}

impl Seen {
    pub(super) fn note_left(&mut self, effect: &Effect) {
        self.left.extend(Left::of(effect));
    }

    pub(super) fn note_asked(&mut self) {
        self.asked += 1;
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

/// A world in which one peer's shell is looked at.
struct Simulation {
    world: World,
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
        let mut world = World::new(plan());
        let client = world.plan.client(0);
        world.open_market();
        for number in 0..2 {
            world.submit(client, Wish { number, ..Wish::default() });
        }
        world.settle(LIMIT).unwrap();
        world.receipts(client).try_into().unwrap()
    };
    RECEIPTS.get_or_init(run).clone()
}

impl Simulation {
    fn new() -> Self {
        let mut world = World::new(Plan { sync_max: NEVER, ..plan() });
        let (place, away, ear) = (world.plan.client(0), world.plan.client(1), Ear::default());
        (0..world.peers.len()).for_each(|number| world.behave(Place(number), Ear::default()));
        world.behave(place, ear.clone());
        world.limit(place, QUOTA_BYTES);
        world.run_for(Span::ZERO);
        world.crash(away, Tail::Lost, NEVER);
        ear.0.borrow_mut().clear();
        Self { world, place, ear }
    }

    /// The place of another peer: the notary, then founders.
    fn other(number: usize) -> Place {
        Place(number)
    }

    fn peer(&mut self) -> &mut Peer {
        &mut self.world.peers[self.place.0]
    }

    /// Lets time pass until something is heard.
    fn hear<T>(&mut self, pick: impl Fn(&Input) -> Option<T>) -> T {
        let end = self.world.now().after(REST);
        loop {
            assert!(self.world.schedule.next_at().is_some_and(|next| next <= end), "nothing is heard");
            self.world.step();
            if let Some(picked) = self.ear.pick(&pick) {
                return picked;
            }
        }
    }
}

impl Shell for Simulation {
    fn cast(&self) -> Cast {
        let others = [0, 1, 2].map(|number| self.world.id(Self::other(number)));
        let away = self.world.id(self.world.plan.client(1));
        Cast::new(&self.world.key(self.place), self.world.network_id, others, away, receipts())
    }

    fn now(&mut self) -> Steady {
        self.world.moment(self.place).steady
    }

    fn put(&mut self, bytes: &[u8]) -> bool {
        self.peer().store.store(bytes)
    }

    fn stock(&mut self, other: usize, digest: Digest, bytes: &[u8]) {
        let to = self.peer().id();
        let store = &mut self.world.peers[Self::other(other).0].store;
        match Digest::of(bytes) == digest {
            true => assert!(store.store(bytes)),
            false => store.spoil(digest, bytes),
        }
        store.permit(digest, digest, to);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        self.world.perform_all(self.place, effects);
    }

    fn sync(&mut self) {
        while self.peer().disk.durable() < self.peer().disk.saved() {
            self.world.synced(self.place);
        }
    }

    fn crash(&mut self) {
        self.world.crash(self.place, Tail::Lost, Span::ZERO);
        self.ear.0.borrow_mut().clear();
        self.world.run_for(Span::ZERO);
    }

    fn left(&mut self) -> Vec<Left> {
        core::mem::take(&mut self.peer().seen.left)
    }

    fn ask(&mut self, by: PeerId, digest: Digest) -> Option<Vec<u8>> {
        self.peer().store.fetch(&digest, by).map(|bytes| bytes.to_vec())
    }

    fn asked(&mut self, other: usize) -> usize {
        self.world.peers[Self::other(other).0].seen.asked
    }

    fn answers(&mut self) -> Vec<Input> {
        self.world.run_for(REST);
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
