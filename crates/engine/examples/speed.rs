//! How fast a model runs, in answer to lines: what `contrib/compare/speed` asks beside llama.cpp.
//!
//! `speed MODEL [--isa avx2] [--threads 1] [--pack FILE]`
//!
//! Where a pack is named, it is made if it is not there, and mapped; without, it is of this process alone. Lines are
//! `prefill COUNT`, `generate PAST COUNT` and `together SESSIONS PAST COUNT`, each answered with the seconds that it took by
//! the clock and on processors; `read`, with the bytes a second of a loop that reads the weights and does nothing else;
//! `memory`, with the lines that the system has of it. The first line that it writes says what it runs and how long it took
//! until there was a row. Tokens are 13, 7932, 15851 and so on by 7919, modulo 49,000 or the vocabulary.

use std::{
    error::Error,
    fs::{self, File},
    io::{BufWriter, Write, stdin, stdout},
    sync::Arc,
    thread,
    time::Instant,
};

use assay_engine::{
    cpu::{Cpu, Isa},
    gguf::Gguf,
    model::{Choices, Model, ModelPlan},
    pack::{self, Pack},
    session::{Processor, Rows, Session, SessionStep},
};
use memmap2::Mmap;

type SpeedError = Box<dyn Error>;

const POSITIONS: usize = 2304;

struct SpeedOptions {
    model: String,
    isa: Isa,
    threads: usize,
    pack: Option<String>,
}

impl SpeedOptions {
    fn read() -> Result<Self, SpeedError> {
        let mut words = std::env::args().skip(1);
        let model = words.next().ok_or("speed MODEL …, see the source")?;
        let mut all = Self { model, isa: Isa::detect(), threads: 1, pack: None };
        while let Some(name) = words.next() {
            let value = words.next().ok_or("an option without a value")?;
            match name.as_str() {
                "--isa" => {
                    let known = Isa::here().find(|isa| isa.name() == value);
                    all.isa = known.ok_or_else(|| format!("this machine has no {value}"))?;
                }
                "--threads" => all.threads = value.parse()?,
                "--pack" => all.pack = Some(value),
                _ => return Err(format!("no option is called {name}").into()),
            }
        }
        Ok(all)
    }

    /// The pack, of this process or mapped.
    fn pack(&self) -> Result<Pack, SpeedError> {
        let Some(path) = &self.pack else {
            let bytes = map(&self.model)?;
            return Ok(Pack::of_file(&Gguf::parse(&bytes)?, [0; 32])?);
        };
        if !fs::exists(path)? {
            let bytes = map(&self.model)?;
            let file = Gguf::parse(&bytes)?;
            let mut out = BufWriter::new(File::create(path)?);
            pack::write_by(self.threads, &file, &ModelPlan::of(&file)?, [0; 32], &mut out)?;
            out.flush()?;
        }
        Ok(Pack::map(&File::open(path)?)?)
    }
}

#[allow(unsafe_code, reason = "maps a file that the caller names")]
fn map(path: &str) -> Result<Mmap, SpeedError> {
    // SAFETY: who runs this does not change the file meanwhile.
    Ok(unsafe { Mmap::map(&File::open(path)?)? })
}

