//! Whatever a stranger sends, reading it takes no more memory than a few times the bound of what it claims to be.
//!
//! Nothing in this workspace may count allocations from within, so the kernel does it: a process of its own, whose
//! allocator maps each block above a page and returns it at once, asks how much address space it ever had.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::{env, fs, hint::black_box, process::Command};

use assay_protocol::{
    codec::{MESSAGE_BYTES_MAX, RECEIPT_BYTES_MAX},
    id::PeerId,
    message::Message,
    payout::Fee,
    receipt::{EVENTS_MAX, Happening, Receipt, StoryEvent},
    units::Amount,
};

#[allow(dead_code, reason = "the fuzz targets use more of it")]
#[path = "it/fuzz/dice.rs"]
mod dice;
#[allow(dead_code, reason = "the fuzz targets use more of it")]
#[path = "it/fuzz/play.rs"]
mod play;
#[allow(dead_code, reason = "the fuzz targets use more of it")]
#[path = "it/fuzz/run.rs"]
mod run;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "it/samples.rs"]
mod samples;
#[path = "it/fuzz/seeds.rs"]
mod seeds;
#[allow(dead_code, reason = "the fuzz targets use more of it")]
#[path = "it/fuzz/town.rs"]
mod town;

/// Bytes that reading may take at any moment, in multiples of the bound of what is read.
const TIMES_MAX: usize = 4;
/// Says that this is the process that measures itself.
const MEASURED: &str = "ASSAY_TEST_MEASURES_ITSELF";
/// Blocks above a page are mapped, and nothing is kept in reserve.
const ALLOCATOR: &str = "glibc.malloc.mmap_threshold=4096:glibc.malloc.top_pad=0:glibc.malloc.trim_threshold=0:glibc.malloc.arena_max=1";
/// Lengths that are claimed and not there.
const CLAIMS: [u64; 6] = [250, 60_000, 120_000, 2_000_000, 1 << 32, 1 << 60];
/// A whole number of eight bytes follows.
const WIDE: u8 = 253;

#[test]
fn what_is_read_is_allocated_a_few_times_at_most() {
    if env::var_os(MEASURED).is_some() {
        let (messages, receipts) = measure();
        println!("up to {messages} bytes for a message, {receipts} for a receipt");
        return;
    }
    let test = "what_is_read_is_allocated_a_few_times_at_most";
    let process = Command::new(env::current_exe().expect("a test has a path"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(MEASURED, "1")
        .env("GLIBC_TUNABLES", ALLOCATOR)
        .output()
        .expect("a test can be started");
    let said = [process.stdout, process.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(process.status.success(), "{said}");
    println!("{said}");
}

/// The most bytes that reading any message took, and any receipt.
fn measure() -> (usize, usize) {
    let messages: Vec<Vec<u8>> = seeds::MESSAGES.iter().flat_map(|whole| hostile(whole, 1)).collect();
    let receipts =
        seeds::RECEIPTS.iter().flat_map(|whole| hostile(whole, 5).into_iter().chain([crowded(whole)]));
    let receipts: Vec<Vec<u8>> = receipts.collect();
    let (few, all) = (TIMES_MAX * MESSAGE_BYTES_MAX, TIMES_MAX * RECEIPT_BYTES_MAX);
    let messages = most(&messages, few, |bytes| drop(black_box(Message::decode(bytes))));
    let receipts = most(&receipts, all, |bytes| drop(black_box(Receipt::from_bytes(bytes))));
    let before = address_space("VmSize:");
    drop(black_box(vec![1_u8; 16 * all]));
    assert!(address_space("VmPeak:") >= before + 16 * all, "the measure sees what is allocated");
    (messages, receipts)
}

/// The most that reading one of these took, if none took more than `bytes_max`.
fn most(inputs: &[Vec<u8>], bytes_max: usize, read: impl Fn(&[u8])) -> usize {
    inputs.iter().take(1).for_each(|input| read(input));
    // What is held from here on fills what was held before, so that the peak is what reading adds.
    let filled: Vec<u8> = Vec::with_capacity(address_space("VmPeak:") - address_space("VmSize:"));
    let before = address_space("VmSize:");
    let mut most = 0;
    for (number, input) in inputs.iter().enumerate() {
        read(input);
        let took = address_space("VmPeak:").saturating_sub(before);
        assert!(took <= bytes_max, "input {number}, of {} bytes, takes {took}: {input:02x?}", input.len());
        most = most.max(took);
    }
    drop(black_box(filled));
    most
}

/// The receipt with as many entries as fit that are small in the file and large in memory.
fn crowded(whole: &[u8]) -> Vec<u8> {
    let mut receipt = Receipt::from_bytes(whole).expect("a receipt");
    let (events, fees) = (&mut receipt.story.events, &mut receipt.story.settlement.fees);
    events.resize(EVENTS_MAX, StoryEvent { round: 0, what: Happening::Tick });
    fees.resize(25_000, Fee { peer: PeerId([1; 32]), amount: Amount(1) });
    let bytes = receipt.to_bytes();
    assert!(bytes.len() > RECEIPT_BYTES_MAX / 2 && Receipt::from_bytes(&bytes).is_ok(), "a full receipt");
    bytes
}

/// The bytes with a false length at every place.
fn hostile(whole: &[u8], stride: usize) -> Vec<Vec<u8>> {
    let claims = (2..whole.len()).step_by(stride).flat_map(|at| {
        CLAIMS.iter().map(move |claim| {
            let length = [&[WIDE][..], &claim.to_le_bytes()].concat();
            [&whole[..at], &length, &whole[at + 1..]].concat()
        })
    });
    claims.collect()
}

/// What the kernel says of this process, in bytes.
fn address_space(what: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("the kernel says how much there is");
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("a line for it");
    let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes * 1024
}
