//! Lies about a whole receipt: its bytes, and the notary's word.

use assay_protocol::{
    codec::{self, VERSION},
    id::Digest,
    notice::Settled,
    receipt::{EVENTS_MAX, Happening, Receipt, Stop, StoryEvent},
    signed::Signed,
};

use crate::fuzz::{
    play::attested,
    town::{CLIENT, NOTARY, PROVIDER, Stamper},
};

/// The step that refuses the lie, what it is, and the file that tells it.
type Lie = (Stop, &'static str, fn(&Receipt) -> Option<Vec<u8>>);

pub(super) const FILES: &[Lie] = &[
    (Stop::Encoding, "a byte more", |receipt| Some([&receipt.to_bytes()[..], &[0]].concat())),
    (Stop::Encoding, "a byte less", |receipt| receipt.to_bytes().split_last().map(|(_, rest)| rest.to_vec())),
    (Stop::Encoding, "a version to come", |receipt| Some(replaced(receipt, 1, VERSION + 1))),
    (Stop::Encoding, "a version that was", |receipt| Some(replaced(receipt, 1, VERSION - 1))),
    (Stop::Encoding, "another format", |receipt| Some(replaced(receipt, 0, 0x5a))),
    (Stop::Encoding, "a length written longer than it is", |receipt| {
        // The first thing in it is the length of the network's name.
        let mut file = receipt.to_bytes();
        let length = file[2];
        file.splice(2..3, [0xfb, length, 0]);
        Some(file)
    }),
    (Stop::Encoding, "more events than any story has", |receipt| {
        let mut receipt = receipt.clone();
        receipt.story.events.resize(EVENTS_MAX + 1, StoryEvent { round: 0, what: Happening::Tick });
        Some(attested(receipt.story).to_bytes())
    }),
    (Stop::Notary, "another story", |receipt| {
        Some(signed(receipt, NOTARY, |settled| settled.receipt.0[31] ^= 1))
    }),
    (Stop::Notary, "another job", |receipt| {
        Some(signed(receipt, NOTARY, |settled| settled.job = Digest([9; 32])))
    }),
    (Stop::Notary, "the client's word", |receipt| Some(signed(receipt, CLIENT, |_| {}))),
    (Stop::Notary, "the provider's word", |receipt| Some(signed(receipt, PROVIDER, |_| {}))),
    (Stop::Notary, "a forged signature", |receipt| {
        let mut file = receipt.to_bytes();
        *file.last_mut()? ^= 1;
        Some(file)
    }),
    (Stop::Notary, "the word of another network", |receipt| {
        let other = Signed::seal(*receipt.settled.said(), &Stamper(NOTARY), codec::digest("genesis", &0));
        Some(Receipt { settled: other.into_signed(), ..receipt.clone() }.to_bytes())
    }),
];

fn replaced(receipt: &Receipt, at: usize, byte: u8) -> Vec<u8> {
    let mut file = receipt.to_bytes();
    file[at] = byte;
    file
}

/// The receipt with the word of this peer on it, changed.
fn signed(receipt: &Receipt, by: assay_protocol::id::PeerId, change: fn(&mut Settled)) -> Vec<u8> {
    let mut settled = *receipt.settled.said();
    change(&mut settled);
    let settled = Signed::seal(settled, &Stamper(by), receipt.story.genesis.id()).into_signed();
    Receipt { settled, ..receipt.clone() }.to_bytes()
}
