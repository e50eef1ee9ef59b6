//! Receipts: those of jobs as they happened are confirmed, and those that say anything else are refused, whatever the
//! notary puts its signature under.

use assay_protocol::{
    codec::{self, RECEIPT_BYTES_MAX},
    genesis::Genesis,
    outcome::Outcome,
    payout::Settlement,
    receipt::{Happening, Receipt, Stop, Story, StoryEvent, verify},
    roster::Checkers,
    ticket::Ticket,
};

use super::{
    dice::{self, Dice},
    play::{Play, attested},
    town::{EXACT, ROUNDS, SOUND, Stamp, TEXTS, Town},
};

/// Plays a job, judges its receipt, and judges it again after it was changed.
pub(crate) fn target(bytes: &[u8]) {
    if let Ok(stranger) = Receipt::from_bytes(bytes) {
        assert!(verify::<Stamp>(&stranger).is_err(), "a stranger's receipt is confirmed");
    }
    let mut dice = Dice::new(bytes);
    let bent;
    let town = match dice.mostly_first(&[0, 1, 2, 3]) {
        0 => &*SOUND,
        1 => &*EXACT,
        2 => &*TEXTS,
        _ => match Town::bent(&mut dice) {
            Ok(town) => {
                bent = town;
                &bent
            }
            Err(unsound) => return refuse(*unsound),
        },
    };
    let play = Play::to_its_end(town, &mut dice);
    let Some(receipt) = play.receipt() else {
        assert!(!play.is_usual(), "open after {ROUNDS} ticks: {:?}", play.job.stage());
        return;
    };
    let report = verify::<Stamp>(&receipt);
    assert!(report.is_ok() || !play.is_lawful(), "a true receipt is refused: {report:?}");
    if report.is_ok() {
        change(&receipt.story, &mut dice);
    }
}

/// A receipt under rules that no network can be run by is refused before anything is computed with them.
fn refuse(unsound: Genesis) {
    let Some(receipt) = Play::to_its_end(&SOUND, &mut Dice::new(&[])).receipt() else { return };
    let judged = verify::<Stamp>(&attested(Story { genesis: unsound.into(), ..receipt.story }));
    assert_eq!(judged.map_err(|refuted| refuted.step), Err(Stop::Network));
}

/// Damages a story that was confirmed; what is confirmed afterwards differs only in what is the notary's word.
fn change(story: &Story, dice: &mut Dice<'_>) {
    let mut bytes = codec::encode(story);
    dice::damage(&mut bytes, dice);
    let Ok(changed) = codec::decode::<Story>(&bytes, RECEIPT_BYTES_MAX) else { return };
    if verify::<Stamp>(&attested(changed.clone())).is_err() {
        return;
    }
    let (proven, confirmed) = (proven(story), proven(&changed));
    assert!(proven == confirmed, "confirmed, although it differs:\n{proven:#?}\n{confirmed:#?}");
}

/// A story without what a notary is believed: which tick was when, where its entries stand, what a provider has to
/// lose, and, before anybody quoted the ticket, what its books say of the provider.
fn proven(story: &Story) -> Story {
    let mut story = story.clone();
    story.position = 0;
    story.ticks.clear();
    let quoted = |event: &StoryEvent| {
        !matches!(event.what, Happening::Tick | Happening::Convicted | Happening::Unreached)
    };
    if !story.events.iter().any(quoted) {
        let open = story.open.said();
        let order = open.order.said();
        let mut standing = story.ticket.standing;
        (standing.trust, standing.checkers, standing.greys, standing.position) =
            (0, Checkers::default(), 0, 0);
        (standing.strict, standing.endowed) = (false, false);
        (standing.stake, standing.exposed, standing.fee_margin) = Default::default();
        (standing.opened, standing.round) = Default::default();
        story.ticket = Ticket::new(&story.genesis, &order, standing);
    }
    if story.outcome.is_slashed() {
        story.settlement.slashed = Default::default();
        story.settlement.fees.truncate(0);
    }
    // What a verifier that matched a trap had at stake.
    if story.outcome == Outcome::Trap {
        let Settlement { client, provider, fines, .. } = &mut story.settlement;
        (*client, *provider) = Default::default();
        fines.clear();
    }
    for event in &mut story.events {
        event.round = 0;
        if let Happening::OpenClaim { blind, pledged, .. } = &mut event.what {
            (*blind, *pledged) = Default::default();
        }
        if let Happening::Claim { position, .. } = &mut event.what {
            *position = 0;
        }
    }
    story.events.retain(|event| !matches!(event.what, Happening::Tick));
    story
}
