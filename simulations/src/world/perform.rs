//! Effects, performed one by one: the same `match` as in the peer's driver.
//!
//! **Invariant:** no decision is made here; what others can see waits for the disk, and nothing else does.

use assay_market::{
    Effect, Effects, Input, Steady,
    effect::Run,
    input::{RunId, RunResult},
};
use assay_protocol::{
    check::ShownRecord,
    codec::MESSAGE_BYTES_MAX,
    id::{Digest, PeerId},
    manifest::End,
    merkle::{self, RECORD_BYTES},
    message::Message,
    order::Failure,
};

use super::{
    Occurrence, Place, WithinPeer, World,
    fetch::{Expected, Sought},
    fetches::Want,
};
use crate::{
    crypto::Simulated,
    kernel::{Instant, Span},
    machine,
};

/// How long it takes to read records and make their paths.
pub(crate) const READING: Span = Span::micros(300);

impl World {
    pub(super) fn perform_all(&mut self, place: Place, effects: Effects) {
        for effect in effects {
            let peer = &mut self.peers[place.0];
            if peer.node.is_none() {
                return;
            }
            let Some(effect) = peer.behaviour.act(effect) else { continue };
            let now = if waits(&effect) { peer.disk.hold(effect) } else { Some(effect) };
            if let Some(effect) = now {
                self.perform(place, effect);
            }
        }
    }

    /// The disk has synced: what waited for it goes out.
    pub(super) fn synced(&mut self, place: Place) {
        let peer = &mut self.peers[place.0];
        if peer.disk.synced() {
            self.sync(place);
        }
        self.peers[place.0].forget_kept();
        while let Some(effect) = self.peers[place.0].disk.release() {
            self.perform(place, effect);
        }
    }

    fn perform(&mut self, place: Place, effect: Effect) {
        if self.crashes(place) {
            return;
        }
        let peer = &mut self.peers[place.0];
        #[cfg(test)]
        peer.seen.note_left(&effect);
        match effect {
            Effect::Save(record) => {
                let begins = peer.disk.save(&record);
                if place == self.plan.notary() {
                    self.watch.saved(&record);
                }
                self.trace.record(place, peer.disk.last());
                if begins {
                    self.sync(place);
                }
            }
            Effect::Send { to, message } => self.send(place, to, &message),
            Effect::Publish(message) => self.publish(place, &message),
            Effect::Fetch { holder, digest, from, bytes_max } => {
                self.fetch(place, Want { holder, digest, from, bytes_max });
            }
            Effect::Collect { job, digest, from } => {
                let sought = Sought::Receipt(Expected { job, digest, notary: from });
                self.within(place, Span::ZERO, WithinPeer::Sought(sought));
            }
            Effect::Run(run) => self.run(place, *run),
            Effect::Stop(run) => peer.end_run(&run),
            Effect::Cut(run) => self.cut(place, &run),
            Effect::Show { run, output, positions } => self.show(place, run, output, &positions),
            Effect::Keep { holder, digest } => {
                peer.store.keep(holder, digest);
            }
            Effect::Release { holder } => self.release(place, holder),
            Effect::Serve { holder, digest, to } => peer.store.permit(holder, digest, to),
            Effect::File { receipt } => peer.store.file(&receipt),
            Effect::Recall(question) => {
                let closed = peer.store.recall(question.job);
                let recalled = Input::Recalled { question, closed };
                self.within(place, Span::ZERO, WithinPeer::Heard(Box::new(recalled)));
            }
            Effect::WakeAt(time) => self.set_alarm(place, time),
            Effect::Tell(event) => {
                self.trace.told(place, &event);
                let now = self.now();
                self.peers[place.0].told.push((now, event));
            }
        }
    }

    fn sync(&mut self, place: Place) {
        let [least, most] = self.plan.syncs().map(|span| span.0);
        let span = Span(self.peers[place.0].luck.between(least, most));
        self.within(place, span, WithinPeer::Synced);
    }

    fn send(&mut self, from: Place, to: PeerId, message: &Message) {
        let bytes = message.encode();
        assert!(bytes.len() <= MESSAGE_BYTES_MAX, "{} of {} bytes does not fit", message.kind(), bytes.len());
        if let Some(traffic) = &mut self.traffic {
            traffic.push(bytes.as_slice().into());
        }
        let Some(to) = self.places.get(&to).copied() else { return };
        let is_own = self.peers[from.0].is_honest;
        self.carry(from, to, bytes.into(), is_own);
    }

    /// Gossip: everybody who is up hears it, or the network loses it.
    fn publish(&mut self, from: Place, message: &Message) {
        if let Message::Offer(offer) = message {
            let own = offer.clone().open::<Simulated>(self.network_id);
            self.note_offer(from, own.unwrap_or_else(|error| panic!("its own offer does not hold: {error}")));
        }
        let others: Vec<PeerId> =
            self.places.iter().filter(|(_, place)| **place != from).map(|(id, _)| *id).collect();
        others.into_iter().for_each(|to| self.send(from, to, message));
    }

