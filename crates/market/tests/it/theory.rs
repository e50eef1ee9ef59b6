//! The closed forms that deterrence rests on, hit by the functions that networks run: at least 10⁵ trials each, within
//! 4 σ, printed beside what they should be.

use assay_protocol::{
    codec, costs,
    draw::{self, Lot},
    genesis::Checks,
    id::{Digest, PeerId},
    jury::{self, Ballot, Verdict, Voice},
    manifest::Policy,
    rate::{self, Circumstances},
    roster::{Leaf, Roster},
    units::{Amount, Rate},
};

use crate::{
    cheap::Cheap,
    juries::testimony,
    office::{CLIENT, Office, PROVIDER},
};

const TRIALS: u64 = 100_000;
/// Providers that climb the ramp, and jobs of each: 10⁶ draws.
const RAMPS: u64 = 1_000;
const RAMP_JOBS: u64 = 1_000;
/// σ within which a frequency has to be.
const SIGMAS: f64 = 4.0;

/// Chance from a seed.
struct Luck(u64);

impl Luck {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn happens(&mut self, chance: f64) -> bool {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64 <= chance
    }

    fn digest(&mut self) -> Digest {
        codec::digest("luck", &self.number())
    }

    /// Whether a job is drawn at this rate, by the draw itself.
    fn is_drawn(&mut self, rate: Rate) -> bool {
        let (job, secret) = (self.digest(), self.digest());
        draw::is_drawn(job, Digest::default(), secret, Digest::default(), rate)
    }
}

fn share(rate: Rate) -> f64 {
    rate.0 as f64 / Rate::ONE.0 as f64
}

/// The mean of these values is what it should be, given how far they scatter.
fn mean(what: &str, values: &[f64], expected: f64) {
    let count = values.len() as f64;
    let found = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - found).powi(2)).sum::<f64>() / (count - 1.0);
    near(what, found, expected, (variance / count).sqrt());
}

/// A share of the trials is what it should be.
fn frequency(what: &str, hits: u64, expected: f64) {
    let trials = TRIALS as f64;
    near(what, hits as f64 / trials, expected, (expected * (1.0 - expected) / trials).sqrt());
}

#[allow(clippy::print_stdout, reason = "a figure beside what is asserted of it")]
fn near(what: &str, found: f64, expected: f64, sigma: f64) {
    println!("{what}: {found:.6}, should be {expected:.6} ± {:.6}", SIGMAS * sigma);
    assert!((found - expected).abs() <= SIGMAS * sigma, "{what}: {found} is not {expected}");
}

/// What a jury decides over a claim, and how many jurors it took, of so many verifiers that nobody is drawn twice. Each
/// juror says `lie` with the chance of a colluder, junk of its own with the chance of that, and otherwise the truth, which
/// is 0.
fn judge(luck: &mut Luck, claimed: u8, lie: u8, collusion: f64, junk: f64) -> (Verdict, u64) {
    let (checks, claim) = (Checks::default(), testimony(claimed));
    let found = |value| Voice::Found(testimony(value));
    let mut voices: Vec<Voice> = Vec::new();
    loop {
        let voice = match voices.len() as u8 {
            _ if luck.happens(collusion) => found(lie),
            number if luck.happens(junk) => found(100 + number),
            _ => found(0),
        };
        voices.push(voice);
        let heard: Vec<Ballot<'_>> =
            voices.iter().map(|voice| Ballot { voice, draws: 1, weight: 1 }).collect();
        let tally = jury::tally(Policy::Exact, None, Some(&claim), &heard);
        let verdict = tally.verdict(&checks, voices.len() as u64, u128::MAX);
        if verdict != Verdict::Open {
            return (verdict, voices.len() as u64);
        }
    }
}

/// Whether a false claim is convicted: drawn, noticed by a first verifier that does not collude, and by a jury.
fn is_convicted(luck: &mut Luck, checks: &Checks, rate: Rate, junk: f64) -> bool {
    let (collusion, power) = (share(checks.collusion), share(checks.power));
    luck.is_drawn(rate)
        && !luck.happens(collusion)
        && luck.happens(power)
        && judge(luck, 1, 1, collusion, junk).0 == Verdict::Convicted
}

