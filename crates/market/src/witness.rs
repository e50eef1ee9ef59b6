//! The rules that hold whatever is written in the books, each by its name: asked after every fact.
//!
//! It is for tests and simulators, which keep one beside a notary's books: a rule that does not hold is a fault of this
//! program, so it panics and says which.
//!
//! **Invariant:** it knows the books from outside, as everybody who replays them does, and changes nothing.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    vec::Vec,
};

use assay_protocol::{
    genesis::Genesis,
    id::{Digest, JobId, PeerId},
    job::{Job, Stage, Testified},
    journal::Fact,
    order::Order,
    outcome::Outcome,
    payout,
    receipt::{Happening, Receipt, Story, verify},
    signed::Scheme,
    units::{Amount, Rate},
};

use crate::ledger::{ClosedJob, Holdings, Ledger, News, Touched};

/// What was seen so far, to be compared with.
#[derive(Clone, Debug)]
pub struct Witness {
    genesis: Genesis,
    closed: BTreeMap<JobId, ClosedJob>,
    /// Providers that lost stake that stood for pay.
    shaken: BTreeSet<PeerId>,
    /// How jobs ended.
    pub outcomes: BTreeSet<Outcome>,
}

/// The books before a fact, as far as the rules ask for it.
#[derive(Clone, Debug)]
pub struct Before {
    wealth: BTreeMap<PeerId, u64>,
    stakes: BTreeMap<PeerId, u64>,
    jobs: BTreeMap<JobId, Job>,
}

impl Before {
    /// The books as they are.
    #[must_use]
    pub fn new(ledger: &Ledger) -> Self {
        let stakes = ledger.accounts().iter().map(|(peer, account)| (*peer, account.stake.0));
        let jobs = ledger.open_jobs().map(|open| (open.job.id(), open.job.clone()));
        Self { wealth: wealth(ledger), stakes: stakes.collect(), jobs: jobs.collect() }
    }
}

/// All that is anybody's: in the account, in open jobs, or owed.
fn wealth(ledger: &Ledger) -> BTreeMap<PeerId, u64> {
    let of = |peer: &PeerId| {
        let account = ledger.accounts().get(peer).cloned().unwrap_or_default();
        account.free.0 + account.at_stake().0 + ledger.held_of(*peer).0 + ledger.owed(Some(*peer)).0
    };
    ledger.accounts().keys().map(|peer| (*peer, of(peer))).collect()
}

impl Witness {
    /// A witness who is there from the first fact on.
    #[must_use]
    pub fn new(genesis: Genesis) -> Self {
        let (closed, shaken, outcomes) = Default::default();
        Self { genesis, closed, shaken, outcomes }
    }

    /// Asks every rule that concerns the books about a fact that they took. Judging the receipt of a job that it closed
    /// costs the most: it is left out where `receipt` gives none.
    ///
    /// # Panics
    /// If a rule does not hold.
    pub fn hear<S: Scheme>(
        &mut self,
        ledger: &Ledger,
        fact: &Fact,
        before: &Before,
        touched: &Touched,
        receipt: impl Fn(&Story) -> Option<Receipt>,
    ) {
        let stories: Vec<&Story> = touched.news.iter().filter_map(story).collect();
        money_is_conserved(ledger);
        held_is_what_open_jobs_hold(&self.genesis, ledger, &before.jobs);
        what_was_written_once_stays(ledger, before);
        only_the_touched_change(ledger, before, touched);
        only_signers_lose(ledger, fact, before, &stories);
        an_objection_raises_nothing(ledger, fact, before);
        if matches!(fact, Fact::Tick(_)) {
            assert_eq!(ledger.stranded(), [], "I13: time alone does not move these jobs on");
        }
        let mut stakes = before.stakes.clone();
        for story in &stories {
            settled_by_the_table(&self.genesis, ledger, story, &mut stakes);
            if let Some(receipt) = receipt(story) {
                the_receipt_holds::<S>(&receipt);
            }
            the_convicted_are_checked(ledger, story);
            self.shake(story);
            self.outcomes.insert(story.outcome);
        }
        self.closed_is_final(ledger, &stories);
        self.exposure_is_covered(ledger);
    }

