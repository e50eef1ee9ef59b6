//! What damaged bytes are made from: a message of each kind, and receipts of jobs that went well and badly.

use std::sync::LazyLock;

use assay_protocol::message::Message;

use super::{
    dice::Dice,
    play::Play,
    town::{EXACT, SOUND},
};
use crate::samples;

/// The encoding of one message of each kind.
pub(crate) static MESSAGES: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| samples::all().iter().map(Message::encode).collect());

/// The encoding of a few receipts: honest ones, one of a job that was never claimed, and one with a jury.
pub(crate) static RECEIPTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let jury: Vec<u8> = [0, 129, 0, 0, 0, 0, 131].into();
    let plays =
        [(&SOUND, Vec::new()), (&EXACT, Vec::new()), (&SOUND, vec![0, 0, 0, 0, 0, 0, 131]), (&EXACT, jury)];
    plays
        .iter()
        .filter_map(|(town, choices)| Play::to_its_end(town, &mut Dice::new(choices)).receipt())
        .map(|receipt| receipt.to_bytes())
        .collect()
});