#[test]
fn a_cheat_survives_n_checks_as_often_as_it_should() {
    let (mut luck, checks) = (Luck(1), Checks::default());
    let rate = Rate::per_mille(100);
    let q = share(rate) * share(rate::convicts(&checks));
    let survived: Vec<f64> = (0..TRIALS)
        .map(|_| {
            let caught = (0_u32..).find(|_| is_convicted(&mut luck, &checks, rate, 0.0));
            f64::from(caught.unwrap_or_default())
        })
        .collect();
    let undetected = survived.iter().filter(|accepted| **accepted >= 10.0).count() as u64;
    frequency("undetected after 10 cheats", undetected, (1.0 - q).powi(10));
    mean("accepted before a conviction", &survived, (1.0 - q) / q);
}

/// What so many cheats at once bring on average: each is convicted with chance `q`, the first conviction takes the
/// stake, and a freeze keeps the others from being paid.
fn burst(cheats: i32, q: f64, stake: f64, freeze: bool) -> f64 {
    let caught = 1.0 - (1.0 - q).powi(cheats);
    let paid = if freeze { 1.0 - caught } else { 1.0 - q };
    f64::from(cheats) * paid - caught * stake
}

#[test]
fn a_burst_of_cheats_pays_without_a_freeze_and_costs_with_one() {
    let (mut luck, q, stake, cheats) = (Luck(2), 0.03 * 0.76, 50.0, 100);
    for (freeze, published) in [(false, 52.7), (true, -35.1)] {
        let gains: Vec<f64> = (0..TRIALS)
            .map(|_| match (0..cheats).filter(|_| luck.happens(q)).count() {
                0 => f64::from(cheats),
                _ if freeze => -stake,
                convicted => f64::from(cheats) - convicted as f64 - stake,
            })
            .collect();
        let expected = burst(cheats, q, stake, freeze);
        mean(&format!("a burst of {cheats}, freeze {freeze}"), &gains, expected);
        assert!((expected - published).abs() < 0.06, "{expected} is not {published}");
    }
    let break_even = (1..cheats).find(|cheats| burst(*cheats, q, stake, false) > 0.0);
    println!("a burst pays without a freeze from N = {break_even:?}, should be 15");
    assert_eq!(break_even, Some(15));
}

#[test]
fn all_verifiers_collude_as_rarely_as_without_replacement() {
    let mut luck = Luck(3);
    let roster = Roster::new((0..100_u8).map(|name| Leaf { peer: PeerId([name; 32]), stake: Amount(1) }));
    for (verifiers, expected) in [(1, 0.2), (2, 0.038_384), (3, 0.007_050)] {
        let hits = (0..TRIALS).filter(|_| all_collude(&mut luck, &roster, verifiers)).count() as u64;
        frequency(&format!("all of {verifiers} verifiers collude"), hits, expected);
    }
}

/// True if so many verifiers in a row, none of which was drawn before, are all of the first twenty.
fn all_collude(luck: &mut Luck, roster: &Roster, verifiers: u16) -> bool {
    let (job, secret) = (luck.digest(), luck.digest());
    let mut barred = Vec::new();
    (0..verifiers).all(|seat| {
        let lot = Lot { job, secret, beacon: luck.digest(), seat };
        let tries = lot.cast(roster, &barred, 256).unwrap_or_default();
        let Some(drawn) = tries.last().map(|tried| tried.leaf) else { panic!("somebody is left") };
        barred.push(drawn.peer);
        drawn.peer.0[0] < 20
    })
}

