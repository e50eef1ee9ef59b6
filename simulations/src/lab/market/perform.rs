//! Effects, performed one by one: the same `match` as in the peer's driver.
//!
//! **Invariant:** no decision is made here; what others can see waits for the journal, and nothing else does.

use std::rc::Rc;

use assay_market::{
    Effect, Input, Record, Steady,
    effect::Run,
    input::{RunId, RunResult},
};
use assay_protocol::{
    check::ShownRecord,
    id::{Digest, PeerId},
    manifest::End,
    message::{Message, Opened},
    offer::Offer,
    order::Failure,
    signed::Verified,
};

use super::{
    Market, Observer,
    event::{ExpectedReceipt, Happens, Matter, SoughtPiece},
};
use crate::{
    crypto::Simulated,
    kernel::Span,
    machine,
    world::{
        Place,
        fetches::Want,
        perform::{READING, shown, waits},
    },
};

impl<O: Observer> Market<O> {
    pub(super) fn perform_all(&mut self, place: Place, effects: impl Iterator<Item = Effect>) {
        for effect in effects {
            let Some(living) = &mut self.residents[place.0].living else { return };
            let effect = match &mut living.behaviour {
                Some(behaviour) => behaviour.act(effect),
                None => Some(effect),
            };
            let Some(effect) = effect else { continue };
            let now = if waits(&effect) { living.journal.hold(effect) } else { Some(effect) };
            if let Some(effect) = now {
                self.perform(place, effect);
            }
        }
    }

    /// The disk has synced: what waited for it goes out.
    pub(super) fn synced(&mut self, place: Place) {
        if self.living(place).journal.synced() {
            self.sync(place);
        }
        while let Some(effect) = self.living(place).journal.release() {
            self.perform(place, effect);
        }
    }

    fn perform(&mut self, place: Place, effect: Effect) {
        self.observer.performed(self.sighting(place), &effect);
        match effect {
            Effect::Save(record) => self.save(place, record),
            Effect::Send { to, message } => self.send(place, to, message),
            Effect::Publish(message) => self.publish(place, message),
            Effect::Fetch { holder, digest, from, bytes_max } => {
                self.fetch(place, Want { holder, digest, from, bytes_max });
            }
            Effect::Collect { job, digest, from } => {
                let sought = SoughtPiece::Receipt(ExpectedReceipt { job, digest, notary: from });
                self.within(place, Span::ZERO, Matter::SoughtPiece(sought));
            }
            Effect::Run(run) => self.run(place, *run),
            Effect::Stop(run) => self.living(place).end_run(&run),
            Effect::Cut(run) => self.cut(place, &run),
            Effect::Show { run, output, positions } => self.show(place, run, output, &positions),
            Effect::Keep { holder, digest } => {
                self.living(place).store.keep(holder, digest);
            }
            Effect::Release { holder } => self.release(place, holder),
            Effect::Serve { holder, digest, to } => self.living(place).store.permit(holder, digest, to),
            Effect::File { receipt } => self.file(place, &receipt),
            Effect::Recall(question) => {
                let closed = self.living(place).store.recall(question.job);
                self.within(place, Span::ZERO, Matter::Heard(Input::Recalled { question, closed }));
            }
            Effect::WakeAt(time) => self.set_alarm(place, time),
            Effect::Tell(_) => {}
        }
    }

    fn save(&mut self, place: Place, record: Record) {
        if let Record::Chain(entry) = &record {
            self.trace.entry(&entry.previous);
        }
        if self.living(place).journal.save(record) {
            self.sync(place);
        }
    }

    fn sync(&mut self, place: Place) {
        let [least, most] = self.plan.syncs().map(|span| span.0);
        let span = Span(self.living(place).luck.between(least, most));
        let event = self.event(place, Happens::Syncs, 0);
        self.calendar.after(span, event);
    }

    /// Sends a message on its way. What was not signed as it says goes nowhere.
    fn send(&mut self, from: Place, to: PeerId, message: Message) {
        let Some(to) = self.directory.find(&to) else { return };
        if let Ok(opened) = message.open::<Simulated>(self.network) {
            self.carry(from, to, opened);
        }
    }

    fn carry(&mut self, from: Place, to: Place, opened: Opened) {
        match self.arrival(from, to) {
            Some(delay) => self.comes(to, delay, Matter::Letter(from, Input::Message(opened))),
            None => self.report_lost(from, to),
        }
    }

    /// When what is sent now arrives, if it does.
    pub(super) fn arrival(&mut self, from: Place, to: Place) -> Option<Span> {
        let Self { residents, ground, links, .. } = self;
        let way = &mut residents[from.0].living.as_mut()?.way;
        let span = ground.carrier.carry(from, to, way)?;
        links.pass(from, to).then(|| links.stretched(from, to, span))
    }

    /// The sender learns that a message did not arrive, if it does.
    pub(super) fn report_lost(&mut self, from: Place, to: Place) {
        let Self { residents, ground, .. } = self;
        let Some(living) = &mut residents[from.0].living else { return };
        let Some(delay) = ground.carrier.report(&mut living.way) else { return };
        let undelivered = Input::Undelivered { to: self.directory.name(to) };
        self.within(from, delay, Matter::Heard(undelivered));
    }

