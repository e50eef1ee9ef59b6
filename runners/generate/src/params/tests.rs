//! Parameters, right and wrong.

use super::*;

fn read(params: &str) -> Result<Rule, Failure> {
    let job = assay_runner::Job { params: params.to_owned(), seed: vec![7; 32], units_max: 1 };
    job.params::<Params>()?.rule()
}

#[test]
fn nothing_needs_to_be_stated() {
    assert_eq!(read("{}"), Ok(Rule::default()));
}

#[test]
fn what_is_stated_is_the_rule() {
    let rule = read(
        r#"{"temperature":0.7000000000000001,"top_k":5,"top_p":0.9,"min_p":0,"repeat_penalty":1.1,"presence_penalty":0.2,
            "frequency_penalty":-0.3,"penalty_last_n":7,"logit_bias":{"12":-100,"3":2.5},"max_tokens":3,"stop":"x"}"#,
    );
    let expected = Rule {
        temperature: f64::from_bits(0x3FE6_6666_6666_6667),
        top_k: 5,
        top_p: 0.9,
        min_p: 0.0,
        repeat_penalty: 1.1,
        presence_penalty: 0.2,
        frequency_penalty: -0.3,
        penalty_window: 7,
        bias: [(3, 2.5), (12, -100.0)].into(),
    };
    assert_eq!(rule, Ok(expected));
}

#[test]
fn a_decimal_is_the_nearest_number() {
    // A reader that divides the digits by a power of ten, and so rounds twice, is off by one in the last bit.
    for decimal in ["0.45892272650244980", "0.17472842155438677", "0.32604661561322043"] {
        let rule = read(&format!(r#"{{"temperature":{decimal}}}"#)).unwrap();
        assert_eq!(rule.temperature.to_bits(), decimal.parse::<f64>().unwrap().to_bits(), "{decimal}");
    }
}

#[test]
fn the_seed_of_an_order_stands_before_that_of_the_job() {
    let seed = |params: &str, of_job: &[u8]| serde_json::from_str::<Params>(params).unwrap().seed(of_job);
    assert_eq!(seed("{}", &[7; 32]), Ok([7; 32]));
    assert_eq!(seed(r#"{"seed":42}"#, &[7; 32]), Ok(seed_of(42)));
    assert_eq!(seed(r#"{"seed":18446744073709551615}"#, &[]), Ok(seed_of(u64::MAX)));
    assert!(matches!(seed("{}", &[7; 31]), Err(Failure::Internal(_))));
}

#[test]
fn what_is_wrong_is_refused_by_name() {
    let many = format!(r#"{{"stop":[{}]}}"#, [r#""a""#; 17].join(","));
    let long = format!(r#"{{"stop":"{}"}}"#, "a".repeat(257));
    let cases = [
        (r#"{"jsonschema":{}}"#, "unknown field `jsonschema`"),
        (r#"{"temperature":-1}"#, "temperature is -1"),
        (r#"{"temperature":"1"}"#, "invalid type"),
        (r#"{"temperature":1,"temperature":2}"#, "duplicate field"),
        (r#"{"top_k":0}"#, "top_k is 0"),
        (r#"{"top_k":65}"#, "not between 1 and 64"),
        (r#"{"top_p":1.5}"#, "top_p is 1.5"),
        (r#"{"seed":-1}"#, "invalid value"),
        (r#"{"max_tokens":0}"#, "max_tokens is 0"),
        (r#"{"stop":["a",""]}"#, "a stop string of 0 bytes"),
        (r#"{"logit_bias":{"x":1}}"#, "invalid"),
        (r#"{"input":"voice"}"#, "unknown variant"),
        (many.as_str(), "17 stop strings"),
        (long.as_str(), "a stop string of 257 bytes"),
    ];
    for (params, says) in cases {
        match read(params) {
            Err(Failure::BadParams(why)) => assert!(why.contains(says), "{params}: {why}"),
            other => panic!("{params}: {other:?}"),
        }
    }
}

#[test]
fn a_schema_is_held_or_refused_by_its_word() {
    let form =
        |params: &str| serde_json::from_str::<Params>(params).unwrap().form().map(|form| form.is_some());
    assert_eq!(form("{}"), Ok(false));
    assert_eq!(form(r#"{"json_schema":{"type":"object"},"stop":[]}"#), Ok(true));
    assert_eq!(form(r#"{"json_schema":true}"#), Ok(true));
    let cases = [
        (r#"{"json_schema":{"pattern":"a"}}"#, r#"json_schema: "pattern" at its root is not held"#),
        (r#"{"json_schema":"{}"}"#, "json_schema: what stands at its root is no schema"),
        (r#"{"json_schema":{},"stop":"x"}"#, "stop would end it elsewhere"),
    ];
    for (params, says) in cases {
        match form(params) {
            Err(Failure::BadParams(why)) => assert!(why.contains(says), "{params}: {why}"),
            other => panic!("{params}: {other:?}"),
        }
    }
}
