//! What a peer shows of itself.
//!
//! **Invariant:** looking changes nothing.

use alloc::vec::Vec;
use core::ops::Range;

use assay_protocol::{
    id::{Digest, PeerId},
    message::Message,
    offer::Offer,
    order::{Failure, Order},
    signed::{Signer, Verified},
    units::{Rate, Timestamp},
};

use super::{Node, context::Outlook};
use crate::{
    allowance::{self, Backing, JobAllowance},
    book::Book,
    held_money::HeldMoney,
    ledger::Ledger,
    matching::{self, Passed},
    moment::Moment,
    owner::HeldRule,
    pause::Pause,
    pricing::Levy,
    provision::Provision,
    quote::Quote,
    reliability::Impression,
    submission::{OverDay, Submission},
    view::{
        AccountView, AwaitedPlace, BooksView, ClockView, DayView, DemandView, DueView, FaultView, Grounds,
        HeardNotaryView, InstructionView, RunView, SubmissionView,
    },
};

impl<S: Signer> Node<S> {
    /// The last that this peer heard a notary say of the end of its journal, as it was signed.
    pub fn last_words(&self, notary: PeerId) -> Vec<Message> {
        self.notaries.last_words(notary)
    }

    /// True while this peer keeps no books because it is not known whether it remembers all that it said.
    pub fn holds_books_back(&self) -> bool {
        self.roles.notary.as_ref().is_some_and(|notary| notary.is_held_back())
    }

    /// This peer.
    pub fn id(&self) -> PeerId {
        self.signer.id()
    }

    /// What an offer counts for in a book of this peer: most that of this peer, of providers that it was served by and of
    /// those that its user asked for; then what is at stake, by the notary's word; nothing of one of the lot.
    pub fn worth(&self, offer: &Verified<Offer>) -> u64 {
        let (provider, notary) = (offer.signer(), self.genesis.notaries.first().copied().unwrap_or_default());
        if provider == self.id() || self.roles.client.reliability.is_known(provider) {
            return u64::MAX;
        }
        if self.notaries.convicted().contains(notary, provider, self.now) {
            return 0;
        }
        let standing = matching::standing_of(offer, notary, self.notaries.epoch(notary));
        let standing = standing.filter(|standing| !standing.is_convicted(self.now));
        standing.map_or(0, |standing| standing.stake.0.max(u64::from(!standing.passed.is_empty())))
    }

    /// True if the notary that new orders name convicted the provider of an offer a short while ago, as far as this peer knows:
    /// no order goes there but by its name.
    pub fn is_convicted(&self, offer: &Verified<Offer>, at: Moment) -> bool {
        let mut notaries = self.genesis.notaries.iter().copied();
        let in_use = notaries.find(|notary| !self.notaries.has_forked(*notary));
        in_use.is_some_and(|notary| {
            let epoch = self.notaries.epoch(notary);
            matching::is_convicted(offer, self.notaries.convicted(), (notary, epoch), self.time(at))
        })
    }

    /// True while a submission waits for an offer that it could take up: a shell then tells of each that comes
    /// ([`crate::Input::Offered`]).
    pub fn awaits_offers(&self) -> bool {
        self.roles.client.awaits_offers()
    }

    /// The jobs of this client, oldest first.
    pub fn submissions(&self) -> Vec<SubmissionView> {
        self.roles.client.views()
    }

    /// What keeps a job of this client waiting of which nobody is asked, if it is something that time brings.
    pub fn awaited(&self, key: Digest, at: Moment, book: &Book) -> Option<AwaitedPlace> {
        let (own, now) = (self.id(), self.time(at));
        let (genesis, notaries) = (&*self.genesis, &self.notaries);
        self.roles.client.awaited(key, Outlook { own, genesis, book, notaries, now })
    }

    /// The names of all jobs of this client that are remembered.
    pub fn submission_keys(&self) -> impl Iterator<Item = Digest> {
        self.roles.client.keys()
    }