    fn shake(&mut self, story: &Story) {
        let fined = story.settlement.fines.iter().map(|fine| fine.peer);
        let convicted = story.outcome.is_slashed().then(|| order(story).provider);
        self.shaken.extend(fined.chain(convicted));
    }

    /// I3, and the other half of I2.
    fn closed_is_final(&mut self, ledger: &Ledger, stories: &[&Story]) {
        for story in stories {
            let job = story.ticket.job;
            let Some(closed) = ledger.closed_job(job) else { panic!("I2: job {job} is not closed") };
            assert_eq!(closed.outcome, story.outcome, "I3: a job closed otherwise than its story says");
            assert!(self.closed.insert(job, *closed).is_none(), "I3: job {job} was closed twice");
        }
        assert_eq!(
            ledger.closed_count(),
            self.closed.len() as u64,
            "I3: a closed job was forgotten or invented"
        );
        for (job, closed) in &self.closed {
            assert_eq!(ledger.closed_job(*job), Some(closed), "I3: a closed job changed");
            assert!(ledger.open_job(*job).is_none(), "I2: a closed job holds money");
        }
    }

    /// I15. As worded it holds until stake is lost: a slash takes it while other jobs of the provider are open, which are
    /// all checked from then on; a fine takes it from a verifier that may be a provider as well. So what holds is that
    /// exposure is what the open jobs say, that no other fact than a slash or a fine brings it above the stake, and that a
    /// convicted provider has no unsettled job left that nobody checks.
    fn exposure_is_covered(&mut self, ledger: &Ledger) {
        for (peer, account) in ledger.accounts() {
            let serving = ledger.open_jobs().filter(|open| open.job.order().provider == *peer);
            let covered = serving.filter(|open| open.job.ticket().covered);
            let pay = covered.filter_map(|open| open.job.order().price()).map(|price| price.0).sum();
            assert_eq!(account.exposed, Amount(pay), "I15: exposure is the pay of the covered open jobs");
            if account.exposed <= account.stake {
                self.shaken.remove(peer);
            }
            let excused = self.shaken.contains(peer);
            assert!(excused || account.exposed <= account.stake, "I15: {peer} is exposed beyond its stake");
        }
        for open in ledger.open_jobs().filter(|open| open.job.ticket().rate < Rate::ONE) {
            assert!(open.job.ticket().covered, "I15: nothing stands for a job that may stay unchecked");
        }
    }
}

/// I15, where the stake is gone: whatever a convicted provider still has open is checked.
fn the_convicted_are_checked(ledger: &Ledger, story: &Story) {
    let provider = order(story).provider;
    let serving = ledger.open_jobs().filter(|open| open.job.order().provider == provider);
    for open in serving.filter(|_| story.outcome.is_slashed()) {
        let is_checked = matches!(open.job.stage(), Stage::Checking(_) | Stage::Jury(_));
        assert!(is_checked || open.job.forced(), "I15: a job of a convicted provider may stay unchecked");
    }
}

/// The name of a state of the books: of all that is in them, whatever it is.
#[must_use]
pub fn state_of(ledger: &Ledger) -> Digest {
    Digest::of(format!("{ledger:?}").as_bytes())
}

fn story(news: &News) -> Option<&Story> {
    match news {
        News::Closed { story, .. } => Some(story),
        News::Opened { .. } | News::Drawn { .. } | News::Accused { .. } => None,
    }
}

/// I4, I5, I9, I11.
fn the_receipt_holds<S: Scheme>(receipt: &Receipt) {
    let report = verify::<S>(receipt);
    assert!(
        report.as_ref().is_ok_and(|report| report.outcome == receipt.story.outcome),
        "I4, I5, I9, I11: a receipt does not hold: {report:?}"
    );
}

