//! Lies in a story, which the notary signs all the same: one thing in it is another than the rules allow.

use assay_protocol::{
    draw::Try,
    genesis::Genesis,
    id::{Digest, PeerId},
    manifest::{End, Policy},
    notice::{Checkpoint, Convict, Head, Tick},
    order::{Accept, Open},
    outcome::Outcome,
    payout::Fee,
    receipt::{Happening, Stop, Story, StoryEvent},
    roster::Member,
    signed::{Signed, Statement},
    units::{Amount, Duration, Rate, Timestamp},
};

use super::{
    left_alone,
    traps::{dearer, pledged, trap},
};
use crate::fuzz::{
    dice::Dice,
    town::{CLIENT, NOTARY, PROVIDER, Stamper},
};

/// The step that refuses the lie, what it is, and how it is told; false where the story has no place for it.
type Lie = (Stop, &'static str, fn(&mut Story, &mut Dice<'_>) -> bool);

pub(super) const TOLD: &[Lie] = &[
    (Stop::Network, "rules that no network can be run by", unsound),
    (Stop::Order, "an opening in the provider's name", |story, _| {
        opened(story, PROVIDER, CLIENT, PROVIDER, 0)
    }),
    (Stop::Order, "an order in the provider's name", |story, _| opened(story, CLIENT, PROVIDER, PROVIDER, 0)),
    (Stop::Order, "an agreement in the client's name", |story, _| opened(story, CLIENT, CLIENT, CLIENT, 0)),
    (Stop::Order, "an agreement to another order", |story, _| opened(story, CLIENT, CLIENT, PROVIDER, 1)),
    (Stop::Ticks, "a tick of somebody else", |story, dice| tick(story, dice, CLIENT, |_| {})),
    (Stop::Ticks, "a tick of another chain", |story, dice| {
        let round = story.events.get(dice.below(story.events.len())).map(|event| event.round);
        let place = story.ticks.iter().position(|signed| Some(signed.said().round) == round);
        tick_at(story, place, NOTARY, |tick| tick.beacon.0[0] ^= 1)
    }),
    (Stop::Ticks, "live time that goes before the clock", |story, dice| {
        tick(story, dice, NOTARY, |tick| tick.live = tick.time.after(Duration(1)))
    }),
    (Stop::Ticks, "live time that leaps", |story, _| leap(story)),
    (Stop::Ticks, "a checkpoint in the middle of an epoch", |story, dice| {
        let begun = Checkpoint {
            anchor: Digest([1; 32]),
            rosters: Digest([2; 32]),
            head: Head::default(),
            convicted: Vec::new(),
        };
        let length = story.genesis.timers.epoch_ticks;
        let middle = |signed: &Signed<Tick>| !signed.said().round.is_multiple_of(length);
        let places: Vec<usize> = places(&story.ticks, middle);
        tick_at(story, any(&places, dice), NOTARY, |tick| tick.checkpoint = Some(begun))
    }),
    (Stop::Ticks, "an epoch without a checkpoint", |story, dice| {
        let places = places(&story.ticks, |signed| signed.said().checkpoint.is_some());
        tick_at(story, any(&places, dice), NOTARY, |tick| tick.checkpoint = None)
    }),
    (Stop::Ticket, "an opening of long ago, and convicts since", |story, _| {
        convicts(story, 130, &[(1, 100), (2, 130)])
    }),
    (Stop::Ticks, "a convict twice", |story, _| convicts(story, 100, &[(1, 100), (1, 100)])),
    (Stop::Ticks, "convicts out of order", |story, _| convicts(story, 100, &[(2, 100), (1, 100)])),
    (Stop::Ticks, "who is to be convicted tomorrow", |story, _| convicts(story, 100, &[(1, 101)])),
    (Stop::Ticks, "who was convicted long ago", |story, _| convicts(story, 131, &[(1, 100)])),
    (Stop::Ticks, "a tick left out", |story, dice| {
        let at = dice.below(story.ticks.len());
        story.ticks.remove(at);
        true
    }),
    (Stop::Ticks, "a tick twice", |story, dice| {
        let at = dice.below(story.ticks.len());
        story.ticks.insert(at, story.ticks[at].clone());
        true
    }),
    (Stop::Ticks, "events out of order", |story, _| {
        let Some(last) = story.events.len().checked_sub(1) else { return false };
        let early = story.ticket.standing.round;
        let moves = last > 0 && story.events[last - 1].round > early;
        story.events[last].round = early;
        // The ticks are told as if that were so.
        let events = &story.events;
        let unused = places(&story.ticks, |signed| {
            signed.said().checkpoint.is_none()
                && signed.said().round != early
                && events.iter().all(|event| event.round != signed.said().round)
        });
        for at in unused.into_iter().rev() {
            story.ticks.remove(at);
        }
        moves
    }),
    (Stop::Claim, "a claim in the client's name", |story, _| said(story, CLIENT, Change::Nothing, is_claim)),
    (Stop::Claim, "a claim of another job", |story, _| said(story, PROVIDER, Change::Job, is_claim)),
    (Stop::Claim, "a claim under another ticket", |story, _| {
        said(story, PROVIDER, Change::Content, is_claim)
    }),
    (Stop::Claim, "a claim beyond the order", |story, _| said(story, PROVIDER, Change::Excess, is_claim)),
    (Stop::Claim, "an abort in the client's name", |story, _| said(story, CLIENT, Change::Nothing, is_abort)),
    (Stop::Claim, "an abort under another ticket", |story, _| {
        said(story, PROVIDER, Change::Content, is_abort)
    }),
    (Stop::Reveal, "a secret of the provider", |story, _| said(story, PROVIDER, Change::Nothing, is_reveal)),
    (Stop::Reveal, "another secret", |story, _| said(story, CLIENT, Change::Content, is_reveal)),
    (Stop::Reveal, "another position", |story, _| said(story, CLIENT, Change::Excess, is_reveal)),
    (Stop::Reveal, "a secret of another job", |story, _| said(story, CLIENT, Change::Job, is_reveal)),
    (Stop::Objection, "an objection in the provider's name", |story, _| {
        said(story, PROVIDER, Change::Nothing, is_objection)
    }),
    (Stop::Objection, "an objection to another job", |story, _| {
        said(story, CLIENT, Change::Job, is_objection)
    }),
    (Stop::Objection, "an objection that says something else", |story, _| {
        said(story, CLIENT, Change::Content, is_objection)
    }),
    (Stop::Draw, "the draw the other way", |story, _| {
        let drawn = story.events.iter_mut().find_map(|event| {
            if let Happening::Draw { check } = &mut event.what { Some(check) } else { None }
        });
        drawn.map(|check| *check = !*check).is_some()
    }),
    (Stop::Verifiers, "another verifier", |story, dice| {
        tries(story, dice, |tries| tries[0].leaf.peer = NOTARY)
    }),
    (Stop::Verifiers, "a verifier of more weight", |story, dice| {
        tries(story, dice, |tries| tries[0].leaf.stake.0 += 1)
    }),
    (Stop::Verifiers, "a try too many", |story, dice| {
        tries(story, dice, |tries| tries.push(tries[0].clone()))
    }),
    (Stop::Verifiers, "a path that shows nothing", |story, dice| {
        tries(story, dice, |tries| tries[0].path = Default::default())
    }),
    (Stop::Verifiers, "time that counts from the past", |story, dice| after(story, dice, |now, _| now)),
    (Stop::Verifiers, "time that begins later than any check may wait", |story, dice| {
        after(story, dice, |now, settle_max| now.after(settle_max).after(Duration(1)))
    }),
    (Stop::Evidence, "an answer to another deadline", |story, dice| {
        let is = |event: &StoryEvent| matches!(event.what, Happening::Underway(_));
        let Some(at) = any(&places(&story.events, is), dice) else { return false };
        let Some((_, by)) = story.events[at].what.about() else { return false };
        let what = restated(story, &story.events[at].what, by, Change::Content);
        what.map(|what| story.events[at].what = what).is_some()
    }),
    (Stop::Evidence, "a deadline that is not the one that its verifier answered to", |story, dice| {
        let answered = |at: usize| {
            matches!(story.events.get(at + 1).map(|event| &event.what), Some(Happening::Underway(_)))
        };
        let seats = places(&story.events, |event| matches!(event.what, Happening::Seat { .. }));
        let answered: Vec<usize> = seats.into_iter().filter(|at| answered(*at)).collect();
        let Some(at) = any(&answered, dice) else { return false };
        let round = story.events[at].round;
        let told = story.ticks.iter().find(|signed| signed.said().round == round);
        let Some(live) = told.map(|signed| signed.said().live) else { return false };
        let Happening::Seat { after, .. } = &mut story.events[at].what else { return false };
        *after = Some(after.unwrap_or(live).after(Duration(1)));
        true
    }),
    (Stop::Verifiers, "the roster of another epoch", |story, _| {
        story.listing.as_mut().map(|listing| listing.roster.epoch += 1).is_some()
    }),
    (Stop::Verifiers, "a roster that is not listed", |story, _| {
        story.listing.as_mut().map(|listing| listing.position ^= 1).is_some()
    }),
    (Stop::Verifiers, "a party of more weight", |story, _| {
        story.listing.as_mut().map(|listing| listing.parties[0].leaf.stake.0 += 1).is_some()
    }),
    (Stop::Verifiers, "the provider before the client", |story, _| {
        story.listing.as_mut().map(|listing| listing.parties.reverse()).is_some()
    }),
    (Stop::Verifiers, "a verifier that is taken for a party", |story, dice| {
        let drawn =
            |event: &StoryEvent| matches!(&event.what, Happening::Seat { tries, .. } if !tries.is_empty());
        let Some(at) = any(&places(&story.events, drawn), dice) else { return false };
        let Happening::Seat { tries, .. } = &story.events[at].what else { return false };
        let Some(Try { leaf, path }) = tries.last().cloned() else { return false };
        story.listing.as_mut().map(|listing| listing.parties[1] = Member { leaf, path }).is_some()
    }),
    (Stop::Verifiers, "no roster", |story, _| {
        let drawn =
            |event: &StoryEvent| matches!(&event.what, Happening::Seat { tries, .. } if !tries.is_empty());
        story.listing = None;
        story.events.iter().any(drawn)
    }),
    (Stop::Evidence, "evidence in the client's name", |story, dice| evidence(story, dice, Change::Nothing)),
    (Stop::Evidence, "evidence of another job", |story, dice| evidence(story, dice, Change::Job)),
    (Stop::Evidence, "evidence that was not sealed", |story, _| {
        let opens = |what: &Happening| matches!(what, Happening::OpenSeal(_));
        let by = story.events.iter().find(|event| opens(&event.what)).and_then(|event| event.what.about());
        by.is_some_and(|(_, by)| said(story, by, Change::Content, opens))
    }),
    (Stop::Evidence, "records that were not drawn", |story, _| {
        let opens = |what: &Happening| matches!(what, Happening::OpenClaim { .. });
        // One that does not open the claim convicts, whatever records it shows.
        story.outcome != Outcome::FalseOpening && said(story, PROVIDER, Change::Content, opens)
    }),
    (Stop::Evidence, "a trap of the provider alone", |story, _| trap(story, PROVIDER, |_| {})),
    (Stop::Evidence, "a trap in another job", |story, _| trap(story, CLIENT, |trap| trap.job.0[0] ^= 1)),
    (Stop::Evidence, "more put up for a trap than is at stake in it", |story, _| pledged(story)),
    (Stop::Evidence, "a trap of another claim", |story, _| trap(story, CLIENT, |trap| trap.commit.0[0] ^= 1)),
    (Stop::Evidence, "a trap where outputs are compared by their numbers", |story, _| {
        let policy = story.open.said().order.said().manifest.policy;
        let convicts = story.outcome == Outcome::FalseOpening;
        matches!(policy, Policy::Tensor(_)) && !convicts && trap(story, CLIENT, |_| {})
    }),
    (Stop::Outcome, "another outcome", |story, dice| {
        let others: Vec<Outcome> = Outcome::ALL.into_iter().filter(|other| *other != story.outcome).collect();
        story.outcome = others[dice.below(others.len())];
        true
    }),
    (Stop::Outcome, "a job left alone whose client revealed nothing", |story, _| left_alone(story)),
    (Stop::Outcome, "a tick that moves nothing", |story, _| idle(story, Happening::Tick)),
    (Stop::Outcome, "a conviction that moves nothing", |story, _| {
        let checked = story.events.iter().any(|event| matches!(event.what, Happening::Seat { .. }));
        checked && idle(story, Happening::Convicted)
    }),
    (Stop::Outcome, "another job without a word that moves nothing", |story, _| {
        let checked = story.events.iter().any(|event| matches!(event.what, Happening::Seat { .. }));
        checked && idle(story, Happening::Unreached)
    }),
    (Stop::Outcome, "a tick after the end", |story, _| {
        let Some(last) = story.events.last().map(|event| event.round) else { return false };
        story.events.push(StoryEvent { round: last, what: Happening::Tick });
        true
    }),
    (Stop::Payout, "more for the client", |story, _| {
        story.settlement.client.0 += 1;
        true
    }),
    (Stop::Payout, "more for the provider", |story, _| {
        story.settlement.provider.0 += 1;
        true
    }),
    (Stop::Payout, "a fee more", |story, _| {
        story.settlement.fees.push(Fee { peer: NOTARY, amount: Amount(1) });
        true
    }),
    (Stop::Payout, "a fee of nothing", |story, _| {
        story.settlement.fees.push(Fee { peer: NOTARY, amount: Amount::ZERO });
        true
    }),
    (Stop::Payout, "a fee less", |story, _| story.settlement.fees.pop().is_some()),
    (Stop::Payout, "a fine more", |story, _| {
        story.settlement.fines.push(Fee { peer: NOTARY, amount: Amount(1) });
        true
    }),
    (Stop::Payout, "a trap that pays more than was at stake in it", |story, _| dearer(story)),
    (Stop::Payout, "a slash beyond the ticket", |story, _| {
        story.settlement.slashed = Amount(story.ticket.slash.0 + 1);
        true
    }),
];

