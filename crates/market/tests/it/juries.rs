//! Juries as the rules draw and weigh them: exactly, by the walk that they are, and by draws from rosters of few and many
//! verifiers, of equal stakes and of dust.

use std::collections::BTreeMap;

use assay_protocol::{
    claim::Written,
    codec,
    compare::Testimony,
    draw::{self, Lot},
    genesis::Checks,
    id::{Digest, PeerId},
    jury::{self, Ballot, Side, Tally, Verdict, Voice},
    manifest::{End, Policy},
    rate,
    roster::{Leaf, Roster},
    units::{Amount, Rate},
};

/// Juries of each kind: enough to see a rule that is missing.
const JURIES: u64 = 1_000;
/// Juries of each kind in the long run.
const JURIES_LONG: u64 = 20_000;
/// Verifiers that a share of dust is spread over.
const DUST: u64 = 100;
/// Accusations of newcomers of each kind.
const LOOKS: u64 = 100_000;
/// σ within which a frequency has to be.
const SIGMAS: f64 = 4.0;

/// How likely each verdict is, by the chance that a draw is against the provider, with it, or of one that got no input;
/// whoever else is drawn is absent. Every draw is of somebody else, as in a crowd.
fn verdicts(against: f64, with: f64, unserved: f64) -> BTreeMap<&'static str, f64> {
    let absent = 1.0 - against - with - unserved;
    let (checks, mut ends) = (Checks::default(), BTreeMap::new());
    let mut walk = BTreeMap::from([([0_i64; 3], 1.0)]);
    for draws in 1..=checks.draws_max {
        let mut next: BTreeMap<[i64; 3], f64> = BTreeMap::new();
        for (counts, chance) in walk {
            let steps = [against, with, unserved, absent];
            for (at, step) in steps.into_iter().enumerate().filter(|(_, step)| *step > 1e-12) {
                let mut counts = counts;
                counts.get_mut(at).into_iter().for_each(|count| *count += 1);
                match word(crowd(counts).verdict(&checks, draws, u128::MAX), &crowd(counts)) {
                    "open" => *next.entry(counts).or_default() += chance * step,
                    ended => *ends.entry(ended).or_default() += chance * step,
                }
            }
        }
        walk = next;
    }
    assert!(walk.is_empty(), "a jury goes on after its last draw");
    ends
}

/// So many draws of each kind, each of somebody else.
fn crowd([against, with, unserved]: [i64; 3]) -> Tally {
    let side = |draws: i64| Side { draws, voices: draws.unsigned_abs(), weight: 0 };
    Tally { stands: Vec::new(), against: side(against), with: side(with), unserved: side(unserved) }
}

fn word(verdict: Verdict, tally: &Tally) -> &'static str {
    match verdict {
        Verdict::Convicted => "convicted",
        Verdict::Cleared => "cleared",
        Verdict::Unreached => "unreached",
        Verdict::Hung if tally.margin() > 0 => "disputed",
        Verdict::Hung => "void",
        Verdict::Open => "open",
    }
}

/// Asserts a chance to so many digits as it is published with.
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn published(what: &str, found: Option<&f64>, expected: f64, digits: i32) {
    let found = found.copied().unwrap_or_default();
    println!("{what}: {found:.5}, published as {expected}");
    assert!((found - expected).abs() <= 0.51 * 10_f64.powi(-digits), "{what}: {found} is not {expected}");
}

#[test]
fn a_jury_of_a_crowd_decides_exactly_as_published() {
    let cheat = verdicts(0.8, 0.2, 0.0);
    published("a cheat is acquitted at r = .2", cheat.get("cleared"), 0.0039, 4);
    let honest = verdicts(0.2, 0.8, 0.0);
    published("an honest provider is convicted at r = .2", honest.get("convicted"), 0.000_24, 5);
    let third = 1.0 / 3.0;
    let cheat = verdicts(1.0 - third, third, 0.0);
    published("a cheat is acquitted at r = 1/3", cheat.get("cleared"), 0.0608, 4);
    let hung = cheat.get("disputed").unwrap_or(&0.0) + cheat.get("void").unwrap_or(&0.0);
    published("a cheat's jury hangs at r = 1/3", Some(&hung), 0.027, 3);
    let honest = verdicts(third, 1.0 - third, 0.0);
    published("an honest provider is convicted at r = 1/3", honest.get("convicted"), 0.0143, 4);
}

#[test]
fn the_rate_is_reckoned_with_the_walk_that_a_jury_is() {
    for per_mille in [20, 200, 333, 500, 800] {
        let against = Rate::per_mille(per_mille);
        let reckoned = rate::jury_convicts(&Checks::default(), against).0 as f64 / Rate::ONE.0 as f64;
        let share = against.0 as f64 / Rate::ONE.0 as f64;
        let exact = verdicts(share, 1.0 - share, 0.0).get("convicted").copied().unwrap_or_default();
        assert!((reckoned - exact).abs() < 1e-7, "at {against}: {reckoned} is not {exact}");
    }
}

