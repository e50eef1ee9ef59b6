//! What every shell does with effects, whatever it is made of: one list of cases, followed by the shell of real peers and by
//! those of the simulator.
//!
//! A case is a list of steps: what lies in the store, what the brain wants, what happens meanwhile, and what must be seen.
//! The disk syncs when a step says so and not before. Whoever includes this file implements [`Shell`] and calls [`check`].
//!
//! Where shells differ, and why that stays:
//! - A machine has so many places for runs, and gets the runner and the model of a run first. A simulated one computes
//!   nothing, so it has neither: how many runs a peer takes on is decided by the brain.
//! - A real source may be busy and is asked again, and one that moves too slowly is left. A simulated source answers, or
//!   nobody does, and its messages are lost on purpose.
//! - An offer that reached nobody is published again by the shell of real peers. In a simulated network somebody always
//!   listens.
//! - A real receipt takes a while to be stored. What is for its parties waits for that, and what is for others may leave
//!   before; the list of what has left names it in its place.
//! - A real shell tells of a message to whoever it cannot reach; a simulated one also loses some without a word.
//!
//! **Invariant:** no case asks how a shell does something, and no shell skips a case.

mod fetching;
mod filing;
mod keeping;
mod saving;
mod words;
mod working;

use assay_market::{
    Effect, Input, Steady,
    input::{Inquiry, Proven, Remembered, RunId, Uncollected},
};
use assay_protocol::{
    id::{Digest, JobId, PeerId},
    order::Failure,
    units::Duration,
};

pub(crate) use self::words::{Cast, QUOTA_BYTES};

/// A shell around a brain that never says anything, with an empty store and a clean disk.
pub(crate) trait Shell {
    /// Who else there is, and what can be said.
    fn cast(&self) -> Cast;
    /// The clock.
    fn now(&mut self) -> Steady;

    /// Puts bytes into the store that nobody keeps; false if there is no room.
    fn put(&mut self, bytes: &[u8]) -> bool;
    /// From now on another peer serves these bytes under this digest, which may be a lie.
    fn stock(&mut self, other: usize, digest: Digest, bytes: &[u8]);
    /// Performs effects of one input.
    fn perform(&mut self, effects: Vec<Effect>);
    /// The disk syncs everything.
    fn sync(&mut self);
    /// The process ends, and another goes on with what is on the disk.
    fn crash(&mut self);

    /// What has left since this was last asked, in order, once all has left that may.
    fn left(&mut self) -> Vec<Left>;
    /// What a peer is given that asks for a blob.
    fn ask(&mut self, by: PeerId, digest: Digest) -> Option<Vec<u8>>;
    /// How often another peer was asked for a blob.
    fn asked(&mut self, other: usize) -> usize;
    /// Everything that the brain is told in answer to effects since this was last asked, once nothing is under way.
    fn answers(&mut self) -> Vec<Input>;
    /// The time at which the brain is woken next.
    fn woken(&mut self) -> Steady;
    /// Whom a message did not reach, of which the brain is told next.
    fn undelivered(&mut self) -> PeerId;
}

/// Something that others can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Sent(PeerId),
    Published,
    Served(Digest, PeerId),
    Released(Digest),
    Filed(JobId),
}

/// What a brain is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// For whom, what, and how many bytes of it are here.
    Fetched(Digest, Digest, Option<u64>),
    Collected(JobId, Digest, Result<Proven, Uncollected>),
    Ran(RunId, Result<(), Failure>),
    /// The positions that were shown.
    Shown(RunId, Vec<u64>),
    Recalled(Inquiry, Option<Remembered>),
    /// What answers no effect.
    Unasked,
}

/// One thing that happens, or that must be seen.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// These bytes are put into the store, and find room or not.
    Put(Vec<u8>, bool),
    /// Another peer serves these bytes under this digest.
    Stock(usize, Digest, Vec<u8>),
    Perform(Vec<Effect>),
    Sync,
    Crash,
    /// Exactly this has left since the last such step.
    Left(Vec<Left>),
    /// A peer asks for this blob and is given these bytes, or nothing.
    Asks(PeerId, Digest, Option<Vec<u8>>),
    /// Another peer was asked for blobs so many times.
    Asked(usize, usize),
    /// Exactly this was answered since the last such step, in any order.
    Answers(Vec<Answer>),
    /// That this run is over was answered since the last such step, and nothing else: it may have written something or not.
    Ended(RunId),
    /// The brain wishes to be woken so many milliseconds from now, one wish after another, and is in this span.
    Wakes(Vec<u64>, core::ops::Range<u64>),
    /// The brain is told that a message did not reach this peer.
    Undelivered(PeerId),
}

