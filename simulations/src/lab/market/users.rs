//! What the users of a market want of it: that peers provide, that jobs run, that everything settles.

use assay_market::{Command, Input};
use assay_protocol::{id::Digest, units::Amount};

use super::{
    Market, Observer,
    event::{Happens, Matter},
};
use crate::{
    kernel::{Instant, Span},
    world::{Place, Wish, market::usual_provision},
};

/// How long a market takes to open: everybody has an account by then.
const OPENING_SECONDS: usize = 6;
/// How long a market that should come to rest is looked away from.
const GLANCE: Span = Span::millis(500);
/// After a long time it is looked away from for so many times less.
const GLANCES: u64 = 100;

impl<O: Observer> Market<O> {
    /// Lets every founder offer every manifest, and every client ask for its account until it knows it.
    pub fn open_market(&mut self) {
        for number in 0..self.plan.founders {
            self.provide(self.plan.founder(number));
        }
        let mut clients: Vec<Place> = (0..self.plan.clients).map(|number| self.plan.client(number)).collect();
        for _ in 0..OPENING_SECONDS {
            clients.iter().for_each(|client| self.ask(*client));
            self.run_until(self.now().after(Span::seconds(1)));
            clients.retain(|client| self.node(*client).is_none_or(|node| node.accounts().is_empty()));
        }
    }

    /// Gives a command to a peer, which hears it when its machine goes on.
    pub fn command(&mut self, place: Place, command: Command) {
        let number = self.matters.put(Matter::Heard(Input::Command(command)));
        let event = self.event(place, Happens::Wants, number);
        self.calendar.after(Span::ZERO, event);
    }

    /// Lets a peer offer every manifest.
    pub fn provide(&mut self, place: Place) {
        let provision = usual_provision(&self.plan, &self.genesis, place);
        self.command(place, Command::Provide(provision));
    }

    /// Lets a peer ask for its account.
    pub fn ask(&mut self, place: Place) {
        let notary = self.directory.name(self.plan.notary());
        self.command(place, Command::Ask { notary });
    }

    /// Lets a client submit a job; returns the name of the submission.
    pub fn submit(&mut self, client: Place, wish: Wish) -> Digest {
        let wall = self.moment(client).wall;
        let until = wish.within.map(|within| wall.after(within));
        let (input, submission) = wish.submission(&self.plan, &self.genesis, client, until);
        let key = submission.key;
        self.wake_up(client);
        self.living(client).store.put(key, input);
        self.observer.submitted(self.sighting(client), key);
        self.command(client, Command::Submit(submission));
        key
    }

    /// What a peer owns by the notary's books: free, at stake, or on its way from the one to the other.
    #[must_use]
    pub fn wealth(&self, place: Place) -> Option<Amount> {
        let holdings =
            self.node(self.plan.notary())?.ledger()?.accounts().get(&self.directory.name(place))?;
        holdings.free.plus(holdings.stake)?.plus(holdings.unbonding())
    }

    /// Runs until every submission has ended and every job is closed; what is still open if that takes longer than
    /// `limit`, in words.
    ///
    /// # Errors
    /// What is open at the end of it.
    pub fn settle(&mut self, limit: Span) -> Result<(), String> {
        let (begin, end) = (self.now(), self.now().after(limit));
        loop {
            let glance = Span((self.now().0 - begin.0) / GLANCES).max(GLANCE);
            self.run_until(self.now().after(glance));
            match self.open() {
                None => return Ok(()),
                Some(open) if self.now() >= end => return Err(open),
                Some(_) => {}
            }
        }
    }

    /// Something that is still going on, in words.
    fn open(&self) -> Option<String> {
        let books = self.node(self.plan.notary())?.ledger()?;
        if !books.held().is_zero() {
            return Some(format!("{} jobs are open after {} s", books.open_count(), seconds(self.now())));
        }
        self.roll.living().find_map(|place| {
            let node = self.node(place)?;
            let (open, _) = node.submission_counts();
            let waits = node.instructions().len();
            (open + waits > 0).then(|| {
                format!(
                    "peer {}: {open} submissions and {waits} instructions after {} s",
                    place.0,
                    seconds(self.now())
                )
            })
        })
    }
}

fn seconds(at: Instant) -> u64 {
    at.millis() / 1_000
}
