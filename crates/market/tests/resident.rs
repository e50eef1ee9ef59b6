//! A peer that trades with nobody costs next to nothing, however long it listens.
//!
//! Nothing in this workspace may count allocations from within, so the kernel does it, as for what reading takes: in a
//! process of its own, whose allocator keeps nothing in reserve, and for so many peers that a page is no matter.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::{env, fs, hint::black_box, process::Command};

use assay_market::{Book, Config, Effect, Effects, Input, Moment, Node, Steady};
use assay_protocol::{
    codec,
    id::{Digest, NetworkId},
    message::Opened,
    notice::{Checkpoint, Convict, Head, Tick},
    offer::{Bench, Offer, Reachability, Service},
    signed::{Signed, Signer, Verified},
    standing,
    units::{Amount, Duration, Timestamp},
};

use crate::{
    cheap::Cheap,
    office::{Key, NOTARY, Office},
};

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "it/cheap.rs"]
mod cheap;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "it/office.rs"]
mod office;

/// Peers that listen.
const PEERS: u64 = 2_000;
/// Checkpoints of a day, and ticks in each epoch.
const EPOCHS: u64 = 144;
const EPOCH_TICKS: u64 = 60;
/// Offers in the book that they share.
const OFFERS: u64 = 10_000;
/// Bytes that a day adds to a peer at most, the last checkpoint as it was signed among them, and when its notary was last heard.
const DAY_BYTES_MAX: u64 = 1_700;
/// Bytes that every other day adds at most: none, but for pages that are broken open.
const NEXT_BYTES_MAX: u64 = 16;
/// Convicts that the checkpoints behind these two days name in turn, and how many of those there are; bytes that each of them adds to a peer at most, and that the
/// last checkpoint does.
const CONVICTS: u64 = 320;
const NAMING: u64 = 12;
const CONVICT_BYTES_MAX: u64 = 96;
const NAMED_BYTES_MAX: u64 = 2_048;
const BEGIN: Timestamp = Timestamp(1_800_000_000_000);
/// Says that this is the process that is measured.
const MEASURED: &str = "ASSAY_TEST_IS_MEASURED";
/// Blocks above a page are mapped, and nothing is kept in reserve.
const ALLOCATOR: &str = "glibc.malloc.mmap_threshold=65536:glibc.malloc.top_pad=0:glibc.malloc.trim_threshold=0:glibc.malloc.arena_max=1";

