//! Receipts of every outcome, judged from their files alone, and refused once anything in them is changed.

use std::{cell::RefCell, collections::BTreeSet, fs};

use assay_protocol::{
    codec::{self, RECEIPT_BYTES_MAX},
    id::{Digest, PeerId, Signature},
    manifest::Policy,
    outcome::Outcome,
    receipt::{EVENTS_MAX, Happening, NotAView, Receipt, Refuted, Report, Stop, VIEW_BYTES_MAX, verify},
    signed::{Ed25519, Keypair, Scheme, Signed},
};
use serde_json::Value;

use crate::fields::{self, Field};

/// Of the receipts of other outcomes, about this many bytes are changed, in one bit each.
const BYTES_CHANGED: usize = 1_000;
/// And about this many fields.
const FIELDS_CHANGED: usize = 100;

/// What the notary's word alone stands for, in a receipt that it signs anew: fields that nothing else in the file
/// speaks of. An audit of its journal shows whether they are true.
const WORD: &[&str] = &["story.position", "story.settlement.slashed"];
/// The same of a claim that no client's reveal quotes.
const WORD_UNREVEALED: &str = ".claim.position";
/// The same in a job of which neither party has said anything since it was opened.
const WORD_BEFORE_CLAIM: &[&str] = &["story.ticket.standing"];

fn name(outcome: Outcome) -> String {
    let name = serde_json::to_value(outcome).ok().and_then(|name| name.as_str().map(str::to_owned));
    name.unwrap_or_else(|| panic!("an outcome is a word"))
}

fn bytes(outcome: Outcome) -> Vec<u8> {
    kept(&name(outcome))
}

/// The receipt of this name, as committed.
fn kept(name: &str) -> Vec<u8> {
    let file = format!("{}/tests/golden/receipts/{name}.receipt", env!("CARGO_MANIFEST_DIR"));
    fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"))
}

pub(crate) fn receipt(outcome: Outcome) -> Receipt {
    Receipt::from_bytes(&bytes(outcome)).unwrap_or_else(|error| panic!("{outcome:?}: {error}"))
}

fn judge(receipt: &Receipt) -> Result<Report, Refuted> {
    verify::<Ed25519>(receipt)
}

/// The receipt with the notary's signature on what it says now.
fn signed_anew(mut receipt: Receipt) -> Receipt {
    let notary = Keypair::from_seed(codec::digest("test key", &1_u64).0);
    let mut settled = *receipt.settled.said();
    (settled.receipt, settled.job) = (receipt.story.digest(), receipt.story.ticket.job);
    receipt.settled = Signed::seal(settled, &notary, receipt.story.genesis.id()).into_signed();
    receipt
}

#[test]
fn each_outcome_is_proven_by_its_file_alone_under_its_honest_label() {
    for outcome in Outcome::ALL {
        let report = judge(&receipt(outcome)).unwrap_or_else(|refuted| panic!("{outcome:?}: {refuted}"));
        assert_eq!((report.outcome, report.label), (outcome, outcome.label()));
    }
    let label = |outcome: Outcome| judge(&receipt(outcome)).map(|report| report.label);
    assert_eq!(label(Outcome::Cleared), Ok("checked"));
    assert_eq!(label(Outcome::NotDrawn), Ok("not drawn"));
    assert_eq!(label(Outcome::FalseOpening), Ok("slashed"));
    assert_eq!(label(Outcome::Cancelled), Ok("refunded"));
}

#[test]
fn the_receipt_of_a_text_that_one_checked_has_six_kilobytes_at_most_beside_the_rules() {
    let file = kept("checked_text");
    let receipt = Receipt::from_bytes(&file).unwrap_or_else(|error| panic!("{error}"));
    let (story, rules) = (&receipt.story, codec::encode(&*receipt.story.genesis).len());
    let policy = story.open.said().order.said().manifest.policy;
    assert_eq!((policy, story.settlement.fees.len(), story.genesis.manifests.len()), (Policy::Replay, 1, 1));
    assert!(file.len() - rules <= 6_000, "{} bytes, {rules} of them rules", file.len());
}

#[test]
fn a_story_is_sealed_as_the_file_says_that_has_its_name() {
    let notary = Keypair::from_seed(codec::digest("test key", &1_u64).0);
    for outcome in Outcome::ALL {
        let known = receipt(outcome);
        let (sealed, file) = Receipt::seal(known.story.clone(), &notary, known.story.genesis.id());
        assert!(sealed == known && file == Digest::of(&bytes(outcome)), "{outcome:?}");
        assert_eq!(sealed.settled.said().receipt, sealed.story.digest(), "{outcome:?}");
    }
}

