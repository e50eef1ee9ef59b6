//! One job from its opening to its close, played as its notary would enter it, with parties that lie when chance says so.

#[path = "beginning.rs"]
mod beginning;
#[path = "crook.rs"]
mod crook;
#[path = "terms.rs"]
mod terms;

use std::collections::BTreeSet;

use assay_protocol::{
    admission,
    check::{OPENED_RECORDS_MAX, OpenClaim, OpenSeal, Seal, Trap, Underway, Unserved},
    claim::Reveal,
    costs,
    draw::{self, Try},
    id::{Digest, PeerId},
    job::{Job, LiveTime, Misstep, Party, SeatPhase, Stage, Step},
    manifest::End,
    notice::Settled,
    objection::{Cancel, Contradict, Dispute, Output},
    order::{Abort, Accept, Failure, Open, Order, Refusal},
    payout,
    receipt::{self, Happening, Receipt, Story, StoryEvent},
    signed::{Signed, Statement},
    ticket::{Standing, Ticket},
    units::{Amount, Duration, Rate},
};

use self::beginning::{numbers, order, standing};
pub(crate) use self::crook::Crook;
use super::{
    dice::Dice,
    run::Run,
    town::{CLIENT, NOTARY, PROVIDER, ROUNDS, Stamper, Town},
};

/// The client's secret.
pub(crate) const SECRET: Digest = Digest([8; 32]);
/// The position of the claim in the journal.
pub(crate) const POSITION: u64 = 7;
/// The round of the opening.
const OPENED: u64 = 3;

/// A job under way.
pub(crate) struct Play<'a> {
    pub(crate) town: &'a Town,
    pub(crate) job: Job,
    pub(crate) round: u64,
    /// What the provider claims.
    pub(crate) run: Run,
    /// What each verifier seals, by seat.
    found: Vec<Run>,
    /// What a run really gives.
    truth: Run,
    open: Signed<Open>,
    admitted: Result<(), Refusal>,
    /// True if no number of it was bent.
    usual: bool,
    /// True if the provider opens nothing.
    silent: bool,
    /// True if no verifier says anything.
    deserted: bool,
    events: Vec<StoryEvent>,
    crook: Crook,
    /// How often what the crook waits for has happened.
    occasions: usize,
    /// True once the crook has done what it does.
    pub(crate) crooked: bool,
}

impl<'a> Play<'a> {
    pub(crate) fn new(town: &'a Town, dice: &mut Dice<'_>) -> Self {
        Self::crooked(town, dice, Crook::None)
    }

    /// A job in which the notary does something against a rule.
    pub(crate) fn crooked(town: &'a Town, dice: &mut Dice<'_>, crook: Crook) -> Self {
        let (mut order, mut standing) = (order(town), standing(town));
        (order.checks, order.unchecked_ok) = (dice.mostly_first(&[0, 1, 3]), dice.happens(64));
        standing.stake =
            dice.mostly_first(&[Amount::credits(1_000), Amount(5), Amount::ZERO, Amount(u64::MAX)]);
        standing.greys = dice.mostly_first(&[0, 2, 3]);
        let bent = dice.happens(40);
        if bent {
            let mut numbers = numbers(&mut order, &mut standing);
            let at = dice.below(numbers.len());
            *numbers[at] = dice.number();
        }
        let ticket = Ticket::new(&town.genesis, &order, standing);
        order.total_max = ticket.total(&town.genesis, &order).unwrap_or(order.total_max);
        let play = Self::opened(town, order, standing, crook, dice);
        Self { usual: !bent && !town.is_bent, ..play }
    }

    /// A job that was played to its end, as long as there are ticks.
    pub(crate) fn to_its_end(town: &'a Town, dice: &mut Dice<'_>) -> Self {
        Self::crooked_to_its_end(town, dice, Crook::None)
    }

    /// The same with a notary that does something against a rule.
    pub(crate) fn crooked_to_its_end(town: &'a Town, dice: &mut Dice<'_>, crook: Crook) -> Self {
        let mut play = Self::crooked(town, dice, crook);
        while !play.is_over() {
            play.turn(dice);
        }
        play
    }