fn places<T>(items: &[T], wanted: impl Fn(&T) -> bool) -> Vec<usize> {
    items.iter().enumerate().filter(|(_, item)| wanted(item)).map(|(at, _)| at).collect()
}

fn any(places: &[usize], dice: &mut Dice<'_>) -> Option<usize> {
    places.get(dice.below(places.len())).copied()
}

fn unsound(story: &mut Story, dice: &mut Dice<'_>) -> bool {
    let more = Rate(Rate::ONE.0 + 1);
    let ways: [fn(&mut Genesis, Rate); 13] = [
        |genesis, _| genesis.timers.reveal = genesis.timers.answer_min(),
        |genesis, _| genesis.timers.window = Duration(0),
        |genesis, _| genesis.timers.tick = Duration(0),
        |genesis, _| genesis.timers.gap_max = Duration(genesis.timers.tick.0 - 1),
        |genesis, _| genesis.timers.epoch_ticks = 0,
        |genesis, _| genesis.timers.epoch_ticks = 4_097,
        |genesis, more| genesis.checks.collusion = more,
        |genesis, more| genesis.money.autostake = more,
        |genesis, _| genesis.checks.base = Rate::ZERO,
        |genesis, _| genesis.checks.draws_max = 41,
        |genesis, _| genesis.checks.tries_max = 0,
        |genesis, _| genesis.money.low_water = Amount::ZERO,
        |genesis, _| (genesis.money.pool, genesis.money.endowment) = (Amount(u64::MAX), Amount(1)),
    ];
    let mut genesis = (*story.genesis).clone();
    ways[dice.below(ways.len())](&mut genesis, more);
    story.genesis = genesis.into();
    true
}

