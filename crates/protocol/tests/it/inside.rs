//! Statements inside statements: who opens one has opened all of them.

use assay_protocol::{
    id::Signature,
    message::Opened,
    notice::NoticeEvent,
    signed::{Attested, Ed25519, Keypair, Signed, Statement},
};
use serde_json::Value;

use crate::samples;

/// Each kind that holds others, with what it holds.
const INSIDE: [(&str, &str); 11] = [
    ("Offer", "Standing"),
    ("Propose", "Standing"),
    ("Propose", "Order"),
    ("Open", "Accept"),
    ("Open", "Order"),
    ("Start", "Order"),
    ("Start", "Ticket"),
    ("Deliver", "Claim"),
    ("Contradict", "Output"),
    ("OpenClaim", "Trap"),
    ("Notice", "Claim"),
];

/// The signatures of all statements in a readable form, those of the outer ones before those inside.
fn signatures(view: &Value) -> Vec<Signature> {
    let own = view.get("body").and(view.get("signature")).and_then(Value::as_str);
    let own = own.and_then(|digits| digits.parse().ok());
    let fields = view.as_object().into_iter().flat_map(|fields| fields.values());
    own.into_iter().chain(fields.flat_map(signatures)).collect()
}

/// Where these bytes stand.
fn place(all: &[u8], part: &[u8]) -> usize {
    let place = all.windows(part.len()).position(|window| window == part);
    place.unwrap_or_else(|| panic!("a signature is not written as it is"))
}

#[test]
fn a_true_statement_around_a_forged_one_is_refused_and_the_forged_one_named() {
    let mut found = Vec::new();
    for message in samples::all().into_iter().chain([samples::claimed()]) {
        let view = serde_json::to_value(&message).unwrap_or_else(|error| panic!("no readable form: {error}"));
        let (all, kind, key) = (message.encode(), message.kind(), Keypair::from_seed([1; 32]));
        let again = samples::signed_anew(&all, samples::body(&all), &key, samples::network());
        assert_eq!(again.as_ref(), Some(&message), "{kind} is signed otherwise");
        let [_, inside @ ..] = &signatures(&view)[..] else { panic!("{kind} is not signed") };
        for signature in inside {
            let at = place(samples::body(&all), signature.as_bytes());
            for bit in [0, 255, 511] {
                let mut changed = samples::body(&all).to_vec();
                changed[at + bit / 8] ^= 1 << (bit % 8);
                let forged = samples::signed_anew(&all, &changed, &key, samples::network());
                let forged = forged.unwrap_or_else(|| panic!("{kind} cannot be read"));
                let Err(refused) = forged.open::<Ed25519>(samples::network()) else {
                    panic!("{kind} is opened around a forged statement");
                };
                found.push((kind, refused.kind));
            }
        }
    }
    found.dedup();
    let sorted = |mut pairs: Vec<(&'static str, &'static str)>| {
        pairs.sort_unstable();
        pairs
    };
    assert_eq!(sorted(found), sorted(INSIDE.to_vec()));
}

/// A message of this kind, opened.
fn opened(kind: &str) -> Opened {
    let sample = if kind == "Notice" { Some(samples::claimed()) } else { None };
    let sample = sample.or_else(|| samples::all().into_iter().find(|message| message.kind() == kind));
    let sample = sample.unwrap_or_else(|| panic!("no sample of {kind}"));
    sample.open::<Ed25519>(samples::network()).unwrap_or_else(|forged| panic!("{forged}"))
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "Start is sealed around it")]
fn nobody_signs_around_a_statement_of_another_network() {
    let Opened::Start(start) = opened("Start") else { return };
    let _ = Signed::seal(
        start.into_body(),
        &Keypair::from_seed([1; 32]),
        assay_protocol::codec::digest("network", &2),
    );
}

#[test]
fn what_is_inside_a_verified_statement_is_verified() {
    fn check<T: Statement + PartialEq>(handed: &Attested<'_, T>, inside: &Signed<T>) {
        let verified = handed.to_verified();
        assert_eq!(verified.signed(), inside);
        assert_eq!((handed.signer(), &**handed), (verified.signer(), &*verified));
    }
    let Opened::Propose(propose) = opened("Propose") else { panic!("not that kind") };
    check(&propose.order(), &propose.order);
    let Opened::Open(open) = opened("Open") else { panic!("not that kind") };
    check(&open.order(), &open.order);
    check(&open.accept(), &open.accept);
    let Opened::Start(start) = opened("Start") else { panic!("not that kind") };
    check(&start.order(), &start.order);
    check(&start.ticket(), &start.ticket);
    let Opened::Deliver(deliver) = opened("Deliver") else { panic!("not that kind") };
    check(&deliver.claim(), &deliver.claim);
    let Opened::Contradict(contradict) = opened("Contradict") else { panic!("not that kind") };
    check(&contradict.output(), &contradict.output);
    let Opened::OpenClaim(opening) = opened("OpenClaim") else { panic!("not that kind") };
    let (Some(handed), Some(trap)) = (opening.trap(), &opening.trap) else { panic!("no trap") };
    check(&handed, trap);
    let Opened::Notice(notice) = opened("Notice") else { panic!("not that kind") };
    let NoticeEvent::Claimed { claim, .. } = &notice.event else { panic!("no claim") };
    check(&notice.claim().unwrap_or_else(|| panic!("the claim is not handed out")), claim);
}
