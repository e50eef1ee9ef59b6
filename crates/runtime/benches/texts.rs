//! Texts through workers beside the engine called directly: when the first token is there, and how fast the others come, to
//! one and to eight at a time. In turns, in one run; the medians and their ratios are printed. Then a conversation of ten
//! turns, kept for who asks beside read anew each time, and starts of a process that packs its model beside one that reads what
//! another has packed.
//!
//! `ASSAY_MODEL` names another GGUF file than the shipped one, `ASSAY_TOKENS` how many are written.
//!
//! **Invariant:** both write the same tokens, of the same prompt, on as many threads.
#![expect(clippy::print_stdout, reason = "what it measures is what it says")]

#[path = "texts/beside.rs"]
mod beside;
#[path = "texts/starts.rs"]
mod starts;

use std::{
    env, thread,
    time::{Duration, Instant},
};

use assay_engine::session::{Rows, Session, SessionStep};
use assay_protocol::{frames, id::Digest};
use assay_runtime::{
    outcome::Completed,
    worker::{Follower, Given},
};

use self::beside::{Direct, Hired, PROMPT, both, median};

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

impl Direct {
    fn choose(&self, logits: &[f32]) -> u32 {
        let known = logits.iter().enumerate().map(|(token, logit)| (token as u32, *logit));
        let others = known.filter(|(token, _)| !self.ends.contains(token));
        others.fold((0, f32::MIN), |best, other| if other.1 > best.1 { other } else { best }).0
    }

    /// So many texts of so many tokens in step; the moments at which all had one more token, and the tokens of one.
    fn write(&mut self, count: usize, tokens: usize) -> (Pace, Vec<u32>) {
        let began = Instant::now();
        let room = self.prompt.len() + tokens;
        let mut sessions: Vec<_> =
            (0..count).map(|_| Session::new(&self.model, room).expect("it has room")).collect();
        let mut next = vec![self.prompt.clone(); count];
        let (mut came, mut written) = (Vec::new(), Vec::new());
        for _ in 0..tokens {
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

impl Hired {
    fn write(&self) -> (Pace, Vec<u32>) {
        let (pace, completed) = self.pace(PROMPT.as_bytes(), None);
        (pace, frames::tokens(&completed.output))
    }

    fn pace(&self, input: &[u8], asker: Option<Digest>) -> (Pace, Completed) {
        let (mut moments, began) = (Moments::default(), Instant::now());
        let completed = self.answer(Given { input, asker, ..Given::default() }, &mut moments);
        (Pace::of(began, &moments.0), completed)
    }

    /// Goes on with what was said and answered, turn after turn: the moment of the first token where what was said before
    /// is kept, and where it is read anew.
    fn converse(&self) {
        let mut said = PROMPT.as_bytes().to_vec();
        let asker = Some(Digest::of(b"somebody"));
        println!("turn, tokens read: first token with what was said kept, and read anew");
        for turn in 1..=TURNS {
            let (kept, answer) = self.pace(&said, asker);
            let (anew, other) = self.pace(&said, None);
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

fn main() {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (mut direct, mut hired) = both(threads);
    let tokens = env::var("ASSAY_TOKENS").ok().and_then(|count| count.parse().ok()).unwrap_or(TOKENS);
    hired.writes(tokens);
    let (cold, written) = hired.write();
    assert_eq!(written, direct.write(1, tokens).1, "the same tokens");
    println!(
        "{tokens} tokens on {threads} threads, medians of {ROUNDS} rounds; cold, the first after {:.0} ms",
        cold.first.as_secs_f64() * 1e3
    );
    let (mut alone, mut through) = (Vec::new(), Vec::new());
    let (mut many, mut many_through) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(direct.write(1, tokens).0);
        through.push(hired.write().0);
        many.push(direct.write(TOGETHER, tokens).0.each);
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
    starts::compare(&mut hired);
}
