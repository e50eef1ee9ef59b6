//! How the tokens of an answer are chosen, as OpenAI's clients say it.
//!
//! **Invariant:** what a runner would refuse is refused before anything is ordered.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::failure::HttpFailure;

/// Texts that an answer ends before.
const STOPS_MAX: usize = 16;
/// Bytes of one of them.
const STOP_BYTES_MAX: usize = 256;
/// Tokens whose chances an order changes.
const BIAS_MAX: usize = 1_024;
/// Why an answer of no tokens is refused.
pub(crate) const TOKENS_LEAST: &str = "an answer has at least one token";
/// Numbers by the names that runners read: the least and the most of each, and whether it is whole. None is wider than what a
/// runner takes.
const BOUNDS: [(&str, f64, f64, bool); 8] = [
    ("temperature", 0.0, 2.0, false),
    ("top_p", f64::MIN_POSITIVE, 1.0, false),
    ("top_k", 1.0, 64.0, true),
    ("min_p", 0.0, 1.0, false),
    ("repeat_penalty", 0.01, 10.0, false),
    ("presence_penalty", -2.0, 2.0, false),
    ("frequency_penalty", -2.0, 2.0, false),
    ("penalty_last_n", 0.0, 65_536.0, true),
];

/// One text or several.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a text, or a list of texts")]
pub(crate) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// Something that no answer can be chosen by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongChoice {
    /// What it is about, by the name that runners read.
    pub param: &'static str,
    /// What is wrong with it.
    pub message: String,
}

/// How tokens are chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TokenChoice {
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) top_k: Option<u32>,
    pub(crate) min_p: Option<f64>,
    pub(crate) repeat_penalty: Option<f64>,
    pub(crate) repeat_last_n: Option<u32>,
    pub(crate) presence_penalty: Option<f64>,
    pub(crate) frequency_penalty: Option<f64>,
    pub(crate) logit_bias: BTreeMap<String, f64>,
    pub(crate) seed: Option<i64>,
    pub(crate) stop: Option<OneOrMore>,
}

impl OneOrMore {
    /// All of them, to look at.
    pub(crate) fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(all) => all,
        }
    }

    /// All of them.
    pub(crate) fn into_all(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::More(all) => all,
        }
    }
}

impl TokenChoice {
    /// The same by the names that runners read.
    pub(crate) fn parameters(self) -> Result<Map<String, Value>, HttpFailure> {
        let stop = self.stop.map(OneOrMore::into_all).filter(|stop| !stop.is_empty());
        let stated = [
            ("temperature", self.temperature.map(Value::from)),
            ("top_p", self.top_p.map(Value::from)),
            ("top_k", self.top_k.map(Value::from)),
            ("min_p", self.min_p.map(Value::from)),
            ("repeat_penalty", self.repeat_penalty.map(Value::from)),
            ("presence_penalty", self.presence_penalty.map(Value::from)),
            ("frequency_penalty", self.frequency_penalty.map(Value::from)),
            ("penalty_last_n", self.repeat_last_n.map(Value::from)),
            // A negative seed is as good as any other.
            ("seed", self.seed.map(|seed| Value::from(seed.cast_unsigned()))),
            ("stop", stop.map(Value::from)),
        ];
        let stated = stated.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let mut all: Map<String, Value> = stated.collect();
        check_choice(&all).map_err(|wrong| HttpFailure::wrong(wrong.param, wrong.message))?;
        let bias = checked_bias(self.logit_bias)?;
        if !bias.is_empty() {
            all.insert("logit_bias".to_owned(), Value::Object(bias));
        }
        Ok(all)
    }
}

/// Refuses what no answer can be chosen by: a number out of its bounds, and texts to end before that are too many or too long.
/// Each goes by the name that runners read; what has another name is not looked at.
///
/// # Errors
/// [`WrongChoice`], the first of them.
pub fn check_choice(said: &Map<String, Value>) -> Result<(), WrongChoice> {
    for (param, least, most, is_whole) in BOUNDS {
        let Some(value) = said.get(param) else { continue };
        let number = value.as_f64().filter(|_| !is_whole || value.is_u64());
        if number.is_some_and(|number| (least..=most).contains(&number)) {
            continue;
        }
        let kind = if is_whole { "whole number" } else { "number" };
        let from = if least == f64::MIN_POSITIVE { "above 0".to_owned() } else { format!("from {least}") };
        let found = value.as_f64().map(|number| format!(", and not {number}")).unwrap_or_default();
        return Err(WrongChoice { param, message: format!("{param} is a {kind} {from} to {most}{found}") });
    }
    if said.get("max_tokens").and_then(Value::as_u64) == Some(0) {
        return Err(WrongChoice { param: "max_tokens", message: TOKENS_LEAST.to_owned() });
    }
    said.get("stop").map_or(Ok(()), check_stops)
}