    /// An offer comes into the book that everybody reads; anything else reaches who provides, and everybody else when
    /// something next happens to them. Where each hop is carried, all of it reaches whom a hop brings it.
    fn publish(&mut self, from: Place, message: Message) {
        let Ok(opened) = message.open::<Simulated>(self.network) else { return };
        if self.ground.carrier.relay().is_some() {
            return self.relay(from, opened);
        }
        if let Opened::Offer(offer) = opened {
            return self.list_soon(from, offer);
        }
        let number = 1 + self.told.as_ref().map_or(0, |(number, ..)| *number);
        self.told = Some((number, from, opened.clone()));
        // Whoever provides acts on it; everybody else hears it when something next happens to them.
        for to in self.roll.providing().into_iter().filter(|place| *place != from) {
            self.living(to).told = number;
            self.carry(from, to, opened.clone());
        }
    }

    /// An offer is in everybody's book once it has spread.
    fn list_soon(&mut self, from: Place, offer: Verified<Offer>) {
        let Self { residents, ground, .. } = self;
        let Some(living) = &mut residents[from.0].living else { return };
        if let Some(delay) = ground.carrier.spread(&mut living.way) {
            self.comes(from, delay, Matter::Listed(Box::new(offer)));
        }
    }

    /// What a peer tells everybody it knows itself, and all others once a hop brings it.
    fn relay(&mut self, from: Place, told: Opened) {
        if let Opened::Offer(offer) = &told {
            self.note(from, offer.clone());
        }
        let now = self.now();
        if let Some(relay) = self.ground.carrier.relay() {
            relay.tell(from, now, Rc::new(told));
        }
    }

    /// Begins a run, unless it goes on already. Its input stays meanwhile.
    fn run(&mut self, place: Place, run: Run) {
        let (now, one_by_one, service) = (self.now(), self.plan.one_by_one, self.ground.service);
        let living = self.living(place);
        let id = run.id;
        if let Some(number) = living.begin_run(run) {
            let span = one_by_one.map(|span| living.queue(now, span));
            let span = span.unwrap_or_else(|| service.span(&mut living.luck));
            self.within(place, span, Matter::Finished(id, number));
        }
    }

    /// A run ends, unless it was stopped or started anew.
    pub(super) fn finish(&mut self, place: Place, id: RunId, number: u64) {
        let living = self.living(place);
        let Some((_, run)) = living.runs.get(&id).filter(|(current, _)| *current == number) else { return };
        let run = run.clone();
        let result = self.compute(place, &run);
        self.living(place).end_run(&id);
        self.feed(place, Input::Ran { run: id, result });
    }

    /// A run ends early: of a text, with half of what it would have written.
    fn cut(&mut self, place: Place, id: &RunId) {
        let Some((_, run)) = self.living(place).runs.get(id).cloned() else { return };
        let result = match run.manifest.gives_parts() {
            true => self.compute_half(place, run),
            false => self.compute(place, &run),
        };
        self.living(place).end_run(id);
        self.within(place, Span::ZERO, Matter::Heard(Input::Ran { run: *id, result }));
    }

    fn compute_half(&mut self, place: Place, mut run: Run) -> Result<RunResult, Failure> {
        let own = self.directory.name(place);
        let input = self.living(place).store.read(&run.input).ok_or(Failure::InputAbsent)?;
        let mut meters = machine::run(&run, &input, &own, None).meters;
        meters.tokens_written /= 2;
        run.units_max = run.manifest.units(&meters);
        let half = self.compute(place, &run)?;
        Ok(RunResult { end: End::Cancelled, ..half })
    }

    fn compute(&mut self, place: Place, run: &Run) -> Result<RunResult, Failure> {
        let own = self.directory.name(place);
        let living = self.living(place);
        let input = living.store.read(&run.input).ok_or(Failure::InputAbsent)?;
        let draft = run.draft.and_then(|draft| living.store.read(&draft));
        let honest = machine::run(run, &input, &own, draft.as_deref());
        let work = machine::work(run, &honest);
        let (made, is_honest, toils) = match &mut living.behaviour {
            Some(behaviour) => {
                let made = behaviour.make(run, &input, honest.clone());
                let is_honest = made == honest;
                (made, is_honest, behaviour.toils())
            }
            None => (honest, true, true),
        };
        if !is_honest && !run.id.check {
            self.observer.forged(self.sighting(place), run.id.job);
        }
        if is_honest || toils {
            self.observer.worked(self.sighting(place), work);
        }
        let living = self.living(place);
        let result = machine::result(run, &made);
        living.store.put(run.id.job, made.output).then_some(result).ok_or(Failure::Machine)
    }

    fn show(&mut self, place: Place, run: RunId, output: Digest, positions: &[u64]) {
        let blob = self.living(place).store.read(&output);
        let records: Option<Vec<ShownRecord>> =
            blob.and_then(|bytes| positions.iter().map(|position| shown(&bytes, *position)).collect());
        let input = Input::Shown { run, records: records.unwrap_or_default() };
        self.within(place, READING, Matter::Heard(input));
    }

    fn set_alarm(&mut self, place: Place, time: Steady) {
        if let Some((at, number)) = self.living(place).bell.set(time) {
            self.ring_at(place, at, number);
        }
    }
}
