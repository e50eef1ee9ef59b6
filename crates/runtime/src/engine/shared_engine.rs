//! The engine of this process, which many sessions share: one thread takes their turns, those that are there together.
//!
//! **Invariant:** a turn ends, or its worker is gone. Nobody waits for another's whole turn, only for a piece of it.

use std::{
    env, io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use assay_engine::{
    cpu::{Cpu, Isa},
    model::Model,
    session::{Processor, Session},
};

use assay_protocol::id::Digest;

use super::{
    cards::{CardError, CardModel, CardSession},
    kept_sessions::{KeptBytes, KeptSessions},
    placed::PlacedSession,
    turn::{EngineTurn, advance},
};
use crate::worker::{EngineLink, ends, give_up};

/// Of the time that a pass took, how much the next may wait for those who shared it: one over this.
const PATIENCE: u32 = 4;
/// The longest wait for them.
const PATIENCE_MAX: Duration = Duration::from_millis(20);

/// Where a model is.
pub(crate) enum ModelPlace {
    /// On the processor, with so many threads.
    Processor { model: Arc<Model>, threads: usize },
    /// On a card, or its last layers.
    Card(Arc<CardModel>),
}

/// An engine with its model.
pub(crate) struct SharedEngine {
    model: Arc<Model>,
    /// The same on a card, where it is on one.
    card: Option<Arc<CardModel>>,
    kept: Mutex<KeptSessions>,
    turns: Sender<QueuedTurn>,
}

/// Names the instructions that models are computed by, instead of the fastest: for tests, whose workers have it in their
/// environment. Nobody hands it to the worker of a daemon.
const INSTRUCTIONS_VARIABLE: &str = "ASSAY_INSTRUCTIONS";

/// So many threads, on the fastest instructions.
pub(crate) fn cpu(threads: usize) -> Cpu {
    let Some(name) = env::var_os(INSTRUCTIONS_VARIABLE) else { return Cpu::new(threads) };
    let named = Isa::here().find(|isa| name == isa.name());
    Cpu::with(named.unwrap_or_else(|| give_up(&format!("this machine has no {}", name.display()))), threads)
}

/// What computes passes. Threads of one pass wait for each other at every product, so where several guests choose tokens
/// meanwhile half of the cores are left to them.
struct Processors {
    alone: Processor,
    shared: Processor,
}

/// A turn on its way, and back.
struct QueuedTurn {
    turn: EngineTurn,
    back: SyncSender<EngineTurn>,
    /// Whose end says that nobody waits any longer.
    link: Arc<EngineLink>,
}

impl SharedEngine {
    /// Starts the thread. Of sessions that ended so many bytes are kept.
    pub(crate) fn start(place: ModelPlace, kept: KeptBytes) -> io::Result<Self> {
        let (turns, queue) = channel();
        let page_bytes = match &place {
            ModelPlace::Processor { model, .. } => model.settings().page_bytes(),
            ModelPlace::Card(card) => card.page_bytes(),
        };
        let (model, card, processors) = match place {
            ModelPlace::Processor { model, threads } => {
                let processor = |threads| Processor::new(Arc::clone(&model), cpu(threads));
                let (alone, shared) = (processor(threads), processor(threads.div_ceil(2)));
                (model, None, Some(Processors { alone, shared }))
            }
            ModelPlace::Card(card) => (Arc::clone(card.model()), Some(card), None),
        };
        let kept = Mutex::new(KeptSessions::new(page_bytes as u64, kept));
        thread::Builder::new().name("engine".into()).spawn(move || ends(|| serve(processors, &queue)))?;
        Ok(Self { model, card, kept, turns })
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// A session with room for so many positions, or for as many as the model has, that has perhaps read some of these
    /// tokens, but none whose row is wanted: those from the place `first` on.
    ///
    /// # Errors
    /// The card has no room for it.
    pub(crate) fn session(
        &self,
        positions: u64,
        asker: Option<Digest>,
        tokens: &[u32],
        first: usize,
    ) -> Result<PlacedSession, CardError> {
        let context = self.model.settings().context;
        let capacity = usize::try_from(positions).unwrap_or(usize::MAX).min(context);
        let most = first.min(tokens.len().saturating_sub(1)).min(capacity);
        let resumed = asker.and_then(|asker| self.kept().resume(asker, tokens, most, capacity));
        let mut session = match (resumed, &self.card) {
            (Some(resumed), _) => resumed?,
            (None, None) => PlacedSession::Processor(Session::new(&self.model, capacity)?),
            (None, Some(card)) => PlacedSession::Card(Box::new(CardSession::new(card, capacity)?)),
        };
        // The worker notes each row as it is given.
        session.keep_no_evidence();
        Ok(session)
    }

    /// Keeps a session that ended, for the next of the same asker.
    pub(crate) fn keep(&self, asker: Digest, session: PlacedSession, tokens: Vec<u32>) {
        self.kept().keep(asker, tokens, session);
    }

    fn kept(&self) -> MutexGuard<'_, KeptSessions> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a turn to its end; nothing if its worker went away meanwhile.
    pub(crate) fn take(&self, turn: EngineTurn, link: &Arc<EngineLink>) -> Option<EngineTurn> {
        let (back, ended) = sync_channel(1);
        self.turns.send(QueuedTurn { turn, back, link: Arc::clone(link) }).ok()?;
        ended.recv().ok()
    }
}

/// Takes turns for as long as there is somebody who could have one. Without processors all sessions are on a card.
fn serve(mut processors: Option<Processors>, queue: &Receiver<QueuedTurn>) {
    let mut waiting: Vec<QueuedTurn> = Vec::new();
    let (mut together, mut took) = (0, Duration::ZERO);
    loop {
        if waiting.is_empty() {
            let Ok(first) = queue.recv() else { return };
            waiting.push(first);
        }
        // Who shared a pass will want the next as soon as its guest has chosen a token.
        let until = Instant::now() + (took / PATIENCE).min(PATIENCE_MAX);
        while waiting.len() < together {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(next) = queue.recv_timeout(left) else { break };
            waiting.push(next);
        }
        waiting.extend(queue.try_iter());
        waiting.retain(|queued| queued.turn.is_fresh() || !queued.link.is_gone());
        together = waiting.len();
        let began = Instant::now();
        let processor =
            processors.as_mut().map(|both| if together > 1 { &mut both.shared } else { &mut both.alone });
        let taken = advance(processor, waiting.iter_mut().map(|queued| &mut queued.turn));
        // What a card holds is gone with it, and with that every session.
        taken.unwrap_or_else(|why| give_up(&why));
        took = began.elapsed();
        for QueuedTurn { turn, back, .. } in waiting.extract_if(.., |queued| queued.turn.is_over()) {
            // Its worker may be gone.
            let _ = back.send(turn);
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
