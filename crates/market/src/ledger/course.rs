//! T2–T18 as they happen to open jobs: steps of the parties, ticks, draws, accusations.

use alloc::vec::Vec;

use assay_protocol::{
    draw,
    id::{JobId, PeerId},
    job::{Job, Misstep, Party, SeatPhase, Stage, Step},
    receipt::{self, Happening, StoryEvent},
    remainder,
};

use super::{
    Holdings, Ledger, News, Rejection,
    agenda::{Agenda, may_move},
    boxes::sum,
    tracked::Tracked,
};

impl Ledger {
    /// Takes a party's step, and whatever follows from it at once.
    pub(super) fn step(&mut self, happening: &Happening, out: &mut Vec<News>) -> Result<(), Rejection> {
        let Some((id, signer)) = happening.about() else { return Err(Misstep::NotYours.into()) };
        let (sequence, round) = (self.sequence, self.live_time.beacon.round);
        let Some(open) = self.jobs.get_mut(&id) else {
            let closed = self.closed.get(&id).is_some();
            return Err(if closed { Misstep::Closed.into() } else { Rejection::Unknown });
        };
        let (step, by) = happening.step(&open.job);
        if open.party(by) != Some(signer) {
            return Err(Misstep::NotYours.into());
        }
        if let Step::Claim { position, .. } = &step
            && *position != sequence
        {
            return Err(Rejection::Position);
        }
        if sets_trap(happening) {
            return self.pledge(id, happening, out);
        }
        let first_claim = open.job.claim().is_none();
        open.job.apply(step, by, self.live_time)?;
        open.events.push(StoryEvent { round, what: happening.clone() });
        if matches!(happening, Happening::Claim { .. }) && first_claim {
            open.roster = self.checkpoint.enrolled(open.job.order());
            open.job.enrol(open.roster.as_ref().map_or(0, |enrolled| enrolled.listing.electorate()));
            self.give_back(id);
        }
        self.withhold(id);
        self.advance(id, out);
        Ok(())
    }

    /// T2: what of the price no end can need any more that the claim in the books leads to.
    fn give_back(&mut self, id: JobId) {
        let Some(open) = self.jobs.get_mut(&id) else { return };
        let back = remainder::of(&self.genesis, &open.job);
        open.held = open.held.minus_up_to(back);
        let client = self.accounts.or_default(open.job.order().client);
        client.held = client.held.minus_up_to(back);
        client.free = sum(client.free, back);
    }

    /// From the claim on a fact of a job tells who is being checked, or what others are to find by themselves.
    fn withhold(&mut self, id: JobId) {
        let Some(open) = self.jobs.get_mut(&id).filter(|open| open.job.claim().is_some()) else { return };
        open.withheld.push(self.sequence);
        self.withheld.insert(self.sequence);
    }

    /// T18: the client puts up more than its order says: what is at stake in its trap, as far as it has that.
    fn pledge(&mut self, id: JobId, happening: &Happening, out: &mut Vec<News>) -> Result<(), Rejection> {
        let round = self.live_time.beacon.round;
        let open = self.jobs.get(&id).ok_or(Rejection::Unknown)?;
        let (step, by) = happening.step(&open.job);
        let mut pledged = open.job.clone();
        pledged.apply(step, by, self.live_time)?;
        let (deposit, most) = (pledged.pledged(), self.pledge_of(&open.job));
        if deposit > most {
            return Err(Rejection::Funds);
        }
        // It puts up neither more nor less.
        if deposit < most {
            return Err(Misstep::Unmatched.into());
        }
        let peer = open.job.order().client;
        let client = self.accounts.get_mut(&peer).ok_or(Rejection::NoAccount)?;
        client.free = client.free.minus(deposit).ok_or(Rejection::Funds)?;
        let open = self.jobs.get_mut(&id).ok_or(Rejection::Unknown)?;
        client.held = sum(client.held, deposit);
        client.traps.pledge(deposit);
        open.held = sum(open.held, deposit);
        open.job = pledged;
        open.events.push(StoryEvent { round, what: happening.clone() });
        self.withhold(id);
        self.advance(id, out);
        Ok(())
    }