    /// Begins a run, unless it goes on already. Its input stays meanwhile.
    fn run(&mut self, place: Place, run: Run) {
        let (now, one_by_one) = (self.now(), self.plan.one_by_one);
        let peer = &mut self.peers[place.0];
        let id = run.id;
        if let Some(number) = peer.begin_run(run) {
            let span = one_by_one.map(|span| peer.queue(now, span));
            let span = span.unwrap_or_else(|| machine::service(self.plan.runs, &mut peer.luck));
            self.within(place, span, WithinPeer::Finished(id, number));
        }
    }

    /// A run ends, unless it was stopped or started anew.
    pub(super) fn finish(&mut self, place: Place, id: RunId, number: u64) {
        let peer = &mut self.peers[place.0];
        let Some((_, run)) = peer.runs.get(&id).filter(|(current, _)| *current == number) else { return };
        let run = run.clone();
        let result = self.compute(place, &run);
        self.peers[place.0].end_run(&id);
        self.feed(place, Input::Ran { run: id, result });
    }

    /// A run ends early: of a text, with half of what it would have written.
    fn cut(&mut self, place: Place, id: &RunId) {
        let peer = &mut self.peers[place.0];
        let Some((_, run)) = peer.runs.get(id).cloned() else { return };
        let result = match run.manifest.gives_parts() {
            true => self.compute_half(place, run),
            false => self.compute(place, &run),
        };
        self.peers[place.0].end_run(id);
        self.within(place, Span::ZERO, WithinPeer::Heard(Box::new(Input::Ran { run: *id, result })));
    }

    fn compute_half(&mut self, place: Place, mut run: Run) -> Result<RunResult, Failure> {
        let peer = &mut self.peers[place.0];
        let input = peer.store.read(&run.input).ok_or(Failure::InputAbsent)?;
        let mut meters = machine::run(&run, &input, &peer.id(), None).meters;
        meters.tokens_written /= 2;
        run.units_max = run.manifest.units(&meters);
        let half = self.compute(place, &run)?;
        Ok(RunResult { end: End::Cancelled, ..half })
    }

    fn compute(&mut self, place: Place, run: &Run) -> Result<RunResult, Failure> {
        let peer = &mut self.peers[place.0];
        let input = peer.store.read(&run.input).ok_or(Failure::InputAbsent)?;
        let draft = run.draft.and_then(|draft| peer.store.read(&draft));
        let honest = machine::run(run, &input, &peer.id(), draft.as_deref());
        let made = peer.behaviour.make(run, &input, honest.clone());
        let is_honest = made == honest;
        if !run.id.check && !is_honest {
            self.forged.insert(run.id.job);
        }
        if is_honest || peer.behaviour.toils() {
            self.counted.add(place, machine::work(run, &honest));
        }
        let result = machine::result(run, &made);
        peer.store.put(run.id.job, made.output).then_some(result).ok_or(Failure::Machine)
    }

    fn show(&mut self, place: Place, run: RunId, output: Digest, positions: &[u64]) {
        let blob = self.peers[place.0].store.read(&output);
        let records: Option<Vec<ShownRecord>> =
            blob.and_then(|bytes| positions.iter().map(|position| shown(&bytes, *position)).collect());
        let input = Input::Shown { run, records: records.unwrap_or_default() };
        self.within(place, READING, WithinPeer::Heard(Box::new(input)));
    }

    fn set_alarm(&mut self, place: Place, time: Steady) {
        let peer = &mut self.peers[place.0];
        peer.alarm += 1;
        let (number, life) = (peer.alarm, peer.life);
        if time < Steady::NEVER {
            let what = WithinPeer::Alarm(number);
            self.schedule.at(Instant::at_millis(time.0), Occurrence::Within { place, life, what });
        }
    }
}

/// True for what others can see. What ends it keeps its place behind the beginning.
pub(crate) fn waits(effect: &Effect) -> bool {
    match effect {
        Effect::Send { .. }
        | Effect::Publish(_)
        | Effect::Serve { .. }
        | Effect::Release { .. }
        | Effect::File { .. } => true,
        Effect::Save(_)
        | Effect::Keep { .. }
        | Effect::Fetch { .. }
        | Effect::Collect { .. }
        | Effect::Run(_)
        | Effect::Stop(_)
        | Effect::Cut(_)
        | Effect::Show { .. }
        | Effect::Recall(_)
        | Effect::WakeAt(_)
        | Effect::Tell(_) => false,
    }
}

pub(crate) fn shown(bytes: &[u8], position: u64) -> Option<ShownRecord> {
    let path = merkle::prove(bytes, RECORD_BYTES, position)?;
    let record = bytes.chunks(RECORD_BYTES).nth(usize::try_from(position).ok()?)?;
    Some(ShownRecord { position, bytes: record.to_vec(), path })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    /// Bytes that are no message come to a client.
    fn carry_noise(is_own: bool) {
        let mut world = World::new(Plan::default());
        let (from, to) = (world.plan.founder(0), world.plan.client(0));
        world.run_for(Span::seconds(1));
        world.carry(from, to, b"no message".as_slice().into(), is_own);
        world.run_for(Span::seconds(1));
    }

    #[test]
    #[should_panic(expected = "says what nobody can read")]
    fn a_brain_that_says_what_nobody_can_read_is_no_honest_peer() {
        carry_noise(true);
    }

    #[test]
    fn noise_of_strangers_disappears() {
        carry_noise(false);
    }
}
