//! The closed forms that deterrence rests on, beside what comes of the functions that networks run.

use std::collections::BTreeMap;

use assay_protocol::{
    codec,
    draw::{self, Lot},
    genesis::Checks,
    id::{Digest, PeerId},
    jury::{Side, Tally, Verdict},
    rate::{self, Circumstances},
    roster::{Leaf, Roster},
    units::{Amount, Rate},
};

use super::{TRIALS, Validated, mean, share};
use crate::{
    lab::{checking, distribution::unit, voting},
    random::Stream,
};

/// Providers that climb the ramp, and honest jobs of each.
const RAMPS: u64 = 1_000;
const RAMP_JOBS: usize = 1_000;
/// Juries of few, each of which must end as the rules say.
const JURIES: u64 = 1_000;

/// All of them.
pub(super) fn all() -> Vec<Validated> {
    let parts = [bursts(), ramp(), long_cons(), newcomers(), absences(), draws(), juries(), few(), traps()];
    parts.into_iter().flatten().chain([pool()]).collect()
}

fn of_one(rate: Rate) -> f64 {
    rate.0 as f64 / Rate::ONE.0 as f64
}

fn digest(luck: &mut Stream) -> Digest {
    codec::digest("luck", &luck.number())
}

/// What so many cheats at once bring on average, in prices: each is convicted with chance `q`, the first conviction takes the
/// stake, and a freeze keeps the others from being paid.
fn burst(cheats: i32, q: f64, stake: f64, freezes: bool) -> f64 {
    let caught = 1.0 - libm::pow(1.0 - q, f64::from(cheats));
    let paid = if freezes { 1.0 - caught } else { 1.0 - q };
    f64::from(cheats) * paid - caught * stake
}

fn bursts() -> Vec<Validated> {
    let (cheats, stake, q) = (100, 50.0, 0.03 * 0.757);
    let gain = |freezes: bool| {
        let how = if freezes { "with a freeze" } else { "without one" };
        mean(format!("{cheats} cheats at once, {how}"), burst(cheats, q, stake, freezes), TRIALS, |luck| {
            match (0..cheats).filter(|_| unit(luck) < q).count() {
                0 => f64::from(cheats),
                _ if freezes => -stake,
                convicted => f64::from(cheats) - convicted as f64 - stake,
            }
        })
    };
    let pays = (1..cheats).find(|cheats| burst(*cheats, q, stake, false) > 0.0);
    let pays = f64::from(pays.unwrap_or_default());
    let from = Validated::within("cheats at once that pay without a freeze", 15.0, pays, 0.0);
    vec![gain(false), gain(true), from]
}

/// How trust grows, and what that leaves of dues.
fn ramp() -> Vec<Validated> {
    let checks = Checks::default();
    let climbs = |luck: &mut Stream| {
        let passed = (0..RAMP_JOBS)
            .fold(0_u64, |passed, _| passed + u64::from(luck.happens(rate::ramp(&checks, passed << 32))));
        (passed * (passed + 1)) as f64
    };
    let product = 30.0 + 10.0 * (RAMP_JOBS as f64 - 5.0);
    let mut found = vec![mean("v (v + 1) after 1,000 honest jobs", product, RAMPS, climbs)];
    let means = checking::checked_means(&checks, RAMP_JOBS);
    let of = |jobs: usize| means.get(jobs).copied().unwrap_or_default();
    found.push(Validated::within("checks passed in 1,000 honest jobs", 99.4, of(RAMP_JOBS), 0.5));
    found.extend([(10, 0.80), (100, 0.27), (1_000, 0.06)].map(|(jobs, published)| {
        let dues = of(jobs) / jobs as f64 - of_one(checks.base);
        Validated::within(format!("dues of {jobs} jobs, of what all checks cost"), published, dues, 0.025)
    }));
    found
}

/// Ten honest results, and then cheats: what they buy where others are trusted for them, and what here.
fn long_cons() -> Vec<Validated> {
    let replicated = 0.1;
    let before = (1.0 - replicated) / replicated;
    let accepted = mean("cheats accepted after ten honest jobs, as BOINC does it", before, TRIALS, |luck| {
        voting::accepted_before_caught(replicated, luck) as f64
    });
    // Of each round's results: the honest ones, the false ones that were accepted, and the one that was found out.
    let false_share = accepted.found / (10.0 + accepted.found + 1.0);
    let false_share = Validated::within("the same as a share of all results", 0.45, false_share, 0.005);
    let (checks, price, slash) = (Checks::default(), Amount::credits(1), Amount::credits(100));
    let job = Circumstances { trust: 10 << 32, price, slash, always: false };
    let q = of_one(rate::rate(&checks, &job)) * of_one(rate::convicts(&checks));
    let surplus = (1.0 - q) / q - 100.0;
    let surplus = mean("what the same cheats gain here, in prices", surplus, TRIALS, |luck| {
        voting::accepted_before_caught(q, luck) as f64 - 100.0
    });
    vec![accepted, false_share, surplus]
}