    /// The jobs of this client that came last, or those of them that are under way, before this one: so many, oldest first, and
    /// how many are older still.
    pub fn latest_submissions(
        &self,
        is_running: bool,
        behind: Option<Digest>,
        most: usize,
    ) -> (Vec<SubmissionView>, usize) {
        self.roles.client.latest_views(is_running, behind, most)
    }

    /// The jobs of this client that came first, or those of them that are under way, behind this one unless that is forgotten: so
    /// many, oldest first.
    pub fn earliest_submissions(
        &self,
        is_running: bool,
        after: Option<Digest>,
        most: usize,
    ) -> Vec<SubmissionView> {
        self.roles.client.earliest_views(is_running, after, most)
    }

    /// How many jobs of this client have not ended, and how many there are in all.
    pub fn submission_counts(&self) -> (usize, usize) {
        self.roles.client.counts()
    }

    /// One job of this client.
    pub fn submission(&self, key: Digest) -> Option<SubmissionView> {
        self.roles.client.view_of(key)
    }

    /// What notaries hold for jobs of this client, what is free first first.
    pub fn held_money(&self) -> Vec<HeldMoney> {
        self.roles.client.held(&self.genesis)
    }

    /// What they hold for one of its jobs.
    pub fn held_for(&self, key: Digest) -> Vec<HeldMoney> {
        self.roles.client.held_of(key, &self.genesis)
    }

    /// What its user said of one job of this client, by its digest.
    pub fn submission_content(&self, key: Digest) -> Option<Digest> {
        self.roles.client.content_of(key)
    }

    /// What its user wanted of one job of this client; nothing, if it is so long over that only its outcome is remembered.
    pub fn wish(&self, key: Digest) -> Option<&Submission> {
        self.roles.client.wish_of(key)
    }

    /// Why the last provider of one job of this client gave it up, if one did.
    pub fn failure(&self, key: Digest) -> Option<Failure> {
        self.roles.client.failure_of(key)
    }

    /// The submissions whose result is this, and that keep it for their user.
    pub fn submissions_with(&self, output: Digest) -> Vec<Digest> {
        self.roles.client.with_untaken(output)
    }

    /// Why the offers that a submission did not take up were not, when it last looked for one: nothing before that, and
    /// after a restart.
    pub fn passed_over(&self, key: Digest) -> Option<&Passed> {
        self.roles.client.passed_over(key)
    }

    /// What a submission would come to if it were made now. Nothing is sent or kept.
    pub fn quote(&self, submission: &Submission, at: Moment, book: &Book) -> Quote {
        let (own, now) = (self.id(), self.time(at));
        let (genesis, notaries) = (&*self.genesis, &self.notaries);
        self.roles.client.quote(submission, Outlook { own, genesis, book, notaries, now })
    }

    /// Why what became of a submission became of it: nothing, if it is not known or so long over that only its outcome
    /// is remembered.
    pub fn grounds(&self, key: Digest) -> Option<Grounds> {
        self.roles.client.grounds(key, &self.genesis)
    }

    /// Why a submission would not be taken, if too little is left of today for it.
    pub fn over_day(&self, submission: &Submission, at: Moment, book: &Book) -> Option<OverDay> {
        let (own, now) = (self.id(), self.time(at));
        let (genesis, notaries) = (&*self.genesis, &self.notaries);
        self.roles.client.over_day(submission, Outlook { own, genesis, book, notaries, now })
    }

    /// What is spent of today.
    pub fn day(&self, at: Moment) -> DayView {
        self.roles.client.day(self.time(at))
    }

    /// What this client has seen of a provider.
    pub fn impression(&self, provider: PeerId) -> Impression {
        self.roles.client.reliability.of(provider, self.now)
    }

    /// What this provider offers, if it does.
    pub fn provision(&self) -> Option<&Provision> {
        self.roles.provider.provision()
    }

    /// Its pause, if it takes nothing new on for a while.
    #[must_use]
    pub fn paused(&self) -> Option<Pause> {
        self.roles.provider.paused()
    }

    /// The rules of its owner that hold, so that nothing new is taken on.
    pub fn held(&self, at: Moment) -> Vec<HeldRule> {
        self.roles.provider.held(self.time(at))
    }

