//! The rules that hold whatever is written in the books, each by its name: asked after every fact.
//!
//! It is for tests and simulators, which keep one beside a notary's books: a rule that does not hold is a fault of this
//! program, so it panics and says which.
//!
//! After most facts it looks at what they touched, after some at all there is: so it finds what changed and was not said
//! to be touched, and costs a small part of what it would if it always looked at everything. What all boxes hold is
//! summed after every fact.
//!
//! **Invariant:** it knows the books from outside, as everybody who replays them does, and changes nothing.

mod before;
mod rules;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    vec::Vec,
};

use assay_protocol::{
    genesis::Genesis,
    id::{Digest, JobId, PeerId},
    journal::Fact,
    outcome::Outcome,
    receipt::{Receipt, Story},
    signed::Scheme,
    units::{Amount, Rate},
};

use self::{
    before::{Before, Scope},
    rules::{
        an_objection_raises_nothing, held_is_what_open_jobs_hold, money_is_conserved, only_signers_lose,
        only_the_touched_change, order, settled_by_the_table, the_convicted_are_checked, the_receipt_holds,
        what_was_written_once_stays,
    },
};
use crate::ledger::{ClosedJob, Ledger, News, Touched};

/// What was seen so far, to be compared with.
#[derive(Clone, Debug)]
pub struct Witness {
    genesis: Genesis,
    before: Before,
    closed: BTreeMap<JobId, ClosedJob>,
    /// Providers that lost stake that stood for pay.
    shaken: BTreeSet<PeerId>,
    /// How jobs ended.
    pub outcomes: BTreeSet<Outcome>,
    /// Facts so far, and after how many each time everything is looked at.
    facts: u64,
    sweep_facts: u64,
}

impl Witness {
    /// A witness who hears every fact from now on, and looks at everything after each so many of them.
    #[must_use]
    pub fn new(genesis: Genesis, ledger: &Ledger, sweep_facts: u64) -> Self {
        let (mut before, closed, shaken, outcomes) =
            (Before::default(), <_>::default(), <_>::default(), <_>::default());
        before.note(ledger, &Scope::everything(ledger));
        Self { genesis, before, closed, shaken, outcomes, facts: 0, sweep_facts }
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
        touched: &Touched,
        receipt: impl Fn(&Story) -> Option<Receipt>,
    ) {
        let (scope, before) = (self.scope(ledger, touched), &self.before);
        let stories: Vec<&Story> = touched.news.iter().filter_map(story).collect();
        money_is_conserved(ledger);
        held_is_what_open_jobs_hold(&self.genesis, ledger, before, &scope);
        what_was_written_once_stays(ledger, before, &scope);
        only_the_touched_change(ledger, before, touched, &scope);
        only_signers_lose(ledger, fact, before, &stories, &scope);
        an_objection_raises_nothing(ledger, fact, before);
        if matches!(fact, Fact::Tick(_)) {
            assert_eq!(ledger.stranded(), [], "I13: time alone does not move these jobs on");
        }
        let mut stakes = if stories.is_empty() { BTreeMap::new() } else { before.stakes.clone() };
        for story in &stories {
            settled_by_the_table(&self.genesis, ledger, story, &mut stakes);
            if let Some(receipt) = receipt(story) {
                the_receipt_holds::<S>(&receipt);
            }
            the_convicted_are_checked(ledger, story);
            self.shake(story);
            self.outcomes.insert(story.outcome);
        }
        self.closed_is_final(ledger, &stories, &scope);
        self.exposure_is_covered(ledger, &scope);
        self.before.note(ledger, &scope);
    }

    /// What is looked at after a fact: mostly what it touched, and now and then all there is, or was.
    fn scope(&mut self, ledger: &Ledger, touched: &Touched) -> Scope {
        self.facts += 1;
        let mut scope = Scope::touched(ledger, &self.before, touched);
        if self.facts.is_multiple_of(self.sweep_facts) {
            let Scope { jobs, accounts } = Scope::everything(ledger);
            scope.jobs.extend(jobs);
            scope.jobs.extend(self.before.jobs.keys().chain(self.closed.keys()));
            scope.accounts.extend(accounts);
            scope.accounts.extend(self.before.wealth.keys());
        }
        scope
    }

    fn shake(&mut self, story: &Story) {
        let fined = story.settlement.fines.iter().map(|fine| fine.peer);
        let convicted = story.outcome.is_slashed().then(|| order(story).provider);
        self.shaken.extend(fined.chain(convicted));
    }

    /// I3, and the other half of I2.
    fn closed_is_final(&mut self, ledger: &Ledger, stories: &[&Story], scope: &Scope) {
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
        for (job, closed) in scope.jobs.iter().filter_map(|job| self.closed.get_key_value(job)) {
            assert_eq!(ledger.closed_job(*job), Some(closed), "I3: a closed job changed");
            assert!(ledger.open_job(*job).is_none(), "I2: a closed job holds money");
        }
    }

    /// I15. As worded it holds until stake is lost: a slash takes it while other jobs of the provider are open, which are
    /// all checked from then on; a fine takes it from a verifier that may be a provider as well. So what holds is that
    /// exposure is what the open jobs say, that no other fact than a slash or a fine brings it above the stake, and that a
    /// convicted provider has no unsettled job left that nobody checks.
    fn exposure_is_covered(&mut self, ledger: &Ledger, scope: &Scope) {
        let mut pay: BTreeMap<PeerId, u64> = BTreeMap::new();
        for open in ledger.open_jobs().filter(|open| open.job.ticket().covered) {
            let order = open.job.order();
            *pay.entry(order.provider).or_default() += order.price().unwrap_or_default().0;
        }
        for peer in &scope.accounts {
            let Some(account) = ledger.accounts().get(peer) else { continue };
            let pay = Amount(pay.get(peer).copied().unwrap_or_default());
            assert_eq!(account.exposed, pay, "I15: exposure is the pay of the covered open jobs");
            if account.exposed <= account.stake {
                self.shaken.remove(peer);
            }
            let excused = self.shaken.contains(peer);
            assert!(excused || account.exposed <= account.stake, "I15: {peer} is exposed beyond its stake");
        }
        for open in scope.open_jobs(ledger).filter(|open| open.job.ticket().rate < Rate::ONE) {
            assert!(open.job.ticket().covered, "I15: nothing stands for a job that may stay unchecked");
        }
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
