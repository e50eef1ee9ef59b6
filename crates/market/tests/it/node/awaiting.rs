//! A client whose job is open: for what it gives its secret and its input, what it takes for a result, and what it can
//! still want.

use assay_market::{
    Command, Event, Input,
    command::{NotCancelled, NotDisputed},
    input::{Blob, Proven, Uncollected},
    view::AttemptState,
};
use assay_protocol::{
    check::Check,
    claim::{self, Claim, Deliver, EvidenceLeaf, OutputLeaf, Written},
    id::Digest,
    manifest::End,
    notice::NoticeEvent,
    order::{Abort, Failure, Order, Refusal, Refuse},
    outcome::Outcome,
    units::{Amount, Duration},
};

use super::table::{Table, result};
use crate::{
    cheap::Cheap,
    office::{FIRST_VERIFIER, NOTARY, PROVIDER, STRANGER, id},
};

pub(super) const KEY: Digest = Digest([1; 32]);

pub(super) fn state(table: &Table) -> Option<AttemptState> {
    Some(table.node().submission(KEY)?.attempts.last()?.state)
}

fn ticket(table: &Table, order: &Order) -> Digest {
    table.office.job(order.id()).map(|job| job.ticket().digest()).expect("the job is open")
}

/// A result as its provider delivers it.
pub(super) fn delivery(table: &Table, order: &Order) -> Deliver {
    let (run, blind) = (result(4), Digest::default());
    delivery_of(table, order, run.written, blind)
}

/// The same of another output.
fn delivery_of(table: &Table, order: &Order, written: Written, blind: Digest) -> Deliver {
    let leaf = OutputLeaf { written, units: 4, end: End::Stop, blind };
    let (evidence_root, records) = (written.root, written.records);
    let evidence = EvidenceLeaf { evidence_root, records, rms: 0, blind }.digest();
    let commit = claim::commit(leaf.digest(), evidence);
    let claim = Claim {
        job: order.id(),
        ticket: ticket(table, order),
        units: 4,
        work: 8,
        check_work: 8,
        end: End::Stop,
        commit,
    };
    let claim = table.office.say(order.provider, claim);
    Deliver { claim, leaf, evidence }
}

/// Its notary has the claim of this result in its books.
pub(super) fn bind(table: &mut Table, order: &Order, deliver: &Deliver) {
    let claim = deliver.claim.clone();
    table.notice(NOTARY, order.id(), NoticeEvent::Claimed { position: 9, claim });
}

/// A client that has its result.
pub(super) fn delivered() -> (Table, Order) {
    let (mut table, order, _) = Table::running(&[PROVIDER]);
    let deliver = delivery(&table, &order);
    table.hear(PROVIDER, deliver.clone());
    bind(&mut table, &order, &deliver);
    table.fetched(result(4).written.blob, result(4).written.root);
    assert_eq!(state(&table), Some(AttemptState::Delivered));
    (table, order)
}

#[test]
fn a_secret_is_revealed_for_a_claim_under_the_jobs_ticket_that_the_notary_shows_and_for_no_other() {
    let (mut table, order, _) = Table::running(&[PROVIDER]);
    let digest = ticket(&table, &order);
    let claim = table.claim(&order, digest);
    let elsewhere = table.claim(&order, Digest::default());
    let body = *claim.said();
    let dearer = table.office.say(order.provider, Claim { units: order.units_max + 1, ..body });
    let strangers = table.office.say(id::<Cheap>(STRANGER), body);
    let cases = [
        (PROVIDER, &claim, "the provider shows it"),
        (STRANGER, &claim, "a stranger shows it"),
        (NOTARY, &elsewhere, "it names another ticket"),
        (NOTARY, &dearer, "it claims too much"),
        (NOTARY, &strangers, "a stranger claims"),
    ];
    for (by, claim, context) in cases {
        table.notice(by, order.id(), NoticeEvent::Claimed { position: 9, claim: claim.clone() });
        assert!(table.effects.is_empty(), "{context}: {:?}", table.effects);
    }
    table.notice(NOTARY, order.id(), NoticeEvent::Claimed { position: 9, claim: claim.clone() });
    assert_eq!((table.said(), table.saves()), (vec![("Reveal", NOTARY)], 1));
    table.notice(NOTARY, order.id(), NoticeEvent::Claimed { position: 9, claim });
    assert_eq!((table.said(), table.saves()), (vec![("Reveal", NOTARY)], 0), "it is kept once");
}