    fn opened(
        town: &'a Town,
        mut order: Order,
        mut standing: Standing,
        crook: Crook,
        dice: &mut Dice<'_>,
    ) -> Self {
        let breaks =
            matches!(crook, Crook::Opens(demand) if terms::break_demand(&mut order, &mut standing, demand));
        let mut ticket = Ticket::new(&town.genesis, &order, standing);
        let fixes = matches!(crook, Crook::Fixes(number) if terms::change_ticket(&mut ticket, number));
        let accept = Accept {
            job: order.id(),
            class: order.class,
            rate_max: Rate::ONE,
            starts_in: Duration::default(),
        };
        let admitted = admission::admit(&town.genesis, &order, &accept, &ticket);
        let job = Job::open(&town.genesis, order.clone(), ticket, town.ticks[OPENED as usize].live_time());
        let truth = Run::of(dice.mostly_first(&[3, 1, 16, 17, 40, 0]));
        let (order, accept) = (signed(town, order, CLIENT), signed(town, accept, PROVIDER));
        let (run, opens) = (truth.told(dice), dice.byte());
        Self {
            town,
            job,
            round: OPENED,
            run,
            found: Vec::new(),
            truth,
            open: signed(town, Open { order, accept }, CLIENT),
            admitted,
            usual: true,
            silent: opens > u8::MAX - 32,
            deserted: (u8::MAX - 64..=u8::MAX - 32).contains(&opens),
            events: Vec::new(),
            crook,
            occasions: 0,
            crooked: breaks || fixes,
        }
    }

    /// True if the order could be opened by the rules.
    pub(crate) fn is_lawful(&self) -> bool {
        self.admitted.is_ok()
    }

    /// True if neither rules nor terms have a number that was bent.
    pub(crate) fn is_usual(&self) -> bool {
        self.usual
    }

