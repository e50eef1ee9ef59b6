//! Signatures: any statement that can be read can be signed and opened, and no bit of it can change under its signature.

use assay_protocol::{
    id::Digest,
    message::Message,
    signed::{Ed25519, Keypair},
};

use super::{
    dice::{self, Dice},
    seeds::MESSAGES,
};
use crate::samples;

/// Signs a damaged statement truly, and then changes one bit of what was signed.
pub(crate) fn target(bytes: &[u8]) {
    let mut dice = Dice::new(bytes);
    let sample = &MESSAGES[dice.below(MESSAGES.len())];
    let key = Keypair::from_seed([dice.byte(); 32]);
    let (here, there) = (samples::network(), Digest([2; 32]));
    let mut body = samples::body(sample).to_vec();
    if dice.happens(128) {
        dice::damage(&mut body, &mut dice);
    }
    let (bit, at) = (dice.below(8), dice.below(1 << 16));
    if dice.happens(8) {
        body = dice.rest().to_vec();
    }
    let Some(message) = samples::signed_anew(sample, &body, &key, here) else { return };
    let mut signed = message.encode();
    // What was damaged may be a statement inside it, which is then refused; its own signature is true.
    let refused = message.clone().open::<Ed25519>(here).err().map(|forged| forged.kind);
    assert_ne!(refused, Some(message.kind()), "a true signature is refused: {message:?}");
    assert!(message.clone().open::<Ed25519>(there).is_err(), "taken in another network: {message:?}");
    let at = at % signed.len();
    signed[at] ^= 1 << bit;
    let forged = Message::decode(&signed).map(|changed| changed.open::<Ed25519>(here));
    assert!(!matches!(forged, Ok(Ok(_))), "bit {bit} of byte {at} is not signed: {message:?}");
}