/// Turns these bits of a receipt, one at a time.
fn refuses(outcome: Outcome, bits: impl Iterator<Item = usize>) {
    let mut file = bytes(outcome);
    for bit in bits {
        file[bit / 8] ^= 1 << (bit % 8);
        let judged = Receipt::from_bytes(&file).ok().map(|receipt| judge(&receipt));
        assert!(!matches!(judged, Some(Ok(_))), "{outcome:?}: bit {bit} can be changed");
        file[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn no_bit_of_a_checked_receipt_can_be_changed() {
    refuses(Outcome::Checked, 0..8 * bytes(Outcome::Checked).len());
}

#[test]
fn no_byte_of_a_receipt_of_any_other_outcome_can_be_changed() {
    for outcome in Outcome::ALL {
        let bytes = bytes(outcome).len();
        // Odd, so that it meets every bit of a byte in turn.
        let stride = 8 * (bytes / BYTES_CHANGED) + 9;
        refuses(outcome, (0..8 * bytes).step_by(stride));
    }
}

#[test]
#[ignore = "takes minutes: part of .ci/long"]
fn no_bit_and_no_field_of_a_receipt_of_any_outcome_can_be_changed() {
    for outcome in Outcome::ALL {
        refuses(outcome, 0..8 * bytes(outcome).len());
        refuses_views(outcome, 1);
        refuses_signed_anew(outcome, 1);
    }
}

/// The scheme of real networks; none of its signatures is to be asked after twice.
struct Once;

thread_local! {
    static ASKED: RefCell<BTreeSet<(PeerId, Vec<u8>)>> = RefCell::default();
}

impl Scheme for Once {
    fn verify(signer: &PeerId, bytes: &[u8], signature: &Signature) -> bool {
        let first = ASKED.with_borrow_mut(|asked| asked.insert((*signer, bytes.to_vec())));
        assert!(first, "a signature of {signer} is verified twice");
        Ed25519::verify(signer, bytes, signature)
    }
}

#[test]
fn each_signature_of_a_receipt_is_verified_once() {
    for outcome in Outcome::ALL {
        let judged = verify::<Once>(&receipt(outcome));
        assert!(judged.is_ok(), "{outcome:?}");
        assert!(ASKED.take().len() > 4, "{outcome:?}: notary, order, agreement, both as shown, and a tick");
    }
}

#[test]
fn a_file_that_is_cut_or_longer_is_refused() {
    let whole = bytes(Outcome::NotDrawn);
    (0..whole.len()).for_each(|length| assert!(Receipt::from_bytes(&whole[..length]).is_err(), "{length}"));
    assert!(Receipt::from_bytes(&[&whole[..], &[0]].concat()).is_err());
}

/// Changes every so many-th field of the readable form, and leaves it out.
fn refuses_views(outcome: Outcome, stride: usize) {
    let receipt = receipt(outcome);
    let view = receipt.to_view();
    assert_eq!(Receipt::from_view(&view.to_string()).as_ref(), Ok(&receipt), "{outcome:?}");
    for field in fields::all(&view).iter().step_by(stride) {
        for changed in field.changes(&view).into_iter().chain([field.removed(&view)]) {
            let judged = Receipt::from_view(&changed.to_string()).ok().map(|receipt| judge(&receipt));
            assert!(!matches!(judged, Some(Ok(_))), "{outcome:?}: {} can be changed", field.name());
        }
    }
}

/// How many fields lie between two that are changed, of so many.
fn stride(fields: usize) -> usize {
    1 + fields / FIELDS_CHANGED
}

#[test]
fn no_field_of_the_readable_form_of_a_checked_receipt_can_be_changed() {
    refuses_views(Outcome::Checked, 1);
}

#[test]
fn the_readable_form_of_any_outcome_says_the_same_and_cannot_be_changed() {
    for outcome in Outcome::ALL {
        refuses_views(outcome, stride(fields::all(&receipt(outcome).to_view()).len()));
    }
}

#[test]
fn a_story_that_no_file_can_hold_is_refused_in_either_form() {
    let mut receipt = receipt(Outcome::Checked);
    let opens = |what: &Happening| matches!(what, Happening::OpenClaim { .. });
    let opening = receipt.story.events.iter().find(|event| opens(&event.what)).cloned();
    let Some(opening) = opening else { panic!("a claim that was checked was opened") };
    receipt.story.events.resize(EVENTS_MAX, opening);
    while receipt.to_bytes().len() > RECEIPT_BYTES_MAX + (RECEIPT_BYTES_MAX >> 2) {
        let fewer = receipt.story.events.len() * 4 / 5;
        receipt.story.events.truncate(fewer);
    }
    let (file, text) = (receipt.to_bytes(), receipt.to_text());
    assert!(file.len() > RECEIPT_BYTES_MAX && text.len() <= VIEW_BYTES_MAX, "{} {}", file.len(), text.len());
    assert!(Receipt::from_bytes(&file).is_err());
    assert_eq!(Receipt::from_view(&text), Err(NotAView::FileTooLong { bytes: file.len() }));
}

#[test]
fn nothing_can_be_added_to_the_readable_form_or_said_twice() {
    let text = receipt(Outcome::NotDrawn).to_view().to_string();
    for (known, more) in [
        ("{\"settled\":", "{\"more\":1,\"settled\":"),
        ("\"outcome\":\"not_drawn\"", "\"outcome\":\"not_drawn\",\"outcome\":\"not_drawn\""),
        ("\"licence\":", "\"more\":0,\"licence\":"),
        ("\"token_read\":0,", ""),
    ] {
        assert!(text.contains(known), "{known}");
        assert!(Receipt::from_view(&text.replacen(known, more, 1)).is_err(), "{more}");
    }
}

fn refuses_signed_anew(outcome: Outcome, stride: usize) {
    let view = receipt(outcome).to_view();
    let fields = fields::all(&view);
    let told = fields.iter().filter(|field| !field.name().starts_with("settled"));
    for field in told.step_by(stride) {
        field.changes(&view).into_iter().for_each(|changed| check_signed_anew(outcome, field, changed));
    }
}

#[test]
fn a_notary_that_changes_any_field_and_signs_anew_is_refuted_by_the_step_of_that_field() {
    for outcome in [Outcome::Checked, Outcome::NotDrawn, Outcome::Cancelled, Outcome::FalseStream] {
        refuses_signed_anew(outcome, 1);
    }
    for outcome in Outcome::ALL {
        refuses_signed_anew(outcome, stride(fields::all(&receipt(outcome).to_view()).len()));
    }
}

fn check_signed_anew(outcome: Outcome, field: &Field, changed: Value) {
    // What has no encoding cannot be signed.
    let Ok(receipt) = serde_json::from_value::<Receipt>(changed) else { return };
    // At which of the told ticks a statement came in, where another would have done as well.
    let retold = field.name().starts_with("story.events") && field.name().ends_with("].round");
    let (name, judged) = (field.name(), judge(&signed_anew(receipt)));
    let revealed = receipt_tells(outcome, |what| matches!(what, Happening::Reveal(_)));
    let silent = matches!(outcome, Outcome::NoClaim | Outcome::Withdrawn);
    let is_word = |fields: &[&str]| fields.iter().any(|field| name.starts_with(field));
    if retold && judged.is_ok() {
        return;
    }
    // What hides an opening while only its digest is published has no other meaning.
    if name.ends_with("open_claim.blind") {
        return;
    }
    let unrevealed = !revealed && name.ends_with(WORD_UNREVEALED);
    if is_word(WORD) || unrevealed || (silent && is_word(WORD_BEFORE_CLAIM)) {
        return;
    }
    let Err(Refuted { step, .. }) = judged else { panic!("{outcome:?}: {name} can be changed") };
    let expected = steps(&name);
    assert!(
        expected.contains(&step),
        "{outcome:?}: {name} is refused by {step:?}, not by one of {expected:?}"
    );
}

fn receipt_tells(outcome: Outcome, told: impl Fn(&Happening) -> bool) -> bool {
    receipt(outcome).story.events.iter().any(|event| told(&event.what))
}

/// The steps that a field belongs to: the one that it is stated for, and those that would notice first.
fn steps(name: &str) -> &'static [Stop] {
    let of = |part: &str| name.contains(part);
    match name.strip_prefix("story.").and_then(|name| name.split(['.', '[']).next()) {
        Some("genesis") => &[Stop::Network, Stop::Notary, Stop::Order],
        Some("open") => &[Stop::Order],
        Some("ticket") => &[Stop::Ticket, Stop::Ticks, Stop::Claim, Stop::Objection],
        Some("ticks") => &[Stop::Ticks],
        Some("listing") => &[Stop::Verifiers],
        Some("outcome") => &[Stop::Outcome],
        Some("settlement") => &[Stop::Payout],
        Some("events") if of(".round") && !of(".what") => {
            &[Stop::Ticks, Stop::Draw, Stop::Verifiers, Stop::Evidence, Stop::Outcome]
        }
        Some("events") if of(".claim") || of(".abort") => &[Stop::Claim, Stop::Reveal],
        Some("events") if of(".reveal") => &[Stop::Reveal, Stop::Claim],
        Some("events") if of(".draw") => &[Stop::Draw],
        Some("events") if of(".seat.") => &[Stop::Verifiers, Stop::Evidence],
        Some("events") if of(".cancel") || of(".dispute") || of(".contradict") => &[Stop::Objection],
        // What a trap pledges says what comes of the job, and so who is drawn next.
        Some("events") if of("open_claim.pledged") => &[Stop::Evidence, Stop::Verifiers],
        Some("events") if of("seal") || of("underway") || of("unserved") || of("open_claim") => {
            &[Stop::Evidence]
        }
        // A tick or a conviction told as the other.
        Some("events") => &[Stop::Outcome, Stop::Draw, Stop::Verifiers],
        _ => &[],
    }
}
