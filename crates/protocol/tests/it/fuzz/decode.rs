//! Bytes from strangers: whatever is accepted as a message or a receipt is the one encoding of what was read from it.

use assay_protocol::{
    codec::{MESSAGE_BYTES_MAX, RECEIPT_BYTES_MAX},
    message::Message,
    receipt::Receipt,
};

use super::{
    dice::{self, Dice},
    seeds::{MESSAGES, RECEIPTS},
};

/// What everything of this version begins with.
const HEADER: [u8; 2] = [0xa5, 1];

/// Reads `bytes` as they are, behind a valid header, and as damage to something that can be read.
pub(crate) fn target(bytes: &[u8]) {
    read(bytes);
    read(&[&HEADER, bytes].concat());
    read(&damaged(bytes));
}

/// A message or a receipt, damaged as these bytes say.
pub(crate) fn damaged(bytes: &[u8]) -> Vec<u8> {
    let mut dice = Dice::new(bytes);
    let whole = if dice.happens(64) { &*RECEIPTS } else { &*MESSAGES };
    let mut damaged = whole[dice.below(whole.len())].clone();
    dice::damage(&mut damaged, &mut dice);
    damaged
}

fn read(bytes: &[u8]) {
    if let Ok(message) = Message::decode(bytes) {
        assert_eq!(message.encode(), bytes, "a {} has two encodings", message.kind());
        assert!(bytes.len() <= MESSAGE_BYTES_MAX, "a message of {} bytes is taken", bytes.len());
    }
    if let Ok(receipt) = Receipt::from_bytes(bytes) {
        assert_eq!(receipt.to_bytes(), bytes, "a receipt has two encodings");
        assert!(bytes.len() <= RECEIPT_BYTES_MAX, "a receipt of {} bytes is taken", bytes.len());
    }
}