#[test]
fn a_jury_errs_and_grows_as_the_gamblers_ruin_says() {
    let mut luck = Luck(4);
    // A claim before jurors of whom a fifth lie alike: the walk goes from 0 to 6 or to −4.
    for (claimed, lie, right, wrong, published) in [
        (1, 1, Verdict::Convicted, Verdict::Cleared, 0.0039),
        (0, 1, Verdict::Cleared, Verdict::Convicted, 0.000_24),
    ] {
        let verdicts: Vec<(Verdict, u64)> =
            (0..TRIALS).map(|_| judge(&mut luck, claimed, lie, 0.2, 0.0)).collect();
        let count = |which: Verdict| verdicts.iter().filter(|(verdict, _)| *verdict == which).count() as u64;
        let (for_it, against_it) = if claimed == 0 { (4, 6) } else { (6, 4) };
        // P(ruin) = (ρᵃ − 1) / (ρᵃ⁺ᵇ − 1) with ρ = (1 − r) / r = 4; E = (right · P(right) − wrong · P(wrong)) / (1 − 2r).
        let errs = (4_f64.powi(for_it) - 1.0) / (4_f64.powi(10) - 1.0);
        assert!((errs - published).abs() < 1e-4, "{errs}");
        frequency(&format!("a jury says {wrong:?}"), count(wrong), errs);
        let jurors: Vec<f64> = verdicts.iter().map(|(_, jurors)| *jurors as f64).collect();
        let expected = (f64::from(for_it) * (1.0 - errs) - f64::from(against_it) * errs) / 0.6;
        mean(&format!("jurors of a jury that says {right:?}"), &jurors, expected);
    }
}

#[test]
fn a_cheat_loses_though_a_fifth_collude_and_another_fifth_seal_junk() {
    let (mut luck, checks) = (Luck(5), Checks::default());
    let (price, slash) = (Amount::credits(1), Amount::credits(100));
    let always = false;
    let job = Circumstances { trust: 1_000 << 32, price, slash, always };
    let rate = rate::rate(&checks, &job);
    let convicted = (0..TRIALS).filter(|_| is_convicted(&mut luck, &checks, rate, 0.2)).count() as f64;
    let gain = (TRIALS as f64 - convicted - 100.0 * convicted) / TRIALS as f64;
    println!("a cheat at {rate} gains {gain:.4} prices a job, with junk of one juror in five");
    assert!(gain < 0.0, "{gain}");
}

#[test]
fn an_honest_provider_climbs_the_ramp_as_fast_as_it_should() {
    let (mut luck, checks) = (Luck(6), Checks::default());
    let passed: Vec<f64> = (0..RAMPS)
        .map(|_| {
            let climbed = (0..RAMP_JOBS).fold(0_u64, |passed, _| {
                passed + u64::from(luck.is_drawn(rate::ramp(&checks, passed << 32)))
            });
            climbed as f64
        })
        .collect();
    let products: Vec<f64> = passed.iter().map(|passed| passed * (passed + 1.0)).collect();
    mean("v(v + 1) after 1,000 jobs", &products, 30.0 + 10.0 * (RAMP_JOBS as f64 - 5.0));
    let average = passed.iter().sum::<f64>() / passed.len() as f64;
    println!("v after 1,000 jobs: {average:.2}, should be about 99.4");
    assert!((average - 99.4).abs() < 0.5, "{average}");
}

#[test]
fn the_pool_pays_for_every_check_of_honest_jobs() {
    let (mut luck, margin) = (Luck(9), 1.15);
    for per_mille in [20, 100, 500] {
        let rate = Rate::per_mille(per_mille);
        // In check costs: premium and dues come in with every job, a drawn one costs a check.
        let (mut pool, mut lowest) = (100.0_f64, 100.0_f64);
        for _ in 0..TRIALS {
            pool += share(rate) * margin - f64::from(u8::from(luck.is_drawn(rate)));
            lowest = lowest.min(pool);
        }
        println!("the pool at {rate}: begins with 100 checks, lowest {lowest:.1}, ends with {pool:.1}");
        assert!(lowest > 0.0 && pool > 100.0, "{lowest}, {pool}");
    }
}

