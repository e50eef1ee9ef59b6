//! What an order can say of how it is answered.
//!
//! **Invariant:** a name that is not here is refused, and so is a number out of its bounds: nothing is ignored.

use std::collections::BTreeMap;

use assay_runner::Failure;
use sampling::{Rule, Seed, seed_of};
use schema::{Json, Schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::form::Form;

/// Stop strings of an order.
const STOPS_MAX: usize = 16;
/// Bytes of a stop string.
const STOP_BYTES_MAX: usize = 256;

/// The parameters; numbers that are not stated are those of [`Rule::default`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    temperature: f64,
    top_k: usize,
    top_p: f64,
    min_p: f64,
    repeat_penalty: f64,
    presence_penalty: f64,
    frequency_penalty: f64,
    penalty_last_n: usize,
    logit_bias: BTreeMap<u32, f64>,
    /// What choices are drawn from; the job's own seed when absent.
    seed: Option<u64>,
    /// What the answer ends before.
    pub(crate) stop: Stop,
    /// The most tokens of the answer, that which ends it among them.
    pub(crate) max_tokens: Option<u32>,
    /// What the answer must fit, as JSON.
    json_schema: Option<Json>,
    /// The message that a conversation begins with, if it has none of its own.
    pub(crate) system: Option<String>,
    /// What the chat template is told besides the messages.
    pub(crate) variables: Map<String, Value>,
    /// The date, and perhaps the time, that the chat template is told.
    pub(crate) date: Option<String>,
    /// Whether the input is a text to be continued, control tokens and all, whatever template there is.
    pub(crate) raw: bool,
    /// What the input is.
    pub(crate) input: InputKind,
}

/// What an input is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum InputKind {
    /// Messages if it looks like them, else a text.
    #[default]
    Auto,
    /// A text, whatever it looks like.
    Text,
    /// Messages, or it is refused.
    Messages,
}

/// One stop string or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Stop {
    One(String),
    Several(Vec<String>),
}

impl From<Stop> for Vec<String> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::One(one) => vec![one],
            Stop::Several(several) => several,
        }
    }
}

impl Default for Params {
    fn default() -> Self {
        let rule = Rule::default();
        Self {
            temperature: rule.temperature,
            top_k: rule.top_k,
            top_p: rule.top_p,
            min_p: rule.min_p,
            repeat_penalty: rule.repeat_penalty,
            presence_penalty: rule.presence_penalty,
            frequency_penalty: rule.frequency_penalty,
            penalty_last_n: rule.penalty_window,
            logit_bias: rule.bias,
            seed: None,
            stop: Stop::Several(Vec::new()),
            max_tokens: None,
            json_schema: None,
            system: None,
            variables: Map::new(),
            date: None,
            raw: false,
            input: InputKind::Auto,
        }
    }
}

impl Params {
    /// How tokens are chosen, once all parameters are found to be right.
    pub(crate) fn rule(&self) -> Result<Rule, Failure> {
        let rule = Rule {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repeat_penalty: self.repeat_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            penalty_window: self.penalty_last_n,
            bias: self.logit_bias.clone(),
        };
        rule.check().map_err(|wrong| Failure::BadParams(format!("the parameters are wrong: {wrong}")))?;
        self.check_stops()?;
        if self.max_tokens == Some(0) {
            return Err(Failure::BadParams("the parameters are wrong: max_tokens is 0".into()));
        }
        Ok(rule)
    }

    fn check_stops(&self) -> Result<(), Failure> {
        let stops = match &self.stop {
            Stop::One(one) => std::slice::from_ref(one),
            Stop::Several(several) => several,
        };
        let wrong = |why: String| Err(Failure::BadParams(format!("the parameters are wrong: {why}")));
        if stops.len() > STOPS_MAX {
            return wrong(format!("{} stop strings are more than {STOPS_MAX}", stops.len()));
        }
        match stops.iter().map(String::len).find(|bytes| !(1..=STOP_BYTES_MAX).contains(bytes)) {
            Some(bytes) => wrong(format!("a stop string of {bytes} bytes is not of 1 to {STOP_BYTES_MAX}")),
            None => Ok(()),
        }
    }

    /// What the answer must come to be, if a schema is given. A stop string could end it anywhere.
    pub(crate) fn form(&self) -> Result<Option<Form>, Failure> {
        let wrong = |why: String| Failure::BadParams(format!("the parameters are wrong: {why}"));
        let Some(said) = &self.json_schema else { return Ok(None) };
        if !matches!(&self.stop, Stop::Several(several) if several.is_empty()) {
            return Err(wrong(
                "an answer by json_schema ends where it is whole, and stop would end it elsewhere".into(),
            ));
        }
        let schema = Schema::of(said).map_err(|why| wrong(format!("json_schema: {why}")))?;
        Ok(Some(Form::begun(schema.document())))
    }

    /// The same with this schema instead, if it is one.
    pub(crate) fn with_schema(self, schema: Option<Json>) -> Self {
        Self { json_schema: schema.or(self.json_schema), ..self }
    }

    /// What choices are drawn from.
    pub(crate) fn seed(&self, of_job: &[u8]) -> Result<Seed, Failure> {
        match self.seed {
            Some(number) => Ok(seed_of(number)),
            None => Seed::try_from(of_job)
                .map_err(|_| Failure::Internal(format!("the job's seed has {} bytes", of_job.len()))),
        }
    }
}

#[cfg(test)]
mod tests;