#[test]
fn a_checker_is_given_the_input_once_there_is_a_claim_and_if_the_notary_asked_it() {
    let (mut table, order, _) = Table::running(&[PROVIDER]);
    let served = |table: &mut Table, by: u64| {
        let input_commit = order.input_commit;
        table.hear(by, Check { job: order.id(), input_commit, ..table.check(1, FIRST_VERIFIER) });
        !table.served().is_empty()
    };
    assert!(!served(&mut table, NOTARY), "nobody checks what is not claimed");
    let digest = ticket(&table, &order);
    let claim = table.claim(&order, digest);
    table.notice(NOTARY, order.id(), NoticeEvent::Claimed { position: 9, claim });
    for (by, expected) in [(STRANGER, false), (FIRST_VERIFIER, false), (PROVIDER, false), (NOTARY, true)] {
        assert_eq!(served(&mut table, by), expected, "asked by {by}");
    }
}

#[test]
fn a_result_is_taken_from_its_provider_and_if_it_is_what_was_claimed() {
    let (mut table, order, _) = Table::running(&[PROVIDER]);
    let deliver = delivery(&table, &order);
    bind(&mut table, &order, &deliver);
    let other = Deliver { leaf: OutputLeaf { units: 3, ..deliver.leaf }, ..deliver.clone() };
    for (by, deliver) in [(STRANGER, &deliver), (NOTARY, &deliver), (PROVIDER, &other)] {
        table.hear(by, deliver.clone());
        assert!(table.effects.is_empty(), "{by}: {:?}", table.effects);
    }
    table.hear(PROVIDER, deliver.clone());
    assert!(table.fetches(deliver.leaf.written.blob));
    table.fetched(deliver.leaf.written.blob, Digest::of(b"another root"));
    assert_eq!((table.saves(), state(&table)), (0, Some(AttemptState::Running)), "it has other records");
    table.hear(PROVIDER, deliver.clone());
    let (holder, Written { root, blob, .. }) = (order.id(), deliver.leaf.written);
    table.feed(Input::Fetched { holder, digest: blob, found: Some(Blob { bytes: 1, root }) });
    assert_eq!((table.saves(), state(&table)), (0, Some(AttemptState::Running)), "it has fewer records");
    table.hear(PROVIDER, deliver.clone());
    table.fetched(deliver.leaf.written.blob, deliver.leaf.written.root);
    assert_eq!((table.saves(), state(&table)), (1, Some(AttemptState::Delivered)));
}

/// Whoever could name another output each time would have its client fetch for ever.
#[test]
fn while_a_result_is_fetched_no_other_takes_its_place() {
    let (mut table, order, _) = Table::running(&[PROVIDER]);
    let deliver = delivery(&table, &order);
    bind(&mut table, &order, &deliver);
    let other = delivery_of(&table, &order, Written::of(b"other bytes"), Digest::default());
    table.hear(PROVIDER, deliver.clone());
    table.hear(PROVIDER, other.clone());
    assert!(table.effects.is_empty(), "{:?}", table.effects);
    table.fetched(deliver.leaf.written.blob, deliver.leaf.written.root);
    assert_eq!(state(&table), Some(AttemptState::Delivered));
    table.hear(PROVIDER, other);
    assert!(table.effects.is_empty(), "nor does any once it is here: {:?}", table.effects);
}

#[test]
fn a_result_that_nobody_served_makes_room_for_another() {
    let (mut table, order, _) = Table::running(&[PROVIDER]);
    let deliver = delivery(&table, &order);
    bind(&mut table, &order, &deliver);
    let other = delivery_of(&table, &order, Written::of(b"other bytes"), Digest::default());
    table.hear(PROVIDER, other.clone());
    let (holder, digest) = (order.id(), other.leaf.written.blob);
    table.feed(Input::Fetched { holder, digest, found: None });
    table.hear(PROVIDER, deliver.clone());
    assert!(table.fetches(deliver.leaf.written.blob), "{:?}", table.effects);
    table.feed(Input::Fetched {
        holder,
        digest,
        found: Some(Blob { bytes: 768, root: deliver.leaf.written.root }),
    });
    assert_eq!(table.saves(), 0, "these are the bytes that were wanted before");
    table.fetched(deliver.leaf.written.blob, deliver.leaf.written.root);
    assert_eq!(state(&table), Some(AttemptState::Delivered));
}