/// Signs opening, order and agreement by these peers; the agreement is to an order of another number.
fn opened(story: &mut Story, opener: PeerId, orderer: PeerId, agreer: PeerId, other: u8) -> bool {
    let open = story.open.said();
    let order = sealed(story, orderer, (*open.order.said()).clone());
    let mut accept: Accept = (*open.accept.said()).clone();
    accept.job.0[0] ^= other;
    let accept = sealed(story, agreer, accept);
    story.open = sealed(story, opener, Open { order, accept });
    true
}

pub(super) fn sealed<T: Statement>(story: &Story, by: PeerId, body: T) -> Signed<T> {
    Signed::seal(body, &Stamper(by), story.genesis.id()).into_signed()
}

/// Changes one of the ticks.
fn tick(story: &mut Story, dice: &mut Dice<'_>, by: PeerId, change: fn(&mut Tick)) -> bool {
    let at = dice.below(story.ticks.len());
    tick_at(story, Some(at), by, change)
}

fn tick_at(story: &mut Story, at: Option<usize>, by: PeerId, change: impl FnOnce(&mut Tick)) -> bool {
    let Some(at) = at else { return false };
    let mut changed = story.ticks[at].said().clone();
    change(&mut changed);
    story.ticks[at] = sealed(story, by, changed);
    true
}