/// What a verifier nets that contradicts a newcomer, in fees: for the truth, and for saying anything.
fn newcomers() -> Vec<Validated> {
    let checks = Checks::default();
    let fine = 3.0 / of_one(checks.second);
    let nets = |friends: f64, is_honest: bool, published: f64| {
        let what = if is_honest { "the truth" } else { "junk" };
        let name = format!("an accuser of a newcomer nets by {what}, {friends:.2} are its friends");
        let contradicts = |luck: &mut Stream| (unit(luck) < friends) == is_honest;
        let trial = |luck: &mut Stream| {
            let is_looked_at = luck.happens(checks.second);
            if is_looked_at && contradicts(luck) && contradicts(luck) { 1.0 - fine } else { 1.0 }
        };
        mean(name, published, TRIALS, trial)
    };
    let third = 1.0 / 3.0;
    vec![
        nets(0.2, true, 0.88),
        nets(third, true, 1.0 - third),
        nets(0.2, false, -0.92),
        nets(third, false, -third),
    ]
}

fn roster(stakes: impl Iterator<Item = (u8, u64)>) -> Roster {
    Roster::new(stakes.map(|(name, stake)| Leaf { peer: PeerId([name; 32]), stake: Amount(stake) }))
}

/// Whom the lot of a seat falls on.
fn drawn(roster: &Roster, barred: &[PeerId], seat: u16, luck: &mut Stream) -> Option<PeerId> {
    let lot = Lot { job: digest(luck), secret: digest(luck), beacon: digest(luck), seat };
    lot.cast(roster, barred, 256)?.last().map(|tried| tried.leaf.peer)
}

/// Who does not answer is passed over: where a share a of the weight is away, colluders with r of it are asked as if they had
/// r / (1 − a).
fn absences() -> Vec<Validated> {
    let roster = roster((0..40).map(|name| (name, 7)));
    let asked = |away: u8| {
        let part = f64::from(away) / 40.0;
        share(format!("colluders among those that answer, {part} are away"), 0.2 / (1.0 - part), |luck| {
            let mut barred = Vec::new();
            // The last ones are away, and the first eight collude.
            while let Some(peer) = drawn(&roster, &barred, 0, luck) {
                if peer.0[0] < 40 - away {
                    return peer.0[0] < 8;
                }
                barred.push(peer);
            }
            false
        })
    };
    [4, 10, 20].map(asked).into()
}

/// How often jobs are drawn, and on whom seats fall.
fn draws() -> Vec<Validated> {
    let none = Digest::default();
    let mut found: Vec<Validated> = [20, 195, 500]
        .map(|per_mille| {
            let rate = Rate::per_mille(per_mille);
            share(format!("drawn at {per_mille} ‰"), of_one(rate), |luck| {
                draw::is_drawn(digest(luck), none, digest(luck), none, rate)
            })
        })
        .into();
    let roster = roster((1..=20).map(|name| (name, u64::from(name))));
    let (mut counts, mut luck) = ([0_u64; 21], Stream::new(1, "seats", 0));
    for _ in 0..TRIALS {
        if let Some(peer) = drawn(&roster, &[], 0, &mut luck) {
            counts[usize::from(peer.0[0])] += 1;
        }
    }
    let square = (1..=20).map(|weight| {
        let expected = TRIALS as f64 * weight as f64 / 210.0;
        let off = counts[weight] as f64 - expected;
        off * off / expected
    });
    // With 19 degrees of freedom 99.99 % of all samples lie below 50.8.
    let (name, target) = ("chi-square of the seats of twenty verifiers".to_owned(), 19.0);
    found.push(Validated { name, target, found: square.sum(), allowed: [0.0, 50.8] });
    found
}

/// The chances of a jury's verdicts, by those that a draw is against the provider, with it, or of one that got no input; whoever
/// else is drawn is away. Each draw is of somebody else, as in a crowd.
fn verdicts(against: f64, with: f64, unserved: f64) -> [f64; 3] {
    let (checks, steps) = (Checks::default(), [against, with, unserved, 1.0 - against - with - unserved]);
    let (mut convicted, mut unreached, mut hung) = (0.0, 0.0, 0.0);
    let mut walk = BTreeMap::from([([0_i64; 4], 1.0)]);
    for draws in 1..=checks.draws_max {
        let mut next: BTreeMap<[i64; 4], f64> = BTreeMap::new();
        for (counts, chance) in walk {
            for (at, step) in steps.into_iter().enumerate().filter(|(_, step)| *step > 1e-12) {
                let mut counts = counts;
                counts[at] += 1;
                let side = |draws: i64| Side { draws, voices: draws.unsigned_abs(), weight: 0 };
                let [against, with, unserved, _] = counts.map(side);
                let tally = Tally { stands: Vec::new(), with, against, unserved };
                match tally.verdict(&checks, draws, u128::MAX) {
                    Verdict::Open => *next.entry(counts).or_default() += chance * step,
                    Verdict::Convicted => convicted += chance * step,
                    Verdict::Unreached => unreached += chance * step,
                    Verdict::Hung => hung += chance * step,
                    Verdict::Cleared => {}
                }
            }
        }
        walk = next;
    }
    [convicted, unreached, hung]
}