#[test]
fn a_job_is_closed_by_the_receipt_that_its_notary_named_if_that_proves_what_it_said() {
    let (mut table, order, _) = Table::running(&[PROVIDER]);
    let (job, receipt, outcome) = (order.id(), Digest::of(b"a receipt"), Outcome::NoClaim);
    let another = Digest::of(b"another receipt");
    let refuted = Event::ReceiptRefuted { key: KEY, job, notary: order.notary };
    let cases = [
        (another, Ok(proven(outcome, None)), false),
        (receipt, Err(Uncollected::Absent), false),
        (receipt, Ok(proven(Outcome::Checked, None)), true),
        (receipt, Err(Uncollected::Refuted), false),
    ];
    for (digest, found, told) in cases {
        table.notice(NOTARY, job, NoticeEvent::Closed { outcome, receipt });
        table.feed(Input::Collected { job, digest, found });
        assert_eq!((table.saves(), state(&table)), (0, Some(AttemptState::Running)), "{found:?}");
        assert_eq!(table.told().any(|event| *event == refuted), told, "once, of {found:?}");
    }
    table.notice(NOTARY, job, NoticeEvent::Closed { outcome, receipt });
    assert!(table.collects(receipt));
    table.feed(Input::Collected { job, digest: receipt, found: Ok(proven(outcome, None)) });
    assert_eq!(state(&table), Some(AttemptState::Closed(outcome)));
}

#[test]
fn a_job_is_given_up_by_its_provider_alone_and_only_while_it_runs() {
    let (mut table, order, _) = Table::running(&[PROVIDER]);
    let abort = Abort { job: order.id(), ticket: ticket(&table, &order), reason: Failure::Trap };
    for by in [NOTARY, STRANGER] {
        table.hear(by, abort);
        assert!(table.effects.is_empty(), "{by}: {:?}", table.effects);
    }
    table.hear(PROVIDER, abort);
    assert_eq!((table.said(), table.saves()), (vec![("Query", NOTARY)], 1));
    assert_eq!(state(&table), Some(AttemptState::Failed(Failure::Trap)));

    let (mut table, _) = delivered();
    table.hear(PROVIDER, abort);
    assert!(table.effects.is_empty(), "{:?}", table.effects);
    assert_eq!(state(&table), Some(AttemptState::Delivered));
}

#[test]
fn what_is_cancelled_before_it_is_opened_is_never_begun() {
    let (mut table, order, _) = Table::opening(&[PROVIDER]);
    table.want(Command::Cancel { key: KEY });
    assert_eq!(table.count("Cancel"), 0, "there is no ticket that it could name: {:?}", table.said());
    let ticket = *table.ticket(&order).said();
    table.hear(NOTARY, ticket);
    assert_eq!((table.said(), table.served()), (vec![("Cancel", NOTARY)], Vec::new()));
}

#[test]
fn what_is_claimed_is_not_cancelled() {
    let (mut table, _, _) = Table::running(&[PROVIDER]);
    table.want(Command::Cancel { key: KEY });
    assert_eq!(table.count("Cancel"), 1);
    table.pass(Duration::seconds(5));
    assert!(table.count("Cancel") > 1 && table.count("Start") == 0, "{:?}", table.said());

    let (mut table, _) = delivered();
    table.want(Command::Cancel { key: KEY });
    let reason = NotCancelled::Claimed;
    assert!(table.told().any(|event| *event == Event::NotCancelled { key: KEY, reason }));
    table.pass(Duration::seconds(5));
    assert_eq!(table.count("Cancel"), 0);
}

#[test]
fn a_doubt_is_told_until_the_notary_takes_it_or_refuses_it() {
    for taken in [false, true] {
        let (mut table, order) = delivered();
        table.want(Command::Dispute { key: KEY });
        assert_eq!((table.count("Dispute"), table.saves()), (1, 1));
        for by in [PROVIDER, STRANGER] {
            table.hear(by, Refuse { job: order.id(), reason: Refusal::Late });
            table.notice(by, order.id(), NoticeEvent::Disputed);
        }
        table.pass(Duration::seconds(5));
        assert!(table.count("Dispute") > 1, "{:?}", table.said());
        if taken {
            table.notice(NOTARY, order.id(), NoticeEvent::Disputed);
            assert!(table.told().any(|event| *event == Event::Disputed { key: KEY, job: order.id() }));
        } else {
            table.hear(NOTARY, Refuse { job: order.id(), reason: Refusal::Late });
            let reason = NotDisputed::TooLate;
            assert!(table.told().any(|event| *event == Event::NotDisputed { key: KEY, reason }));
        }
        table.pass(Duration::seconds(30));
        assert_eq!(table.count("Dispute"), 0, "taken: {taken}");
    }
}