/// All ticks are told so many days later, and each checkpoint names these as convicted, with their days.
fn convicts(story: &mut Story, day: u64, convicted: &[(u8, u64)]) -> bool {
    let convicts = convicted.iter().map(|(name, on)| Convict { peer: PeerId([*name; 32]), on: *on });
    let convicts: Vec<Convict> = convicts.collect();
    for at in 0..story.ticks.len() {
        tick_at(story, Some(at), NOTARY, |tick| {
            let later = Duration(day * 86_400_000);
            (tick.time, tick.live) = (tick.time.after(later), tick.live.after(later));
            tick.checkpoint.iter_mut().for_each(|checkpoint| checkpoint.convicted = convicts.clone());
        });
    }
    story.ticks.iter().any(|tick| tick.said().checkpoint.is_some())
}

/// From the second tick on, live time and the clock are as much later as no gap counts.
fn leap(story: &mut Story) -> bool {
    let gap = story.genesis.timers.gap_max;
    for at in 1..story.ticks.len() {
        let rounds = story.ticks[1].said().round - story.ticks[0].said().round;
        let leap = gap.times(rounds + 1);
        tick_at(story, Some(at), NOTARY, |tick| {
            (tick.live, tick.time) = (tick.live.after(leap), tick.time.after(leap));
        });
    }
    story.ticks.len() > 1
}

