//! A check of a text beside the writing of it, and beside a pass of the engine that reads the same tokens and gives the same rows, by
//! how many tokens were written. In turns, in one run; the medians and their ratios are printed.
//!
//! `ASSAY_MODEL` names another GGUF file than the shipped one, in which short texts alone have room.
//!
//! **Invariant:** what was checked is what was written, and the pass gives the rows that each token was chosen from.
#![expect(clippy::print_stdout, reason = "what it measures is what it says")]

#[allow(dead_code, reason = "the engine alone writes no text here")]
#[path = "texts/beside.rs"]
mod beside;

use std::{
    thread,
    time::{Duration, Instant},
};

use assay_engine::session::{Rows, Session, SessionStep};
use assay_protocol::frames;
use assay_runtime::{outcome::Completed, worker::Given};

use self::beside::{Direct, Hired, PROMPT, both, median};

/// Tokens of the texts.
const LENGTHS: [usize; 7] = [16, 32, 64, 128, 256, 512, 1_024];
const ROUNDS: usize = 5;

impl Direct {
    /// Whether a text of so many tokens has room behind the prompt.
    fn has_room(&self, tokens: usize) -> bool {
        Session::new(&self.model, self.prompt.len() + tokens).is_ok()
    }

    /// Reads the prompt and what was written behind it, and gives the row of each token that was chosen: how many, and in what
    /// time.
    fn read(&mut self, written: &[u32]) -> (usize, Duration) {
        let began = Instant::now();
        let tokens: Vec<u32> = self.prompt.iter().chain(&written[..written.len() - 1]).copied().collect();
        let mut session = Session::new(&self.model, tokens.len()).expect("it has room");
        let mut rows = 0;
        let from = Rows::From(self.prompt.len() - 1);
        let mut steps = [SessionStep { session: &mut session, tokens: &tokens, rows: from }];
        let taken = self.processor.step(&mut steps, |_, _| rows += 1);
        taken.expect("it is taken");
        (rows, began.elapsed())
    }
}

impl Hired {
    /// Writes it, or checks what was written: the same run with that as a draft.
    fn takes(&self, draft: &[u8]) -> (Duration, Completed) {
        let began = Instant::now();
        let given = Given { input: PROMPT.as_bytes(), draft, asker: None, chances: None };
        let completed = self.answer(given, &mut ());
        (began.elapsed(), completed)
    }
}

fn main() {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (mut direct, mut hired) = both(threads);
    println!("a prompt of {} tokens, {threads} threads, medians of {ROUNDS} rounds", direct.prompt.len());
    for tokens in LENGTHS.into_iter().filter(|tokens| direct.has_room(*tokens)).collect::<Vec<_>>() {
        hired.writes(tokens);
        let (_, claimed) = hired.takes(&[]);
        let written = frames::tokens(&claimed.output);
        assert_eq!(
            (written.len(), claimed.rows.len()),
            (tokens, tokens),
            "all are as long as they are to be"
        );
        let (mut writes, mut checks, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (written_in, again) = hired.takes(&[]);
            let (checked_in, checked) = hired.takes(&claimed.output);
            assert!(again == claimed && checked == claimed, "the same text, by the same rows");
            let (rows, read_in) = direct.read(&written);
            assert_eq!(rows, tokens, "a row for each token");
            writes.push(written_in);
            checks.push(checked_in);
            reads.push(read_in);
        }
        let [writes, checks, reads] = [writes, checks, reads].map(median);
        println!(
            "{tokens:>4} tokens: written in {writes:>8.1} ms, checked in {checks:>8.1} ms, {:.3} of it; the pass alone {reads:>8.1} ms, of \
             which the check is {:.2} times; beside it {:.2} ms a token",
            checks / writes,
            checks / reads,
            (checks - reads) / tokens as f64
        );
    }
}