/// What a receipt proves.
pub(super) fn proven(outcome: Outcome, claim: Option<Digest>) -> Proven {
    Proven { outcome, claim, cost: Amount::ZERO }
}

/// How a client comes to know which claim is in the books.
#[derive(Clone, Copy, Debug)]
enum Told {
    Before,
    Between,
    After,
    ByReceipt,
}

#[test]
fn a_result_is_taken_for_the_claim_in_the_books_however_the_client_comes_to_know_that_one() {
    for told in [Told::Before, Told::Between, Told::After, Told::ByReceipt] {
        let (mut table, order, _) = Table::running(&[PROVIDER]);
        let deliver = delivery(&table, &order);
        let waits = |table: &Table| {
            assert_ne!(
                state(table),
                Some(AttemptState::Delivered),
                "{told:?}: nobody knows what is in the books"
            );
        };
        if matches!(told, Told::Before) {
            bind(&mut table, &order, &deliver);
        }
        table.hear(PROVIDER, deliver.clone());
        if matches!(told, Told::Between) {
            bind(&mut table, &order, &deliver);
        }
        waits(&table);
        table.fetched(deliver.leaf.written.blob, deliver.leaf.written.root);
        match told {
            Told::Before | Told::Between => {}
            Told::After => {
                waits(&table);
                bind(&mut table, &order, &deliver);
            }
            Told::ByReceipt => {
                waits(&table);
                table.pass(Duration::seconds(30));
                assert!(table.count("Query") > 0, "it asks: {:?}", table.said());
                let (job, receipt, outcome) = (order.id(), Digest::of(b"a receipt"), Outcome::Unchecked);
                table.notice(NOTARY, job, NoticeEvent::Closed { outcome, receipt });
                let found = Ok(proven(outcome, Some(deliver.claim.said().digest())));
                table.feed(Input::Collected { job, digest: receipt, found });
            }
        }
        let delivered = Event::Delivered { key: KEY, job: order.id(), output: deliver.leaf.written.blob };
        assert!(table.told().any(|event| *event == delivered), "{told:?}: {:?}", table.effects);
        table.restart();
        let known = table.node().submission(KEY).and_then(|view| view.attempts.last()?.output);
        assert_eq!(known, Some(deliver.leaf.written.blob), "{told:?}");
    }
}

#[test]
fn a_result_of_another_claim_than_the_one_in_the_books_is_nobodys() {
    for told in [Told::Before, Told::Between, Told::After] {
        let (mut table, order, _) = Table::running(&[PROVIDER]);
        let deliver = delivery(&table, &order);
        let work = deliver.claim.said().work + 1;
        let claim = table.office.say(order.provider, Claim { work, ..*deliver.claim.said() });
        let other = Deliver { claim, ..deliver.clone() };
        if matches!(told, Told::Before) {
            bind(&mut table, &order, &deliver);
        }
        table.hear(PROVIDER, other.clone());
        if matches!(told, Told::Between) {
            bind(&mut table, &order, &deliver);
        }
        table.fetched(other.leaf.written.blob, other.leaf.written.root);
        if matches!(told, Told::After) {
            bind(&mut table, &order, &deliver);
        }
        assert_eq!(state(&table), Some(AttemptState::Running), "{told:?}");
        table.hear(PROVIDER, deliver.clone());
        table.fetched(deliver.leaf.written.blob, deliver.leaf.written.root);
        assert_eq!(state(&table), Some(AttemptState::Delivered), "{told:?}: the other one is in the way");
    }
}

#[test]
fn a_notary_that_shows_two_claims_gets_one_secret() {
    let (mut table, order, _) = Table::running(&[PROVIDER]);
    let digest = ticket(&table, &order);
    let claim = table.claim(&order, digest);
    let other = table.office.say(order.provider, Claim { work: claim.said().work + 1, ..*claim.said() });
    table.notice(NOTARY, order.id(), NoticeEvent::Claimed { position: 9, claim });
    assert_eq!(table.said(), [("Reveal", NOTARY)]);
    table.notice(NOTARY, order.id(), NoticeEvent::Claimed { position: 10, claim: other });
    assert!(table.effects.is_empty(), "{:?}", table.effects);
}