/// What is changed in a statement.
#[derive(Clone, Copy)]
enum Change {
    Nothing,
    /// What it is about.
    Job,
    /// What it says of this job.
    Content,
    /// A number in it.
    Excess,
}

fn is_claim(what: &Happening) -> bool {
    matches!(what, Happening::Claim { .. })
}

fn is_abort(what: &Happening) -> bool {
    matches!(what, Happening::Abort(_))
}

fn is_reveal(what: &Happening) -> bool {
    matches!(what, Happening::Reveal(_))
}

fn is_objection(what: &Happening) -> bool {
    matches!(what, Happening::Cancel(_) | Happening::Dispute(_) | Happening::Contradict(_))
}

/// A statement of evidence in the client's name, or about another job.
fn evidence(story: &mut Story, dice: &mut Dice<'_>, change: Change) -> bool {
    let is = |event: &StoryEvent| {
        matches!(
            event.what,
            Happening::Underway(_)
                | Happening::Seal(_)
                | Happening::Unserved(_)
                | Happening::OpenSeal(_)
                | Happening::OpenClaim { .. }
        )
    };
    let Some(at) = any(&places(&story.events, is), dice) else { return false };
    let Some((_, by)) = story.events[at].what.about() else { return false };
    let by = if matches!(change, Change::Nothing) { CLIENT } else { by };
    let what = restated(story, &story.events[at].what, by, change);
    what.map(|what| story.events[at].what = what).is_some()
}

/// States the first of these anew, changed, in the name of this peer.
fn said(story: &mut Story, by: PeerId, change: Change, is: fn(&Happening) -> bool) -> bool {
    let Some(at) = story.events.iter().position(|event| is(&event.what)) else { return false };
    let what = restated(story, &story.events[at].what, by, change);
    what.map(|what| story.events[at].what = what).is_some()
}

