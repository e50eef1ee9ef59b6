//! The rules that one fact can break, each asked of the books after it and of what they were before.
//!
//! **Invariant:** a rule that does not hold panics with its name; nothing is changed.

use alloc::collections::{BTreeMap, BTreeSet};

use assay_protocol::{
    check::OpenClaim,
    costs, exposure,
    genesis::Genesis,
    id::PeerId,
    job::{Job, Stage, Testified},
    journal::Fact,
    order::Order,
    outcome::Outcome,
    place,
    receipt::{Happening, Receipt, Story, verify},
    signed::{Scheme, Signed},
    units::{Amount, Timestamp},
};

use super::before::{Before, Scope, Sums, wealth};
use crate::ledger::{Holdings, Ledger, Touched};

/// I15, where the stake is gone: whatever a convicted provider still has open is checked.
pub(super) fn the_convicted_are_checked(ledger: &Ledger, story: &Story, before: &Before) {
    if !story.outcome.is_slashed() {
        return;
    }
    let serving = before.sums.of(order(story).provider).serving;
    for open in serving.iter().filter_map(|job| ledger.open_job(*job)) {
        let is_checked = matches!(open.job.stage(), Stage::Checking(_) | Stage::Jury(_));
        assert!(is_checked || open.job.forced(), "I15: a job of a convicted provider may stay unchecked");
    }
}

/// I4, I5, I9, I11.
pub(super) fn the_receipt_holds<S: Scheme>(receipt: &Receipt) {
    let report = verify::<S>(receipt);
    assert!(
        report.as_ref().is_ok_and(|report| report.outcome == receipt.story.outcome),
        "I4, I5, I9, I11: a receipt does not hold: {report:?}"
    );
}

pub(super) fn money_is_conserved(ledger: &Ledger) {
    let (pool, minted, burned) = ledger.pool_minted_burned();
    assert_eq!(ledger.total(), minted.minus(burned), "I1: the boxes do not hold what was minted");
    assert!(
        pool.is_zero() || ledger.owed(None).is_zero(),
        "what is owed is paid first from whatever the pool has"
    );
}

/// What is kept by what changed is what there is, counted one by one.
pub(super) fn all_is_as_it_was_summed(genesis: &Genesis, ledger: &Ledger, before: &Before) {
    assert_eq!(ledger.total(), ledger.counted(), "I1: the boxes hold something else than their sums");
    assert_eq!(before.sums, Sums::counted(genesis, ledger), "what open jobs come to changed unseen");
    for (peer, account) in ledger.accounts() {
        let serving = before.sums.of(*peer).serving;
        let covered = serving.iter().filter_map(|job| ledger.open_job(*job)).map(|open| &open.job);
        let covered = covered.filter(|job| job.ticket().covered);
        let dearest = covered.map(|job| exposure::jury(genesis, job.order())).max().unwrap_or_default();
        assert_eq!(account.reserve(), dearest, "I15: the jury over the dearest job is not set aside");
    }
    assert_eq!(ledger.stranded(), [], "I13: time alone does not move these jobs on");
}

/// I2: an open job holds the client's total, and what it put up for a trap; a closed one is none of the open.
pub(super) fn held_is_what_open_jobs_hold(ledger: &Ledger, before: &Before, scope: &Scope) {
    for open in scope.open_jobs(ledger) {
        assert!(!matches!(open.job.stage(), Stage::Closed(_)), "I2: a closed job holds money");
        assert!(open.job.order().total_max > Amount::ZERO, "I2: an open job holds nothing");
    }
    for peer in &scope.accounts {
        let expected = Amount(before.sums.of(*peer).held);
        assert_eq!(ledger.held_of(*peer), expected, "I2: held is not what the open jobs hold");
    }
    for job in scope.jobs.iter().filter(|job| before.jobs.contains_key(*job)) {
        let (open, closed) = (ledger.open_job(*job).is_some(), ledger.closed_job(*job).is_some());
        assert!(open != closed, "I2: job {job} is neither open nor closed, or both");
    }
}

/// I6.
pub(super) fn what_was_written_once_stays(ledger: &Ledger, before: &Before, scope: &Scope) {
    for open in scope.open_jobs(ledger) {
        let now = &open.job;
        let Some(earlier) = before.jobs.get(&now.id()) else { continue };
        assert!(earlier.claim().is_none() || earlier.claim() == now.claim(), "I6: a claim changed");
        assert!(earlier.opened().is_none() || earlier.opened() == now.opened(), "I6: an opening changed");
        assert!(now.seats().len() >= earlier.seats().len(), "I6: a seat vanished");
        for (was, is) in earlier.seats().iter().zip(now.seats()) {
            assert_eq!(was.peer, is.peer, "I6: another peer sits in a seat");
            let kept = match (&was.testified, &is.testified) {
                (Testified::NotYet, _)
                | (Testified::Sealed(_), Testified::Late)
                | (Testified::Unserved(_), Testified::Heard { .. }) => true,
                (Testified::Sealed(commit), Testified::Heard { evidence, .. }) => {
                    *commit == evidence.commit()
                }
                (was, is) => was == is,
            };
            assert!(kept, "I6: a verifier's testimony changed");
        }
    }
}

