//! A swarm of names of which a few sell at a time, some jobs honestly and then noise, each until it is found out once; then the next
//! takes its place.

use std::{collections::BTreeMap, rc::Rc};

use assay_market::{
    Command, Event,
    effect::{Effect, Run},
    input::Input,
    provision::Provision,
};
use assay_protocol::{id::JobId, message::Message};

use super::{Behaviour, Coalition, Lie};
use crate::machine::Made;

/// How far a name of the swarm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NameUse {
    /// Others sell.
    Waits,
    /// It sells.
    Sells,
    /// It was found out.
    Burnt,
}

/// A newcomer that sells noise under a name nobody knows, and under the next one once a job of it is not paid: it hopes that
/// nothing sticks to a name that cost nothing.
#[derive(Clone, Debug)]
pub struct Whitewasher {
    number: u64,
    live: u64,
    /// How many jobs each name runs honestly, to be known.
    after: u64,
    /// The number of each job that it ran.
    ran: BTreeMap<JobId, u64>,
    coalition: Rc<Coalition>,
    state: NameUse,
    provision: Option<Provision>,
    wanted: Option<Command>,
}

impl Whitewasher {
    /// The name of this number in its swarm, of which so many sell at the same time.
    #[must_use]
    pub fn new(number: u64, live: u64, coalition: Rc<Coalition>) -> Self {
        let (after, ran) = (0, BTreeMap::new());
        Self { number, live, after, ran, coalition, state: NameUse::Waits, provision: None, wanted: None }
    }

    /// The same, but that each name runs so many jobs honestly before.
    #[must_use]
    pub fn after(self, jobs: u64) -> Self {
        Self { after: jobs, ..self }
    }

    /// Begins to sell once enough others were found out.
    fn take_turn(&mut self) {
        let turns = self.coalition.burnt().saturating_add(self.live);
        if self.state == NameUse::Waits && self.number < turns {
            self.state = NameUse::Sells;
            self.wanted = self.provision.clone().map(Command::Provide);
        }
    }

    /// Sells no more, and leaves its place to the next.
    fn burn(&mut self) {
        self.state = NameUse::Burnt;
        self.coalition.burn();
        let nothing = self.provision.clone().map(|provision| Provision { benches: Vec::new(), ..provision });
        self.wanted = nothing.map(Command::Provide);
    }
}

impl Behaviour for Whitewasher {
    fn hear(&mut self, input: Input) -> Option<Input> {
        if let Input::Command(Command::Provide(provision)) = &input
            && self.provision.is_none()
        {
            self.provision = Some(provision.clone());
        }
        self.take_turn();
        Some(input)
    }

    fn act(&mut self, effect: Effect) -> Option<Effect> {
        if let Effect::Tell(Event::Served { outcome, .. }) = &effect
            && self.state == NameUse::Sells
            && !outcome.is_paid()
        {
            self.burn();
        }
        // Until its turn nobody hears of it; once it was found out it says that it has nothing to sell.
        let told = match self.state {
            NameUse::Waits => !matches!(
                effect,
                Effect::Publish(Message::Offer(_)) | Effect::Send { message: Message::Accept(_), .. }
            ),
            NameUse::Burnt => !matches!(effect, Effect::Send { message: Message::Accept(_), .. }),
            NameUse::Sells => true,
        };
        told.then_some(effect)
    }

    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        if run.id.check {
            return made;
        }
        let next = self.ran.len() as u64;
        let number = *self.ran.entry(run.id.job).or_insert(next);
        if number < self.after { made } else { Lie::Noise.tell(run, input, made) }
    }

    fn wants(&mut self) -> Option<Command> {
        self.wanted.take()
    }
}
