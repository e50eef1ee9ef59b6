//! A session on a card.
//!
//! **Invariant:** as a session on a processor: a row depends on the tokens before it and on nothing else; a step that is
//! refused leaves the session as it was.

use std::{sync::Arc, time::Instant};

use super::{
    CardError, CardModel, StepTime,
    device::Device,
    step::KernelStep,
    steps::{ROWS_AT_ONCE, Steps},
    weights::groups,
};
use crate::session::{Row, RowDigest, RowDigests, Rows, SessionError};

/// The tokens that a model on a card has read, and what it keeps of them there.
#[derive(Debug)]
pub struct CardSession {
    model: Arc<CardModel>,
    steps: Steps,
    back: wgpu::Buffer,
    length: usize,
    capacity: usize,
    evidence: RowDigests,
    /// The commands for the next token, if it stands at this position.
    ready: Option<(usize, wgpu::CommandBuffer)>,
}

/// Rows of logits of a pass: the first token whose row it is, and how many.
#[derive(Clone, Copy)]
struct WantedRows {
    first: usize,
    count: usize,
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
        let keys = capacity.next_multiple_of(256) * settings.key_width() * size_of::<u16>();
        let most = device.limits.max_storage_buffer_binding_size;
        if keys as u64 > most {
            return Err(CardError::Large { what: "a layer's keys", found: keys as u64, most });
        }
        let steps = Steps::new(model, capacity)?;
        let rows = ROWS_AT_ONCE.min(steps.tokens_at_once);
        let back = device.back(rows * settings.vocabulary * size_of::<f32>());
        let (model, evidence) = (Arc::clone(model), RowDigests::default());
        Ok(Self { model, steps, back, length: 0, capacity, evidence, ready: None })
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
        self.length = self.length.min(length);
    }

    /// Another session that has read the same, with keys and values of its own. It has given no row yet.
    ///
    /// # Errors
    /// The card has no room for it.
    pub fn fork(&self) -> Result<Self, CardError> {
        let fork = Self::new(&self.model, self.capacity)?;
        let device = &self.model.card.device;
        let mut encoder = device.encoder();
        fork.steps.keep_as(&self.steps, &mut encoder);
        device.submit(encoder.finish());
        device.wait()?;
        Ok(Self { length: self.length, ..fork })
    }

    /// The digests of all rows that were given, in the order that they were given in.
    #[must_use]
    pub const fn evidence(&self) -> &RowDigests {
        &self.evidence
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
        self.admit(tokens, rows)?;
        let first = rows.first(tokens.len());
        let mut done = 0;
        for piece in tokens.chunks(self.steps.tokens_at_once) {
            let from = first.clamp(done, done + piece.len()) - done;
            self.pass(piece, self.length + done, from, &mut out)?;
            done += piece.len();
        }
        self.length += tokens.len();
        Ok(())
    }

    fn admit(&self, tokens: &[u32], rows: Rows) -> Result<(), SessionError> {
        if tokens.is_empty() {
            return Err(SessionError::Empty);
        }
        if let Rows::From(first) = rows
            && first > tokens.len()
        {
            return Err(SessionError::Row { first, count: tokens.len() });
        }
        let wanted = self.length.saturating_add(tokens.len());
        if wanted > self.capacity {
            return Err(SessionError::Full { wanted, capacity: self.capacity });
        }
        let vocabulary = self.model.model.settings().vocabulary;
        let unknown = tokens.iter().find(|token| **token as usize >= vocabulary);
        unknown.map_or(Ok(()), |token| Err(SessionError::Token { token: *token, vocabulary }))
    }

    /// One pass, and the rows of its tokens from `from` on.
    fn pass(
        &mut self,
        tokens: &[u32],
        position: usize,
        from: usize,
        out: &mut dyn FnMut(Row<'_>),
    ) -> Result<(), CardError> {
        let model = Arc::clone(&self.model);
        let device = &model.card.device;
        device.write(&self.steps.tokens, bytemuck::cast_slice(tokens));
        let count = tokens.len() - from;
        let single = tokens.len() == 1;
        let mut wanted = WantedRows { first: from, count: count.min(ROWS_AT_ONCE) };
        let commands = match self.ready.take() {
            Some((at, commands)) if single && count == 1 && at == position => commands,
            Some(_) | None => self.encode(tokens.len(), position, wanted, true),
        };
        device.submit(commands);
        if single && count == 1 && position + 1 < self.capacity {
            // While the card works.
            let next = self.encode(1, position + 1, wanted, true);
            self.ready = Some((position + 1, next));
        }
        if count == 0 {
            return device.wait();
        }
        loop {
            self.give(device, position, wanted, out)?;
            wanted.first += wanted.count;
            wanted.count = (tokens.len() - wanted.first).min(ROWS_AT_ONCE);
            if wanted.count == 0 {
                return Ok(());
            }
            device.submit(self.encode(tokens.len(), position, wanted, false));
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
        let Steps { one, many, head_one, head_many, cap, logits, .. } = &self.steps;
        let settings = self.model.model.settings();
        let mut encoder = self.model.card.device.encoder();
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            let list = if tokens == 1 { one } else { many };
            for step in list.iter().filter(|_| layers) {
                step.run(&mut pass, tokens, position, 0);
            }
            let from = wanted.first * groups(settings.width) * 8;
            match wanted.count {
                0 => {}
                1 => head_one.run(&mut pass, 1, position, from),
                count => head_many.run(&mut pass, count, position, from),
            }
            if let Some(cap) = cap.as_ref().filter(|_| wanted.count > 0) {
                cap.run(&mut pass, wanted.count, position, 0);
            }
        }
        let bytes = wanted.count * settings.vocabulary * size_of::<f32>();
        if bytes > 0 {
            encoder.copy_buffer_to_buffer(logits, 0, &self.back, 0, bytes as u64);
        }
        encoder.finish()
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
