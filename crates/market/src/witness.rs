//! The rules that hold whatever is written in the books, each by its name: asked after every fact.
//!
//! It is for tests and simulators, which keep one beside a notary's books: a rule that does not hold is a fault of this
//! program, so it panics and says which.
//!
//! After most facts it looks at what they touched, after some at all there is: so it finds what changed and was not said
//! to be touched. What it costs beside those sweeps grows neither with the jobs that are open nor with those that are
//! closed; of the closed ones it remembers the last [`CLOSED_MAX`].
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
        all_is_as_it_was_summed, an_objection_raises_nothing, held_is_what_open_jobs_hold,
        money_is_conserved, only_signers_lose, only_the_touched_change, order, settled_by_the_table,
        the_convicted_are_checked, the_receipt_holds, what_was_written_once_stays,
    },
};
use crate::{
    ledger::{ClosedJob, Ledger, News, Touched},
    recent::Recent,
};

/// Closed jobs that a witness remembers, to know them again.
pub const CLOSED_MAX: usize = 1_024;

/// What was seen so far, to be compared with.
#[derive(Clone, Debug)]
pub struct Witness {
    genesis: Genesis,
    before: Before,
    /// The last jobs that were closed, and how many there were in all.
    closed: Recent<JobId, ClosedJob>,
    closed_count: u64,
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
        let mut before = Before::default();
        before.note(&genesis, ledger, &Scope::everything(ledger));
        Self {
            genesis,
            before,
            closed: Recent::new(CLOSED_MAX),
            closed_count: ledger.closed_count(),
            shaken: BTreeSet::new(),
            outcomes: BTreeSet::new(),
            facts: 0,
            sweep_facts,
        }
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
        let sweeps = self.sweeps();
        let scope = self.scope(ledger, touched, sweeps);
        let stories: Vec<&Story> = touched.news.iter().filter_map(story).collect();
        self.before.stand(&self.genesis, ledger, &scope);
        let before = &self.before;
        money_is_conserved(ledger);
        if sweeps {
            all_is_as_it_was_summed(&self.genesis, ledger, before);
        }
        held_is_what_open_jobs_hold(ledger, before, &scope);
        what_was_written_once_stays(ledger, before, &scope);
        only_the_touched_change(ledger, before, touched, &scope);
        only_signers_lose(&self.genesis, ledger, fact, before, &stories, &scope);
        an_objection_raises_nothing(ledger, fact, before);
        let mut lost = BTreeMap::new();
        for story in &stories {
            settled_by_the_table(&self.genesis, ledger, story, before, &mut lost);
            if let Some(receipt) = receipt(story) {
                the_receipt_holds::<S>(&receipt);
            }
            the_convicted_are_checked(ledger, story, before);
        }
        for story in &stories {
            self.shake(story);
            self.outcomes.insert(story.outcome);
        }
        self.closed_is_final(ledger, &stories, &scope);
        self.exposure_is_covered(ledger, &scope);
        self.before.note(&self.genesis, ledger, &scope);
    }

    /// True if everything is looked at after this fact.
    fn sweeps(&mut self) -> bool {
        self.facts += 1;
        self.facts.is_multiple_of(self.sweep_facts)
    }

    /// What is looked at after a fact: mostly what it touched, and now and then all there is, or was.
    fn scope(&self, ledger: &Ledger, touched: &Touched, sweeps: bool) -> Scope {
        let mut scope = Scope::touched(ledger, &self.before, touched);
        if sweeps {
            let Scope { jobs, accounts } = Scope::everything(ledger);
            scope.jobs.extend(jobs);
            scope.jobs.extend(self.before.jobs.keys().chain(self.closed.iter().map(|(job, _)| job)));
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
            assert!(self.closed.get(&job).is_none(), "I3: job {job} was closed twice");
            self.closed.insert(job, *closed);
            self.closed_count += 1;
        }
        assert_eq!(ledger.closed_count(), self.closed_count, "I3: a closed job was forgotten or invented");
        for job in &scope.jobs {
            let Some(closed) = self.closed.get(job) else { continue };
            assert_eq!(ledger.closed_job(*job), Some(closed), "I3: a closed job changed");
            assert!(ledger.open_job(*job).is_none(), "I2: a closed job holds money");
        }
    }

    /// I15. As worded it holds until stake is lost: a slash takes it while other jobs of the provider are open, which are
    /// all checked from then on; a fine takes it from a verifier that may be a provider as well. So what holds is that
    /// exposure is what the open jobs say by their stages, that no other fact than a slash or a fine brings it, with the
    /// jury over the dearest of them, above the stake, and that a convicted provider has no unsettled job left that nobody
    /// checks.
    fn exposure_is_covered(&mut self, ledger: &Ledger, scope: &Scope) {
        for peer in &scope.accounts {
            let Some(account) = ledger.accounts().get(peer) else { continue };
            let pay = Amount(self.before.sums.of(*peer).exposed);
            assert_eq!(account.exposed, pay, "I15: exposure is what the covered open jobs take");
            if account.engaged() <= account.stake {
                self.shaken.remove(peer);
            }
            let excused = self.shaken.contains(peer);
            assert!(excused || account.engaged() <= account.stake, "I15: {peer} is exposed beyond its stake");
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
