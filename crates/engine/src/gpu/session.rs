//! A session on a card.
//!
//! **Invariant:** as a session on a processor: a row depends on the tokens before it and on nothing else; a step that is
//! refused leaves the session as it was.

use std::{ops::Range, sync::Arc, time::Instant};

use super::{
    CardError, CardModel, StepTime,
    device::Device,
    step::KernelStep,
    steps::{AHEAD_MAX, ROWS_AT_ONCE, Steps},
    together::CardStep,
    weights::groups,
};
use crate::{
    cache::Cache,
    session::{Continuation, Row, RowDigest, RowDigests, Rows, SessionError, StepRoom},
};

/// The tokens that a model on a card has read, and what it keeps of them there.
#[derive(Debug)]
pub struct CardSession {
    pub(super) model: Arc<CardModel>,
    pub(super) steps: Steps,
    back: wgpu::Buffer,
    /// Of the layers that are the processor's, one for each.
    pub(super) caches: Vec<Cache>,
    length: usize,
    capacity: usize,
    /// What is expected; what was computed of it the card keeps.
    draft: Continuation,
    evidence: RowDigests,
    /// How often the layers ran.
    passes: usize,
    /// The commands for the next token, if it stands at this position.
    ready: Option<(usize, wgpu::CommandBuffer)>,
}

/// Rows of logits of a pass: the first token whose row it is, and how many.
#[derive(Clone, Copy)]
struct WantedRows {
    first: usize,
    count: usize,
}

/// Tokens that are read in one pass.
struct PassTokens<'a> {
    /// What was given, then what is expected.
    tokens: &'a [u32],
    /// Where the first stands.
    position: usize,
    /// Those whose rows are wanted.
    wanted: Range<usize>,
    /// How many of what is expected were computed before.
    ahead: usize,
    /// The first that is expected.
    given: usize,
}

/// What is left of a step once rows of its draft were given.
#[derive(Debug)]
pub(super) struct CardRead {
    /// What is to be computed: tokens that were given, then what is expected.
    pub(super) tokens: Vec<u32>,
    /// How many were given.
    given: usize,
    /// The first whose row is wanted.
    wanted: usize,
    /// The position of the first.
    position: usize,
    /// How many were computed.
    pub(super) done: usize,
}

impl CardRead {
    /// Where the next to be computed stands.
    pub(super) const fn next_position(&self) -> usize {
        self.position + self.done
    }
}

impl CardSession {
    /// A session with room for `capacity` positions, whose memory is taken at once.
    ///
    /// # Errors
    /// More positions than the model was made for, or than the card has room for.
    pub fn new(model: &Arc<CardModel>, capacity: usize) -> Result<Self, CardError> {
        let settings = model.model.settings();
        let context = settings.context;
        if capacity > context {
            return Err(SessionError::Context { wanted: capacity, context }.into());
        }
        let device = &model.card.device;
        let most = model.positions_max();
        if capacity > most {
            let (found, most) = (capacity as u64, most as u64);
            return Err(CardError::Large { what: "a session's positions", found, most });
        }
        let steps = Steps::new(model, capacity)?;
        let back = device.back(ROWS_AT_ONCE * settings.vocabulary * size_of::<f32>());
        let caches = vec![Cache::new(settings.key_heads, settings.head_width); model.first];
        let (model, evidence, draft) = (Arc::clone(model), RowDigests::default(), Continuation::default());
        let (length, passes, ready) = (0, 0, None);
        Ok(Self { model, steps, back, caches, length, capacity, draft, evidence, passes, ready })
    }

    /// How many tokens were read and not taken back.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether no token was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// For how many it has room.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Takes back all but the first `length` tokens.
    pub fn truncate(&mut self, length: usize) {
        if length < self.length {
            self.draft.forget();
            self.length = length;
            self.caches.iter_mut().for_each(|cache| cache.truncate(length));
        }
    }

    /// Another session that has read the same, with keys and values of its own. It has given no row yet.
    ///
    /// # Errors
    /// The card has no room for it.
    pub fn fork(&self) -> Result<Self, CardError> {
        self.resumed(self.length, self.capacity)
    }