#[test]
fn draws_and_seats_fall_as_rates_and_weights_say() {
    let mut luck = Luck(7);
    for per_mille in [20, 195, 500] {
        let rate = Rate::per_mille(per_mille);
        let drawn = (0..TRIALS).filter(|_| luck.is_drawn(rate)).count() as u64;
        frequency(&format!("drawn at {rate}"), drawn, share(rate));
    }
    let weights: Vec<u64> = (1..=20).collect();
    let roster = Roster::new(
        weights.iter().map(|weight| Leaf { peer: PeerId([*weight as u8; 32]), stake: Amount(*weight) }),
    );
    let mut counts = [0_u64; 21];
    for _ in 0..TRIALS {
        let lot = Lot { job: luck.digest(), secret: luck.digest(), beacon: luck.digest(), seat: 0 };
        let tries = lot.cast(&roster, &[], 256).unwrap_or_default();
        counts[usize::from(tries[0].leaf.peer.0[0])] += 1;
    }
    let total: u64 = weights.iter().sum();
    let square: f64 = weights
        .iter()
        .map(|weight| {
            let expected = TRIALS as f64 * *weight as f64 / total as f64;
            (counts[*weight as usize] as f64 - expected).powi(2) / expected
        })
        .sum();
    // 19 degrees of freedom: 99.99 % of all samples lie below 50.8.
    println!("chi-square of the seats of twenty verifiers: {square:.1}, should be below 50.8");
    assert!(square < 50.8, "{square}");
}

/// Who does not answer is passed over: where a share a of the weight is asleep, colluders with r of it are asked as often as
/// if they had r / (1 − a). Suspension takes a tenth of the weight an epoch, so that a falls.
#[test]
fn sleepers_make_colluders_heavier_by_what_they_weigh_and_no_more() {
    let mut luck = Luck(11);
    let verifier = |number: u8| PeerId([number; 32]);
    let roster = Roster::new((0..40).map(|number| Leaf { peer: verifier(number), stake: Amount(7) }));
    for asleep in [0_u8, 4, 10, 20] {
        // Numbers below eight collude: a fifth. The last ones sleep.
        let (mut heard, mut colluding) = (0, 0);
        while heard < TRIALS {
            let (job, secret) = (luck.digest(), luck.digest());
            let mut barred = Vec::new();
            for seat in 0..3 {
                let lot = Lot { job, secret, beacon: luck.digest(), seat };
                let tries = lot.cast(&roster, &barred, 256).unwrap_or_default();
                let Some(drawn) = tries.last().map(|tried| tried.leaf.peer) else { break };
                if drawn.0[0] < 40 - asleep {
                    heard += 1;
                    colluding += u64::from(drawn.0[0] < 8);
                    break;
                }
                barred.push(drawn);
            }
        }
        let share = f64::from(asleep) / 40.0;
        frequency(
            &format!("colluders among those that answer, {share} asleep"),
            colluding,
            0.2 / (1.0 - share),
        );
    }
}

/// Mean trust after each job of an honest provider at its full stake, by the chances of each number of checks passed.
fn mean_trust(rate: impl Fn(u64) -> Rate) -> Vec<f64> {
    let mut chances = vec![1.0];
    let next = |chances: &mut Vec<f64>| {
        let mut then = vec![0.0; chances.len() + 1];
        for (passed, chance) in chances.iter().enumerate() {
            let drawn = share(rate(passed as u64));
            then[passed] += chance * (1.0 - drawn);
            then[passed + 1] += chance * drawn;
        }
        *chances = then;
        chances.iter().enumerate().map(|(passed, chance)| passed as f64 * chance).sum()
    };
    (0..RAMP_JOBS).map(|_| next(&mut chances)).collect()
}

