//! Starts of a process that holds a model: one that packs the model beside one that is given a pack which another has left.
//!
//! **Invariant:** a start is timed from the order to its first token, which both choose alike; nothing of the pool was there
//! before but its runner. A pack counts as taken only where its process says so.

use std::{
    fs, mem,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use assay_protocol::{frames, id::Digest};
use assay_runtime::packs::{self, PackFolder, PackKeeper, PackNews};

use super::{
    PROMPT,
    beside::{Hired, median},
};

/// Starts of each kind.
const STARTS: usize = 5;
/// Tokens of a text: the first is timed.
const TOKENS: usize = 2;

/// Hears what becomes of packs, on a disk that is never full.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<PackNews>>>);

impl PackKeeper for Heard {
    fn room(&self) -> u64 {
        u64::MAX
    }

    fn is_wanted(&self, _: Digest) -> bool {
        true
    }

    fn hear(&self, _: Digest, news: &PackNews) {
        self.0.lock().expect("no panic").push(news.clone());
    }
}

impl Heard {
    /// The one thing that was heard since the last time.
    fn only(&self) -> PackNews {
        let heard = mem::take(&mut *self.0.lock().expect("no panic"));
        let [news] = &heard[..] else { panic!("one pack at a start, and not {heard:?}") };
        news.clone()
    }
}

/// A start and the tokens that came of it.
fn start(hired: &Hired) -> (Duration, Vec<u32>) {
    hired.pool.clear();
    let (pace, completed) = hired.pace(PROMPT.as_bytes(), None);
    // A large model lies in one process at a time.
    hired.pool.clear();
    (pace.first, frames::tokens(&completed.output))
}

/// The same in a pool that keeps its packs there, and what becomes of those.
fn keeping(hired: &Hired, packs: &Path) -> (Hired, Heard) {
    let (others, heard) = (hired.others(), Heard::default());
    let folder = PackFolder::open(packs, u64::MAX, heard.clone()).expect("a folder");
    others.pool.keep_packs(folder);
    (others, heard)
}

/// Prints what a start takes, each way, and how long the file and its pack are.
pub(crate) fn compare(hired: &mut Hired) {
    hired.writes(TOKENS);
    let packs = tempfile::tempdir().expect("a temporary directory");
    let (keeping, heard) = keeping(hired, packs.path());
    // The first start has the runner compiled, here as there.
    let (written, tokens) = start(&keeping);
    let PackNews::Kept { bytes } = heard.only() else { panic!("the first process keeps its pack") };
    assert_eq!(packs::bytes_of(packs.path(), keeping.envelope.model), Some(bytes));
    let (mut anew, mut taken) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let [(packed, one), (read, other)] = [start(hired), start(&keeping)];
        assert_eq!((&one, &other), (&tokens, &tokens), "the same tokens");
        assert_eq!(heard.only(), PackNews::Taken);
        anew.push(packed);
        taken.push(read);
    }
    let file = fs::metadata(&keeping.model).expect("the model is there").len();
    let [anew, taken] = [anew, taken].map(|times| median(times) / 1e3);
    println!("until the first token of a process that is begun for it, medians of {STARTS}:");
    println!("  a file of {file} bytes, packed anew: {anew:.2} s");
    println!("  its kept pack of {bytes} bytes, read and hashed: {taken:.2} s");
    println!("  packed and kept, the runner compiled, once: {:.2} s", written.as_secs_f64());
}