#[test]
fn those_who_cannot_reach_the_parties_convict_nobody_and_clear_nobody_cheaply() {
    // A fifth are friends; of the honest, two fifths cannot reach either party.
    let honest = verdicts(0.2, 0.48, 0.32);
    published("an accused honest provider is convicted", honest.get("convicted"), 0.0048, 4);
    published("it ends unreached", honest.get("unreached"), 0.010, 3);
    let hung = honest.get("disputed").unwrap_or(&0.0) + honest.get("void").unwrap_or(&0.0);
    published("it hangs", Some(&hung), 0.244, 3);
    let third = 1.0 / 3.0;
    let honest = verdicts(third, 0.4, 0.4 * 2.0 * third);
    published("an honest one is convicted where friends are a third", honest.get("convicted"), 0.145, 3);
    let cheat = verdicts(0.4, 0.2, 0.4);
    published("a cheat that half can reach is convicted", cheat.get("convicted"), 0.78, 2);
}

/// What a verifier says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mind {
    /// What it found: that the claim is false.
    Honest,
    /// That the claim is true.
    Friend,
    /// Nothing.
    Asleep,
}

/// Verifiers, each with its mind.
struct Panel {
    roster: Roster,
    minds: BTreeMap<PeerId, Mind>,
}

impl Panel {
    /// Verifiers with these stakes.
    fn new(members: impl IntoIterator<Item = (u64, Mind)>) -> Self {
        let members = (0_u64..).zip(members);
        let named = |(number, (stake, mind)): (u64, (u64, Mind))| {
            let mut name = [0; 32];
            name[..8].copy_from_slice(&number.to_be_bytes());
            (Leaf { peer: PeerId(name), stake: Amount(stake) }, mind)
        };
        let members: Vec<(Leaf, Mind)> = members.map(named).collect();
        let minds = members.iter().map(|(leaf, mind)| (leaf.peer, *mind)).collect();
        Self { roster: Roster::new(members.into_iter().map(|(leaf, _)| leaf)), minds }
    }

    /// What a jury of these decides over a false claim, as a job draws and weighs it.
    fn judge(&self, number: u64) -> &'static str {
        let checks = Checks::default();
        let (job, secret) = (codec::digest("job", &number), codec::digest("secret", &number));
        let claim = testimony(0);
        let [truth, lie] = [1, 0].map(|value| Voice::Found(testimony(value)));
        let mut drawn: Vec<Leaf> = Vec::new();
        let mut absent: Vec<Leaf> = Vec::new();
        for draws in 1..=checks.draws_max {
            let beacon = codec::digest("value", &draws);
            let seat = u16::try_from(draws).unwrap_or(u16::MAX);
            let barred: Vec<PeerId> = absent.iter().map(|leaf| leaf.peer).collect();
            let tries = Lot { job, secret, beacon, seat }.cast(&self.roster, &barred, checks.tries_max);
            let Some(leaf) = tries.and_then(|tries| tries.last().map(|tried| tried.leaf)) else {
                panic!("nobody is left")
            };
            if self.minds[&leaf.peer] == Mind::Asleep {
                absent.push(leaf)
            } else {
                drawn.push(leaf)
            }
            let mut jurors: Vec<Leaf> = Vec::new();
            for leaf in &drawn {
                if !jurors.contains(leaf) {
                    jurors.push(*leaf);
                }
            }
            let heard: Vec<Ballot<'_>> = jurors
                .iter()
                .map(|leaf| Ballot {
                    voice: if self.minds[&leaf.peer] == Mind::Friend { &lie } else { &truth },
                    draws: drawn.iter().filter(|other| *other == leaf).count() as u64,
                    weight: leaf.stake.0,
                })
                .collect();
            let asleep: u64 = absent.iter().map(|leaf| leaf.stake.0).sum();
            let electorate = u128::from(self.roster.root(0).top.sum - asleep);
            let tally = jury::tally(Policy::Exact, None, Some(&claim), &heard);
            let verdict = word(tally.verdict(&checks, draws, electorate), &tally);
            if verdict != "open" {
                return verdict;
            }
        }
        panic!("a jury goes on after its last draw")
    }
}

/// What somebody found who read this in the output.
pub(crate) fn testimony(value: u8) -> Testimony {
    Testimony {
        written: Written { root: Digest([value; 32]), records: 1, blob: Digest([value; 32]) },
        evidence_root: Digest::default(),
        records: 1,
        units: 1,
        work: 1,
        check_work: 1,
        end: End::Stop,
        rms: 0,
        shown: BTreeMap::new(),
    }
}