fn check_stops(stop: &Value) -> Result<(), WrongChoice> {
    let wrong = |message: String| Err(WrongChoice { param: "stop", message });
    let all = stop.as_array().map_or(std::slice::from_ref(stop), Vec::as_slice);
    let stops: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
    if stops.len() != all.len() {
        return wrong("stop is a text, or a list of texts".to_owned());
    }
    if stops.len() > STOPS_MAX {
        return wrong(format!("stop has {} texts, where {STOPS_MAX} are allowed", stops.len()));
    }
    match stops.iter().find(|stop| !(1..=STOP_BYTES_MAX).contains(&stop.len())) {
        Some(stop) => {
            wrong(format!("a text of {} bytes in stop is not of 1 to {STOP_BYTES_MAX}", stop.len()))
        }
        None => Ok(()),
    }
}

fn checked_bias(bias: BTreeMap<String, f64>) -> Result<Map<String, Value>, HttpFailure> {
    if bias.len() > BIAS_MAX {
        let message = format!("logit_bias names {} tokens, where {BIAS_MAX} are allowed", bias.len());
        return Err(HttpFailure::wrong("logit_bias", message));
    }
    let mut all = Map::new();
    for (token, number) in bias {
        if token.parse::<u32>().is_err() || !(-100.0..=100.0).contains(&number) {
            let message =
                format!("logit_bias[{token:?}] is no number from -100 to 100 for the number of a token");
            return Err(HttpFailure::wrong("logit_bias", message));
        }
        all.insert(token, json!(number));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_has_the_names_that_runners_read() {
        let choice = TokenChoice {
            temperature: Some(0.5),
            top_k: Some(3),
            repeat_last_n: Some(8),
            seed: Some(-1),
            stop: Some(OneOrMore::One("\n".to_owned())),
            logit_bias: BTreeMap::from([("7".to_owned(), -100.0)]),
            ..TokenChoice::default()
        };
        let expected = json!({
            "temperature": 0.5, "top_k": 3, "penalty_last_n": 8, "seed": u64::MAX, "stop": ["\n"],
            "logit_bias": { "7": -100.0 },
        });
        assert_eq!(Value::Object(choice.parameters().unwrap()), expected);
        assert_eq!(TokenChoice::default().parameters().unwrap(), Map::new());
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_by_its_name() {
        let none = TokenChoice::default;
        let bias = |token: &str, number| BTreeMap::from([(token.to_owned(), number)]);
        let cases = [
            ("temperature", TokenChoice { temperature: Some(2.1), ..none() }),
            ("temperature", TokenChoice { temperature: Some(f64::NAN), ..none() }),
            ("top_p", TokenChoice { top_p: Some(0.0), ..none() }),
            ("presence_penalty", TokenChoice { presence_penalty: Some(-2.5), ..none() }),
            ("logit_bias", TokenChoice { logit_bias: bias("seven", 1.0), ..none() }),
            ("logit_bias", TokenChoice { logit_bias: bias("7", 101.0), ..none() }),
            ("repeat_penalty", TokenChoice { repeat_penalty: Some(0.001), ..none() }),
            ("top_k", TokenChoice { top_k: Some(65), ..none() }),
            ("penalty_last_n", TokenChoice { repeat_last_n: Some(65_537), ..none() }),
            ("stop", TokenChoice { stop: Some(OneOrMore::One(String::new())), ..none() }),
            ("stop", TokenChoice { stop: Some(OneOrMore::More(vec!["a".to_owned(); 17])), ..none() }),
        ];
        for (param, choice) in cases {
            let refused = choice.clone().parameters().unwrap_err();
            assert_eq!(refused.document()["error"]["param"], param, "{choice:?}");
        }
    }
    #[test]
    fn a_choice_is_held_to_the_same_bounds_whoever_asks() {
        let refused = |said: Value| check_choice(said.as_object().unwrap()).unwrap_err();
        let cases = [
            (json!({ "temperature": 9 }), "temperature is a number from 0 to 2, and not 9"),
            (json!({ "temperature": "warm" }), "temperature is a number from 0 to 2"),
            (json!({ "top_p": 0 }), "top_p is a number above 0 to 1, and not 0"),
            (json!({ "top_k": 2.5 }), "top_k is a whole number from 1 to 64, and not 2.5"),
            (json!({ "max_tokens": 0 }), "an answer has at least one token"),
            (json!({ "stop": "" }), "a text of 0 bytes in stop is not of 1 to 256"),
            (json!({ "stop": [7] }), "stop is a text, or a list of texts"),
        ];
        for (said, message) in cases {
            assert_eq!(refused(said).message, message);
        }
        let right =
            json!({ "temperature": 2, "top_p": 1, "top_k": 64, "stop": ["a"], "logit_bias": { "7": -1000 } });
        assert_eq!(
            check_choice(right.as_object().unwrap()),
            Ok(()),
            "what a runner takes beside it is not looked at"
        );
    }
}
