//! What a user of a world wants of it: that peers provide, that jobs run, that everything settles; and what came of it.

use std::collections::BTreeMap;

use assay_market::{
    Command, Node,
    provision::{Provision, Stock, Workbench},
    submission::Submission,
    view::{AttemptState, AttemptView, BooksView, SubmissionView},
};
use assay_protocol::{
    codec,
    genesis::Genesis,
    id::{Digest, JobId, PeerId},
    manifest::Manifest,
    offer::Reachability,
    receipt::Receipt,
    signed::Signer,
    units::{Amount, Duration, Timestamp, Units, Work},
};

use super::{Closed, Place, World, peer::Peer};
use crate::{
    kernel::{Instant, Span},
    plan::{self, Plan},
};

/// How long a market takes to open: everybody has an account by then, and has heard of most offers.
const OPENING_SECONDS: usize = 6;
/// How long a running world is looked away from, at first.
const GLANCE: Span = Span::millis(500);
/// After a long time it is looked away from for so many times less: looking costs more than a world in which all wait.
const GLANCES: u64 = 100;

/// A job that somebody wants to be run.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// The name of what is to run.
    pub manifest: &'static str,
    /// Tells this job from others of the same client.
    pub number: u64,
    /// The most units that are paid; a run always takes one.
    pub units_max: Units,
    /// Only this provider.
    pub provider: Option<Place>,
    /// Providers tried one after another.
    pub attempts_max: u16,
    /// The most that a unit may cost; none for what the dearest founder asks.
    pub unit_price_max: Option<Amount>,
    /// The most work that checks are paid for; none for what one run is.
    pub work_max: Option<Work>,
    /// Re-executions that are paid in advance.
    pub checks: u16,
    /// True if it may run although too few others can check it.
    pub unchecked_ok: bool,
    /// What a provider may keep of a job that is cancelled.
    pub cancel_fee: Amount,
    /// After this time it is cancelled.
    pub within: Option<Duration>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            manifest: plan::LABEL,
            number: 0,
            units_max: 1,
            provider: None,
            attempts_max: 3,
            unit_price_max: None,
            work_max: None,
            checks: 0,
            unchecked_ok: false,
            cancel_fee: Amount::ZERO,
            within: None,
        }
    }
}

impl Wish {
    /// What a client submits for it, and its input.
    pub(crate) fn submission(
        &self,
        plan: &Plan,
        genesis: &Genesis,
        client: Place,
        until: Option<Timestamp>,
    ) -> (Vec<u8>, Submission) {
        let manifest = genesis.manifest(self.manifest).cloned();
        let Some(manifest) = manifest else { unreachable!("{} is not in the genesis", self.manifest) };
        let key = codec::digest("simulated wish", &(plan.key(client).id(), self.number));
        let salt = codec::digest("simulated salt", &(plan.seed, key));
        let input = [&salt.0[..], &self.number.to_be_bytes()].concat();
        let submission = Submission {
            key,
            content: Digest::of(&self.number.to_be_bytes()),
            input_commit: Digest::of(&input),
            input_bytes: 40,
            units_max: self.units_max,
            work_max: self.work_max.unwrap_or_else(|| work_assumed(&manifest)),
            manifest,
            run_max: Duration::seconds(1),
            checks: self.checks,
            unchecked_ok: self.unchecked_ok,
            cost_max: Amount::credits(1),
            unit_price_max: self.unit_price_max.unwrap_or_else(|| plan.unit_price_max()),
            provider: self.provider.map(|place| plan.key(place).id()),
            ignored: Vec::new(),
            returns_to: None,
            attempts_max: self.attempts_max,
            cancel_fee: self.cancel_fee,
            until,
        };
        (input, submission)
    }
}

/// What a peer offers that has no wishes of its own: every manifest, on one machine.
pub(crate) fn usual_provision(plan: &Plan, genesis: &Genesis, place: Place) -> Provision {
    let unit_price = plan.unit_price(place);
    let stock = |manifest| Stock { manifest, unit_price, run: Duration(100) };
    let bench = Workbench {
        class: plan::class(),
        machine: "a simulated machine".into(),
        device: "a simulated processor".into(),
        memory_free: 1 << 32,
        slots: plan.slots,
        services: genesis.manifests.iter().cloned().map(stock).collect(),
    };
    Provision {
        benches: vec![bench],
        cancel_fee_min: plan.cancel_fee_min,
        addresses: vec![format!("/memory/{}", place.0)],
        reachability: Reachability::Reached,
    }
}

/// A world that did not come to rest in time.
#[derive(Clone, Debug, thiserror::Error)]
#[error("after {} s of virtual time still open: {open:#?}", .at.millis() / 1_000)]
pub struct Unsettled {
    /// The time.
    pub at: Instant,
    /// What is open, in words.
    pub open: Vec<String>,
}

impl World {
    /// Lets every founder offer every manifest, and every client ask for its account until it knows it.
    pub fn open_market(&mut self) {
        for number in 0..self.plan.founders {
            self.provide(self.plan.founder(number));
        }
        let mut clients: Vec<Place> = (0..self.plan.clients).map(|number| self.plan.client(number)).collect();
        for _ in 0..OPENING_SECONDS {
            let notary = self.id(self.plan.notary());
            clients.iter().for_each(|client| self.command(*client, Command::Ask { notary }));
            self.run_for(Span::seconds(1));
            clients.retain(|client| self.node(*client).is_none_or(|node| node.accounts().is_empty()));
        }
    }

