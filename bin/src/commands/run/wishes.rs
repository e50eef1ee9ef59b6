//! How a model of language is to answer: what an order says beside its text.
//!
//! **Invariant:** what the flags say goes into the input, beside the text, where the notary cannot read it, or is refused.
//! Every order names a seed where its runner takes one: an answer that breaks off goes on elsewhere as if nothing had happened.

use std::{fs::File, io::Read, path::Path};

use assay_gateway::{check_choice, tokens_read_most};
use assay_protocol::{
    manifest::{Manifest, Meter},
    units::Units,
};
use schema::{Json, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::command_error::{CommandError, Exit};

/// Bytes of a file with a schema, the spaces of which are left out.
const SCHEMA_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The flags of texts.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Models of language")]
pub(crate) struct TextWishes {
    /// What the model is told before the question
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// The most tokens of the answer
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true)]
    max_tokens: Option<u32>,
    /// How freely tokens are drawn; 0 always takes the likeliest
    #[arg(long, value_name = "NUMBER", value_parser = temperature, allow_negative_numbers = true)]
    temperature: Option<f64>,
    /// What tokens are drawn from: the same seed gives the same answer
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// What the answer ends before; may be given several times
    #[arg(long, value_name = "TEXT", value_parser = stop)]
    stop: Vec<String>,
    /// What the answer must fit as JSON: a JSON Schema, in a file or as it is
    #[arg(long, value_name = "FILE|JSON", value_parser = json_schema, conflicts_with = "stop")]
    json_schema: Option<Json>,
}

/// What is sent: a text or messages with what is said beside them. A schema keeps the order of its keys, in which they are
/// written.
#[derive(Debug, Default, Deserialize, Serialize)]
struct TextRequest {
    #[serde(flatten)]
    said: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json_schema: Option<Json>,
}

impl TextWishes {
    /// The input with what the flags say, and with this seed where nothing says another.
    pub(crate) fn beside(
        &self,
        input: Vec<u8>,
        manifest: &Manifest,
        seed: u32,
    ) -> Result<Vec<u8>, CommandError> {
        let mut parameters = self.parameters();
        let makers: Map<String, Value> = serde_json::from_str(&manifest.params).unwrap_or_default();
        // Such a runner would take the flags for a part of the question.
        let takes_texts_alone = makers.get("input") == Some(&json!("text"));
        if !manifest.policy.is_proven_by_rows() || takes_texts_alone {
            if parameters.is_empty() && self.json_schema.is_none() {
                return Ok(input);
            }
            let message = format!("{} takes no such flags", manifest.name);
            let hint = "leave --system, --max-tokens, --temperature, --seed, --stop and --json-schema away";
            return Err(CommandError::new(Exit::Usage, "NO_TEXTS", message, hint));
        }
        let text = String::from_utf8(input).map_err(|_| {
            let hint = "models of language read UTF-8";
            CommandError::new(Exit::Usage, "NOT_A_TEXT", "the input is no text", hint)
        })?;
        let is_raw = makers.get("raw") == Some(&json!(true));
        let mut request = match (request_of(&text), messages(&text).filter(|_| !is_raw)) {
            (Some(request), _) => request,
            (None, Some(messages)) => TextRequest::of("messages", messages),
            (None, None) => TextRequest::of("text", Value::String(text)),
        };
        request.said.append(&mut parameters);
        request.said.entry("seed").or_insert_with(|| seed.into());
        request.json_schema = self.json_schema.clone().or(request.json_schema);
        request.written()
    }

