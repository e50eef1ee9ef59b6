//! Signatures: any statement that can be read can be signed and opened, and no bit of it can change under its signature.

use assay_protocol::{
    account::{Grant, Register, Stake, Unstake},
    check::{Check, OpenClaim, OpenSeal, Seal, Unserved},
    claim::{Claim, Deliver, Reveal},
    codec::{self, MESSAGE_BYTES_MAX},
    id::Digest,
    message::Message,
    notice::{Account, Notice, Query, Settled, Tick},
    objection::{Cancel, Contradict, Dispute, Output},
    offer::Offer,
    order::{Abort, Accept, Open, Propose, Refuse, Start},
    signed::{Ed25519, Keypair, Signed, Statement, Verified},
    ticket::Ticket,
};

use super::{
    dice::{self, Dice},
    seeds::MESSAGES,
};

/// Bytes before the body of a message: the header and the number of its kind.
const FRONT: usize = 3;
/// Bytes behind it: signer and signature.
const BACK: usize = 32 + 64;

/// Signs a damaged statement truly, and then changes one bit of what was signed.
pub(crate) fn target(bytes: &[u8]) {
    let mut dice = Dice::new(bytes);
    let sample = &MESSAGES[dice.below(MESSAGES.len())];
    let key = Keypair::from_seed([dice.byte(); 32]);
    let (here, there) = (Digest([1; 32]), Digest([2; 32]));
    let mut body = sample[FRONT..sample.len() - BACK].to_vec();
    if dice.happens(128) {
        dice::damage(&mut body, &mut dice);
    }
    let (bit, at) = (dice.below(8), dice.below(1 << 16));
    if dice.happens(8) {
        body = dice.rest().to_vec();
    }
    let Some(message) = seal(sample[FRONT - 1], &body, &key, here) else { return };
    let mut signed = message.encode();
    assert!(message.clone().open::<Ed25519>(here).is_ok(), "a true signature is refused: {message:?}");
    assert!(message.clone().open::<Ed25519>(there).is_err(), "taken in another network: {message:?}");
    let at = at % signed.len();
    signed[at] ^= 1 << bit;
    let forged = Message::decode(&signed).map(|changed| changed.open::<Ed25519>(here));
    assert!(!matches!(forged, Ok(Ok(_))), "bit {bit} of byte {at} is not signed: {message:?}");
}

/// A message of the kind with this number, if `body` is one; signed by `key`.
fn seal(kind: u8, body: &[u8], key: &Keypair, network: Digest) -> Option<Message> {
    macro_rules! kinds {
        ($($kind:ident),+ $(,)?) => {
            [$(sealed::<$kind> as fn(&[u8], &Keypair, Digest) -> Option<Message>),+]
        };
    }
    let kinds = kinds!(
        Offer, Propose, Accept, Refuse, Open, Ticket, Start, Abort, Claim, Deliver, Reveal, Check, Seal,
        Unserved, OpenClaim, OpenSeal, Notice, Query, Account, Cancel, Dispute, Output, Contradict, Stake,
        Unstake, Register, Grant, Tick, Settled,
    );
    kinds.get(usize::from(kind))?(body, key, network)
}

fn sealed<T: Statement>(body: &[u8], key: &Keypair, network: Digest) -> Option<Message>
where
    Message: From<Verified<T>>,
{
    let body: T = codec::decode(body, MESSAGE_BYTES_MAX).ok()?;
    Some(Signed::seal(body, key, network).into())
}
