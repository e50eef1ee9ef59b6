//! What an order says: a text or messages, and perhaps how it wants them answered.
//!
//! The parameters of a model are its maker's, the same for everybody. An order that wants others puts them beside what it
//! says, in one object: `{"text": "Why?", "temperature": 0.2}`. So they are as private as the rest of the input.
//!
//! **Invariant:** an object is a request only if it says something; then each of its other fields is a parameter, or the
//! request is refused.

use assay_runner::{Failure, Job};
use schema::Json;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    conversation::{Said, text_of},
    params::{InputKind, Params},
};

/// An order.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) said: Said,
    pub(crate) params: Params,
}

impl Request {
    /// What a job is asked, by the parameters of its model and those of its input.
    pub(crate) fn read(job: &Job, input: &[u8]) -> Result<Self, Failure> {
        let makers: Map<String, Value> = job.params()?;
        let params: Params = job.params()?;
        let text = text_of(input)?;
        let object = if params.input == InputKind::Text { None } else { object_of(text) };
        match object {
            Some((said, own)) => {
                let OwnSchema { json_schema } = serde_json::from_str(text).map_err(wrong)?;
                Ok(Self { said, params: joined(makers, own)?.with_schema(json_schema) })
            }
            None if params.raw => Ok(Self { said: Said::Text(text.to_owned()), params }),
            None => Ok(Self { said: Said::read(text, params.input)?, params }),
        }
    }
}

/// What an order says of a schema, as it stands there: of two keys of one name in an object the other fields keep the last.
#[derive(Deserialize)]
struct OwnSchema {
    #[serde(default)]
    json_schema: Option<Json>,
}

/// A request's text or messages, and its other fields.
fn object_of(text: &str) -> Option<(Said, Map<String, Value>)> {
    let mut object: Map<String, Value> = serde_json::from_str(text).ok()?;
    let said = match (object.remove("text"), object.remove("messages")) {
        (Some(Value::String(text)), None) => Said::Text(text),
        (None, Some(messages @ Value::Array(_))) => Said::Messages(serde_json::from_value(messages).ok()?),
        _ => return None,
    };
    Some((said, object))
}

/// A model's parameters with those of an order instead, where it has some.
fn joined(mut makers: Map<String, Value>, own: Map<String, Value>) -> Result<Params, Failure> {
    if own.contains_key("input") {
        return Err(wrong("what the input is, is clear"));
    }
    // Such an answer ends where it is whole, and a maker's stop strings would end it elsewhere.
    if own.get("json_schema").is_some_and(|schema| !schema.is_null()) {
        makers.remove("stop");
    }
    makers.extend(own);
    serde_json::from_value(Value::Object(makers)).map_err(wrong)
}

fn wrong(why: impl std::fmt::Display) -> Failure {
    Failure::BadParams(format!("the parameters in the input are wrong: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(params: &str, input: &str) -> Result<Request, Failure> {
        let job = Job { params: params.to_owned(), seed: vec![7; 32], units_max: 1 };
        Request::read(&job, input.as_bytes())
    }

    #[test]
    fn an_order_has_parameters_of_its_own_beside_what_it_says() {
        let makers = r#"{"temperature":0.7,"top_k":5,"max_tokens":9}"#;
        let request = request(makers, r#"{"text":"Why?","temperature":0.2,"max_tokens":3}"#).unwrap();
        assert_eq!(request.said, Said::Text("Why?".into()));
        let rule = request.params.rule().unwrap();
        assert_eq!((rule.temperature, rule.top_k, request.params.max_tokens), (0.2, 5, Some(3)));
    }

    #[test]
    fn messages_stand_in_a_request_as_they_do_alone() {
        let alone = request("{}", r#"[{"role":"user","content":"Why?"}]"#).unwrap();
        let beside = request("{}", r#"{"messages":[{"role":"user","content":"Why?"}],"seed":3}"#).unwrap();
        assert_eq!(alone.said, beside.said);
        assert_ne!(alone.params.seed(&[7; 32]), beside.params.seed(&[7; 32]));
    }

    #[test]
    fn a_makers_stop_strings_end_no_answer_by_a_schema() {
        let form = |input: &str| {
            request(r#"{"stop":"\n"}"#, input).unwrap().params.form().map(|form| form.is_some())
        };
        assert_eq!(form(r#"{"text":"a","json_schema":{}}"#), Ok(true));
        assert_eq!(form(r#"{"text":"a"}"#), Ok(false));
        assert!(form(r#"{"text":"a","json_schema":{},"stop":["\n"]}"#).is_err());
    }

    #[test]
    fn the_keys_of_a_schema_stay_in_the_order_that_they_have() {
        let input = r#"{"text":"a","json_schema":{"properties":{"z":{"const":1},"a":{"const":2}},"required":["a","z"]}}"#;
        let form = request("{}", input).unwrap().params.form().unwrap().unwrap();
        let allows = |text: &str| form.allows(0, || Ok(text.into())).unwrap();
        assert!(allows(r#"{"z":1,"a":2}"#));
        let form = request("{}", input).unwrap().params.form().unwrap().unwrap();
        assert!(!form.allows(0, || Ok(br#"{"a":2"#.to_vec())).unwrap());
    }

    #[test]
    fn a_schema_is_read_as_it_stands_or_refused() {
        let twice = r#"{"text":"a","json_schema":{"properties":{"a":{},"a":{"const":1}}}}"#;
        let refused = request("{}", twice).unwrap_err();
        assert!(
            matches!(&refused, Failure::BadParams(why) if why.contains("\"a\" stands twice")),
            "{refused}"
        );
        let number = "0.9452706955539223";
        let form = request("{}", &format!(r#"{{"text":"a","json_schema":{{"const":{number}}}}}"#));
        let form = form.unwrap().params.form().unwrap().unwrap();
        assert!(form.allows(0, || Ok(number.into())).unwrap(), "it is another number");
        let makers = r#"{"json_schema":{"const":1}}"#;
        let kept = request(makers, r#"{"text":"a"}"#).unwrap().params.form().unwrap();
        let let_go = request(makers, r#"{"text":"a","json_schema":null}"#).unwrap().params.form().unwrap();
        assert!(kept.is_some() && let_go.is_none(), "an order may want no schema");
    }

    #[test]
    fn what_says_nothing_is_a_text_and_so_is_what_the_maker_calls_one() {
        let texts = [r#"{"role":"user"}"#, r#"{"text":5}"#, r#"{"text":"a","messages":[]}"#, "{}", "{"];
        for text in texts {
            assert_eq!(request("{}", text).unwrap().said, Said::Text(text.into()));
        }
        let object = r#"{"text":"Why?"}"#;
        assert_eq!(request(r#"{"input":"text"}"#, object).unwrap().said, Said::Text(object.into()));
        let messages = r#"[{"role":"user","content":"Why?"}]"#;
        assert_eq!(request(r#"{"raw":true}"#, messages).unwrap().said, Said::Text(messages.into()));
        let job = Job { params: "{}".into(), seed: vec![7; 32], units_max: 1 };
        assert!(Request::read(&job, b"a\xFF").is_err());
    }

    #[test]
    fn a_field_that_is_no_parameter_is_refused() {
        for input in [
            r#"{"text":"a","temprature":1}"#,
            r#"{"text":"a","input":"text"}"#,
            r#"{"text":"a","temperature":"hot"}"#,
        ] {
            let refused = request("{}", input).unwrap_err();
            assert!(matches!(&refused, Failure::BadParams(why) if why.contains("in the input")), "{input}");
        }
    }
}
