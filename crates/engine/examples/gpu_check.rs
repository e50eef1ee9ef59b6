//! Asks a card what it can: whether it computes the arithmetic, whether its rows are the processor's, how fast it is.
//!
//! `gpu_check functions | families [POSITIONS] | equal MODEL [POSITIONS] [RUNS] | speed MODEL [TOKENS] [LAYERS] [POSITIONS]`.
//! The card is that of `CARD`, or the first that is hardware, or the first. With LAYERS, speed is measured again with only so
//! many of the last on the card; with POSITIONS, rows are compared behind it.
#![allow(clippy::print_stdout)]

#[path = "../tests/it/shapes.rs"]
#[allow(dead_code)]
mod shapes;

use std::{error::Error, sync::Arc, time::Instant};

use assay_engine::{
    cpu::Cpu,
    gguf::Gguf,
    gpu::{Card, CardError, CardModel, CardSession, FUNCTIONS},
    model::{Choices, Model},
    pack::Pack,
    session::{Processor, RowDigest, Rows, Session},
};

type Checked<T> = Result<T, Box<dyn Error>>;

const SEED: u64 = 29;
const USAGE: &str = "functions | families [POSITIONS] | equal MODEL [POSITIONS] [RUNS] | \
    speed MODEL [TOKENS] [LAYERS] [POSITIONS]";

fn open() -> Checked<Arc<Card>> {
    let cards = Card::list();
    for card in &cards {
        println!("card {}: {card}", card.index);
    }
    let named = std::env::var("CARD").ok().and_then(|index| index.parse().ok());
    let hardware = cards.iter().position(|card| card.is_hardware).unwrap_or(0);
    let start = Instant::now();
    let card = Card::open(named.unwrap_or(hardware))?;
    let count = FUNCTIONS.len();
    println!("{}: opened, {count} functions EQUAL over 2^20 inputs, {:.2} s", card.info(), seconds(start));
    Ok(card)
}

fn seconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}

fn load(path: &str) -> Checked<Arc<Model>> {
    let bytes = std::fs::read(path)?;
    let pack = Pack::of_file(&Gguf::parse(&bytes)?, [0; 32])?;
    Ok(Arc::new(Model::load(&pack, Choices::default())?))
}

fn tokens(count: usize, vocabulary: usize) -> Vec<u32> {
    (0..count).map(|i| ((i * 7919 + 13) % vocabulary.min(49_000)) as u32).collect()
}

fn processor(model: &Arc<Model>, tokens: &[u32]) -> Checked<Vec<RowDigest>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut session = Session::new(model, tokens.len())?;
    let mut rows = Vec::new();
    let mut processor = Processor::new(Arc::clone(model), Cpu::new(threads));
    processor.extend(&mut session, tokens, Rows::All, |row| rows.push(row.digest))?;
    Ok(rows)
}

fn extend(session: &mut CardSession, tokens: &[u32], size: usize) -> Checked<Vec<RowDigest>> {
    let mut rows = Vec::new();
    for piece in tokens.chunks(size) {
        session.extend(piece, Rows::All, |row| rows.push(row.digest))?;
    }
    Ok(rows)
}

fn verdict(found: &[RowDigest], wanted: &[RowDigest]) -> String {
    let differ = found.iter().zip(wanted).filter(|(a, b)| a != b).count();
    match differ {
        0 if found.len() == wanted.len() => format!("EQUAL, all {} rows", wanted.len()),
        _ => format!("DIFFER in {differ} of {} rows", wanted.len()),
    }
}

/// Bytes of weights of a model that is loaded again, divided between card and processor.
const DIVIDED_BYTES_MAX: u64 = 1 << 30;