    /// Draws what is due to be drawn, notes accusations, closes what is closed.
    pub(super) fn advance(&mut self, id: JobId, out: &mut Vec<News>) {
        while let Some(happening) = self.due(id) {
            self.note_draw(id, &happening, out);
            let Some(open) = self.jobs.get_mut(&id) else { return };
            let (step, by) = happening.step(&open.job);
            let drawn = open.job.apply(step, by, self.live_time);
            debug_assert!(drawn.is_ok(), "what is due can be drawn");
            open.events.push(StoryEvent { round: self.live_time.beacon.round, what: happening });
        }
        self.note_checks(id);
        let Some(open) = self.jobs.get_mut(&id) else { return };
        note_accusation(&mut self.accounts, &open.job, out);
        if matches!(open.job.stage(), Stage::Closed(_)) {
            return self.close(id, out);
        }
        open.exposed = Self::relieve(&mut self.accounts, &self.genesis, &open.job, open.exposed);
        self.agenda.note(&open.job, &mut open.planned);
    }

    /// The draw that is due now.
    fn due(&self, id: JobId) -> Option<Happening> {
        let open = self.jobs.get(&id)?;
        let beacon = self.live_time.beacon;
        match open.job.stage() {
            Stage::Drawing { round } if beacon.round >= round => {
                let claim = open.job.claim().map(|claimed| claimed.digest).unwrap_or_default();
                let rate = open.job.ticket().rate;
                let check = draw::is_drawn(id, claim, open.job.secret(), beacon.value, rate);
                Some(Happening::Draw { check })
            }
            Stage::Jury(SeatPhase::Doubting { round }) if beacon.round >= round => {
                let check = draw::is_second(id, open.job.secret(), beacon.value, open.job.second());
                Some(Happening::Draw { check })
            }
            Stage::Checking(SeatPhase::Seating { round }) | Stage::Jury(SeatPhase::Seating { round })
                if beacon.round >= round =>
            {
                let lot = receipt::lot(&open.job, beacon.value);
                let barred = open.job.barred();
                let cast = open
                    .roster
                    .as_ref()
                    .and_then(|enrolled| lot.cast(&enrolled.roster, &barred, self.genesis.checks.tries_max));
                let tries = cast.unwrap_or_default();
                let anew = tries.last().map(|tried| tried.leaf.peer);
                let after = anew.filter(|peer| open.job.seats().iter().all(|seat| seat.peer != *peer));
                Some(Happening::Seat { after: after.and_then(|peer| self.busy_until(peer)), tries })
            }
            Stage::Open { .. }
            | Stage::Cancelling { .. }
            | Stage::Claimed { .. }
            | Stage::Drawing { .. }
            | Stage::Waiting { .. }
            | Stage::Checking(_)
            | Stage::Jury(_)
            | Stage::Closed(_) => None,
        }
    }

    /// Reserves what a drawn check costs, and says what was drawn.
    fn note_draw(&mut self, id: JobId, happening: &Happening, out: &mut Vec<News>) {
        let Some(open) = self.jobs.get_mut(&id) else { return };
        let ticket = open.job.ticket();
        let (job, rate) = (id, ticket.rate);
        match happening {
            // Whether the job is checked was drawn before: this is whether somebody looks again.
            Happening::Draw { .. } if matches!(open.job.stage(), Stage::Jury(_)) => {}
            Happening::Draw { check: false } if !open.job.checked_anyway() => {
                out.push(News::Drawn { job, rate, verifier: None });
            }
            // The client has paid in advance, or the provider pays for what its conviction brought about.
            Happening::Draw { .. } if ticket.prepaid > 0 || open.job.forced() => {}
            // Who did not reveal its secret pays for the check out of what was held of it: the endowment does not.
            Happening::Draw { .. } if open.job.unrevealed() => {
                self.endowment = sum(self.endowment, core::mem::take(&mut open.endowed));
            }
            Happening::Draw { .. } => {
                if self.drawn_by_policy(id) {
                    self.reserve(id);
                }
            }
            Happening::Seat { tries, .. } => {
                let drawn = tries.last().map(|tried| tried.leaf);
                out.push(News::Drawn { job, rate, verifier: drawn.map(|leaf| leaf.peer) });
            }
            Happening::Claim { .. }
            | Happening::Abort(_)
            | Happening::Cancel(_)
            | Happening::Reveal(_)
            | Happening::Dispute(_)
            | Happening::Contradict(_)
            | Happening::Seal(_)
            | Happening::Underway(_)
            | Happening::Unserved(_)
            | Happening::OpenClaim { .. }
            | Happening::OpenSeal(_)
            | Happening::Tick
            | Happening::Convicted
            | Happening::Unreached => {}
        }
    }