    /// True if it is closed, or no tick is left to close it.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.job.stage(), Stage::Closed(_)) || self.is_late()
    }

    /// True if no tick is left.
    pub(crate) fn is_late(&self) -> bool {
        self.round + 1 >= ROUNDS
    }

    pub(crate) fn live_time(&self) -> LiveTime {
        self.live_time_of(self.round)
    }

    fn live_time_of(&self, round: u64) -> LiveTime {
        self.town.ticks[round as usize].live_time()
    }

    /// Somebody says what the stage calls for, or time passes.
    pub(crate) fn turn(&mut self, dice: &mut Dice<'_>) {
        let said = match self.job.stage() {
            Stage::Open { .. } => self.in_open(dice),
            Stage::Cancelling { .. } => self.in_cancelling(dice),
            Stage::Claimed { .. } | Stage::Drawing { .. } | Stage::Waiting { .. } => self.in_waiting(dice),
            Stage::Checking(phase) | Stage::Jury(phase) => self.in_phase(phase, dice),
            Stage::Closed(_) => None,
        };
        let said = said.map(|what| self.happens(what));
        if !matches!(said, Some(Ok(_))) {
            self.tick();
        }
    }

    fn in_open(&mut self, dice: &mut Dice<'_>) -> Option<Happening> {
        let (job, ticket) = (self.job.id(), self.job.ticket().digest());
        match dice.mostly_first(&[0, 1, 2, 3, 4]) {
            0 => Some(self.claim()),
            3 => Some(Happening::Convicted),
            1 => Some(Happening::Cancel(self.by(CLIENT, Cancel { job, ticket }))),
            2 => Some(Happening::Abort(self.by(PROVIDER, Abort { job, ticket, reason: Failure::Trap }))),
            _ => None,
        }
    }

    fn in_cancelling(&mut self, dice: &mut Dice<'_>) -> Option<Happening> {
        let (job, ticket) = (self.job.id(), self.job.ticket().digest());
        match dice.mostly_first(&[0, 1, 2, 3, 4]) {
            0 => self.run = Run { end: End::Cancelled, units: 0, ..self.truth.cut(0) },
            1 => self.run = Run { end: End::Cancelled, units: 5, ..self.truth.cut(1) },
            2 => {}
            3 => {
                return Some(Happening::Abort(
                    self.by(PROVIDER, Abort { job, ticket, reason: Failure::Limit }),
                ));
            }
            _ => return None,
        }
        Some(self.claim())
    }

    fn in_waiting(&mut self, dice: &mut Dice<'_>) -> Option<Happening> {
        let job = self.job.id();
        match dice.mostly_first(&[0, 1, 2, 3, 4, 5]) {
            0 if matches!(self.job.stage(), Stage::Claimed { .. }) => {
                let reveal = Reveal { job, position: POSITION, secret: SECRET };
                Some(Happening::Reveal(self.by(CLIENT, reveal)))
            }
            1 => Some(Happening::Dispute(self.by(CLIENT, Dispute { job }))),
            2 => Some(self.contradict(dice)),
            3 => Some(dice.mostly_first(&[Happening::Convicted, Happening::Unreached])),
            4 => {
                self.run = self.truth.told(dice);
                Some(self.claim())
            }
            _ => None,
        }
    }

    fn in_phase(&mut self, phase: SeatPhase, dice: &mut Dice<'_>) -> Option<Happening> {
        if let SeatPhase::Disclosing { .. } = phase {
            return self.disclose(dice);
        }
        let seat = u16::try_from(self.job.seats().len().checked_sub(1)?).ok()?;
        let (job, verifier) = (self.job.id(), self.job.seats()[usize::from(seat)].peer);
        match phase {
            SeatPhase::Disclosing { .. } | SeatPhase::Seating { .. } | SeatPhase::Doubting { .. } => None,
            SeatPhase::Calling { .. } | SeatPhase::Sealing { .. } if self.deserted => None,
            SeatPhase::Calling { due, .. } if dice.happens(128) => {
                let due = dice.mostly_first(&[due, due.after(Duration(1))]);
                Some(Happening::Underway(self.by(verifier, Underway { job, due })))
            }
            SeatPhase::Calling { .. } | SeatPhase::Sealing { .. } => match dice.mostly_first(&[0, 1, 2]) {
                0 => {
                    let told = self.truth.told(dice);
                    let evidence = told.evidence(&self.job);
                    let (commit, opens) =
                        (evidence.commit(), self.job.order().manifest.policy.opens_itself());
                    self.found.resize(usize::from(seat), self.truth.clone());
                    self.found.push(told);
                    let evidence = opens.then_some(evidence);
                    Some(Happening::Seal(self.by(verifier, Seal { job, commit, evidence })))
                }
                1 => Some(Happening::Unserved(self.by(verifier, Unserved { job }))),
                _ => None,
            },
            SeatPhase::Opening { .. } if !self.job.seats()[usize::from(seat)].is_done() => {
                let found = self.found.get(usize::from(seat))?;
                let opening =
                    OpenSeal { job, evidence: found.evidence(&self.job), records: found.wanted(&self.job)? };
                let opening = Happening::OpenSeal(self.by(verifier, opening));
                dice.mostly_first(&[Some(opening), None])
            }
            SeatPhase::Opening { .. } | SeatPhase::Silence { .. } if self.silent => None,
            SeatPhase::Opening { .. } | SeatPhase::Silence { .. } => {
                let records = self.run.wanted(&self.job)?;
                let run = if dice.happens(8) { self.truth.told(dice) } else { self.run.clone() };
                let (output, evidence) = (run.leaf(), run.sealed_leaf(&self.job));
                let opening = OpenClaim { job, output, evidence, records, trap: None };
                let opening = self.by(PROVIDER, opening);
                dice.mostly_first(&[
                    Some(Happening::OpenClaim { opening, blind: Digest::default(), pledged: Amount::ZERO }),
                    None,
                ])
            }
        }
    }

    /// The notary enters what came with the claim.
    fn disclose(&self, dice: &mut Dice<'_>) -> Option<Happening> {
        if self.silent {
            return None;
        }
        let run = if dice.happens(8) { self.truth.told(dice) } else { self.run.clone() };
        let (job, records) = (self.job.id(), Vec::new());
        let commit = self.job.claim().map(|claimed| claimed.claim.commit)?;
        let trap = dice.happens(4).then(|| self.by(CLIENT, Trap { job, commit }));
        let (output, evidence) = (run.leaf(), run.sealed_leaf(&self.job));
        let forfeit = costs::forfeit(&self.town.genesis, self.job.order());
        let most = if trap.is_some() { forfeit } else { Amount::ZERO };
        let pledged =
            if dice.happens(8) { Amount(dice.number() % forfeit.0.saturating_add(2)) } else { most };
        let opening = self.by(PROVIDER, OpenClaim { job, output, evidence, records, trap });
        dice.mostly_first(&[Some(Happening::OpenClaim { opening, blind: Digest([3; 32]), pledged }), None])
    }

    fn claim(&self) -> Happening {
        let claim = self.by(PROVIDER, self.run.claim(&self.job));
        Happening::Claim { claim, position: POSITION }
    }

    fn contradict(&self, dice: &mut Dice<'_>) -> Happening {
        let (job, streamed) = (self.job.id(), self.truth.told(dice));
        let output = Output { job, records: streamed.count(), root: streamed.root() };
        let position = dice.below(OPENED_RECORDS_MAX) as u64;
        let records = (streamed.record(position), self.run.record(position));
        let contradict = Contradict {
            job,
            output: self.by(PROVIDER, output),
            leaf: self.run.leaf(),
            evidence: self.run.sealed_leaf(&self.job).digest(),
            records: dice.mostly_first(&[Some(records), None]),
        };
        Happening::Contradict(Box::new(self.by(CLIENT, contradict)))
    }

    /// Enters what somebody says, and what is due because of it.
    fn happens(&mut self, what: Happening) -> Result<Stage, Misstep> {
        let (step, by) = what.step(&self.job);
        let before = self.job.progress();
        let late = self.too_late_for(&what);
        // What the table itself refuses then is taken as if it had come before.
        let tabled = matches!(what, Happening::Dispute(_));
        let at = late.filter(|_| !tabled).map_or(self.live_time(), |round| self.live_time_of(round));
        let stage = self.job.apply(step, by, at)?;
        (self.round, self.crooked) = (late.unwrap_or(self.round), self.crooked || late.is_some());
        self.occasions += usize::from(matches!(self.crook, Crook::HearsLate(_)) && what.about().is_some());
        if matches!(what, Happening::Convicted | Happening::Unreached) && before == self.job.progress() {
            return Ok(stage);
        }
        if let Happening::Claim { .. } = &what {
            self.job.enrol(self.town.listing(0).electorate());
        }
        self.events.push(StoryEvent { round: self.round, what });
        match self.due() {
            Some(due) => self.happens(due),
            None => Ok(stage),
        }
    }

    /// Enters the next tick.
    pub(crate) fn tick(&mut self) {
        self.round += 1;
        self.dawdle();
        let before = self.job.progress();
        let _ = self.job.apply(Step::Tick { frozen: false }, Party::Notary, self.live_time());
        if before != self.job.progress() && !self.conceals(before) {
            self.events.push(StoryEvent { round: self.round, what: Happening::Tick });
        }
        if let Some(due) = self.due() {
            let _ = self.happens(due);
        }
    }

    /// The draw that is due now.
    fn due(&mut self) -> Option<Happening> {
        let beacon = self.live_time().beacon;
        self.job.due().1.filter(|round| beacon.round >= *round)?;
        if let Stage::Drawing { .. } = self.job.stage() {
            let claim = self.job.claim().map(|claimed| claimed.digest).unwrap_or_default();
            let rate = self.job.ticket().rate;
            let drawn = draw::is_drawn(self.job.id(), claim, self.job.secret(), beacon.value, rate);
            return Some(Happening::Draw { check: drawn != self.draws_otherwise() });
        }
        if let Stage::Jury(SeatPhase::Doubting { .. }) = self.job.stage() {
            let check = draw::is_second(self.job.id(), self.job.secret(), beacon.value, self.job.second());
            return Some(Happening::Draw { check: check != self.draws_otherwise() });
        }
        let barred = self.job.barred();
        let cast = self.cast(&barred);
        if let Crook::PassesOver(number) = self.crook
            && let Some(first) = cast.last().map(|tried| tried.leaf.peer)
        {
            let others = self.cast(&[&barred[..], &[first]].concat());
            if !others.is_empty() && self.is_occasion(number) {
                return Some(self.seated(others));
            }
        }
        Some(self.seated(cast))
    }

    /// Whoever is drawn with these tries; one in three has other checks before it.
    fn seated(&self, tries: Vec<Try>) -> Happening {
        let known = |peer: PeerId| self.job.seats().iter().any(|seat| seat.peer == peer);
        let anew = tries.last().map(|tried| tried.leaf.peer).filter(|peer| !known(*peer));
        let now = self.live_time();
        let busy = anew.filter(|_| now.beacon.value.0[0].is_multiple_of(3));
        Happening::Seat { tries, after: busy.map(|_| now.live.after(self.town.genesis.timers.tick)) }
    }

    /// True if this draw is the one that a crooked notary lies about.
    fn draws_otherwise(&mut self) -> bool {
        let Crook::DrawsOtherwise(number) = self.crook else { return false };
        self.is_occasion(number)
    }

    /// The tries by which the next verifier is drawn, where these peers cannot be; none if nobody can.
    fn cast(&self, barred: &[PeerId]) -> Vec<Try> {
        let lot = receipt::lot(&self.job, self.live_time().beacon.value);
        lot.cast(&self.town.roster, barred, self.town.genesis.checks.tries_max).unwrap_or_default()
    }

    /// The receipt of the job, once it is closed.
    pub(crate) fn receipt(&self) -> Option<Receipt> {
        let Stage::Closed(outcome) = self.job.stage() else { return None };
        let ticket = *self.job.ticket();
        let claimed = self.events.iter().find(|event| matches!(event.what, Happening::Claim { .. }));
        let length = self.town.epoch_ticks();
        let checkpoint = claimed.map(|event| event.round - event.round % length);
        let mut used: BTreeSet<u64> = self.events.iter().map(|event| event.round).collect();
        used.insert(OPENED);
        let anchors = used.iter().map(|round| round.saturating_sub(1) / length * length);
        used = used.iter().copied().chain(anchors).chain(checkpoint).collect();
        let ticks = used.iter().map(|round| self.by(NOTARY, self.town.ticks[*round as usize].clone()));
        let story = Story {
            genesis: self.town.genesis.clone().into(),
            open: self.open.clone(),
            ticket,
            ticks: ticks.collect(),
            events: self.events.clone(),
            listing: checkpoint.map(|round| self.town.listing(round)),
            outcome,
            settlement: payout::settle(
                &self.town.genesis,
                &self.job,
                ticket.slash.min(ticket.standing.stake),
            ),
            position: 99,
        };
        Some(attested(story))
    }

    fn by<T: Statement>(&self, signer: PeerId, body: T) -> Signed<T> {
        signed(self.town, body, signer)
    }
}

/// A receipt of this story with the notary's signature on it.
pub(crate) fn attested(story: Story) -> Receipt {
    let settled = Settled { job: story.ticket.job, receipt: story.digest() };
    let settled = Signed::seal(settled, &Stamper(NOTARY), story.genesis.id()).into_signed();
    Receipt { story, settled }
}

pub(crate) fn signed<T: Statement>(town: &Town, body: T, signer: PeerId) -> Signed<T> {
    Signed::seal(body, &Stamper(signer), town.network).into_signed()
}