/// Who asks what a fact touched has asked all that it changed.
pub(super) fn only_the_touched_change(ledger: &Ledger, before: &Before, touched: &Touched, scope: &Scope) {
    for peer in scope.accounts.iter().filter(|peer| touched.accounts.binary_search(peer).is_err()) {
        let account = ledger.accounts().get(peer);
        assert_eq!(
            before.wealth.get(peer).copied(),
            account.map(|_| wealth(ledger, *peer)),
            "{peer} was not touched, and what it has changed"
        );
        assert_eq!(
            before.stakes.get(peer).copied(),
            account.map(|account| account.stake.0),
            "{peer} was not touched, and its stake changed"
        );
    }
    for job in scope.jobs.iter().filter(|job| touched.jobs.binary_search(job).is_err()) {
        let was = before.jobs.get(job).map(Job::progress);
        let is = ledger.open_job(*job).map(|open| open.job.progress());
        assert_eq!(was, is, "job {job} was not touched, and it moved");
    }
}

/// I8: an event lowers the wealth only of parties that signed in that job; without a close it moves none at all, but for
/// what is created. I11, of the client.
pub(super) fn only_signers_lose(
    genesis: &Genesis,
    ledger: &Ledger,
    fact: &Fact,
    before: &Before,
    stories: &[&Story],
    scope: &Scope,
) {
    let creates = matches!(fact, Fact::Grant(_) | Fact::Query(_));
    let signers: BTreeSet<PeerId> = stories.iter().flat_map(|story| signers(story)).collect();
    // What traps won is paid out at a tick, long after they closed.
    let paid = |peer: &PeerId| {
        let (was, now) = (before.forfeited.get(peer), ledger.accounts().get(peer).map(Holdings::forfeited));
        let fell = was.copied().unwrap_or_default().saturating_sub(now.unwrap_or_default().0);
        if matches!(fact, Fact::Tick(_)) { fell } else { 0 }
    };
    let pays = scope.accounts.iter().any(|peer| paid(peer) > 0);
    for peer in scope.accounts.iter().copied() {
        let (was, now) = (before.wealth(peer), wealth(ledger, peer));
        let keeps = now.saturating_add(paid(&peer)) >= was;
        assert!(keeps || signers.contains(&peer), "I8: {peer} lost money and signed nothing");
        let moved = !stories.is_empty() || creates || pays;
        assert!(moved || now == was, "I8: money moved between parties although no job closed");
        // What went back at the claim and what comes back at the close are together what the settlement says.
        if let [story] = stories
            && peer == order(story).client
            && !pays
        {
            let put_up = order(story).total_max.0 + pledged(story).0;
            assert_eq!(now + put_up, was + story.settlement.client.0, "I11: {peer} is settled otherwise");
        }
        // Of a job that ends in a slash the client has back what it had put in, and no more; the provider has lost it.
        if let [story] = stories
            && story.outcome.is_slashed()
        {
            let (order, slashed) = (order(story), story.settlement.slashed.0);
            // But for what it paid for the place.
            let place = place_of(genesis, story);
            assert!(peer != order.client || now + place == was, "I10: a client gained or lost by a slash");
            assert!(
                peer != order.provider || now + slashed == was,
                "I17: a slash was not taken from the stake"
            );
        }
    }
}

/// What a closed job has used of its place, by the ticks that it was opened and closed at.
fn place_of(genesis: &Genesis, story: &Story) -> u64 {
    let live = |round: u64| {
        let tick = story.ticks.iter().map(Signed::said).find(|tick| tick.round == round);
        tick.map_or(Timestamp::default(), |tick| tick.live)
    };
    let opened = story.ticket.standing.round;
    let closed = story.events.last().map_or(opened, |event| event.round);
    place::used(genesis, &order(story), &story.ticket, live(closed).since(live(opened))).0
}

fn signers(story: &Story) -> BTreeSet<PeerId> {
    let open = story.open.said();
    let (order, accept) = (open.order.said(), open.accept.said());
    let later = story.events.iter().filter_map(|event| event.what.about()).map(|(_, signer)| signer);
    [order.signer(), accept.signer()].into_iter().chain(later).collect()
}