fn restated(story: &Story, what: &Happening, by: PeerId, change: Change) -> Option<Happening> {
    /// States this anew; nothing, if that is no lie.
    macro_rules! anew {
        ($signed:expr, $body:ident => $content:expr) => {
            anew!($signed, $body => $content, else return None)
        };
        ($signed:expr, $body:ident => $content:expr, else $excess:expr) => {{
            let mut $body = (*$signed.said()).clone();
            match change {
                Change::Nothing => {}
                Change::Job => $body.job.0[0] ^= 1,
                Change::Content => $content,
                Change::Excess => $excess,
            }
            sealed(story, by, $body)
        }};
    }
    Some(match what {
        Happening::Claim { claim, position } => {
            let units_max = story.open.said().order.said().units_max;
            let ends = claim.said().end == End::Cancelled;
            let claim = anew!(claim, claim => claim.ticket.0[0] ^= 1, else claim.units = units_max + 1);
            // Who claims the fee for nothing is refused as well, but by no more than one rule.
            (!ends).then_some(())?;
            Happening::Claim { claim, position: *position }
        }
        Happening::Abort(abort) => Happening::Abort(anew!(abort, abort => abort.ticket.0[0] ^= 1)),
        Happening::Cancel(cancel) => Happening::Cancel(anew!(cancel, cancel => cancel.ticket.0[0] ^= 1)),
        Happening::Reveal(reveal) => {
            Happening::Reveal(anew!(reveal, reveal => reveal.secret.0[0] ^= 1, else reveal.position += 1))
        }
        Happening::Dispute(dispute) => Happening::Dispute(anew!(dispute, _dispute => return None)),
        Happening::Contradict(contradict) => {
            Happening::Contradict(anew!(contradict, contradict => contradict.evidence.0[0] ^= 1).into())
        }
        Happening::Seal(seal) => Happening::Seal(anew!(seal, _seal => return None)),
        Happening::Underway(underway) => {
            Happening::Underway(anew!(underway, underway => underway.due.0 ^= 1))
        }
        Happening::Unserved(unserved) => Happening::Unserved(anew!(unserved, _unserved => return None)),
        Happening::OpenClaim { opening, blind, pledged } => {
            let opening = anew!(opening, opening => opening.records.pop().map(drop)?);
            Happening::OpenClaim { opening, blind: *blind, pledged: *pledged }
        }
        Happening::OpenSeal(opening) => {
            Happening::OpenSeal(anew!(opening, opening => opening.evidence.salt.0[0] ^= 1))
        }
        Happening::Draw { .. }
        | Happening::Seat { .. }
        | Happening::Tick
        | Happening::Convicted
        | Happening::Unreached => return None,
    })
}

/// Changes from when on the time of a verifier counts that was drawn, by when that was and how long a check waits at most.
fn after(story: &mut Story, dice: &mut Dice<'_>, change: fn(Timestamp, Duration) -> Timestamp) -> bool {
    let drawn =
        |event: &StoryEvent| matches!(&event.what, Happening::Seat { tries, .. } if !tries.is_empty());
    let Some(at) = any(&places(&story.events, drawn), dice) else { return false };
    let (round, settle_max) = (story.events[at].round, story.genesis.timers.settle_max);
    let told = story.ticks.iter().find(|signed| signed.said().round == round);
    let Some(live) = told.map(|signed| signed.said().live) else { return false };
    if let Happening::Seat { after, .. } = &mut story.events[at].what {
        *after = Some(change(live, settle_max));
    }
    true
}

/// Changes by whom a verifier was drawn.
fn tries(story: &mut Story, dice: &mut Dice<'_>, change: fn(&mut Vec<Try>)) -> bool {
    let drawn =
        |event: &StoryEvent| matches!(&event.what, Happening::Seat { tries, .. } if !tries.is_empty());
    let Some(at) = any(&places(&story.events, drawn), dice) else { return false };
    if let Happening::Seat { tries, .. } = &mut story.events[at].what {
        change(tries);
    }
    true
}

/// Tells of the first statement's round what moved nothing then.
fn idle(story: &mut Story, what: Happening) -> bool {
    let place = if what == Happening::Tick {
        story.events.iter().position(|event| event.what.about().is_some())
    } else {
        story.events.iter().position(|event| matches!(event.what, Happening::Seat { .. })).map(|at| at + 1)
    };
    let Some((at, round)) = place.and_then(|at| Some((at, story.events.get(at)?.round))) else {
        return false;
    };
    let drawn = story.events[at.saturating_sub(1)].round;
    let round = if matches!(what, Happening::Tick) { round } else { drawn };
    story.events.insert(at, StoryEvent { round, what });
    true
}