/// Seconds that all threads of this process had a processor.
fn processor_seconds() -> Option<f64> {
    let threads = fs::read_dir("/proc/self/task").ok()?;
    let one = |path: std::path::PathBuf| -> Option<f64> {
        fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    Some(threads.flatten().filter_map(|thread| one(thread.path())).sum::<f64>() * 1e-9)
}

/// A model at work.
struct Runner {
    processor: Processor,
    threads: usize,
    session: Session,
    tokens: Vec<u32>,
}

impl Runner {
    fn new(pack: &Pack, isa: Isa, threads: usize) -> Result<Self, SpeedError> {
        let model = Arc::new(Model::load(pack, Choices::default())?);
        let session = Session::new(&model, POSITIONS.min(model.settings().context))?;
        let bound = model.settings().vocabulary.min(49_000) as u32;
        let tokens = (0..2 * POSITIONS as u32).map(|i| (i * 7919 + 13) % bound).collect();
        Ok(Self { processor: Processor::new(model, Cpu::with(isa, threads)), threads, session, tokens })
    }

    /// Reads tokens from one of them on.
    fn take(&mut self, from: usize, count: usize) -> Result<(), SpeedError> {
        let tokens = &self.tokens[from..from + count];
        Ok(self.processor.extend(&mut self.session, tokens, Rows::Last, |_| {})?)
    }

    fn generate(&mut self, past: usize, count: usize) -> Result<(), SpeedError> {
        (past..past + count).try_for_each(|at| self.take(at, 1))
    }

    /// A token for each of the sessions, in one pass.
    fn together(&mut self, sessions: &mut [Session], past: usize) -> Result<(), SpeedError> {
        let work = |(at, session)| {
            let tokens = std::slice::from_ref(&self.tokens[past + at]);
            SessionStep { session, tokens, rows: Rows::Last }
        };
        let mut works: Vec<SessionStep<'_>> = sessions.iter_mut().enumerate().map(work).collect();
        Ok(self.processor.step(&mut works, |_, _| {})?)
    }

    fn answer(&mut self, words: &[&str]) -> Result<String, SpeedError> {
        self.session.truncate(0);
        let numbers: Vec<usize> = words[1..].iter().map(|word| word.parse()).collect::<Result<_, _>>()?;
        match (words[0], numbers.as_slice()) {
            ("prefill", [count]) => timed(|| self.take(0, *count)),
            ("generate", [past, count]) => {
                self.take(0, *past)?;
                timed(|| self.generate(*past, *count))
            }
            ("together", [sessions, past, count]) => {
                self.take(0, *past)?;
                let mut sessions: Vec<Session> = (0..*sessions).map(|_| self.session.fork()).collect();
                timed(|| (*past..past + count).try_for_each(|at| self.together(&mut sessions, at)))
            }
            ("read", []) => Ok(format!("{:.0}", self.bytes_a_second())),
            ("memory", []) => memory(),
            _ => Err(format!("{words:?} is not understood").into()),
        }
    }

    /// The best of three readings of all layers' weights, each thread a part.
    fn bytes_a_second(&self) -> f64 {
        let layers = self.processor.model().layers().iter();
        let matrices = layers.flat_map(|layer| [&layer.query, &layer.key, &layer.value, &layer.output]);
        let dense = self.processor.model().layers().iter().filter_map(|layer| match &layer.feed {
            assay_engine::model::FeedForward::Dense(dense) => Some([&dense.gate, &dense.up, &dense.down]),
            assay_engine::model::FeedForward::Experts(_) => None,
        });
        let all: Vec<&[u8]> = matrices.chain(dense.flatten()).map(|one| one.matrix.bytes()).collect();
        let threads = self.threads;
        let read = || {
            let clock = Instant::now();
            thread::scope(|scope| {
                let one = |part: usize| {
                    let all = &all;
                    scope.spawn(move || {
                        let parts = all.iter().map(|bytes| &bytes[bytes.len() / threads * part..]);
                        let each = parts.map(|rest| &rest[..rest.len() / (threads - part)]);
                        std::hint::black_box(each.map(sum).fold(0, u64::wrapping_add))
                    })
                };
                let running: Vec<_> = (0..threads).map(one).collect();
                running.into_iter().for_each(|thread| drop(thread.join()));
            });
            all.iter().map(|bytes| bytes.len()).sum::<usize>() as f64 / clock.elapsed().as_secs_f64()
        };
        (0..3).map(|_| read()).fold(0.0, f64::max)
    }
}

/// Reads bytes, in several streams of additions.
fn sum(bytes: &[u8]) -> u64 {
    let mut sums = [0u64; 32];
    for line in bytes.as_chunks::<256>().0 {
        for (sum, word) in sums.iter_mut().zip(line.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*word));
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}

fn timed(act: impl FnOnce() -> Result<(), SpeedError>) -> Result<String, SpeedError> {
    let (clock, processors) = (Instant::now(), processor_seconds());
    act()?;
    let wall = clock.elapsed().as_secs_f64();
    let busy = processors.zip(processor_seconds()).map_or(wall, |(before, after)| after - before);
    Ok(format!("{wall:.6} {busy:.6}"))
}

fn memory() -> Result<String, SpeedError> {
    let all = fs::read_to_string("/proc/self/smaps_rollup")?;
    let wanted = ["Rss:", "Pss:", "Anonymous:", "Shared_Clean:", "Private_Clean:"];
    let lines = all.lines().filter(|line| wanted.iter().any(|name| line.starts_with(name)));
    Ok(lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", "))
}

fn main() -> Result<(), SpeedError> {
    let options = SpeedOptions::read()?;
    let clock = Instant::now();
    let pack = options.pack()?;
    let packed = clock.elapsed().as_secs_f64();
    let mut runner = Runner::new(&pack, options.isa, options.threads)?;
    runner.take(0, 1)?;
    let (isa, row) = (options.isa, clock.elapsed().as_secs_f64());
    let mut out = stdout();
    writeln!(
        out,
        "{isa}, {} threads, pack there after {packed:.3} s, a row after {row:.3} s",
        options.threads
    )?;
    for line in stdin().lines() {
        let line = line?;
        let answer = runner.answer(&line.split_whitespace().collect::<Vec<_>>())?;
        writeln!(out, "{answer}")?;
    }
    Ok(())
}