fn money_is_conserved(ledger: &Ledger) {
    let (pool, minted, burned) = ledger.pool_minted_burned();
    assert_eq!(ledger.total(), minted.minus(burned), "I1: the boxes do not hold what was minted");
    assert!(
        pool.is_zero() || ledger.owed(None).is_zero(),
        "what is owed is paid first from whatever the pool has"
    );
}

/// I2: an open job holds the client's total and its deposit, if it disputed; a closed one is none of the open.
fn held_is_what_open_jobs_hold(genesis: &Genesis, ledger: &Ledger, before: &BTreeMap<JobId, Job>) {
    let mut held: BTreeMap<PeerId, u64> = BTreeMap::new();
    for open in ledger.open_jobs() {
        let deposit = payout::deposit(genesis, &open.job).0;
        *held.entry(open.job.order().client).or_default() += open.job.order().total_max.0 + deposit;
        assert!(!matches!(open.job.stage(), Stage::Closed(_)), "I2: a closed job holds money");
        assert!(open.job.order().total_max > Amount::ZERO, "I2: an open job holds nothing");
    }
    for peer in ledger.accounts().keys() {
        let expected = held.get(peer).copied().unwrap_or_default();
        assert_eq!(ledger.held_of(*peer), Amount(expected), "I2: held is not what the open jobs hold");
    }
    for job in before.keys() {
        let (open, closed) = (ledger.open_job(*job).is_some(), ledger.closed_job(*job).is_some());
        assert!(open != closed, "I2: job {job} is neither open nor closed, or both");
    }
}

/// I6.
fn what_was_written_once_stays(ledger: &Ledger, before: &Before) {
    for (id, earlier) in &before.jobs {
        let Some(open) = ledger.open_job(*id) else { continue };
        let now = &open.job;
        assert!(earlier.claim().is_none() || earlier.claim() == now.claim(), "I6: a claim changed");
        assert!(earlier.opened().is_none() || earlier.opened() == now.opened(), "I6: an opening changed");
        assert!(now.seats().len() >= earlier.seats().len(), "I6: a seat vanished");
        for (was, is) in earlier.seats().iter().zip(now.seats()) {
            assert_eq!(was.peer, is.peer, "I6: another peer sits in a seat");
            let kept = match (&was.testified, &is.testified) {
                (Testified::NotYet, _) | (Testified::Sealed(_), Testified::Absent) => true,
                (Testified::Sealed(commit), Testified::Heard { evidence, .. }) => {
                    *commit == evidence.commit()
                }
                (was, is) => was == is,
            };
            assert!(kept, "I6: a verifier's testimony changed");
        }
    }
}

/// Who asks what a fact touched has asked all that it changed.
fn only_the_touched_change(ledger: &Ledger, before: &Before, touched: &Touched) {
    let now = Before::new(ledger);
    let others = |peer: &&PeerId| !touched.accounts.contains(*peer);
    let peers = before.wealth.keys().chain(now.wealth.keys());
    for peer in peers.filter(others) {
        assert_eq!(
            before.wealth.get(peer),
            now.wealth.get(peer),
            "{peer} was not touched, and what it has changed"
        );
        assert_eq!(
            before.stakes.get(peer),
            now.stakes.get(peer),
            "{peer} was not touched, and its stake changed"
        );
    }
    let jobs = before.jobs.keys().chain(now.jobs.keys());
    for job in jobs.filter(|job| !touched.jobs.contains(*job)) {
        let [was, is] = [before, &now].map(|books| books.jobs.get(job).map(Job::progress));
        assert_eq!(was, is, "job {job} was not touched, and it moved");
    }
}

/// I8: an event lowers the wealth only of parties that signed in that job; without a close it moves none at all, but for
/// what is created.
fn only_signers_lose(ledger: &Ledger, fact: &Fact, before: &Before, stories: &[&Story]) {
    let creates = matches!(fact, Fact::Grant(_) | Fact::Query(_));
    let signers: BTreeSet<PeerId> = stories.iter().flat_map(|story| signers(story)).collect();
    for (peer, now) in wealth(ledger) {
        let was = before.wealth.get(&peer).copied().unwrap_or_default();
        assert!(now >= was || signers.contains(&peer), "I8: {peer} lost money and signed nothing");
        let moved = !stories.is_empty() || creates;
        assert!(moved || now == was, "I8: money moved between parties although no job closed");
        // Of a job that ends in a slash the client has back what it had put in, and no more; the provider has lost it.
        if let [story] = stories
            && story.outcome.is_slashed()
        {
            let (order, slashed) = (order(story), story.settlement.slashed.0);
            assert!(peer != order.client || now == was, "I10: a client gained or lost by a slash");
            assert!(
                peer != order.provider || now + slashed == was,
                "I17: a slash was not taken from the stake"
            );
        }
    }
}