#[test]
fn a_peer_that_listens_for_a_day_grows_little_and_on_the_next_day_no_more() {
    if env::var_os(MEASURED).is_some() {
        return measure();
    }
    let test = "a_peer_that_listens_for_a_day_grows_little_and_on_the_next_day_no_more";
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

#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
fn measure() {
    let office = Office::<Cheap>::new(|_| {});
    let (config, network) = (Config::new(office.genesis.clone()), office.network);
    let (book, days) = (
        book(network),
        [1..=EPOCHS, EPOCHS + 1..=2 * EPOCHS, 2 * EPOCHS + 1..=2 * EPOCHS + NAMING]
            .map(|epochs| checkpoints(network, epochs)),
    );
    let mut effects = Effects::with_capacity(16);
    let mut nodes = Vec::with_capacity(PEERS as usize);
    let empty = data_bytes();
    for number in 0..PEERS {
        let key = Cheap::numbered(1_000_000 + number);
        let mut node = Node::new(key, config.clone(), key.id().0);
        node.handle(Input::Wake, moment(BEGIN), &book, &mut effects);
        nodes.push(node);
    }
    let mut before = data_bytes();
    println!("a new peer: {} bytes, and {} beside them", size_of::<Node<Cheap>>(), per_peer(empty, before));
    let convicts_max = CONVICTS * CONVICT_BYTES_MAX + NAMED_BYTES_MAX;
    for (ticks, bytes_max) in days.iter().zip([DAY_BYTES_MAX, NEXT_BYTES_MAX, convicts_max]) {
        let saved = nodes.iter_mut().map(|node| listen(node, ticks, &book, &mut effects)).sum::<usize>();
        assert_eq!(saved, nodes.len() * ticks.len(), "every checkpoint is kept on the disk, once");
        let after = data_bytes();
        let grown = per_peer(before, after);
        println!("{} checkpoints and {OFFERS} offers: {grown} bytes more a peer", ticks.len());
        assert!(grown <= bytes_max, "{grown} bytes a peer, where {bytes_max} are allowed");
        before = after;
    }
    let spoilt: Vec<Vec<u8>> = (0..PEERS).map(|_| vec![1; 1_000]).collect();
    assert!(per_peer(before, data_bytes()) >= 1_000, "the measure sees what is allocated");
    black_box((nodes, spoilt));
}

/// A time that both clocks show.
fn moment(at: Timestamp) -> Moment {
    Moment { steady: Steady(at.0), wall: at }
}

/// Lets a peer hear each checkpoint three times, as gossip has it; says how many records it kept.
fn listen(node: &mut Node<Cheap>, ticks: &[Verified<Tick>], book: &Book, effects: &mut Effects) -> usize {
    let mut saved = 0;
    for tick in ticks {
        for _ in 0..3 {
            let heard = Input::Message(Opened::Tick(tick.clone()));
            node.handle(heard, moment(tick.time), book, effects);
        }
        node.handle(Input::Wake, moment(tick.time.after(Duration::seconds(1))), book, effects);
        saved += effects.iter().filter(|effect| matches!(effect, Effect::Save(_))).count();
        effects.clear();
    }
    saved
}

/// Whom the checkpoint of this epoch names: nobody within the two days.
fn convicted(epoch: u64, time: Timestamp) -> Vec<Convict> {
    let convict = |number: u64| {
        let peer = Cheap::numbered(200_000 + number % CONVICTS).id();
        Convict { peer, on: standing::day(time) }
    };
    let numbers = (32 * epoch..32 * epoch + 32).filter(|_| epoch > 2 * EPOCHS);
    let mut convicted: Vec<Convict> = numbers.map(convict).collect();
    convicted.sort_unstable_by_key(|convict| convict.peer);
    convicted
}

/// The checkpoints of these epochs.
fn checkpoints(network: NetworkId, epochs: impl Iterator<Item = u64>) -> Vec<Verified<Tick>> {
    let tick = |epoch: u64| {
        let time = BEGIN.after(Duration::seconds(600).times(epoch));
        let head = Head { sequence: 1_000 * epoch, digest: codec::digest("head", &epoch) };
        let anchor = codec::digest("anchor", &epoch);
        let convicted = convicted(epoch, time);
        let checkpoint = Some(Checkpoint { anchor, rosters: Digest::default(), head, convicted });
        let tick = Tick { round: EPOCH_TICKS * epoch, time, live: time, beacon: anchor, checkpoint };
        Signed::seal(tick, &Cheap::numbered(NOTARY), network)
    };
    epochs.map(tick).collect()
}

/// The book that all of them share.
fn book(network: NetworkId) -> Book {
    let mut book = Book::default();
    for number in 0..OFFERS {
        let service = Service {
            manifest: codec::digest("model", &(number / 10)),
            name: "numbers".to_owned(),
            unit_price: Amount(200_000_000 + number),
            run: Duration(100),
            warm: true,
        };
        let offer = Offer {
            sequence: 1,
            valid_until: BEGIN.after(Duration::seconds(900)),
            benches: vec![Bench {
                class: Digest::default(),
                machine: String::new(),
                device: String::new(),
                memory_free: 1 << 30,
                slots: 4,
                services: vec![service],
            }],
            notaries: vec![Cheap::numbered(NOTARY).id()],
            addresses: Vec::new(),
            reachability: Reachability::Unknown,
            standing: None,
        };
        let offer = Signed::seal(offer, &Cheap::numbered(100_000 + number), network);
        book.take(offer, BEGIN, |_| number % 2);
    }
    assert_eq!(book.len() as u64, OFFERS);
    book
}

fn per_peer(before: u64, after: u64) -> u64 {
    after.saturating_sub(before) / PEERS
}

/// Bytes of data that this process has mapped, by the kernel's word.
fn data_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the kernel says how much there is");
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:")).expect("a line for it");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes * 1_024
}