/// Prefill, pieces, steps, after tokens were taken back, divided, and many runs: all against the processor.
fn compare(name: &str, model: &Arc<Model>, card: &Arc<Card>, tokens: &[u32], runs: usize) -> Checked<()> {
    let loaded = match CardModel::load(card, model) {
        Ok(loaded) => Arc::new(loaded),
        Err(error @ CardError::Unserved { .. }) => {
            println!("{name}: refused: {error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let start = Instant::now();
    let wanted = processor(model, tokens)?;
    println!("{name}: {} positions, the processor took {:.2} s", tokens.len(), seconds(start));
    let mut session = CardSession::new(&loaded, tokens.len())?;
    for (how, size) in [("all at once", tokens.len()), ("pieces of 7", 7), ("one by one", 1)] {
        session.truncate(0);
        let start = Instant::now();
        let found = extend(&mut session, tokens, size)?;
        let speed = tokens.len() as f64 / seconds(start);
        println!("  {how}: {}, {speed:.1} tokens/s with all rows", verdict(&found, &wanted));
    }
    let half = tokens.len() / 2;
    let other: Vec<u32> = tokens.iter().rev().copied().collect();
    session.truncate(half);
    extend(&mut session, &other[..half.min(20)], 5)?;
    session.truncate(half);
    let again = extend(&mut session, &tokens[half..], 64)?;
    println!("  after truncation: {}", verdict(&again, &wanted[half..]));
    if loaded.weight_bytes() <= DIVIDED_BYTES_MAX {
        let layers = model.settings().layers / 2;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let divided = Arc::new(CardModel::load_last(card, model, layers, Cpu::new(threads))?);
        let found = extend(&mut CardSession::new(&divided, tokens.len())?, tokens, 33)?;
        println!("  {layers} layers on the card, the first on the processor: {}", verdict(&found, &wanted));
    }
    if runs > 0 {
        let short = 40.min(tokens.len());
        let mut equal = 0;
        for run in 0..runs {
            session.truncate(0);
            let size = if run % 2 == 0 { 33 } else { 1 };
            let found = extend(&mut session, &tokens[..short], size)?;
            equal += usize::from(found == wanted[..short]);
        }
        println!("  {runs} runs of {short} positions, pieces and steps in turn: {equal} EQUAL");
        if equal < runs {
            return Err("a run differs from others".into());
        }
    }
    Ok(())
}

fn profile(session: &mut CardSession, tokens: usize, position: usize) -> Checked<()> {
    print!("{tokens} at a time after {position}:");
    for time in session.profile(tokens, position)? {
        print!(" {} {:.2} us x {}", time.name, time.seconds * 1e6, time.count);
        if time.bytes > 0 {
            print!(" ({:.0} GB/s)", time.bytes as f64 / time.seconds / 1e9);
        }
        print!(";");
    }
    println!();
    Ok(())
}

fn greatest(logits: &[f32]) -> u32 {
    let greater = |best: (usize, f32), (at, logit): (usize, &f32)| {
        if *logit > best.1 { (at, *logit) } else { best }
    };
    logits.iter().enumerate().fold((0, f32::MIN), greater).0 as u32
}

/// What the first tokens behind a load take, one by one: a card that was idle has to come up to its clocks.
fn first_tokens(session: &mut CardSession, count: usize) -> Checked<()> {
    print!("the first tokens behind the load, ms each:");
    for token in 0..count as u32 {
        let start = Instant::now();
        session.extend(&[token], Rows::Last, |_| {})?;
        print!(" {:.1}", seconds(start) * 1e3);
    }
    println!();
    Ok(())
}

fn speed(path: &str, card: &Arc<Card>, count: usize, layers: usize, positions: usize) -> Checked<()> {
    let size = 1 << 30;
    let roof = card.read_speed(size).or_else(|_| card.read_speed(1 << 26))?;
    println!("a plain read: {:.0} GB/s", roof / 1e9);
    let start = Instant::now();
    let model = load(path)?;
    let packed = seconds(start);
    let loaded = CardModel::load(card, &model)?;
    println!("{path}: packed in {packed:.1} s, on the card {:.1} s later", seconds(start) - packed);
    pace(loaded, &model, count, true)?;
    if layers > 0 {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        println!("{layers} layers on the card, the first with {threads} threads:");
        let divided = CardModel::load_last(card, &model, layers, Cpu::new(threads))?;
        pace(divided, &model, count.min(16), false)?;
    }
    if positions > 0 {
        let ids = tokens(positions, model.settings().vocabulary);
        compare(path, &model, card, &ids, 0)?;
    }
    Ok(())
}

fn pace(loaded: CardModel, model: &Model, count: usize, profiled: bool) -> Checked<()> {
    let loaded = Arc::new(loaded);
    let gigabytes = loaded.token_bytes() as f64 / 1e9;
    println!("{gigabytes:.3} GB on the card are read for a token");
    let settings = model.settings();
    let (capacity, vocabulary) = (settings.context.min(2048), settings.vocabulary);
    let mut session = CardSession::new(&loaded, capacity)?;
    first_tokens(&mut session, count)?;
    for past in [0, 100, 511, 1023, 1900].into_iter().filter(|past| past + count <= capacity) {
        session.truncate(0);
        if past > 0 {
            session.extend(&tokens(past, vocabulary), Rows::From(past), |_| {})?;
        }
        let mut token = 1;
        let mut times = Vec::new();
        for _ in 0..count {
            let start = Instant::now();
            session.extend(&[token], Rows::Last, |row| token = greatest(row.logits))?;
            times.push(seconds(start));
        }
        times.sort_by(f64::total_cmp);
        let middle = times[times.len() / 2];
        println!(
            "generation after {past}, rows read and greedy: median {:.3} ms, {:.1} tokens/s, {:.0} GB/s of the card's bytes",
            middle * 1e3,
            1.0 / middle,
            gigabytes / middle
        );
    }
    for length in [64, 128, 256, 512].into_iter().filter(|length| *length <= capacity) {
        let ids = tokens(length, vocabulary);
        let mut best = f64::MAX;
        for _ in 0..3 {
            session.truncate(0);
            let start = Instant::now();
            session.extend(&ids, Rows::Last, |_| {})?;
            best = best.min(seconds(start));
        }
        println!("prefill of {length}: {:.2} ms, {:.0} tokens/s", best * 1e3, length as f64 / best);
    }
    // Of a divided model a profile would show the card's part as the whole.
    for (tokens, past) in [(1, 255), (1, 511), (1, 1900), (256, 0)] {
        if profiled && past + tokens <= capacity {
            profile(&mut session, tokens, past)?;
        }
    }
    Ok(())
}

fn main() -> Checked<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: usize| {
        arguments.get(at).map_or(Ok(otherwise), |argument| argument.parse::<usize>())
    };
    let card = open()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["functions"] => {}
        ["families", ..] => {
            for shape in shapes::all() {
                let model = shape.model(SEED);
                let ids = tokens(number(1, 300)?, shape.vocabulary);
                compare(shape.name, &model, &card, &ids, 0)?;
            }
        }
        ["equal", path, ..] => {
            let model = load(path)?;
            let ids = tokens(number(2, 320)?, model.settings().vocabulary);
            compare(path, &model, &card, &ids, number(3, 100)?)?;
        }
        ["speed", path, ..] => speed(path, &card, number(2, 48)?, number(3, 0)?, number(4, 0)?)?,
        _ => return Err(USAGE.into()),
    }
    Ok(())
}