fn signers(story: &Story) -> BTreeSet<PeerId> {
    let open = story.open.said();
    let (order, accept) = (open.order.said(), open.accept.said());
    let later = story.events.iter().filter_map(|event| event.what.about()).map(|(_, signer)| signer);
    [order.signer(), accept.signer()].into_iter().chain(later).collect()
}

fn order(story: &Story) -> Order {
    story.open.said().order.said().clone()
}

/// I18.
fn an_objection_raises_nothing(ledger: &Ledger, fact: &Fact, before: &Before) {
    let Fact::Job(happening) = fact else { return };
    if !matches!(happening, Happening::Dispute(_) | Happening::Cancel(_) | Happening::Abort(_)) {
        return;
    }
    let Some((_, sender)) = happening.about() else { panic!("an objection is signed") };
    let was = before.wealth.get(&sender).copied().unwrap_or_default();
    let now = wealth(ledger).get(&sender).copied().unwrap_or_default();
    assert!(now <= was, "I18: a dispute, cancel or abort made its sender richer");
}

/// I4, I10, I14, I17, as far as one settlement shows them; its receipt is judged as a whole beside. `stakes` are those
/// before the fact, less what it has taken of them so far.
fn settled_by_the_table(
    genesis: &Genesis,
    ledger: &Ledger,
    story: &Story,
    stakes: &mut BTreeMap<PeerId, u64>,
) {
    let (order, settlement) = (order(story), &story.settlement);
    let disputed = story.events.iter().any(|event| matches!(event.what, Happening::Dispute(_)));
    let deposit = if disputed { genesis.check_cost(order.work_max).0 } else { 0 };
    // I14. A deposit is beyond the total: who disputes chose to put it up.
    assert!(settlement.provider <= order.total_max, "I14: the provider is paid more than the total");
    assert!(settlement.client.0 <= order.total_max.0 + deposit, "I14: the client gets more than was held");
    let slashed = settlement.slashed;
    assert!(slashed.is_zero() || story.outcome.is_slashed(), "I4: a slash of who was not convicted");
    assert!(settlement.provider.is_zero() || !story.outcome.is_slashed(), "I4: pay and a slash");
    if story.outcome.is_slashed() {
        let stake = stakes.get(&order.provider).copied().unwrap_or_default();
        let unbonding = ledger.accounts().get(&order.provider).map(Holdings::unbonding).unwrap_or_default();
        // What was withdrawn long before may have been paid at the same tick, and is none of it any more.
        let all = slashed.0 >= stake && unbonding.is_zero();
        assert!(all || slashed >= story.ticket.slash, "I17: a conviction costs less than the ticket says");
        assert!(slashed <= story.ticket.slash, "I17: a conviction costs more than the ticket says");
        assert!(slashed.0 > 0 || all, "I17: a conviction costs nothing although there is stake");
        assert!(settlement.client >= order.total_max, "I10: a client lost by a slash");
        assert!(settlement.fees.iter().all(|fee| fee.peer != order.client), "I10: a bounty for the client");
    }
    let losses = settlement.fines.iter().map(|fine| (fine.peer, fine.amount));
    for (peer, amount) in losses.chain([(order.provider, slashed)]) {
        stakes.entry(peer).and_modify(|stake| *stake = stake.saturating_sub(amount.0));
    }
    if story.outcome == Outcome::Unchecked {
        assert!(story.ticket.covered, "I5: unchecked, paid, and nothing stood for it");
    }
}