    /// True if the network's policy alone would have drawn the job; otherwise the endowment pays for its check.
    fn drawn_by_policy(&self, id: JobId) -> bool {
        let Some(job) = self.jobs.get(&id).map(|open| &open.job) else { return false };
        let claim = job.claim().map(|claimed| claimed.digest).unwrap_or_default();
        draw::is_drawn(id, claim, job.secret(), self.live_time.beacon.value, job.ticket().policy_rate)
    }

    /// T4: the pool sets aside what the check costs; what the endowment had set aside goes back.
    fn reserve(&mut self, id: JobId) {
        let Some(open) = self.jobs.get_mut(&id) else { return };
        let fee = self.genesis.check_cost(open.job.order().check_work_max()).min(self.pool);
        self.pool = self.pool.minus_up_to(fee);
        open.reserve = sum(open.reserve, fee);
        self.endowment = sum(self.endowment, core::mem::take(&mut open.endowed));
    }

    /// Lets time pass for every open job that it can move; the others are not touched.
    pub(super) fn tick_jobs(&mut self, out: &mut Vec<News>) {
        let live_time = self.live_time;
        for id in self.take_movable() {
            let Some(open) = self.jobs.get_mut(&id) else { continue };
            let provider = self.accounts.get(&open.job.order().provider);
            let frozen = provider.is_some_and(|account| !account.frozen.is_empty());
            let before = open.job.progress();
            let stepped = open.job.apply(Step::Tick { frozen }, Party::Notary, live_time);
            debug_assert!(stepped.is_ok(), "an open job takes every tick");
            if before != open.job.progress() {
                open.events.push(StoryEvent { round: live_time.beacon.round, what: Happening::Tick });
            }
            self.advance(id, out);
        }
    }

    /// The jobs that this tick can move, in their order. What else the agenda had for it is noted there anew.
    fn take_movable(&mut self) -> Vec<JobId> {
        let mut movable = self.agenda.take_due(self.live_time);
        movable.retain(|id| {
            let Some(open) = self.jobs.get_mut(id) else { return false };
            Agenda::strike(&mut open.planned, self.live_time);
            let moves = may_move(&open.job, self.live_time);
            if !moves {
                self.agenda.note(&open.job, &mut open.planned);
            }
            moves
        });
        debug_assert!(self.finds_all(&movable), "what a tick can move is on the agenda");
        movable
    }

    /// True if every job that this tick can move is among these.
    fn finds_all(&self, due: &[JobId]) -> bool {
        let mut movable = self.jobs.iter().filter(|(_, open)| may_move(&open.job, self.live_time));
        movable.all(|(id, _)| due.binary_search(id).is_ok())
    }
}

/// True for what a client puts up more money for than its order says.
fn sets_trap(happening: &Happening) -> bool {
    match happening {
        Happening::OpenClaim { opening, .. } => opening.said().trap.is_some(),
        Happening::Claim { .. }
        | Happening::Abort(_)
        | Happening::Cancel(_)
        | Happening::Reveal(_)
        | Happening::Dispute(_)
        | Happening::Contradict(_)
        | Happening::Draw { .. }
        | Happening::Seat { .. }
        | Happening::Underway(_)
        | Happening::Seal(_)
        | Happening::Unserved(_)
        | Happening::OpenSeal(_)
        | Happening::Tick
        | Happening::Convicted
        | Happening::Unreached => false,
    }
}

/// From the accusation on the provider's new jobs are all checked; once a juror supports it, it gets none.
fn note_accusation(accounts: &mut Tracked<PeerId, Holdings>, job: &Job, out: &mut Vec<News>) {
    // Below the entry level nobody is accused: two of three decide. Nor is anybody by a trap.
    if job.jury_from().is_none() || job.ticket().newcomer || job.is_trap() {
        return;
    }
    let (id, provider, supported) = (job.id(), job.order().provider, job.tally().against.draws > 0);
    let account = accounts.or_default(provider);
    if account.accused.insert(id) {
        out.push(News::Accused { job: id, provider });
    }
    if supported {
        account.frozen.insert(id);
    }
}
