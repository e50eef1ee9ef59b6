//! Turns that an engine takes for many: whose are read on, and how much each turn of a conversation reads.

use std::mem;

use assay_protocol::{
    frames,
    manifest::{Meter, TokenWeights},
};

use super::*;
use crate::{
    counts::Port,
    engine::{
        far::{self, SessionBounds},
        fixture::{sums, tokens},
    },
    envelope::{Envelope, RunLimits},
    models::{JobModel, Loaded},
    outcome::Completed,
    sandbox::{Finished, Sandbox, SandboxWork},
    worker::links,
};

const RUNNER: &[u8] = include_bytes!("../../../../../runners/generate/generate.wasm");
/// What a run never takes, however busy the machine is.
const RUN_MAX: Duration = Duration::from_secs(600);
/// A conversation: what is said in each turn, and what the model answers. The first is long enough to be worth keeping.
const TURNS: [(&str, &str); 10] = [
    ("What is 227 + 458?", "685"),
    ("31+15", "46"),
    ("12+34", "46"),
    ("21+16", "37"),
    ("45+23", "68"),
    ("17+52", "69"),
    ("63+14", "77"),
    ("25+48", "73"),
    ("38+41", "79"),
    ("56+33", "89"),
];
/// Tokens that each turn but the first adds: the end of the answer before, five figures and signs, and what the template has
/// behind them.
const NEW: usize = 7;

#[test]
fn a_prompt_is_read_no_further_once_its_worker_is_gone_and_the_one_beside_it_is() {
    let model = Arc::new(sums());
    let processor = || Processor::new(Arc::clone(&model), Cpu::new(1));
    let processors = Processors { alone: processor(), shared: processor() };
    let (turns, queue) = channel();
    let queued = |link| {
        let (back, ended) = sync_channel(1);
        let session = PlacedSession::Processor(Session::new(&model, 120).unwrap());
        let turn = EngineTurn::new(session, tokens(120), 119, Vec::new());
        turns.send(QueuedTurn { turn, back, link: Arc::new(link) }).unwrap();
        ended
    };
    let [(here, _worker), (left, gone)] = [(); 2].map(|()| links().unwrap().unwrap());
    drop(gone);
    let (goes_on, ends) = (queued(here), queued(left));
    drop(turns);
    // Of two that read together each has a piece, and then another.
    serve(Some(processors), &queue);
    assert!(goes_on.recv().unwrap().is_over());
    assert!(ends.recv().is_err(), "nobody waits for it");
}

/// An engine of the shipped model that notes how many tokens each of its turns read.
struct CountedEngine {
    engine: SharedEngine,
    reads: Arc<Mutex<Vec<usize>>>,
}

impl CountedEngine {
    fn start() -> Self {
        let place = ModelPlace::Processor { model: Arc::new(sums()), threads: 1 };
        let mut engine = SharedEngine::start(place, KeptBytes::in_process(1 << 24)).unwrap();
        let (counted, queue) = channel::<QueuedTurn>();
        let turns = mem::replace(&mut engine.turns, counted);
        let reads: Arc<Mutex<Vec<usize>>> = Arc::default();
        let noted = Arc::clone(&reads);
        // Between those who ask and the engine's thread. Where it ends, so does what is asked.
        thread::spawn(move || {
            for QueuedTurn { turn, back, link } in queue {
                let before = turn.session.len();
                let (taken, ended) = sync_channel(1);
                turns.send(QueuedTurn { turn, back: taken, link }).unwrap();
                let turn = ended.recv().unwrap();
                noted.lock().unwrap().push(turn.session.len() - before);
                let _ = back.send(turn);
            }
        });
        Self { engine, reads }
    }

    /// What the shipped runner makes of an input at this engine, and how many tokens each turn read for it.
    fn run(&self, sandbox: &Sandbox, input: &str, asker: Option<Digest>) -> (Completed, Vec<usize>) {
        let positions = self.engine.model().settings().context as u64;
        let bounds = SessionBounds { positions, rows_bytes: 1 << 16, asker };
        let (ours, theirs) = links().unwrap().unwrap();
        let completed = thread::scope(|scope| {
            let serving = scope.spawn(|| far::serve(ours, &self.engine, bounds));
            let completed = completed(sandbox, input, theirs);
            // Then it is kept, if it is.
            serving.join().unwrap().unwrap();
            completed
        });
        (completed, mem::take(&mut *self.reads.lock().unwrap()))
    }
}

/// Hears what a guest writes.
#[derive(Default)]
struct Hearer(Mutex<Vec<u8>>);

impl Port for Hearer {
    fn chunk(&self, bytes: Vec<u8>) {
        self.0.lock().unwrap().extend(bytes);
    }

    fn line(&self, _line: String) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}

/// A run as a worker has it, over a link to its engine.
fn completed(sandbox: &Sandbox, input: &str, link: EngineLink) -> Completed {
    let name = Digest::of(b"sums");
    let mut envelope = Envelope::new(Digest::of(RUNNER), name);
    envelope.meter = Meter::Tokens(TokenWeights { read: 1, written: 4 });
    envelope.params = r#"{"temperature":0}"#.into();
    let loaded = Loaded::far(name, &link).unwrap();
    let model = JobModel::new(&loaded, &Arc::default(), Some(link));
    let deadline = Instant::now() + RUN_MAX;
    let work = SandboxWork { envelope: &envelope, input: input.as_bytes(), deadline, chances: None };
    let hearer = Arc::new(Hearer::default());
    let port = Arc::clone(&hearer) as Arc<dyn Port>;
    let Finished { end, meters, rows, chances, .. } = sandbox.run(&work, Some(model), port).unwrap();
    let output = mem::take(&mut *hearer.0.lock().unwrap());
    Completed { output, end, meters, rows, chances, log: Vec::new() }
}

#[test]
fn a_turn_of_a_conversation_reads_what_is_new_alone_and_gives_what_it_gives_where_all_is_read() {
    let sandbox = Sandbox::compile(RUNNER, true, RunLimits::default().stack_bytes, None).unwrap();
    let engine = CountedEngine::start();
    let asker = Some(Digest::of(b"somebody"));
    let (mut messages, mut known, mut firsts) = (Vec::new(), 0, Vec::new());
    for (asked, expected) in TURNS {
        messages.push(format!(r#"{{"role":"user","content":"{asked}"}}"#));
        let input = format!("[{}]", messages.join(","));
        let (answer, read) = engine.run(&sandbox, &input, asker);
        let (anew, all_read) = engine.run(&sandbox, &input, None);
        assert_eq!(answer, anew, "{asked}: the same text, by the same rows");
        assert_eq!(frames::text(&answer.output), expected.as_bytes(), "{asked}");
        let (prompt, written) = (answer.meters.tokens_read as usize, frames::tokens(&answer.output).len());
        // Each token is read that was written, but for the end.
        let reads = |first: usize| [vec![first], vec![1; written - 1]].concat();
        assert_eq!(all_read, reads(prompt), "{asked}: whoever keeps nothing reads all of it");
        assert_eq!(read, reads(prompt - known), "{asked}: {known} tokens of {prompt} were read before");
        firsts.push(read[0]);
        known = prompt + written - 1;
        messages.push(format!(r#"{{"role":"assistant","content":"{expected}"}}"#));
    }
    assert_eq!(firsts[1..], [NEW; TURNS.len() - 1], "the tenth turn reads no more than the second");
}