    /// True while a model that ran here not long ago counts as loaded.
    pub fn is_warm(&self, manifest: Digest, at: Moment) -> bool {
        self.roles.provider.is_warm(manifest, self.time(at))
    }

    /// What the network takes of this provider's pay for a model: as it was fixed for the newest job of it that goes on, or
    /// as far as the account says; at most, where it does not.
    pub fn levy(&self, manifest: Digest) -> Levy {
        let fixed = self.roles.provider.fixed_levy(manifest);
        fixed.unwrap_or_else(|| match self.notaries.view_accounts().first() {
            Some(AccountView { account, .. }) if !account.stake.is_zero() => {
                Levy::Dues { rate: Rate::ONE, margin: account.fee_margin }
            }
            Some(_) | None => Levy::Newcomer,
        })
    }

    /// How many jobs like this order, which says the price of a unit, the notary keeps open for this provider at a time, which
    /// offers so many places; nothing before the notary said what is at stake.
    pub fn allowance(&self, order: &Order, slots: u64) -> Option<JobAllowance> {
        let accounts = self.notaries.view_accounts();
        let AccountView { account, .. } = accounts.first()?;
        let open = self.roles.provider.backing(&self.genesis);
        let backing = Backing { stake: account.stake, fee_margin: account.fee_margin, ..open };
        Some(allowance::allowance(&self.genesis, order, &backing, slots))
    }

    /// The runs of this provider and verifier.
    pub fn runs(&self) -> Vec<RunView> {
        self.roles.provider.views().chain(self.roles.verifier.views()).collect()
    }

    /// What became of orders that this provider was shown.
    pub fn demand(&self) -> DemandView {
        self.roles.provider.demand()
    }

    /// Clients whose orders this provider does not take on.
    pub fn blocked(&self) -> impl Iterator<Item = PeerId> {
        self.roles.provider.blocked()
    }

    /// Clients whose jobs began here, as far as they are remembered.
    pub fn clients(&self) -> impl Iterator<Item = PeerId> {
        self.roles.provider.clients()
    }

    /// What this provider may be paid yet.
    pub fn due(&self) -> Vec<DueView> {
        self.roles.provider.due().collect()
    }

    /// This peer's accounts, as their notaries last stated them.
    pub fn accounts(&self) -> Vec<AccountView> {
        self.notaries.view_accounts()
    }

    /// What this peer's notaries are still to carry out.
    pub fn instructions(&self) -> Vec<InstructionView> {
        self.notaries.view_instructions()
    }

    /// The notaries that were seen to keep two journals.
    pub fn forked(&self) -> Vec<PeerId> {
        self.notaries.forked().collect()
    }

    /// When each notary of the network but this peer was last heard.
    pub fn notaries_heard(&self, at: Moment) -> Vec<HeardNotaryView> {
        let (own, now) = (self.id(), self.time(at));
        let others = self.genesis.notaries.iter().copied().filter(|notary| *notary != own);
        let view = |notary: PeerId| {
            let ago = self.notaries.heard_at(notary).map(|heard| now.since(heard));
            HeardNotaryView { notary, ago }
        };
        others.map(view).collect()
    }

    /// How often messages of each kind could not be taken, and why.
    pub fn faults(&self) -> Vec<FaultView> {
        self.faults.views()
    }

    /// How this peer's wall clock stands.
    pub fn clock(&self) -> ClockView {
        self.clock.view()
    }

    /// What time it is at a moment, as far as this peer believes its wall clock.
    pub fn time(&self, at: Moment) -> Timestamp {
        self.clock.clone().read(at).0
    }

    /// The books in sum, if this peer is a notary of its network.
    pub fn books(&self) -> Option<BooksView> {
        self.roles.notary.as_ref().map(|notary| notary.books())
    }

    /// The books themselves.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.roles.notary.as_ref().map(|notary| &notary.ledger)
    }

    /// Which of these entries of this notary's chain are published by their digests alone: they would tell who is being
    /// checked, or what others are to find by themselves.
    pub fn withheld(&self, among: Range<u64>) -> Vec<u64> {
        self.ledger().map(|ledger| ledger.withheld(among).collect()).unwrap_or_default()
    }
}