/// What its client put up for a trap.
fn pledged(story: &Story) -> Amount {
    let pledges = story.events.iter().filter_map(|event| {
        if let Happening::OpenClaim { pledged, .. } = &event.what { Some(*pledged) } else { None }
    });
    pledges.fold(Amount::ZERO, |all, pledge| all.plus(pledge).unwrap_or(all))
}

/// True if its parties said that the claim is false on purpose.
fn is_trap(story: &Story) -> bool {
    let says = |opening: &OpenClaim| opening.trap.is_some();
    story
        .events
        .iter()
        .any(|event| matches!(&event.what, Happening::OpenClaim { opening, .. } if says(&opening.said())))
}

pub(super) fn order(story: &Story) -> Order {
    story.open.said().order.said().clone()
}

/// I18.
pub(super) fn an_objection_raises_nothing(ledger: &Ledger, fact: &Fact, before: &Before) {
    let Fact::Job(happening) = fact else { return };
    if !matches!(happening, Happening::Dispute(_) | Happening::Cancel(_) | Happening::Abort(_)) {
        return;
    }
    let Some((_, sender)) = happening.about() else { panic!("an objection is signed") };
    assert!(
        wealth(ledger, sender) <= before.wealth(sender),
        "I18: a dispute, cancel or abort made its sender richer"
    );
}

/// I4, I10, I14, I17, as far as one settlement shows them; its receipt is judged as a whole beside. `lost` is what the
/// fact has taken of stakes so far.
pub(super) fn settled_by_the_table(
    genesis: &Genesis,
    ledger: &Ledger,
    story: &Story,
    before: &Before,
    lost: &mut BTreeMap<PeerId, u64>,
) {
    let (order, settlement) = (order(story), &story.settlement);
    let forfeit = if is_trap(story) { costs::forfeit(genesis, &order).0 } else { 0 };
    let fines = settlement.fines.iter().fold(0, |sum: u64, fine| sum.saturating_add(fine.amount.0));
    let won = if story.outcome == Outcome::Trap { fines } else { 0 };
    let most = order.total_max.0.saturating_add(forfeit);
    // I14. What is put up for a trap is beyond the total: its client chose to.
    assert!(
        settlement.provider.0 <= order.total_max.0.max(won),
        "I14: the provider is paid more than the total"
    );
    assert!(settlement.client.0 <= most, "I14: the client gets more than was held");
    if story.outcome == Outcome::Trap {
        let paid =
            settlement.fees.iter().fold(settlement.client.0, |sum, fee| sum.saturating_add(fee.amount.0));
        let out = paid.saturating_add(settlement.provider.0);
        assert!(out <= most.saturating_add(fines), "a trap costs others than its parties and whom it caught");
        assert!(settlement.provider.is_zero() || fines > 0, "a trap pays although it caught nobody");
    }
    let slashed = settlement.slashed;
    assert!(slashed.is_zero() || story.outcome.is_slashed(), "I4: a slash of who was not convicted");
    assert!(settlement.provider.is_zero() || !story.outcome.is_slashed(), "I4: pay and a slash");
    if story.outcome.is_slashed() {
        let stake = before.stakes.get(&order.provider).copied().unwrap_or_default();
        let stake = stake.saturating_sub(lost.get(&order.provider).copied().unwrap_or_default());
        let account = ledger.accounts().get(&order.provider);
        // What was withdrawn long before may have been paid at the same tick, and is none of it any more.
        let all = slashed.0 >= stake && account.is_none_or(|account| account.slashable() == account.stake);
        assert!(all || slashed >= story.ticket.slash, "I17: a conviction costs less than the ticket says");
        assert!(slashed <= story.ticket.slash, "I17: a conviction costs more than the ticket says");
        assert!(slashed.0 > 0 || all, "I17: a conviction costs nothing although there is stake");
        let kept = settlement.client.0 + place_of(genesis, story);
        assert!(kept >= order.total_max.0, "I10: a client lost by a slash");
        assert!(settlement.fees.iter().all(|fee| fee.peer != order.client), "I10: a bounty for the client");
    }
    let losses = settlement.fines.iter().map(|fine| (fine.peer, fine.amount));
    for (peer, amount) in losses.chain([(order.provider, slashed)]) {
        let lost = lost.entry(peer).or_default();
        *lost = lost.saturating_add(amount.0);
    }
    if story.outcome == Outcome::NotDrawn {
        let revealed = story.events.iter().any(|event| matches!(event.what, Happening::Reveal(_)));
        assert!(revealed, "I5: not checked, and nothing was revealed to draw it with");
    }
    if story.outcome == Outcome::Unchecked {
        assert!(story.ticket.covered, "I5: unchecked, paid, and nothing stood for it");
    }
}
