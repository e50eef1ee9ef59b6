//! Claims that open themselves: what opens them comes beside them, is kept by the notary, and enters its books once the
//! job is checked.

use assay_market::{Effect, Input, Record};
use assay_protocol::{
    check::{OpenClaim, ShownRecord, Trap},
    claim::{self, Claim, EvidenceLeaf, OutputLeaf},
    codec, costs,
    genesis::Genesis,
    id::Digest,
    journal::Fact,
    manifest::{End, Policy},
    merkle,
    message::Message,
    notice::NoticeEvent,
    order::{Accept, Open, Order},
    outcome::Outcome,
    receipt::Happening,
    ticket::Ticket,
    units::{Duration, Rate},
};

use super::table::{Table, result};
use crate::{
    cheap::Cheap,
    office::{CLIENT, FIRST_VERIFIER, NOTARY, PROVIDER, STRANGER, id},
};

fn exact(genesis: &mut Genesis) {
    genesis.manifests[0].policy = Policy::Exact;
}

/// A notary that has opened an order whose outputs must agree in each byte.
fn opened() -> (Table, Order, Ticket) {
    opened_under(|_| {})
}

fn opened_under(change: fn(&mut Order)) -> (Table, Order, Ticket) {
    let mut table = Table::of(NOTARY, exact);
    let mut order = table.order(0, 0);
    change(&mut order);
    let accept = Accept { job: order.id(), class: order.class, rate_max: Rate::ONE, starts_in: Duration(0) };
    let accept = table.office.say(order.provider, accept);
    table.hear(CLIENT, Open { order: table.office.say(order.client, order.clone()), accept });
    let ticket = table.sent().find_map(|(_, message)| {
        if let Message::Ticket(ticket) = message { Some(*ticket.said()) } else { None }
    });
    (table, order, ticket.expect("a ticket"))
}

/// A claim with what opens it.
fn claimed(order: &Order, ticket: &Ticket) -> (Claim, OpenClaim) {
    let (run, blind, job) = (result(4), Digest::default(), order.id());
    let (written, end) = (run.written, End::Stop);
    let output = OutputLeaf { written, units: 4, end, blind };
    let evidence = EvidenceLeaf { evidence_root: written.root, records: written.records, rms: 0, blind };
    let commit = claim::commit(output.digest(), evidence.digest());
    let claim = Claim { job, ticket: ticket.digest(), units: 4, work: 8, check_work: 8, end, commit };
    (claim, OpenClaim { job, output, evidence, records: Vec::new(), trap: None })
}

/// Whether the provider is asked for what opens its claim.
fn asks(table: &Table) -> bool {
    table.sent().any(|(to, message)| {
        let Message::Notice(notice) = message else { return false };
        to == PROVIDER && notice.said().event == NoticeEvent::Open { beacon: None }
    })
}

/// The facts that are entered.
fn entered(table: &Table) -> Vec<Fact> {
    let saved = table.effects.iter().filter_map(|effect| {
        let Effect::Save(Record::Chain(entry)) = effect else { return None };
        Some(entry.fact.clone())
    });
    saved.collect()
}

fn is_opening(fact: &Fact) -> bool {
    matches!(fact, Fact::Job(Happening::OpenClaim { .. }))
}

/// Time passes until the job is drawn, and nobody reveals anything.
fn draw(table: &mut Table) {
    let timers = table.office.genesis.timers;
    table.pass(timers.reveal.plus(timers.tick.times(4)));
}

/// A notary that has a claim with what opens it.
fn kept() -> (Table, Order, OpenClaim) {
    kept_of(opened())
}

fn kept_of((mut table, order, ticket): (Table, Order, Ticket)) -> (Table, Order, OpenClaim) {
    let (claim, opening) = claimed(&order, &ticket);
    table.hear(PROVIDER, opening.clone());
    assert_eq!(table.saves(), 0, "it waits for the claim");
    table.hear(PROVIDER, claim);
    assert_eq!((table.saves(), entered(&table).len()), (2, 1), "what opens it is kept beside the journal");
    (table, order, opening)
}

