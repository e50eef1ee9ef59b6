//! Texts through workers beside the engine called directly: when the first token is there, and how fast the others come, to
//! one and to eight at a time. In turns, in one run; the medians and their ratios are printed. Then a conversation of ten
//! turns, kept for who asks beside read anew each time.
//!
//! `ASSAY_MODEL` names another GGUF file than the shipped one, `ASSAY_TOKENS` how many are written.
//!
//! **Invariant:** both write the same tokens, of the same prompt, on as many threads.
#![expect(clippy::print_stdout, reason = "what it measures is what it says")]

use std::{
    env, fs,
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use assay_engine::{
    cpu::Cpu,
    gguf::Gguf,
    model::{Choices, Model},
    pack::Pack,
    session::{Processor, Rows, Session, SessionStep},
    vocabulary::Vocabulary,
};
use assay_protocol::{
    frames,
    id::Digest,
    manifest::{Meter, TokenWeights},
};
use assay_runtime::{
    envelope::Envelope,
    outcome::Completed,
    pool::Pool,
    worker::{Files, Follower, Given, WorkerSource},
};

const PROMPT: &str = "The three most important things to know about the sea are";
const TOKENS: usize = 64;
const ROUNDS: usize = 7;
const TOGETHER: usize = 8;
/// Turns of a conversation, and what is said in each.
const TURNS: usize = 10;
const SAID: &str =
    " Tell me more about the second of them, and why it matters to people who live far from it.";

/// When the first token was there, and how long each of the others took.
#[derive(Clone, Copy)]
struct Pace {
    first: Duration,
    each: Duration,
}

impl Pace {
    fn of(began: Instant, came: &[Instant]) -> Self {
        let (first, last) = (came[0], came[came.len() - 1]);
        Self { first: first - began, each: (last - first) / (came.len() as u32 - 1) }
    }
}

/// The engine, called directly.
struct Direct {
    model: Arc<Model>,
    processor: Processor,
    prompt: Vec<u32>,
    ends: Vec<u32>,
    tokens: usize,
}

impl Direct {
    fn choose(&self, logits: &[f32]) -> u32 {
        let known = logits.iter().enumerate().map(|(token, logit)| (token as u32, *logit));
        let others = known.filter(|(token, _)| !self.ends.contains(token));
        others.fold((0, f32::MIN), |best, other| if other.1 > best.1 { other } else { best }).0
    }

    /// So many texts in step; the moments at which all had one more token, and the tokens of one.
    fn write(&mut self, count: usize) -> (Pace, Vec<u32>) {
        let began = Instant::now();
        let room = self.prompt.len() + self.tokens;
        let mut sessions: Vec<_> =
            (0..count).map(|_| Session::new(&self.model, room).expect("it has room")).collect();
        let mut next = vec![self.prompt.clone(); count];
        let (mut came, mut written) = (Vec::new(), Vec::new());
        for _ in 0..self.tokens {
            let mut rows = vec![Vec::new(); count];
            let steps = sessions.iter_mut().zip(&next);
            let mut steps: Vec<_> =
                steps.map(|(session, tokens)| SessionStep { session, tokens, rows: Rows::Last }).collect();
            let taken = self.processor.step(&mut steps, |step, row| rows[step].extend_from_slice(row.logits));
            taken.expect("it is taken");
            next = rows.iter().map(|row| vec![self.choose(row)]).collect();
            written.push(next[0][0]);
            came.push(Instant::now());
        }
        (Pace::of(began, &came), written)
    }
}

/// When tokens came.
#[derive(Default)]
struct Moments(Vec<Instant>);

impl Follower for Moments {
    fn chunk(&mut self, _: &[u8]) {
        self.0.push(Instant::now());
    }
}

/// The same through workers.
struct Hired {
    pool: Pool,
    envelope: Envelope,
    runner: PathBuf,
    model: PathBuf,
}

impl Hired {
    fn write(&self) -> (Pace, Vec<u32>) {
        let (pace, completed) = self.answer(PROMPT.as_bytes(), None);
        (pace, frames::tokens(&completed.output))
    }

    fn answer(&self, input: &[u8], asker: Option<Digest>) -> (Pace, Completed) {
        let (mut moments, began) = (Moments::default(), Instant::now());
        let files = Files { runner: &self.runner, model: Some(&self.model) };
        let given = Given { input, asker, ..Given::default() };
        let completed = self.pool.run(&self.envelope, files, given, &mut moments).expect("it is written");
        (Pace::of(began, &moments.0), completed)
    }

    /// Goes on with what was said and answered, turn after turn: the moment of the first token where what was said before
    /// is kept, and where it is read anew.
    fn converse(&self) {
        let mut said = PROMPT.as_bytes().to_vec();
        let asker = Some(Digest::of(b"somebody"));
        println!("turn, tokens read: first token with what was said kept, and read anew");
        for turn in 1..=TURNS {
            let (kept, answer) = self.answer(&said, asker);
            let (anew, other) = self.answer(&said, None);
            assert_eq!(answer, other, "the same text, by the same rows");
            let [kept, anew] = [kept, anew].map(|pace| pace.first.as_secs_f64() * 1e3);
            println!("{turn:>2}, {:>4}: {kept:>6.1} ms, {anew:>6.1} ms", answer.meters.tokens_read);
            said.extend(frames::text(&answer.output));
            said.extend(SAID.as_bytes());
        }
    }

    /// So many at a time: the time that one more token of each takes.
    fn write_many(&self, count: usize) -> Duration {
        let paces: Vec<Pace> = thread::scope(|scope| {
            let begun: Vec<_> = (0..count).map(|_| scope.spawn(|| self.write().0)).collect();
            begun.into_iter().map(|begun| begun.join().expect("no panic")).collect()
        });
        paces.iter().map(|pace| pace.each).sum::<Duration>() / count as u32
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// The engine, and workers beside it, with the same model and the same to write.
fn both(threads: usize) -> (Direct, Hired) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shipped = root.join("models/sums/sums.gguf");
    let model = env::var_os("ASSAY_MODEL").map_or(shipped, PathBuf::from);
    let tokens = env::var("ASSAY_TOKENS").ok().and_then(|count| count.parse().ok()).unwrap_or(TOKENS);
    let bytes = fs::read(&model).expect("the model is there");
    let file = Gguf::parse(&bytes).expect("it is a model");
    let vocabulary = Vocabulary::read(&file).expect("it has a vocabulary");
    let pack = Pack::of_file(&file, [0; 32]).expect("it can be packed");
    let loaded = Arc::new(Model::load(&pack, Choices::default()).expect("it can be run"));
    let mut prompt: Vec<u32> = vocabulary.bos().filter(|_| vocabulary.begins()).into_iter().collect();
    prompt.extend(vocabulary.tokenize(PROMPT, true).expect("it is text"));
    let ends = vocabulary.ends().to_vec();
    let processor = Processor::new(Arc::clone(&loaded), Cpu::new(threads));
    let biases: Vec<String> = ends.iter().map(|end| format!("\"{end}\":-1000")).collect();
    let params = format!(
        r#"{{"temperature":0,"raw":true,"max_tokens":{tokens},"logit_bias":{{{}}}}}"#,
        biases.join(",")
    );
    let direct = Direct { model: loaded, processor, prompt, ends, tokens };
    let cache = tempfile::tempdir().expect("a temporary directory");
    let binary = env!("CARGO_BIN_EXE_assay-worker").into();
    let runner = root.join("runners/generate/generate.wasm");
    let name = |path| Digest::of(&fs::read(path).expect("it is there"));
    let mut envelope = Envelope::new(name(&runner), Digest::of(&bytes));
    envelope.params = params;
    envelope.meter = Meter::Tokens(TokenWeights { read: 1, written: 4 });
    envelope.units_max = 8_192;
    let pool = Pool::new(WorkerSource { binary, cache: Some(cache.path().into()) });
    (direct, Hired { pool, envelope, runner, model })
}

fn main() {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (mut direct, hired) = both(threads);
    let tokens = direct.tokens;
    let (cold, written) = hired.write();
    assert_eq!(written, direct.write(1).1, "the same tokens");
    println!(
        "{tokens} tokens on {threads} threads, medians of {ROUNDS} rounds; cold, the first after {:.0} ms",
        cold.first.as_secs_f64() * 1e3
    );
    let (mut alone, mut through) = (Vec::new(), Vec::new());
    let (mut many, mut many_through) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(direct.write(1).0);
        through.push(hired.write().0);
        many.push(direct.write(TOGETHER).0.each);
        many_through.push(hired.write_many(TOGETHER));
    }
    let first = |paces: &[Pace]| median(paces.iter().map(|pace| pace.first).collect());
    let each = |paces: &[Pace]| median(paces.iter().map(|pace| pace.each).collect());
    println!(
        "first token: engine {:.1} ms, through a worker {:.1} ms, later by {:.1} ms",
        first(&alone),
        first(&through),
        first(&through) - first(&alone)
    );
    println!(
        "each of the others: engine {:.2} ms, through a worker {:.2} ms, a rate of {:.3}",
        each(&alone),
        each(&through),
        each(&alone) / each(&through)
    );
    let (engine, workers) = (median(many), median(many_through));
    println!(
        "{TOGETHER} at a time: engine {engine:.2} ms, through workers {workers:.2} ms, a rate of {:.3}; {:.2} times one",
        engine / workers,
        TOGETHER as f64 * each(&through) / workers
    );
    hired.converse();
}