/// Juries of which some cannot reach either party, to as many digits as were published.
fn juries() -> Vec<Validated> {
    let third = 1.0 / 3.0;
    let published = |name: &str, target: f64, found: f64, digit: f64| {
        Validated::within(name, target, found, 0.51 * digit)
    };
    // A fifth are friends; of the honest, two fifths reach nobody.
    let [convicted, unreached, hung] = verdicts(0.2, 0.48, 0.32);
    let [dearer, ..] = verdicts(third, 0.4, 0.4 * 2.0 * third);
    let [cheat, ..] = verdicts(0.4, 0.2, 0.4);
    vec![
        published("an honest provider that two fifths cannot reach is convicted", 0.0048, convicted, 1e-4),
        published("it ends as unreached", 0.010, unreached, 1e-3),
        published("its jury hangs", 0.244, hung, 1e-3),
        published("it is convicted where a third are its enemies' friends", 0.145, dearer, 1e-3),
        published("a cheat that half can reach is convicted", 0.78, cheat, 1e-2),
    ]
}

/// What somebody who is drawn says of a false claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JurorLeaning {
    Against,
    With,
    Away,
}

/// What a jury of these, all of the same weight, decides.
fn decided(panel: &[JurorLeaning], checks: &Checks, luck: &mut Stream) -> Verdict {
    let mut draws = vec![0_i64; panel.len()];
    for number in 1..=checks.draws_max {
        // Who is away is drawn once, and passed over from then on.
        let place = loop {
            let place = luck.below(panel.len() as u64) as usize;
            if panel[place] != JurorLeaning::Away || draws[place] == 0 {
                break place;
            }
        };
        draws[place] += 1;
        let side = |leaning: JurorLeaning| {
            let of = panel.iter().zip(&draws).filter(|(each, draws)| **each == leaning && **draws > 0);
            of.fold(Side::default(), |side, (_, draws)| Side {
                draws: side.draws + draws,
                voices: side.voices + 1,
                weight: side.weight + 1,
            })
        };
        let (with, against) = (side(JurorLeaning::With), side(JurorLeaning::Against));
        let electorate = panel.len() as u128 - side(JurorLeaning::Away).weight;
        let tally = Tally { with, against, ..Tally::default() };
        let verdict = tally.verdict(checks, number, electorate);
        if verdict != Verdict::Open {
            return verdict;
        }
    }
    Verdict::Hung
}

/// Few equal verifiers.
fn few() -> Vec<Validated> {
    use JurorLeaning::{Against, Away, With};
    let checks = Checks::default();
    let all = |name: &str, panel: &[JurorLeaning], verdict: Verdict| {
        let mut luck = Stream::new(1, name, 0);
        let hits = (0..JURIES).filter(|_| decided(panel, &checks, &mut luck) == verdict).count();
        Validated::within(name, 1.0, hits as f64 / JURIES as f64, 0.0)
    };
    vec![
        all("3 equal, 1 a friend: convicted", &[Against, Against, With], Verdict::Convicted),
        all("4 equal, 1 a friend, 1 away: convicted", &[Against, Against, With, Away], Verdict::Convicted),
        all(
            "5 equal, 1 a friend, 2 away: convicted",
            &[Against, Against, With, Away, Away],
            Verdict::Convicted,
        ),
        all("3 equal, 1 a friend, 1 away: hung", &[Against, With, Away], Verdict::Hung),
    ]
}

/// What a true claim that is called a trap costs whoever calls it so, in forfeits: two further seats decide about who matched it.
fn traps() -> Vec<Validated> {
    let loses = |friends: f64, published: f64| {
        let name = format!("a framer loses, in forfeits, {friends:.2} are its friends");
        // By so much what was published is rounded.
        let exact = (1.0 - friends) * ((1.0 - friends) * (1.0 - friends) - friends * friends);
        let lost = mean(name, exact, TRIALS, |luck| {
            let [first, second, third] = [(); 3].map(|()| unit(luck) < friends);
            match (first, second, third) {
                (false, true, true) => -1.0,
                (false, false, false) => 1.0,
                _ => 0.0,
            }
        });
        [Validated::within(format!("the same, by its form at {friends:.2}"), published, exact, 0.005), lost]
    };
    [loses(0.2, 0.48), loses(1.0 / 3.0, 0.22)].into_iter().flatten().collect()
}

/// The least that is left of a pool while honest jobs pay for their checks with a margin.
fn pool() -> Validated {
    let (rate, margin, begun) = (Rate::per_mille(100), 1.15, 100.0_f64);
    let mut luck = Stream::new(1, "pool", 0);
    let (mut pool, mut least) = (begun, begun);
    for _ in 0..TRIALS {
        pool += of_one(rate) * margin - f64::from(u8::from(luck.happens(rate)));
        least = least.min(pool);
    }
    let name = "the least of a pool of 100 checks, in 100,000 jobs at 10 %".to_owned();
    Validated { name, target: begun, found: least, allowed: [f64::MIN_POSITIVE, begun] }
}