    /// Lets a peer offer every manifest.
    pub fn provide(&mut self, place: Place) {
        let provision = self.provision(place);
        self.command(place, Command::Provide(provision));
    }

    /// What a peer offers that has no wishes of its own.
    #[must_use]
    pub fn provision(&self, place: Place) -> Provision {
        usual_provision(&self.plan, &self.genesis, place)
    }

    /// Lets a client submit a job; returns the name of the submission.
    pub fn submit(&mut self, client: Place, wish: Wish) -> Digest {
        let until = wish.within.map(|within| self.clock(client).after(within));
        let (input, submission) = wish.submission(&self.plan, &self.genesis, client, until);
        let key = submission.key;
        self.peers[client.0].store.put(key, input);
        self.command(client, Command::Submit(submission));
        key
    }

    /// Runs until every submission has ended, every job is closed and everybody is up.
    ///
    /// # Errors
    /// [`Unsettled`], if that takes longer than `limit`.
    pub fn settle(&mut self, limit: Span) -> Result<(), Unsettled> {
        let (begin, end) = (self.now(), self.now().after(limit));
        loop {
            self.run_for(Span((self.now().0 - begin.0) / GLANCES).max(GLANCE));
            if self.open().next().is_none() {
                return Ok(());
            }
            if self.now() >= end {
                return Err(Unsettled { at: self.now(), open: self.open().collect() });
            }
        }
    }

    /// What is still going on, in words.
    fn open(&self) -> impl Iterator<Item = String> {
        let peers = self.peers.iter().enumerate().filter(|(_, peer)| !peer.disowned);
        peers.flat_map(|(number, peer)| open_at(peer).map(move |what| format!("peer {number}: {what}")))
    }

    /// A submission as its client sees it.
    #[must_use]
    pub fn submission(&self, client: Place, key: Digest) -> Option<SubmissionView> {
        self.node(client)?.submissions().into_iter().find(|submission| submission.key == key)
    }

    /// The last attempt at a submission.
    #[must_use]
    pub fn attempt(&self, client: Place, key: Digest) -> Option<AttemptView> {
        self.submission(client, key)?.attempts.pop()
    }

    /// How the last attempt at a submission stands.
    #[must_use]
    pub fn state(&self, client: Place, key: Digest) -> Option<AttemptState> {
        self.attempt(client, key).map(|attempt| attempt.state)
    }

    /// The receipt of a submission, as its client holds it.
    #[must_use]
    pub fn receipt(&self, client: Place, key: Digest) -> Option<Receipt> {
        let digest = self.attempt(client, key)?.receipt?;
        let bytes = self.peers[client.0].store.get(&digest)?;
        Receipt::from_bytes(bytes).ok()
    }

    /// Gives a blob to a peer as friends do, past both brains.
    pub fn hand_over(&mut self, from: Place, digest: Digest, to: Place) {
        if let Some(bytes) = self.peers[from.0].store.get(&digest).cloned() {
            self.peers[to.0].store.put(digest, bytes);
        }
    }

    /// Every receipt that a client holds of its own jobs.
    #[must_use]
    pub fn receipts(&self, client: Place) -> Vec<Receipt> {
        let submissions = self.node(client).map(Node::submissions).unwrap_or_default();
        let attempts = submissions.into_iter().flat_map(|submission| submission.attempts);
        let bytes = attempts.filter_map(|attempt| self.blob(client, attempt.receipt?));
        bytes.filter_map(|bytes| Receipt::from_bytes(bytes).ok()).collect()
    }

    /// The place of a peer.
    #[must_use]
    pub fn place(&self, peer: PeerId) -> Option<Place> {
        self.places.get(&peer).copied()
    }

    /// The bytes of a blob that a peer holds.
    #[must_use]
    pub fn blob(&self, place: Place, digest: Digest) -> Option<&[u8]> {
        self.peers[place.0].store.get(&digest).map(AsRef::as_ref)
    }

    /// The books of the notary.
    #[must_use]
    pub fn books(&self) -> Option<BooksView> {
        self.node(self.plan.notary())?.books()
    }

    /// What a peer owns by the notary's books: free, at stake, or on its way from the one to the other.
    #[must_use]
    pub fn wealth(&self, place: Place) -> Option<Amount> {
        let peer = self.key(place).id();
        let account = self.books()?.accounts.into_iter().find(|account| account.peer == peer)?;
        account.free.plus(account.stake)?.plus(account.unbonding)
    }

    /// Every job that the notary closed.
    #[must_use]
    pub fn closed(&self) -> &BTreeMap<JobId, Closed> {
        self.watch.closed()
    }
}

/// The work of one call, or of the longest text.
fn work_assumed(manifest: &Manifest) -> Work {
    if manifest.policy.is_proven_by_rows() { manifest.work_most } else { manifest.work.call }
}

/// What is still going on at one peer, in words.
fn open_at(peer: &Peer) -> impl Iterator<Item = String> {
    let down = peer.node.is_none().then(|| "it is down".to_owned());
    let unkept = peer.unkept.iter().map(|(_, command)| format!("{command:?}"));
    let instructions = peer.node.iter().flat_map(Node::instructions).map(|waits| format!("{waits:?}"));
    let submissions = peer.node.iter().flat_map(Node::submissions).filter(|submission| !submission.ended);
    let books = peer.node.iter().filter(|node| node.ledger().is_some_and(|books| !books.held().is_zero()));
    let submissions = submissions.map(|submission| format!("{submission:?}"));
    let books = books.map(|node| format!("{:?}", node.books()));
    down.into_iter().chain(unkept).chain(instructions).chain(books).chain(submissions)
}
