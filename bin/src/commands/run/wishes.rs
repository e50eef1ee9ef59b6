//! How a model of language is to answer: what an order says beside its text.
//!
//! **Invariant:** what the flags say goes into the input, beside the text, where the notary cannot read it; an order
//! without any of them is its text and nothing else.

use assay_protocol::manifest::Manifest;
use serde_json::{Map, Value, json};

use crate::command_error::{CommandError, Exit};

/// The flags of texts.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Models of language")]
pub(super) struct TextWishes {
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
    /// The input with what the flags say.
    pub(super) fn beside(&self, input: Vec<u8>, manifest: &Manifest) -> Result<Vec<u8>, CommandError> {
        let mut request = self.parameters();
        if request.is_empty() {
            return Ok(input);
        }
        if !manifest.policy.is_proven_by_rows() {
            let message = format!("{} is no model of language, so it takes no such flags", manifest.name);
            let hint = "leave --system, --max-tokens, --temperature, --seed and --stop away";
            return Err(CommandError::new(Exit::Usage, "NO_TEXTS", message, hint));
        }
        let text = String::from_utf8(input).map_err(|_| {
            let hint = "models of language read UTF-8";
            CommandError::new(Exit::Usage, "NOT_A_TEXT", "the input is no text", hint)
        })?;
        match messages(&text) {
            Some(messages) => request.insert("messages".to_owned(), messages),
            None => request.insert("text".to_owned(), Value::String(text)),
        };
        Ok(Value::Object(request).to_string().into_bytes())
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

/// A text that is a list of messages.
fn messages(text: &str) -> Option<Value> {
    let list: Vec<Map<String, Value>> = serde_json::from_str(text).ok()?;
    let are_messages = !list.is_empty() && list.iter().all(|message| message.contains_key("role"));
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
        let input = wishes.beside(input.as_bytes().to_vec(), &bundle.manifest());
        input.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|error| error.exit())
    }

    #[test]
    fn an_order_says_how_it_is_to_be_answered_only_where_that_was_said() {
        let plain = TextWishes::default();
        assert_eq!(asked(&plain, "1+1=", &SUMS), Ok("1+1=".to_owned()));
        let some = TextWishes { temperature: Some(0.5), seed: Some(7), ..TextWishes::default() };
        let read = |text: &str| serde_json::from_str::<Value>(&asked(&some, text, &SUMS).unwrap()).unwrap();
        assert_eq!(read("1+1="), json!({ "text": "1+1=", "temperature": 0.5, "seed": 7 }));
        let messages = json!([{ "role": "user", "content": "1+1=" }]);
        assert_eq!(read(&messages.to_string())["messages"], messages);
        assert_eq!(asked(&some, "1+1=", &DIGITS), Err(Exit::Usage));
    }

    #[test]
    fn a_temperature_is_a_number_from_nought_up() {
        assert_eq!(number("0.7"), Ok(0.7));
        for text in ["-1", "NaN", "inf", "warm", ""] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
