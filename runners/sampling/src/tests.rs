//! The vectors of the page, and what it says of chance.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{noise::uniform, *};

const VECTORS: &str = include_str!("../vectors.txt");

fn bits(value: f64) -> String {
    format!("{:016x}", value.to_bits())
}

fn number(hexadecimal: &Value) -> f64 {
    f64::from_bits(u64::from_str_radix(hexadecimal.as_str().unwrap(), 16).unwrap())
}

fn tokens(value: &Value) -> Vec<u32> {
    value.as_array().into_iter().flatten().map(|token| token.as_u64().unwrap() as u32).collect()
}

fn row(case: &Value) -> Vec<f32> {
    match case["made"].as_array() {
        Some(made) => {
            let (count, wide) = (made[0].as_u64().unwrap() as u32, made[1].as_u64().unwrap() as u32);
            let word = |token: u32| {
                i32::from_le_bytes(*blake3::hash(&token.to_le_bytes()).as_bytes().first_chunk().unwrap())
            };
            (0..count).map(|token| (word(token) >> (32 - wide)) as f32 / 64.0).collect()
        }
        None => {
            let one =
                |value: &Value| f32::from_bits(u32::from_str_radix(value.as_str().unwrap(), 16).unwrap());
            case["row"].as_array().unwrap().iter().map(one).collect()
        }
    }
}

fn rule(case: &Value) -> Rule {
    let mut rule = Rule::default();
    for (name, value) in case["rule"].as_object().into_iter().flatten() {
        match (name.as_str(), value.as_f64()) {
            ("temperature", Some(value)) => rule.temperature = value,
            ("top_k", Some(value)) => rule.top_k = value as usize,
            ("top_p", Some(value)) => rule.top_p = value,
            ("min_p", Some(value)) => rule.min_p = value,
            ("repeat_penalty", Some(value)) => rule.repeat_penalty = value,
            ("presence_penalty", Some(value)) => rule.presence_penalty = value,
            ("frequency_penalty", Some(value)) => rule.frequency_penalty = value,
            ("penalty_last_n", Some(value)) => rule.penalty_window = value as usize,
            ("logit_bias", None) => {
                let bias = value.as_object().unwrap().iter();
                rule.bias =
                    bias.map(|(token, bias)| (token.parse().unwrap(), bias.as_f64().unwrap())).collect();
            }
            other => panic!("{other:?}"),
        }
    }
    rule.check().unwrap();
    rule
}

/// What a line of the vectors comes to, by its fields.
fn result(case: &Value) -> BTreeMap<&'static str, Value> {
    match case["kind"].as_str().unwrap() {
        "exp" => [("y", bits(candidates::exp(number(&case["x"]))).into())].into(),
        "ln" => [("y", bits(libm::log(number(&case["x"]))).into())].into(),
        "uniform" => [("u", bits(uniform(case["d"].as_u64().unwrap())).into())].into(),
        "seed" => {
            let seed = seed_of(case["number"].as_u64().unwrap());
            [("seed", seed.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())].into()
        }
        "choice" => {
            let hexadecimal = case["seed"].as_str().unwrap();
            let seed =
                std::array::from_fn(|at| u8::from_str_radix(&hexadecimal[2 * at..2 * at + 2], 16).unwrap());
            let (row, written, masked) = (row(case), tokens(&case["written"]), tokens(&case["masked"]));
            let index = case["index"].as_u64().unwrap() as u32;
            let step = Step { row: &row, written: &written, index, seed: &seed };
            let (rule, allowed) = (rule(case), |token: u32| !masked.contains(&token));
            let shown = |each: &Candidate| {
                let numbers = [bits(each.logit), bits(each.share), bits(rule.key(&step, each))];
                let numbers = numbers.into_iter().map(Value::from);
                Value::Array(std::iter::once(each.token.into()).chain(numbers).collect())
            };
            let left = rule.candidates(&step, &allowed).iter().map(shown).collect();
            [("left", Value::Array(left)), ("token", rule.choose(&step, &allowed).into())].into()
        }
        other => panic!("{other}"),
    }
}

#[test]
fn every_vector_comes_out_to_the_bit() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in VECTORS.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        for (field, value) in result(&case) {
            if case[field] != value {
                wrong.push(format!("{}: {field} is {value}, not {}", case["name"], case[field]));
            }
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "{count}");
}

/// Numbers that are the same in every run.
fn chance(seed: u64) -> impl FnMut(u32) -> u32 {
    let mut count = 0_u64;
    move |below| {
        count += 1;
        let bytes = [seed.to_le_bytes(), count.to_le_bytes()].concat();
        u32::from_le_bytes(*blake3::hash(&bytes).as_bytes().first_chunk().unwrap()) % below
    }
}

fn some_row(chance: &mut impl FnMut(u32) -> u32, tokens: u32) -> Vec<f32> {
    (0..tokens).map(|_| chance(512) as f32 / 64.0).collect()
}

#[test]
fn an_order_that_means_nothing_changes_nothing() {
    for seed in 0..200 {
        let mut chance = chance(seed);
        let row = some_row(&mut chance, 300);
        let mut written: Vec<u32> = (0..20).map(|_| chance(300)).collect();
        let rule = Rule { frequency_penalty: 0.7, repeat_penalty: 1.2, top_k: 20, ..Rule::default() };
        let seed = seed_of(seed);
        let choose = |row: &[f32], written: &[u32]| {
            rule.choose(&Step { row, written, index: 20, seed: &seed }, &|token| token % 7 != 3)
        };
        let chosen = choose(&row, &written).unwrap();
        // What penalties look at has no order.
        written.rotate_left(chance(20) as usize);
        written.swap(chance(20) as usize, chance(20) as usize);
        assert_eq!(choose(&row, &written), Some(chosen));
        // What is out is out, whatever its logit, and so is what lies behind the greatest.
        let step = Step { row: &row, written: &written, index: 20, seed: &seed };
        let left = rule.candidates(&step, &|token| token % 7 != 3);
        let least = left.last().unwrap().logit;
        let mut other = row.clone();
        for (token, logit) in (0_u32..).zip(&mut other) {
            if token % 7 == 3 {
                *logit = [f32::NAN, f32::INFINITY, 99.0][token as usize % 3];
            } else if f64::from(*logit) < least - 3.0 && !written.contains(&token) && left.len() == 20 {
                *logit -= 1.0;
            }
        }
        assert_eq!(choose(&other, &written), Some(chosen));
    }
}