    /// Another session that has read the first `length` tokens of this one, with room for `capacity`.
    ///
    /// # Errors
    /// More positions than the model was made for or the card has room for, or fewer than were read.
    pub fn resumed(&self, length: usize, capacity: usize) -> Result<Self, CardError> {
        if length > capacity.min(self.length) {
            return Err(SessionError::Full { wanted: length, capacity: capacity.min(self.length) }.into());
        }
        let mut resumed = Self::new(&self.model, capacity)?;
        resumed.caches.clone_from(&self.caches);
        resumed.caches.iter_mut().for_each(|cache| cache.truncate(length));
        let device = &self.model.card.device;
        let mut encoder = device.encoder();
        resumed.steps.keep_as(&self.steps, &mut encoder);
        device.submit(encoder.finish());
        device.wait()?;
        Ok(Self { length, ..resumed })
    }

    /// Says which tokens are expected after those that come next, as on a processor. Of a long draft the beginning is taken.
    ///
    /// # Errors
    /// A token that does not exist, or too many.
    pub fn expect(&mut self, tokens: &[u32]) -> Result<(), SessionError> {
        self.room().expect(tokens)?;
        // What the processor has computed of another draft is of no use any more.
        self.caches.iter_mut().for_each(|cache| cache.truncate(self.length));
        self.draft = Continuation::expecting(&tokens[..tokens.len().min(AHEAD_MAX)]);
        Ok(())
    }

    /// The digests of all rows that were given, in the order that they were given in.
    #[must_use]
    pub const fn evidence(&self) -> &RowDigests {
        &self.evidence
    }

    /// From now on counts rows and keeps no digest of them, for who takes each as it is given.
    pub fn keep_no_evidence(&mut self) {
        self.evidence.count_only();
    }