/// What an honest provider of trust zero and a full stake pays in dues over its first jobs, as a share of what checks of
/// all of them would cost, margin aside: by the functions that write tickets. Each job's trust adds to the sum of rates,
/// so the closed form is E\[v\] / n less the base rate.
#[test]
fn dues_fall_to_a_small_share_of_the_check_cost_as_trust_grows() {
    let office = Office::<Cheap>::new(|genesis| genesis.checks = Checks::default());
    let genesis = &office.genesis;
    let (order, _) = office.order(CLIENT, PROVIDER, 0, 0);
    let price = order.price().unwrap_or_default();
    let slash = price.times(100).unwrap_or_default();
    let check = genesis.check_cost(order.work_max).0 as f64;
    let rates: Vec<Rate> = (0..=RAMP_JOBS)
        .map(|passed| {
            let job = Circumstances { trust: passed << 32, price, slash, always: false };
            rate::rate(&genesis.checks, &job)
        })
        .collect();
    let dues: Vec<f64> = rates
        .iter()
        .map(|rate| costs::of_order(genesis, &order, order.work_max, *rate, Rate::ZERO).dues.0 as f64 / check)
        .collect();
    let milestones = [(10, 0.80), (100, 0.27), (1_000, 0.06)];
    let (mut luck, mut paid) = (Luck(10), [const { Vec::new() }; 3]);
    for _ in 0..RAMPS {
        let (mut passed, mut sum) = (0, 0.0);
        for job in 1..=RAMP_JOBS {
            sum += dues[passed];
            passed += usize::from(luck.is_drawn(rates[passed]));
            if let Some(index) = milestones.iter().position(|(jobs, _)| *jobs == job) {
                paid[index].push(sum / job as f64);
            }
        }
    }
    let trust = mean_trust(|passed| rates[passed as usize]);
    for ((jobs, published), paid) in milestones.into_iter().zip(&paid) {
        let expected = trust[jobs as usize - 1] / jobs as f64 - share(genesis.checks.base);
        mean(
            &format!("dues of the first {jobs} jobs in check costs, published as {published}"),
            paid,
            expected,
        );
        assert!((expected - published).abs() < 0.025, "{expected} is not about {published}");
    }
}

#[test]
fn ten_honest_results_buy_almost_half_of_what_adaptive_replication_accepts() {
    // As BOINC does it: whoever was right ten times is trusted, and one result in ten is computed by somebody else too.
    // A cheat begins there, and begins anew once it is caught.
    let (mut luck, honest, replicated) = (Luck(11), 10.0, 0.1);
    let accepted: Vec<f64> = (0..TRIALS)
        .map(|_| (0_u32..).find(|_| luck.happens(replicated)).map(f64::from).unwrap_or_default())
        .collect();
    let expected = (1.0 - replicated) / replicated;
    mean("false results accepted before a replica tells", &accepted, expected);
    // Of each round's results: the honest ones, the false ones that were accepted, and the one that was found out.
    let of_all = |accepted: f64| accepted / (honest + accepted + 1.0);
    let found = of_all(accepted.iter().sum::<f64>() / TRIALS as f64);
    let slope = (honest + 1.0) / (honest + expected + 1.0).powi(2);
    let sigma = slope * ((1.0 - replicated) / replicated.powi(2) / TRIALS as f64).sqrt();
    near("the share of all results that is false and accepted", found, of_all(expected), sigma);
    assert!((of_all(expected) - 0.45).abs() < 1e-9);
}

#[test]
fn ten_honest_results_buy_nothing_that_a_cheat_could_spend() {
    // Trust lowers the rate to what still deters, and never below. A cheat begins after ten honest jobs, and begins anew
    // once it is convicted.
    let (mut luck, checks) = (Luck(8), Checks::default());
    let (price, slash) = (Amount::credits(1), Amount::credits(100));
    let job = Circumstances { trust: 10 << 32, price, slash, always: false };
    let rate = rate::rate(&checks, &job);
    let q = share(rate) * share(rate::convicts(&checks));
    let surplus: Vec<f64> = (0..TRIALS)
        .map(|_| {
            let accepted = (0_u32..).find(|_| is_convicted(&mut luck, &checks, rate, 0.0));
            f64::from(accepted.unwrap_or_default()) - 100.0
        })
        .collect();
    mean(
        "what cheats after ten honest jobs bring until one convicts, in prices",
        &surplus,
        (1.0 - q) / q - 100.0,
    );
    assert!(surplus.iter().sum::<f64>() < 0.0);
}
