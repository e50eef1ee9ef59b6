//! One digest of each model's rows, by every instruction set and card of this machine and in every way that rows are
//! asked for.
//!
//! `table WHAT [--positions 720] [--by NAME] [--runs N] [--only WAY] [--threads N]`
//!
//! WHAT is `random`, two small models of each family, or a model file. Tokens of the former come from a seed, those of a
//! file are 13, 7932, 15851 and so on by 7919, modulo 49,000 or the vocabulary. `--by` names one instruction set, or `card`;
//! `--runs` repeats the first way on the fastest set; `--only` takes the ways whose names begin so, `--threads` those of a
//! processor that so many threads take. Prints a line for each model and device: model, device, positions, digest, what was
//! compared, seconds. Ends with 1 where two digests of a model differ.

#[allow(dead_code, reason = "tests use more of it")]
#[path = "../../tests/it/shapes.rs"]
mod shapes;
#[allow(dead_code, reason = "tests use more of it")]
#[path = "../../tests/it/ways.rs"]
mod ways;

#[cfg(feature = "gpu")]
mod card;

use std::{
    error::Error,
    fs,
    io::{Write, stdout},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Instant,
};

use assay_engine::{
    cpu::{Cpu, Isa},
    gguf::Gguf,
    model::{Choices, Model},
    pack::Pack,
};
use shapes::Chance;
use ways::{WAYS, Way, at_once};

const SEED: u64 = 17;
/// What has no threads computes on one.
const THREADS_MAX: usize = if cfg!(target_family = "wasm") { 1 } else { 3 };

/// A model and what it reads.
struct ReadModel {
    name: String,
    model: Arc<Model>,
    tokens: Vec<u32>,
}

struct TableWish {
    what: String,
    positions: usize,
    by: Option<String>,
    runs: usize,
    only: String,
    threads: Option<usize>,
}

impl TableWish {
    fn read() -> Result<Self, Box<dyn Error>> {
        let mut words = std::env::args().skip(1);
        let what = words.next().ok_or("table WHAT [--positions N] …, see the source")?;
        let mut read = Self { what, positions: 720, by: None, runs: 0, only: String::new(), threads: None };
        while let Some(name) = words.next() {
            let value = words.next().ok_or("an option without a value")?;
            match name.as_str() {
                "--positions" => read.positions = value.parse()?,
                "--by" => read.by = Some(value),
                "--runs" => read.runs = value.parse()?,
                "--only" => read.only = value,
                "--threads" => read.threads = Some(value.parse()?),
                _ => return Err(format!("{name} is no option").into()),
            }
        }
        Ok(read)
    }

    fn wants(&self, device: &str) -> bool {
        self.by.as_ref().is_none_or(|by| by == device)
    }
}

fn subjects(arguments: &TableWish) -> Result<Vec<ReadModel>, Box<dyn Error>> {
    let positions = arguments.positions;
    if arguments.what == "random" {
        let random = |shape: shapes::Shape| {
            let tokens = Chance::new(SEED + 1).tokens(positions, shape.vocabulary);
            ReadModel { name: shape.name.to_owned(), model: shape.model(SEED), tokens }
        };
        return Ok(shapes::all().into_iter().map(random).collect());
    }
    let path = Path::new(&arguments.what);
    let bytes = fs::read(path)?;
    let pack = Pack::of_file(&Gguf::parse(&bytes)?, [0; 32])?;
    let model = Arc::new(Model::load(&pack, Choices::default())?);
    let bound = model.settings().vocabulary.min(49_000) as u32;
    let count = positions.min(model.settings().context) as u32;
    let tokens = (0..count).map(|i| (i * 7919 + 13) % bound).collect();
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(vec![ReadModel { name, model, tokens }])
}

/// The digests that were found of one model on one device, in how many ways.
#[derive(Default)]
struct DigestsFound {
    digests: Vec<String>,
    ways: Vec<String>,
}

impl DigestsFound {
    fn add(&mut self, way: String, digest: String) {
        if !self.digests.contains(&digest) {
            self.digests.push(digest);
        }
        self.ways.push(way);
    }

    /// Prints its line; the digest, if there is one alone.
    fn print(
        &self,
        subject: &ReadModel,
        device: &str,
        began: Instant,
    ) -> Result<Option<&str>, Box<dyn Error>> {
        let (digests, ways) = (self.digests.join(" ≠ "), self.ways.join(", "));
        let (name, positions) = (&subject.name, subject.tokens.len());
        let seconds = began.elapsed().as_secs();
        let mut out = stdout();
        writeln!(out, "{name}\t{device}\t{positions}\t{digests}\t{ways}\t{seconds} s")?;
        out.flush()?;
        Ok(match self.digests.as_slice() {
            [one] => Some(one),
            _ => None,
        })
    }
}

fn by_processor(subject: &ReadModel, isa: Isa, arguments: &TableWish) -> DigestsFound {
    let mut found = DigestsFound::default();
    let is_wanted = |(how, threads, _): &(&str, usize, Way)| {
        how.starts_with(&arguments.only) && arguments.threads.is_none_or(|wanted| wanted == *threads)
    };
    for (how, threads, way) in WAYS.into_iter().filter(is_wanted) {
        let threads = threads.min(THREADS_MAX);
        let tally = way(&subject.model, Cpu::with(isa, threads), &subject.tokens);
        found.add(format!("{how} ({threads})"), tally.digest());
    }
    found
}

fn again(subject: &ReadModel, runs: usize) -> DigestsFound {
    let mut found = DigestsFound::default();
    for run in 0..runs {
        let cpu = Cpu::new(1 + run % THREADS_MAX);
        found.add(String::new(), at_once(&subject.model, cpu, &subject.tokens).digest());
    }
    found.ways = vec![format!("{runs} runs")];
    found
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = TableWish::read()?;
    let mut same = true;
    for subject in subjects(&arguments)? {
        let mut digests = Vec::new();
        let mut print = |found: DigestsFound, device: &str, began| -> Result<(), Box<dyn Error>> {
            digests.push(found.print(&subject, device, began)?.map(str::to_owned));
            Ok(())
        };
        for isa in Isa::here().filter(|isa| arguments.wants(isa.name())) {
            let began = Instant::now();
            print(by_processor(&subject, isa, &arguments), isa.name(), began)?;
        }
        if arguments.runs > 0 {
            let began = Instant::now();
            print(again(&subject, arguments.runs), Isa::detect().name(), began)?;
        }
        #[cfg(feature = "gpu")]
        if arguments.wants("card") {
            let began = Instant::now();
            if let Some((found, name)) = card::rows(&subject, &arguments.only)? {
                print(found, &name, began)?;
            }
        }
        digests.dedup();
        same &= digests.len() <= 1 && !digests.contains(&None);
    }
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