    /// Bytes of the card's memory that it takes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.steps.bytes + self.back.size()
    }

    /// Bytes of the processor's memory that it takes, for the layers that are the processor's.
    #[must_use]
    pub fn processor_bytes(&self) -> usize {
        let bytes = |cache: &Cache| Cache::bytes(cache.heads(), cache.width(), cache.len());
        self.caches.iter().map(bytes).sum()
    }

    /// How often the layers ran for it: once for many tokens, and not for those that were computed ahead.
    #[must_use]
    pub const fn passes(&self) -> usize {
        self.passes
    }

    /// The model that it is of.
    #[must_use]
    pub const fn model(&self) -> &Arc<CardModel> {
        &self.model
    }

    /// Whether a step can be taken.
    ///
    /// # Errors
    /// Says why it would be refused.
    pub fn admit(&self, tokens: &[u32], rows: Rows) -> Result<(), SessionError> {
        self.room().admit(tokens, rows)
    }

    /// Reads tokens, and gives the rows that are wanted, each as it comes.
    ///
    /// # Errors
    /// Says why the step is refused, and nothing was changed; or why the card gave nothing.
    pub fn extend(
        &mut self,
        tokens: &[u32],
        rows: Rows,
        mut out: impl FnMut(Row<'_>),
    ) -> Result<(), CardError> {
        let model = Arc::clone(&self.model);
        model.step(&mut [CardStep { session: self, tokens, rows }], |_, row| out(row))
    }

    /// Gives the rows that were computed ahead, and says what is left to compute of a step that was admitted.
    pub(super) fn begin(
        &mut self,
        tokens: &[u32],
        rows: Rows,
        out: &mut dyn FnMut(Row<'_>),
    ) -> Result<CardRead, CardError> {
        let first = rows.first(tokens.len());
        let matched = self.hand_out(tokens, first, out)?;
        let mut fresh = tokens[matched..].to_vec();
        let (given, wanted, position) = (fresh.len(), first.saturating_sub(matched), self.length + matched);
        if given > 0 {
            let room = self.capacity - self.length - tokens.len();
            let expected = self.draft.expected();
            fresh.extend(&expected[..expected.len().min(room)]);
            if fresh.len() == given {
                // Another token came than was expected, or there is no room for what is.
                self.draft.forget();
            }
        }
        Ok(CardRead { tokens: fresh, given, wanted, position, done: 0 })
    }

    /// Takes the next tokens of a step through the layers of the card, and gives the rows that are wanted of them.
    pub(super) fn go_on(
        &mut self,
        read: &mut CardRead,
        count: usize,
        out: &mut dyn FnMut(Row<'_>),
    ) -> Result<(), CardError> {
        let CardRead { given, wanted, done, .. } = *read;
        let here = |token: usize| token.clamp(done, done + count) - done;
        let pass = PassTokens {
            tokens: &read.tokens[done..done + count],
            position: read.next_position(),
            wanted: here(wanted)..here(given),
            ahead: done.saturating_sub(given),
            given: here(given),
        };
        self.pass(&pass, out)?;
        read.done += count;
        Ok(())
    }

    /// Ends a step of so many tokens.
    pub(super) fn end(&mut self, read: &CardRead, count: usize) {
        self.draft.keep(read.tokens.len() - read.given);
        self.length += count;
    }

    fn room(&self) -> StepRoom {
        StepRoom {
            length: self.length,
            capacity: self.capacity,
            given: self.evidence.given(),
            vocabulary: self.model.model.settings().vocabulary,
        }
    }

    /// Gives the rows that were computed ahead, and says of how many tokens.
    fn hand_out(
        &mut self,
        tokens: &[u32],
        first: usize,
        out: &mut dyn FnMut(Row<'_>),
    ) -> Result<usize, CardError> {
        let vocabulary = self.model.model.settings().vocabulary;
        let matched = self.draft.matches(tokens);
        for (token, row) in self.draft.advance(matched).enumerate().skip(first) {
            if let Some(missing) = self.draft.missing(row, vocabulary) {
                self.draft.logits = self.ahead(missing)?;
            }
            let logits = self.draft.row(row, vocabulary);
            let digest = RowDigest::of(logits);
            self.evidence.add(digest);
            out(Row { position: self.length + token, logits, digest });
        }
        Ok(matched)
    }

    /// The logits of tokens that were computed ahead.
    fn ahead(&self, rows: Range<usize>) -> Result<Vec<f32>, CardError> {
        let Steps { head_ahead, .. } = &self.steps;
        let settings = self.model.model.settings();
        let device = &self.model.card.device;
        let mut encoder = device.encoder();
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            let from = rows.start * groups(settings.width) * 8;
            self.head(&mut pass, head_ahead, rows.len(), from);
        }
        self.bring(rows.len(), &mut encoder);
        device.submit(encoder.finish());
        device.read(&self.back, rows.len() * settings.vocabulary)
    }

    /// One pass through the card's layers, and the rows of its tokens that are wanted.
    fn pass(&mut self, pass: &PassTokens<'_>, out: &mut dyn FnMut(Row<'_>)) -> Result<(), CardError> {
        let model = Arc::clone(&self.model);
        let device = &model.card.device;
        let PassTokens { tokens, position, ref wanted, .. } = *pass;
        device.write(&self.steps.tokens, bytemuck::cast_slice(tokens));
        let single = tokens.len() == 1 && wanted.len() == 1;
        let mut rows = WantedRows { first: wanted.start, count: wanted.len().min(ROWS_AT_ONCE) };
        let commands = match self.ready.take() {
            Some((at, commands)) if single && at == position => commands,
            Some(_) | None => self.encode(tokens.len(), position, rows, true),
        };
        device.submit(commands);
        self.passes += 1;
        if single && position + 1 < self.capacity {
            // While the card works.
            let next = self.encode(1, position + 1, rows, true);
            self.ready = Some((position + 1, next));
        }
        if pass.given < tokens.len() {
            let mut encoder = device.encoder();
            self.steps.keep_ahead(pass.given..tokens.len(), pass.ahead, &mut encoder);
            device.submit(encoder.finish());
        }
        if rows.count == 0 {
            return device.wait();
        }
        loop {
            self.give(device, position, rows, out)?;
            rows.first += rows.count;
            rows.count = (wanted.end - rows.first).min(ROWS_AT_ONCE);
            if rows.count == 0 {
                return Ok(());
            }
            device.submit(self.encode(tokens.len(), position, rows, false));
        }
    }

    fn give(
        &mut self,
        device: &Device,
        position: usize,
        wanted: WantedRows,
        out: &mut dyn FnMut(Row<'_>),
    ) -> Result<(), CardError> {
        let vocabulary = self.model.model.settings().vocabulary;
        let logits = device.read(&self.back, wanted.count * vocabulary)?;
        for (row, logits) in logits.chunks_exact(vocabulary).enumerate() {
            let digest = RowDigest::of(logits);
            self.evidence.add(digest);
            out(Row { position: position + wanted.first + row, logits, digest });
        }
        Ok(())
    }

    /// The commands of a pass, where it is not done yet, and of the rows that are wanted.
    fn encode(
        &self,
        tokens: usize,
        position: usize,
        wanted: WantedRows,
        layers: bool,
    ) -> wgpu::CommandBuffer {
        let Steps { one, many, head_one, head_many, .. } = &self.steps;
        let settings = self.model.model.settings();
        let mut encoder = self.model.card.device.encoder();
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            let list = if tokens == 1 { one } else { many };
            for step in list.iter().filter(|_| layers) {
                step.run(&mut pass, tokens, position, 0);
            }
            let head = if wanted.count == 1 { head_one } else { head_many };
            self.head(&mut pass, head, wanted.count, wanted.first * groups(settings.width) * 8);
        }
        self.bring(wanted.count, &mut encoder);
        encoder.finish()
    }

    /// Starts the head for so many tokens whose activations begin with a block.
    fn head(&self, pass: &mut wgpu::ComputePass<'_>, head: &KernelStep, count: usize, from_block: usize) {
        if count == 0 {
            return;
        }
        head.run(pass, count, 0, from_block);
        if let Some(cap) = &self.steps.cap {
            cap.run(pass, count, 0, 0);
        }
    }

    /// Has so many rows of logits come back.
    fn bring(&self, rows: usize, encoder: &mut wgpu::CommandEncoder) {
        let bytes = rows * self.model.model.settings().vocabulary * size_of::<f32>();
        if bytes > 0 {
            encoder.copy_buffer_to_buffer(&self.steps.logits, 0, &self.back, 0, bytes as u64);
        }
    }

    /// How long each kind of step takes, of a pass of so many tokens that stand behind `position` others. What it
    /// computes is not kept: the session is empty afterwards.
    ///
    /// # Errors
    /// The step is refused, or the card gave nothing.
    pub fn profile(&mut self, tokens: usize, position: usize) -> Result<Vec<StepTime>, CardError> {
        const ROUNDS: usize = 3;
        /// Steps of a kind that are timed together.
        const STEPS: usize = 96;
        let wanted = position.saturating_add(tokens);
        if wanted > self.capacity {
            return Err(SessionError::Full { wanted, capacity: self.capacity }.into());
        }
        let tokens = tokens.clamp(1, self.steps.tokens_at_once);
        self.length = 0;
        self.draft.forget();
        let device = &self.model.card.device;
        let (list, head) = match tokens {
            1 => (&self.steps.one, &self.steps.head_one),
            _ => (&self.steps.many, &self.steps.head_many),
        };
        let mut times: Vec<StepTime> = Vec::new();
        for step in list.iter().chain([head]) {
            if times.iter().any(|time| time.name == step.name) {
                continue;
            }
            let alike: Vec<&KernelStep> =
                list.iter().chain([head]).filter(|other| other.name == step.name).collect();
            let repeats = if tokens == 1 { STEPS.div_ceil(alike.len()) } else { 1 };
            let rows = if std::ptr::eq(step, head) { tokens.min(ROWS_AT_ONCE) } else { tokens };
            let mut best = f64::MAX;
            for _ in 0..ROUNDS {
                let mut encoder = device.encoder();
                {
                    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                    for step in (0..repeats).flat_map(|_| &alike) {
                        step.run(&mut pass, rows, position, 0);
                    }
                }
                let commands = encoder.finish();
                device.wait()?;
                let start = Instant::now();
                device.submit(commands);
                device.wait()?;
                best = best.min(start.elapsed().as_secs_f64());
            }
            let seconds = best / (repeats * alike.len()) as f64;
            times.push(StepTime { name: step.name, count: alike.len(), seconds, bytes: step.bytes });
        }
        Ok(times)
    }
}