#[test]
fn the_greatest_are_those_of_a_sort_wherever_they_lie() {
    for seed in 0..400 {
        let mut chance = chance(seed);
        let tokens = 1 + chance(100);
        let mut row = some_row(&mut chance, tokens);
        for _ in 0..chance(6) {
            let strange = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][chance(3) as usize];
            row[chance(tokens) as usize] = strange;
        }
        let written: Vec<u32> = (0..chance(20)).map(|_| chance(tokens)).collect();
        let (temperature, top_k) = (f64::from(chance(2)), 1 + chance(20) as usize);
        let plain = Rule { top_p: 1.0, min_p: 0.0, presence_penalty: 1.5, ..Rule::default() };
        let rule = Rule { temperature, top_k, ..plain };
        let allowed = |token: u32| token % 5 != 2;
        let logit = |(token, logit): (u32, &f32)| {
            let penalty = if written.contains(&token) { 1.5 } else { 0.0 };
            (token, f64::from(*logit) - penalty)
        };
        let mut expected: Vec<(u32, f64)> = (0_u32..).zip(&row).map(logit).collect();
        expected.retain(|(token, logit)| logit.is_finite() && allowed(*token));
        expected.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        expected.truncate(if temperature > 0.0 { top_k } else { 1 });
        let step = Step { row: &row, written: &written, index: 0, seed: &seed_of(seed) };
        let left = rule.candidates(&step, &allowed);
        let found: Vec<(u32, f64)> = left.iter().map(|each| (each.token, each.logit)).collect();
        assert_eq!(found, expected, "{rule:?} of {row:?} behind {written:?}");
    }
}

/// Pearson's sum over what was seen and what was to be expected.
fn chi_square(seen: &[u32], expected: &[f64]) -> f64 {
    seen.iter().zip(expected).map(|(seen, expected)| (f64::from(*seen) - expected).powi(2) / expected).sum()
}

#[test]
fn tokens_are_drawn_as_often_as_their_shares_say() {
    // Of eight, so with 7 degrees of freedom: more than 24.3 comes of true draws once in a thousand.
    let row = [1.0, 0.5, 2.0, -1.0, 0.0, 1.5, -0.5, 0.25];
    let rule = Rule { temperature: 0.9, top_p: 1.0, min_p: 0.0, ..Rule::default() };
    let draws = 20_000;
    for by_place in [true, false] {
        let mut seen = [0_u32; 8];
        let mut pairs = [0_u32; 4];
        let mut before = 0;
        for draw in 0..draws {
            let (seed, index) = if by_place { (seed_of(1), draw) } else { (seed_of(draw.into()), 0) };
            let step = Step { row: &row, written: &[], index, seed: &seed };
            let token = rule.choose(&step, &|_| true).unwrap() as usize;
            seen[token] += 1;
            pairs[2 * (before == 2) as usize + (token == 2) as usize] += 1;
            before = token;
        }
        let seed = seed_of(1);
        let step = Step { row: &row, written: &[], index: 0, seed: &seed };
        let mut expected = [0.0; 8];
        for candidate in rule.candidates(&step, &|_| true) {
            expected[candidate.token as usize] = candidate.share * f64::from(draws);
        }
        assert!(chi_square(&seen, &expected) < 24.3, "{seen:?} {expected:?}");
        // Whether a draw is the greatest says nothing of the next: 3 degrees of freedom, once in a thousand.
        let share = expected[2] / f64::from(draws);
        let both =
            [(1.0 - share) * (1.0 - share), (1.0 - share) * share, share * (1.0 - share), share * share];
        let expected = both.map(|share| share * f64::from(draws));
        assert!(chi_square(&pairs, &expected) < 16.3, "{pairs:?} {expected:?}");
    }
}

#[test]
fn numbers_out_of_bounds_are_refused_by_name() {
    type Change = fn(&mut Rule);
    let cases: [(&str, Change); 12] = [
        ("temperature", |rule| rule.temperature = -0.1),
        ("temperature", |rule| rule.temperature = f64::NAN),
        ("top_k", |rule| rule.top_k = 0),
        ("top_k", |rule| rule.top_k = 65),
        ("top_p", |rule| rule.top_p = 1.1),
        ("min_p", |rule| rule.min_p = -1.0),
        ("repeat_penalty", |rule| rule.repeat_penalty = 0.0),
        ("presence_penalty", |rule| rule.presence_penalty = 101.0),
        ("frequency_penalty", |rule| rule.frequency_penalty = f64::INFINITY),
        ("penalty_last_n", |rule| rule.penalty_window = 65_537),
        ("logit_bias", |rule| rule.bias = BTreeMap::from([(1, 2.0), (7, -1000.5)])),
        ("the number of biases", |rule| rule.bias = (0..65_537).map(|token| (token, 0.0)).collect()),
    ];
    assert_eq!(Rule::default().check(), Ok(()));
    for (name, change) in cases {
        let mut rule = Rule::default();
        change(&mut rule);
        assert_eq!(rule.check().unwrap_err().name, name);
    }
}