#[test]
fn few_equal_verifiers_convict_always_though_one_is_a_friend_and_some_are_asleep() {
    use Mind::{Asleep, Friend, Honest};
    for (minds, expected) in [
        (&[Honest, Honest, Friend][..], "convicted"),
        (&[Honest, Honest, Friend, Asleep], "convicted"),
        (&[Honest, Honest, Friend, Asleep, Asleep], "convicted"),
    ] {
        let crowd = Panel::new(minds.iter().map(|mind| (1_000, *mind)));
        for number in 0..JURIES {
            assert_eq!(crowd.judge(number), expected, "{minds:?}");
        }
    }
    let crowd = Panel::new([(1_000, Honest), (1_000, Friend), (1_000, Asleep)]);
    for number in 0..JURIES {
        let verdict = crowd.judge(number);
        assert!(["disputed", "void"].contains(&verdict), "one against one: {verdict}");
    }
}

/// What a verifier that accuses a newcomer nets of each check on average, with four standard deviations, where such a
/// share of the others is friends: an honest one for the truth, or one that says anything.
fn accuser_nets(per_mille: u64, is_honest: bool) -> (f64, f64) {
    let members = 1_000;
    let crowd = Panel::new((0..members).map(|number| {
        (1_000, if number * 1_000 < per_mille * members { Mind::Friend } else { Mind::Honest })
    }));
    let checks = Checks::default();
    let fine = 3.0 / (checks.second.0 as f64 / Rate::ONE.0 as f64);
    let (mut sum, mut squares) = (0.0, 0.0);
    for number in 0..LOOKS {
        let (job, secret) = (codec::digest("job", &number), codec::digest("secret", &number));
        let beacons = [1, 2].map(|round| codec::digest("value", &(number, round)));
        let contradicts = |seat: u16| {
            let lot = Lot { job, secret, beacon: beacons[usize::from(seat) - 1], seat };
            let drawn =
                lot.cast(&crowd.roster, &[], checks.tries_max).and_then(|tries| tries.last().cloned());
            drawn.is_some_and(|tried| (crowd.minds[&tried.leaf.peer] == Mind::Friend) == is_honest)
        };
        let looked = draw::is_second(job, secret, beacons[0], checks.second);
        let net = if looked && contradicts(1) && contradicts(2) { 1.0 - fine } else { 1.0 };
        (sum, squares) = (sum + net, squares + net * net);
    }
    let mean = sum / LOOKS as f64;
    (mean, SIGMAS * ((squares / LOOKS as f64 - mean * mean) / LOOKS as f64).sqrt())
}

#[test]
fn where_two_of_three_decide_the_truth_about_newcomers_is_paid_and_junk_is_not() {
    for (per_mille, honest, junk) in [(200, 0.88, -0.92), (333, 0.667, -0.335)] {
        for (is_honest, expected) in [(true, honest), (false, junk)] {
            let (mean, bound) = accuser_nets(per_mille, is_honest);
            assert!(
                (mean - expected).abs() <= bound + 5e-4,
                "{per_mille} ‰: {mean}, not {expected} ± {bound}"
            );
        }
    }
}

/// Juries of so many honest verifiers of equal stake, beside a hundred friends that hold a share between them.
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn dusty(honest: u64, per_mille: u64, juries: u64) {
    let stake = 1_000_000_000;
    let share = per_mille as f64 / 1_000.0;
    let dust = (honest * stake) as f64 * share / (1.0 - share) / DUST as f64;
    let honest_ones = (0..honest).map(|_| (stake, Mind::Honest));
    let crowd = Panel::new(honest_ones.chain((0..DUST).map(|_| (dust as u64, Mind::Friend))));
    let verdicts: Vec<&str> = (0..juries).map(|number| crowd.judge(number)).collect();
    let exact = self::verdicts(1.0 - share, share, 0.0);
    for (verdict, worse) in [("convicted", -1.0), ("cleared", 1.0)] {
        let chance = exact.get(verdict).copied().unwrap_or_default();
        let found = verdicts.iter().filter(|said| **said == verdict).count() as f64 / juries as f64;
        let sigma = (chance * (1.0 - chance) / juries as f64).sqrt().max(0.3 / juries as f64);
        println!(
            "{honest} honest, {per_mille} ‰ in dust: {verdict} {found:.4}, should be {chance:.4} ± {:.4}",
            SIGMAS * sigma
        );
        // Where few are honest half of the weight is soon heard, and juries err less.
        assert!(worse * (found - chance) <= SIGMAS * sigma, "{verdict} at {honest} and {per_mille} ‰");
        assert!(
            honest < 100 || (found - chance).abs() <= SIGMAS * sigma,
            "{verdict} at {honest} and {per_mille} ‰"
        );
    }
}

/// The numbers of honest verifiers, and the shares of the stake in dust, that juries are tried with.
fn mixtures(juries: u64) {
    for honest in [5, 12, 100, 1_000] {
        [0, 20, 200, 333].into_iter().for_each(|per_mille| dusty(honest, per_mille, juries));
    }
}

#[test]
fn neither_the_number_of_verifiers_nor_dust_among_them_saves_a_cheat() {
    mixtures(JURIES);
}

#[test]
#[ignore = "minutes: many juries of each mixture"]
fn neither_the_number_of_verifiers_nor_dust_among_them_saves_a_cheat_in_the_long_run() {
    mixtures(JURIES_LONG);
}