/// Whether both parties are told that the job came to nothing.
fn is_void(table: &Table) -> bool {
    let told = table.sent().filter(|(_, message)| {
        let Message::Notice(notice) = message else { return false };
        matches!(notice.said().event, NoticeEvent::Closed { outcome: Outcome::Void, .. })
    });
    told.count() == 2
}

#[test]
fn a_claim_that_opens_itself_is_taken_with_what_opens_it_and_not_without() {
    let (mut table, order, ticket) = opened();
    let (claim, opening) = claimed(&order, &ticket);
    table.hear(PROVIDER, claim);
    assert_eq!((table.saves(), asks(&table)), (0, true), "{:?}", table.effects);
    table.hear(STRANGER, opening.clone());
    let leaf = OutputLeaf { units: 3, ..opening.output };
    let record = ShownRecord { position: 0, bytes: vec![1], path: merkle::Path(Vec::new()) };
    let false_ones = [
        OpenClaim { output: leaf, ..opening.clone() },
        OpenClaim { evidence: EvidenceLeaf { rms: 1, ..opening.evidence }, ..opening.clone() },
        OpenClaim { records: vec![record], ..opening.clone() },
    ];
    for other in false_ones {
        table.hear(PROVIDER, other);
        table.hear(PROVIDER, claim);
        assert_eq!(table.saves(), 0, "{:?}", table.effects);
    }
    table.hear(PROVIDER, opening);
    table.hear(PROVIDER, claim);
    assert_eq!(entered(&table).len(), 1);
}

/// The same opening, of a trap as this peer says.
fn trap(table: &Table, opening: &OpenClaim, claim: &Claim, by: u64) -> OpenClaim {
    let said = Trap { job: claim.job, commit: claim.commit };
    OpenClaim { trap: Some(table.office.say(id::<Cheap>(by), said)), ..opening.clone() }
}

#[test]
fn a_trap_is_taken_where_both_parties_say_so_and_puts_up_what_is_at_stake_in_it() {
    let (mut table, order, ticket) = opened();
    let (claim, opening) = claimed(&order, &ticket);
    let other = Claim { commit: Digest::default(), ..claim };
    let false_ones = [trap(&table, &opening, &claim, PROVIDER), trap(&table, &opening, &other, CLIENT)];
    for opening in false_ones {
        table.hear(PROVIDER, opening);
        table.hear(PROVIDER, claim);
        assert_eq!(table.saves(), 0, "{:?}", table.effects);
    }
    table.hear(PROVIDER, trap(&table, &opening, &claim, CLIENT));
    table.hear(PROVIDER, claim);
    assert_eq!(entered(&table).len(), 1, "{:?}", table.effects);
    draw(&mut table);
    let pledged = entered(&table).into_iter().find_map(|fact| {
        let Fact::Job(Happening::OpenClaim { pledged, .. }) = fact else { return None };
        Some(pledged)
    });
    assert_eq!(pledged, Some(costs::forfeit(&table.office.genesis, &order)));
}

/// The provider knows what it said, and anybody the digest of the fact: with what nobody else knows in it, the one does not
/// show the other.
#[test]
fn nobody_can_show_by_the_journal_whether_a_claim_is_a_trap() {
    for is_trap in [false, true] {
        let (mut table, order, ticket) = opened();
        let (claim, opening) = claimed(&order, &ticket);
        let opening = if is_trap { trap(&table, &opening, &claim, CLIENT) } else { opening };
        table.hear(PROVIDER, opening);
        table.hear(PROVIDER, claim);
        draw(&mut table);
        let facts = entered(&table);
        let blinds: Vec<Digest> = facts
            .iter()
            .filter_map(|fact| {
                let Fact::Job(Happening::OpenClaim { blind, .. }) = fact else { return None };
                Some(*blind)
            })
            .collect();
        let known = [Digest::default(), codec::digest("opening blind", &(claim.job, None::<Digest>))];
        assert!(blinds.len() == 1 && !known.contains(&blinds[0]), "{blinds:?}");
    }
}