    /// The units that an answer of the most tokens takes, with all of an input that can be read; of a list of texts, a call
    /// each.
    pub(crate) fn units(&self, input: &[u8], manifest: &Manifest) -> Option<Units> {
        match manifest.meter {
            Meter::Tokens(weights) => {
                Some(weights.units(tokens_read_most(input, manifest), self.max_tokens?.into()))
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

impl TextRequest {
    fn of(kind: &str, said: Value) -> Self {
        Self { said: Map::from_iter([(kind.to_owned(), said)]), json_schema: None }
    }

    /// It as it is sent, with a schema that can be held or none.
    fn written(&self) -> Result<Vec<u8>, CommandError> {
        check_choice(&self.said).map_err(|wrong| {
            let hint = format!("say another {} in the input or by a flag, or none", wrong.param);
            CommandError::new(Exit::Usage, "BAD_CHOICE", wrong.message, hint)
        })?;
        let stops = self.said.get("stop").and_then(Value::as_array).is_some_and(|stop| !stop.is_empty());
        if stops && self.json_schema.is_some() {
            let hint = "leave `stop` out of the input, or the schema";
            let message = "an answer by a schema ends where it is whole, and not before a text";
            return Err(CommandError::new(Exit::Usage, "SCHEMA", message, hint));
        }
        if let Some(Err(why)) = self.json_schema.as_ref().map(Schema::of) {
            let hint = "docs/json-schema.md says what is held";
            return Err(CommandError::new(Exit::Usage, "SCHEMA", why.to_string(), hint));
        }
        serde_json::to_vec(self).map_err(|error| {
            let message = format!("the input cannot be written: {error}");
            CommandError::new(Exit::Other, "INPUT", message, "say it in other words")
        })
    }
}

/// An input that says already how it is to be answered.
fn request_of(text: &str) -> Option<TextRequest> {
    let request: TextRequest = serde_json::from_str(text).ok()?;
    let says = request.said.get("text").is_some_and(Value::is_string)
        != request.said.get("messages").is_some_and(Value::is_array);
    says.then_some(request)
}

/// A text that is a list of messages.
fn messages(text: &str) -> Option<Value> {
    let list: Vec<Map<String, Value>> = serde_json::from_str(text).ok()?;
    let has_role = |message: &Map<String, Value>| message.get("role").is_some_and(Value::is_string);
    let are_messages = !list.is_empty() && list.iter().all(has_role);
    are_messages.then(|| list.into_iter().map(Value::Object).collect())
}

/// A schema as it is, or the file that it is in.
fn json_schema(text: &str) -> Result<Json, String> {
    let is_json = text.trim_start().starts_with('{') || ["true", "false"].contains(&text.trim());
    let text = if is_json { text.to_owned() } else { schema_file(Path::new(text))? };
    let json = Json::read(&text).map_err(|why| why.to_string())?;
    Schema::of(&json).map_err(|why| why.to_string())?;
    Ok(json)
}

fn schema_file(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(SCHEMA_FILE_BYTES_MAX + 1).read_to_string(&mut text));
    match read {
        Err(error) => Err(format!("the file cannot be read: {error}")),
        Ok(bytes) if bytes as u64 > SCHEMA_FILE_BYTES_MAX => {
            Err(format!("the file is longer than the {SCHEMA_FILE_BYTES_MAX} bytes that are read"))
        }
        Ok(_) => Ok(text),
    }
}

fn temperature(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "expected a number such as 0.7".to_owned())?;
    checked("temperature", number.into()).map(|()| number)
}

fn stop(text: &str) -> Result<String, String> {
    checked("stop", text.into()).map(|()| text.to_owned())
}

/// What a flag says of a choice, held to the bounds of a gateway before anybody is asked.
fn checked(name: &str, value: Value) -> Result<(), String> {
    check_choice(&Map::from_iter([(name.to_owned(), value)])).map_err(|wrong| wrong.message)
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
    fn a_schema_travels_as_it_was_written_and_only_if_it_can_be_held() {
        let text = r#"{ "type": "object", "properties": { "z": {}, "a": {} } }"#;
        let compact = r#"{"type":"object","properties":{"z":{},"a":{}}}"#;
        let schema = json_schema(text).unwrap();
        assert_eq!(schema.to_string(), compact);
        let some = TextWishes { json_schema: Some(schema), ..TextWishes::default() };
        let sent = format!(r#"{{"seed":9,"text":"1+1=","json_schema":{compact}}}"#);
        assert_eq!(asked(&some, "1+1=", &SUMS), Ok(sent.clone()));
        assert_eq!(
            asked(&TextWishes::default(), &sent, &SUMS),
            Ok(sent),
            "what is in the input stays as it is"
        );
        assert_eq!(asked(&some, "1+1=", &DIGITS), Err(Exit::Usage));
        let stopped = r#"{"text":"1+1=","stop":["."]}"#;
        assert_eq!(asked(&some, stopped, &SUMS), Err(Exit::Usage));
        let wrong = r#"{"text":"1+1=","json_schema":{"pattern":"a"}}"#;
        assert_eq!(asked(&TextWishes::default(), wrong, &SUMS), Err(Exit::Usage));
    }

    #[test]
    fn a_schema_is_read_from_a_file_or_refused_in_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schema.json");
        let of_file = |text: &str| {
            std::fs::write(&file, text).unwrap();
            json_schema(file.to_str().unwrap()).map(|json| json.to_string())
        };
        assert_eq!(of_file(" { \"type\" : \"integer\" }\n"), Ok(r#"{"type":"integer"}"#.to_owned()));
        assert_eq!(json_schema("true").map(|json| json.to_string()), Ok("true".to_owned()));
        let refused = |refused: Result<String, String>, says: &str| {
            let why = refused.unwrap_err();
            assert!(why.contains(says) && !why.contains('\n'), "{why}");
        };
        refused(of_file("{"), "no JSON");
        refused(of_file(r#"{"items":{"format":"date"}}"#), r#""format" at /items is not held"#);
        refused(of_file(&" ".repeat(SCHEMA_FILE_BYTES_MAX as usize + 1)), "longer than");
        refused(of_file(&format!(r#"{{"title":"{}"}}"#, "a".repeat(70_000))), "at most 65536 are read");
        refused(json_schema("nowhere.json").map(|json| json.to_string()), "cannot be read");
    }

    #[test]
    fn a_choice_that_no_answer_can_be_chosen_by_is_refused_by_flag_and_in_the_input() {
        assert_eq!((temperature("0.7"), temperature("2")), (Ok(0.7), Ok(2.0)));
        for text in ["-1", "9", "NaN", "inf", "warm", ""] {
            assert!(temperature(text).is_err(), "{text}");
        }
        assert_eq!(temperature("9"), Err("temperature is a number from 0 to 2, and not 9".to_owned()));
        assert_eq!((stop("."), stop("").is_err()), (Ok(".".to_owned()), true));
        for (name, value) in
            [("temperature", json!(9)), ("top_p", json!(1.5)), ("min_p", json!(-1)), ("max_tokens", json!(0))]
        {
            let input = json!({ "text": "1+1=", name: value });
            let asked = asked(&TextWishes::default(), &input.to_string(), &SUMS);
            assert_eq!(asked, Err(Exit::Usage), "{input}");
        }
        let many = TextWishes { stop: vec![".".to_owned(); 17], ..TextWishes::default() };
        assert_eq!(asked(&many, "1+1=", &SUMS), Err(Exit::Usage));
    }
}