/// One case.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    name: &'static str,
    steps: fn(&Cast) -> Vec<Step>,
}

/// Every case.
fn cases() -> impl Iterator<Item = &'static Case> {
    [saving::CASES, keeping::CASES, fetching::CASES, working::CASES, filing::CASES].into_iter().flatten()
}

/// Has a new shell follow each case, and panics with all that went otherwise.
pub(crate) fn check<S: Shell>(mut begin: impl FnMut() -> S) {
    let mut count = 0;
    let failed: Vec<String> = cases()
        .inspect(|_| count += 1)
        .filter_map(|case| case.follow(&mut begin()).err().map(|why| format!("{}: {why}", case.name)))
        .collect();
    assert!(failed.is_empty(), "{} of {count} cases fail:\n{}", failed.len(), failed.join("\n"));
}

impl Case {
    fn follow(&self, shell: &mut impl Shell) -> Result<(), String> {
        let steps = (self.steps)(&shell.cast());
        steps.into_iter().enumerate().try_for_each(|(number, step)| {
            let told = shortened(&step);
            step.take(shell).map_err(|found| format!("step {number}, {told}: found {found}"))
        })
    }
}

impl Step {
    /// Lets it happen, or says what is seen instead.
    fn take(self, shell: &mut impl Shell) -> Result<(), String> {
        match self {
            Self::Stock(other, digest, bytes) => shell.stock(other, digest, &bytes),
            Self::Perform(effects) => shell.perform(effects),
            Self::Sync => shell.sync(),
            Self::Crash => shell.crash(),
            Self::Put(bytes, has_room) => same(&shell.put(&bytes), &has_room)?,
            Self::Left(left) => same(&shell.left(), &left)?,
            Self::Asks(by, digest, given) => same(&shell.ask(by, digest), &given)?,
            Self::Asked(other, times) => same(&shell.asked(other), &times)?,
            Self::Answers(mut expected) => {
                let mut found: Vec<Answer> = shell.answers().iter().map(Answer::of).collect();
                let order = |answer: &Answer| format!("{answer:?}");
                found.sort_by_key(order);
                expected.sort_by_key(order);
                same(&found, &expected)?;
            }
            Self::Ended(run) => {
                let found: Vec<Answer> = shell.answers().iter().map(Answer::of).collect();
                if !matches!(found.as_slice(), [Answer::Ran(found, _)] if *found == run) {
                    return Err(format!("{found:?}"));
                }
            }
            Self::Wakes(wishes, within) => {
                let now = shell.now();
                let wish = |ms: u64| Effect::WakeAt(now.after(Duration(ms)));
                shell.perform(wishes.into_iter().map(wish).collect());
                let after = shell.woken().0.saturating_sub(now.0);
                if !within.contains(&after) {
                    return Err(format!("{after} ms"));
                }
            }
            Self::Undelivered(to) => same(&shell.undelivered(), &to)?,
        }
        Ok(())
    }
}

impl Answer {
    fn of(input: &Input) -> Self {
        match input {
            Input::Fetched { holder, digest, found } => {
                Self::Fetched(*holder, *digest, found.map(|blob| blob.bytes))
            }
            Input::Collected { job, digest, found } => Self::Collected(*job, *digest, *found),
            Input::Ran { run, result } => Self::Ran(*run, result.as_ref().map(drop).map_err(|why| *why)),
            Input::Shown { run, records } => {
                Self::Shown(*run, records.iter().map(|record| record.position).collect())
            }
            Input::Recalled { question, closed } => Self::Recalled(*question, *closed),
            Input::Command(_)
            | Input::Message(_)
            | Input::Offered { .. }
            | Input::Connection { .. }
            | Input::Streamed { .. }
            | Input::Undelivered { .. }
            | Input::Sensed(_)
            | Input::Wake => Self::Unasked,
        }
    }
}

fn same<T: PartialEq + core::fmt::Debug>(found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(shortened(found)) }
}

/// What something is, without all of its bytes.
fn shortened(what: &impl core::fmt::Debug) -> String {
    const CHARS_MAX: usize = 300;
    let mut told = format!("{what:?}");
    if told.len() > CHARS_MAX {
        told.truncate(CHARS_MAX);
        told.push('…');
    }
    told
}
