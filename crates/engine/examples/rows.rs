//! Runs a model file: the digest of its rows, and how fast they come.
//!
//! `rows MODEL [--positions 320] [--isa avx2] [--threads 1] [--rounds 5] [--prefill 256] [--past 16] [--generate 32]
//! [--sessions 8]`
//!
//! The tokens are 13, 7932, 15851 and so on by 7919, modulo 49,000 or the vocabulary. The digest is that of all logits'
//! bits. Speeds are tokens a second of the machine's clock, and of the time that threads had a processor: the second is
//! what machines with other work can be compared by. Medians of the rounds.

use std::{
    error::Error,
    fs::{self, File},
    io::{Write, stdout},
    sync::Arc,
    time::Instant,
};

use assay_engine::{
    cpu::{Cpu, Isa},
    gguf::Gguf,
    model::{Choices, MemoryNeed, Model, ModelPlan},
    pack::Pack,
    session::{Processor, Rows, Session, SessionStep},
};
use memmap2::Mmap;

struct Arguments {
    model: String,
    numbers: Vec<(String, usize)>,
    isa: Isa,
}

impl Arguments {
    fn read() -> Result<Self, Box<dyn Error>> {
        let mut words = std::env::args().skip(1);
        let model = words.next().ok_or("rows MODEL [--positions N] …, see the source")?;
        let (mut numbers, mut isa) = (Vec::new(), Isa::detect());
        while let Some(name) = words.next() {
            let value = words.next().ok_or("an option without a value")?;
            match name.as_str() {
                "--isa" => {
                    let known = Isa::here().find(|isa| isa.name() == value);
                    isa = known.ok_or_else(|| format!("this machine has no {value}"))?;
                }
                _ => numbers.push((name, value.parse()?)),
            }
        }
        Ok(Self { model, numbers, isa })
    }

    fn number(&self, name: &str, usual: usize) -> usize {
        self.numbers.iter().rev().find(|(found, _)| found == name).map_or(usual, |(_, number)| *number)
    }
}

/// Seconds that all threads of this process had a processor.
fn processor_seconds() -> Option<f64> {
    let threads = fs::read_dir("/proc/self/task").ok()?;
    let one = |path: std::path::PathBuf| -> Option<f64> {
        fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    Some(threads.flatten().filter_map(|thread| one(thread.path())).sum::<f64>() * 1e-9)
}

/// Seconds by the clock, and on processors.
fn timed<T>(act: impl FnOnce() -> T) -> (f64, f64, T) {
    let (clock, processors) = (Instant::now(), processor_seconds());
    let result = act();
    let wall = clock.elapsed().as_secs_f64();
    let busy = processors.zip(processor_seconds()).map_or(wall, |(before, after)| after - before);
    (wall, busy, result)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

#[allow(unsafe_code, reason = "maps a file that the caller names")]
fn map(path: &str) -> Result<Mmap, Box<dyn Error>> {
    // SAFETY: who runs this does not change the file meanwhile.
    Ok(unsafe { Mmap::map(&File::open(path)?)? })
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Arguments::read()?;
    let bytes = map(&options.model)?;
    let file = Gguf::parse(&bytes)?;
    let memory = MemoryNeed::of(&ModelPlan::of(&file)?);
    let (wall, _, pack) = timed(|| Pack::of_file(&file, [0; 32]));
    let pack = pack?;
    let mut out = stdout();
    writeln!(out, "packed in {wall:.2} s; {memory:?}")?;
    let (wall, _, model) = timed(|| Model::load(&pack, Choices::default()));
    let model = Arc::new(model?);
    writeln!(out, "loaded in {wall:.4} s: {:?}", model.settings().family)?;
    let threads = options.number("--threads", 1);
    let cpu = Cpu::with(options.isa, threads);
    let mut processor = Processor::new(Arc::clone(&model), cpu);
    let tokens = |count: usize| -> Vec<u32> {
        let bound = model.settings().vocabulary.min(49_000) as u32;
        (0..count as u32).map(|i| (i * 7919 + 13) % bound).collect()
    };
    let positions = options.number("--positions", 320);
    let mut hasher = blake3::Hasher::new();
    let mut session = Session::new(&model, positions)?;
    let (wall, ..) = timed(|| {
        processor.extend(&mut session, &tokens(positions), Rows::All, |row| {
            let bits: Vec<[u8; 4]> = row.logits.iter().map(|logit| logit.to_le_bytes()).collect();
            hasher.update(bits.as_flattened());
        })
    });
    let digest = &hasher.finalize().to_hex()[..16];
    writeln!(out, "{} {threads} threads, {positions} positions in {wall:.2} s: {digest}", options.isa)?;
    race(&options, &mut processor, &tokens(4096))?;
    together(&options, &mut processor, &tokens(4096))
}

fn race(options: &Arguments, processor: &mut Processor, tokens: &[u32]) -> Result<(), Box<dyn Error>> {
    let (prefill, past) = (options.number("--prefill", 256), options.number("--past", 16));
    let (generate, rounds) = (options.number("--generate", 32), options.number("--rounds", 5));
    let model = Arc::clone(processor.model());
    let mut session = Session::new(&model, prefill.max(past + generate))?;
    let mut speeds = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        session.truncate(0);
        let (wall, busy, result) =
            timed(|| processor.extend(&mut session, &tokens[..prefill], Rows::Last, |_| {}));
        result?;
        speeds[0].push(prefill as f64 / wall);
        speeds[1].push(prefill as f64 / busy);
        session.truncate(past);
        if session.len() < past {
            let first = session.len();
            processor.extend(&mut session, &tokens[first..past], Rows::Last, |_| {})?;
        }
        let (wall, busy, result) = timed(|| {
            let mut each = tokens[past..past + generate].iter();
            each.try_for_each(|token| processor.extend(&mut session, &[*token], Rows::Last, |_| {}))
        });
        result?;
        speeds[2].push(generate as f64 / wall);
        speeds[3].push(generate as f64 / busy);
    }
    let [a, b, c, d] = speeds.map(median);
    let mut out = stdout();
    writeln!(out, "prefill of {prefill}: {a:.1} tokens/s by the clock, {b:.1} on processors")?;
    writeln!(out, "generation behind {past}: {c:.1} by the clock, {d:.1} on processors")?;
    Ok(())
}

/// Sessions that generate in the same passes.
fn together(options: &Arguments, processor: &mut Processor, tokens: &[u32]) -> Result<(), Box<dyn Error>> {
    let (past, generate) = (options.number("--past", 16), options.number("--generate", 32));
    let model = Arc::clone(processor.model());
    let count = options.number("--sessions", 8);
    let new = |_| Session::new(&model, past + generate);
    let mut sessions: Vec<Session> = (0..count).map(new).collect::<Result<_, _>>()?;
    for (at, session) in sessions.iter_mut().enumerate() {
        processor.extend(session, &tokens[at..at + past], Rows::Last, |_| {})?;
    }
    let (wall, busy, result) = timed(|| {
        (0..generate).try_for_each(|step| {
            let work = |(at, session)| {
                let token = past + at + step;
                SessionStep { session, tokens: &tokens[token..=token], rows: Rows::Last }
            };
            let mut works: Vec<SessionStep<'_>> = sessions.iter_mut().enumerate().map(work).collect();
            processor.step(&mut works, |_, _| {})
        })
    });
    result?;
    let (clock, busy) = ((count * generate) as f64 / wall, (count * generate) as f64 / busy);
    writeln!(stdout(), "{count} sessions together: {clock:.1} by the clock, {busy:.1} on processors")?;
    Ok(())
}
