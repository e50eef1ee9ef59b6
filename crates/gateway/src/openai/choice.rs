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

/// One text or several.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a text, or a list of texts")]
pub(crate) enum OneOrMore {
    One(String),
    More(Vec<String>),
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
        let bounded = [
            ("temperature", self.temperature, 0.0, 2.0),
            ("top_p", self.top_p, f64::MIN_POSITIVE, 1.0),
            ("min_p", self.min_p, 0.0, 1.0),
            ("repeat_penalty", self.repeat_penalty, f64::MIN_POSITIVE, 10.0),
            ("presence_penalty", self.presence_penalty, -2.0, 2.0),
            ("frequency_penalty", self.frequency_penalty, -2.0, 2.0),
        ];
        let mut all = Map::new();
        for (name, number, least, most) in bounded {
            let Some(number) = number else { continue };
            if !(least..=most).contains(&number) {
                let from =
                    if least == f64::MIN_POSITIVE { "above 0".to_owned() } else { format!("from {least}") };
                return Err(HttpFailure::wrong(
                    name,
                    format!("{name} is a number {from} to {most}, and not {number}"),
                ));
            }
            all.insert(name.to_owned(), json!(number));
        }
        if let Some(top_k) = self.top_k {
            all.insert("top_k".to_owned(), json!(top_k));
        }
        if let Some(last) = self.repeat_last_n {
            all.insert("penalty_last_n".to_owned(), json!(last));
        }
        // A negative seed is as good as any other.
        if let Some(seed) = self.seed {
            all.insert("seed".to_owned(), json!(seed.cast_unsigned()));
        }
        let bias = checked_bias(self.logit_bias)?;
        if !bias.is_empty() {
            all.insert("logit_bias".to_owned(), Value::Object(bias));
        }
        let stop = checked_stops(self.stop.map(OneOrMore::into_all).unwrap_or_default())?;
        if !stop.is_empty() {
            all.insert("stop".to_owned(), json!(stop));
        }
        Ok(all)
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

fn checked_stops(stops: Vec<String>) -> Result<Vec<String>, HttpFailure> {
    if stops.len() > STOPS_MAX {
        let message = format!("stop has {} texts, where {STOPS_MAX} are allowed", stops.len());
        return Err(HttpFailure::wrong("stop", message));
    }
    match stops.iter().find(|stop| !(1..=STOP_BYTES_MAX).contains(&stop.len())) {
        Some(stop) => {
            let message = format!("a text of {} bytes in stop is not of 1 to {STOP_BYTES_MAX}", stop.len());
            Err(HttpFailure::wrong("stop", message))
        }
        None => Ok(stops),
    }
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
            ("stop", TokenChoice { stop: Some(OneOrMore::One(String::new())), ..none() }),
            ("stop", TokenChoice { stop: Some(OneOrMore::More(vec!["a".to_owned(); 17])), ..none() }),
        ];
        for (param, choice) in cases {
            let refused = choice.clone().parameters().unwrap_err();
            assert_eq!(refused.document()["error"]["param"], param, "{choice:?}");
        }
    }
}
