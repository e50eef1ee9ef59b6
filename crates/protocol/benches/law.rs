//! What the law costs: `cargo bench -p assay-protocol`.

use std::{fs, hint::black_box};

use assay_protocol::{
    check::Seal,
    codec,
    draw::{self, Lot},
    id::{Digest, PeerId},
    message::Message,
    receipt::{Receipt, verify},
    roster::{Leaf, Roster},
    signed::{Ed25519, Keypair, Scheme, Signed, Signer},
    units::{Amount, Rate},
};
use divan::{Bencher, counter::BytesCount};

/// Verifiers that a draw is made among.
const PEERS: u64 = 100_000;

fn main() {
    print_sizes();
    divan::main();
}

fn vectors() -> impl Iterator<Item = (String, Vec<u8>)> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/messages.txt");
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.into_iter().filter_map(|line| {
        let (kind, digits) = line.split_once(' ')?;
        let byte = |place: usize| u8::from_str_radix(&digits[place..place + 2], 16).ok();
        let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
        Some((kind.to_owned(), bytes?))
    })
}

fn receipt(outcome: &str) -> Vec<u8> {
    let file = format!("{}/tests/golden/receipts/{outcome}.receipt", env!("CARGO_MANIFEST_DIR"));
    fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The bytes of one message of each kind, as committed.
#[allow(clippy::print_stdout, reason = "a table beside the figures of the benches")]
fn print_sizes() {
    let sizes: Vec<String> = vectors().map(|(kind, bytes)| format!("{kind} {}", bytes.len())).collect();
    println!("bytes: {}", sizes.join(", "));
    for name in RECEIPTS {
        let bytes = receipt(name);
        let genesis =
            Receipt::from_bytes(&bytes).map_or(0, |receipt| codec::encode(&*receipt.story.genesis).len());
        println!("receipt {name}: {} bytes, the rules of its network {genesis} of them", bytes.len());
    }
}

fn open_claim() -> Vec<u8> {
    vectors().find(|(kind, _)| kind == "OpenClaim").map(|(_, bytes)| bytes).unwrap_or_default()
}

#[divan::bench]
fn encode_a_message(bencher: Bencher<'_, '_>) {
    let bytes = open_claim();
    let Ok(message) = Message::decode(&bytes) else { return };
    bencher.counter(BytesCount::new(bytes.len())).bench(|| black_box(&message).encode());
}

#[divan::bench]
fn decode_a_message(bencher: Bencher<'_, '_>) {
    let bytes = open_claim();
    bencher.counter(BytesCount::new(bytes.len())).bench(|| Message::decode(black_box(&bytes)));
}

#[divan::bench]
fn decode_a_receipt(bencher: Bencher<'_, '_>) {
    let bytes = receipt("checked");
    bencher.counter(BytesCount::new(bytes.len())).bench(|| Receipt::from_bytes(black_box(&bytes)));
}

#[divan::bench]
fn name_a_story(bencher: Bencher<'_, '_>) {
    let bytes = receipt("checked");
    let Ok(receipt) = Receipt::from_bytes(&bytes) else { return };
    bencher.counter(BytesCount::new(bytes.len())).bench(|| black_box(&receipt).story.digest());
}

/// The hash alone, to compare the one above with.
#[divan::bench]
fn hash_the_bytes_alone(bencher: Bencher<'_, '_>) {
    let bytes = receipt("checked");
    bencher.counter(BytesCount::new(bytes.len())).bench(|| Digest::of(black_box(&bytes)));
}

/// Receipts that are measured: of every policy, and of juries.
const RECEIPTS: [&str; 6] = ["not_drawn", "checked", "checked_exact", "checked_text", "cleared", "disputed"];

#[divan::bench(args = RECEIPTS)]
fn verify_a_receipt(bencher: Bencher<'_, '_>, outcome: &str) {
    let Ok(receipt) = Receipt::from_bytes(&receipt(outcome)) else { return };
    bencher.bench(|| verify::<Ed25519>(black_box(&receipt)));
}

fn seal() -> Seal {
    Seal { job: Digest([1; 32]), commit: Digest([2; 32]), evidence: None }
}

#[divan::bench]
fn sign_a_statement(bencher: Bencher<'_, '_>) {
    let key = Keypair::from_seed([1; 32]);
    bencher.bench(|| Signed::seal(black_box(seal()), &key, Digest([3; 32])));
}

#[divan::bench]
fn verify_a_statement(bencher: Bencher<'_, '_>) {
    let key = Keypair::from_seed([1; 32]);
    let signed = Signed::seal(seal(), &key, Digest([3; 32])).into_signed();
    bencher.bench(|| black_box(&signed).clone().open::<Ed25519>(Digest([3; 32])));
}

/// The curve alone, to compare the two above with.
#[divan::bench]
fn sign_the_bytes_alone(bencher: Bencher<'_, '_>) {
    let key = Keypair::from_seed([1; 32]);
    let bytes = codec::encode(&seal());
    bencher.bench(|| key.sign(black_box(&bytes)));
}

/// The curve alone, to compare verifying with.
#[divan::bench]
fn verify_the_bytes_alone(bencher: Bencher<'_, '_>) {
    let key = Keypair::from_seed([1; 32]);
    let bytes = codec::encode(&seal());
    let signature = key.sign(&bytes);
    bencher.bench(|| Ed25519::verify(&key.id(), black_box(&bytes), &signature));
}

#[divan::bench]
fn draw_whether_to_check(bencher: Bencher<'_, '_>) {
    let [job, claim, secret, beacon] = [1, 2, 3, 4].map(|byte| Digest([byte; 32]));
    let rate = Rate::per_mille(20);
    bencher.bench(|| draw::is_drawn(black_box(job), claim, secret, beacon, rate));
}

fn roster() -> Roster {
    let leaf = |number: u64| Leaf {
        peer: PeerId(codec::digest("peer", &number).0),
        stake: Amount(1_000 * (1 + number % 7)),
    };
    let mut leaves: Vec<Leaf> = (0..PEERS).map(leaf).collect();
    leaves.sort_unstable_by_key(|leaf| leaf.peer);
    Roster::new(leaves)
}

fn lot(seat: u16) -> Lot {
    Lot { job: Digest([1; 32]), secret: Digest([2; 32]), beacon: Digest([3; 32]), seat }
}

#[divan::bench(sample_count = 10)]
fn make_a_roster_of_100_000() -> Roster {
    roster()
}

#[divan::bench]
fn draw_a_verifier_of_100_000(bencher: Bencher<'_, '_>) {
    let roster = roster();
    bencher.bench(|| lot(black_box(1)).cast(&roster, &[], 256));
}

#[divan::bench]
fn confirm_a_verifier_of_100_000(bencher: Bencher<'_, '_>) {
    let roster = roster();
    let root = roster.root(1);
    let Some(tries) = lot(1).cast(&roster, &[], 256) else { return };
    bencher.bench(|| lot(black_box(1)).confirms(&root, &[], &tries, 256));
}