#[test]
fn what_opens_a_claim_enters_the_books_when_the_job_is_checked_and_before_anybody_is_drawn() {
    for restarts in [false, true] {
        let (mut table, _, opening) = kept();
        if restarts {
            table.restart();
        }
        draw(&mut table);
        let facts = entered(&table);
        let openings: Vec<&Fact> = facts.iter().filter(|fact| is_opening(fact)).collect();
        let [Fact::Job(Happening::OpenClaim { opening: said, .. })] = openings[..] else {
            panic!("{facts:?}")
        };
        assert_eq!(*said.said(), opening);
        assert!(table.count("Check") > 0, "nobody is asked: {:?}", table.said());
        assert!(!asks(&table), "the provider need not be there");
    }
}

#[test]
fn a_verifier_may_run_as_long_as_its_deadline_was_reckoned_for_however_little_the_order_allows() {
    let changes: [fn(&mut Order); 2] = [|order| order.run_max = Duration(1), |_| {}];
    for change in changes {
        let (mut table, order, _) = kept_of(opened_under(change));
        draw(&mut table);
        let given = table.sent().find_map(|(_, message)| {
            if let Message::Check(check) = message { Some(check.said().run_max) } else { None }
        });
        let (estimated, allowed) = (table.office.genesis.estimate(order.work_max), order.run_max);
        assert_eq!(given, Some(estimated.max(allowed).times(3)), "{allowed:?} of {estimated:?}");
        assert_eq!(estimated > allowed, allowed == Duration(1), "each decides once");
    }
}

#[test]
fn what_the_notary_lost_it_asks_for_and_takes_again_and_without_it_the_job_is_void() {
    for comes in [true, false] {
        let (mut table, _, opening) = kept();
        table.lose(|record| matches!(record, Record::Opening(_)));
        table.restart();
        draw(&mut table);
        assert!(asks(&table) && !entered(&table).iter().any(is_opening), "{:?}", table.said());
        if comes {
            let false_one =
                OpenClaim { output: OutputLeaf { units: 3, ..opening.output }, ..opening.clone() };
            table.hear(PROVIDER, false_one);
            assert_eq!(table.saves(), 0, "{:?}", table.effects);
            table.hear(PROVIDER, opening);
            assert!(entered(&table).iter().any(is_opening));
            table.pass(table.office.genesis.timers.tick.times(3));
            assert!(table.count("Check") > 0);
        } else {
            let timers = table.office.genesis.timers;
            table.pass(timers.opening.plus(timers.tick.times(2)));
            assert!(is_void(&table), "{:?}", table.said());
        }
    }
}

#[test]
fn a_provider_opens_its_claim_beside_it_and_again_where_the_notary_has_lost_that() {
    let mut table = Table::of(PROVIDER, exact);
    table.provide();
    let order = table.order(0, 0);
    table.propose(&order);
    let ticket = table.ticket(&order);
    table.start(CLIENT, &order, ticket);
    table.fetched(order.input_commit, Digest::default());
    table.ran(order.id(), false, Ok(result(4)));
    assert_eq!(table.said(), [("Deliver", CLIENT), ("OpenClaim", NOTARY), ("Claim", NOTARY)]);
    table.restart();
    table.notice(NOTARY, order.id(), NoticeEvent::Open { beacon: None });
    assert_eq!(table.count("OpenClaim"), 1, "{:?}", table.said());
    let shown = table.effects.iter().any(|effect| matches!(effect, Effect::Show { .. }));
    assert!(!shown, "no record of it is anybody's");
}

#[test]
fn a_seal_that_opens_itself_holds_what_it_seals() {
    let mut table = Table::of(FIRST_VERIFIER, exact);
    let check = table.check(1, FIRST_VERIFIER);
    table.hear(NOTARY, check.clone());
    table.fetched(check.input_commit, Digest::default());
    table.ran(check.job, true, Ok(result(4)));
    let seal = table
        .sent()
        .find_map(|(_, message)| if let Message::Seal(seal) = message { Some(*seal.said()) } else { None });
    let seal = seal.expect("a seal");
    let evidence = seal.evidence.expect("what it seals");
    assert_eq!((evidence.commit(), evidence.written), (seal.commit, result(4).written));
    table.feed(Input::Wake);
    table.pass(Duration::seconds(30));
    assert_eq!(table.count("OpenSeal"), 0);
}
