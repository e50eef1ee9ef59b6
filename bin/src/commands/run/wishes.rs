//! How a model of language is to answer: what an order says beside its text.
//!
//! **Invariant:** what the flags say goes into the input, beside the text, where the notary cannot read it, or is refused.
//! Every order names a seed where its runner takes one: an answer that breaks off goes on elsewhere as if nothing had happened.

use assay_protocol::{
    manifest::{Manifest, Meter},
    units::Units,
};
use serde_json::{Map, Value, json};

use crate::command_error::{CommandError, Exit};

/// Tokens that a template adds to what was said, at most as a rule.
const TEMPLATE_TOKENS: u64 = 64;

/// The flags of texts.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Models of language")]
pub(crate) struct TextWishes {
    /// What the model is told before the question
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// The most tokens of the answer
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: Option<u32>,
    /// How freely tokens are drawn; 0 always takes the likeliest
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    temperature: Option<f64>,
    /// What tokens are drawn from: the same seed gives the same answer
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// What the answer ends before; may be given several times
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
}

impl TextWishes {
    /// The input with what the flags say, and with this seed where nothing says another.
    pub(crate) fn beside(
        &self,
        input: Vec<u8>,
        manifest: &Manifest,
        seed: u32,
    ) -> Result<Vec<u8>, CommandError> {
        let mut request = self.parameters();
        let makers: Map<String, Value> = serde_json::from_str(&manifest.params).unwrap_or_default();
        // Such a runner would take the flags for a part of the question.
        let takes_texts_alone = makers.get("input") == Some(&json!("text"));
        if !manifest.policy.is_proven_by_rows() || takes_texts_alone {
            if request.is_empty() {
                return Ok(input);
            }
            let message = format!("{} takes no such flags", manifest.name);
            let hint = "leave --system, --max-tokens, --temperature, --seed and --stop away";
            return Err(CommandError::new(Exit::Usage, "NO_TEXTS", message, hint));
        }
        let text = String::from_utf8(input).map_err(|_| {
            let hint = "models of language read UTF-8";
            CommandError::new(Exit::Usage, "NOT_A_TEXT", "the input is no text", hint)
        })?;
        let is_raw = makers.get("raw") == Some(&json!(true));
        let mut whole = match (request_of(&text), messages(&text).filter(|_| !is_raw)) {
            (Some(whole), _) => whole,
            (None, Some(messages)) => Map::from_iter([("messages".to_owned(), messages)]),
            (None, None) => Map::from_iter([("text".to_owned(), Value::String(text))]),
        };
        whole.append(&mut request);
        whole.entry("seed").or_insert_with(|| seed.into());
        Ok(Value::Object(whole).to_string().into_bytes())
    }

    /// The units that an answer of the most tokens takes, with all of an input that can be read; of a list of texts, a call
    /// each.
    pub(crate) fn units(&self, input: &[u8], manifest: &Manifest) -> Option<Units> {
        match manifest.meter {
            Meter::Tokens(weights) => {
                let read = u64::try_from(input.len()).ok()?.saturating_add(TEMPLATE_TOKENS);
                Some(weights.units(read, self.max_tokens?.into()))
            }
            Meter::Calls => {
                let texts: Vec<String> = serde_json::from_slice(input).ok()?;
                u64::try_from(texts.len()).ok().filter(|count| *count > 0)
            }
            Meter::MegaFuel => None,
        }
    }

    fn parameters(&self) -> Map<String, Value> {
        let stop = (!self.stop.is_empty()).then(|| json!(self.stop));
        let stated = [
            ("system", self.system.as_ref().map(|text| json!(text))),
            ("max_tokens", self.max_tokens.map(Value::from)),
            ("temperature", self.temperature.map(Value::from)),
            ("seed", self.seed.map(Value::from)),
            ("stop", stop),
        ];
        stated.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// An input that says already how it is to be answered.
fn request_of(text: &str) -> Option<Map<String, Value>> {
    let object: Map<String, Value> = serde_json::from_str(text).ok()?;
    let says = object.get("text").is_some_and(Value::is_string)
        != object.get("messages").is_some_and(Value::is_array);
    says.then_some(object)
}

/// A text that is a list of messages.
fn messages(text: &str) -> Option<Value> {
    let list: Vec<Map<String, Value>> = serde_json::from_str(text).ok()?;
    let has_role = |message: &Map<String, Value>| message.get("role").is_some_and(Value::is_string);
    let are_messages = !list.is_empty() && list.iter().all(has_role);
    are_messages.then(|| list.into_iter().map(Value::Object).collect())
}

fn number(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "expected a number such as 0.7".to_owned())?;
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err("expected a number from 0 up".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Bundle, DIGITS, SUMS};

    fn asked(wishes: &TextWishes, input: &str, bundle: &Bundle) -> Result<String, Exit> {
        let input = wishes.beside(input.as_bytes().to_vec(), &bundle.manifest(), 9);
        input.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|error| error.exit())
    }

    #[test]
    fn an_order_says_how_it_is_to_be_answered_only_where_that_was_said() {
        let plain = TextWishes::default();
        assert_eq!(asked(&plain, "1+1=", &DIGITS), Ok("1+1=".to_owned()));
        assert_eq!(asked(&plain, "1+1=", &SUMS), Ok(r#"{"seed":9,"text":"1+1="}"#.to_owned()));
        let some = TextWishes { temperature: Some(0.5), seed: Some(7), ..TextWishes::default() };
        let read = |text: &str| serde_json::from_str::<Value>(&asked(&some, text, &SUMS).unwrap()).unwrap();
        assert_eq!(read("1+1="), json!({ "text": "1+1=", "temperature": 0.5, "seed": 7 }));
        let messages = json!([{ "role": "user", "content": "1+1=" }]);
        assert_eq!(read(&messages.to_string())["messages"], messages);
        let already = json!({ "text": "1+1=", "top_k": 3, "seed": 1 });
        let both = json!({ "text": "1+1=", "top_k": 3, "temperature": 0.5, "seed": 7 });
        assert_eq!(read(&already.to_string()), both);
        assert_eq!(asked(&some, "1+1=", &DIGITS), Err(Exit::Usage));
        let texts = Manifest { params: r#"{"input":"text"}"#.to_owned(), ..SUMS.manifest() };
        assert_eq!(some.beside(b"1+1=".to_vec(), &texts, 9).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn a_temperature_is_a_number_from_nought_up() {
        assert_eq!(number("0.7"), Ok(0.7));
        for text in ["-1", "NaN", "inf", "warm", ""] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
