//! What every way of asking comes to: a model, what it reads, and on which terms.
//!
//! **Invariant:** what a request says of how it is answered goes into the input, or the request is refused. Every order of a
//! text names a seed, so that an answer which breaks off goes on elsewhere as if nothing had happened.

use assay_peer::handle::{Attachment, Submit};
use assay_protocol::{
    id::PeerId,
    manifest::{Manifest, Meter},
    order::ORDER_CHECKS_MAX,
    units::{Amount, Units},
};
use axum::http::StatusCode;
use schema::Json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{credits, failure::HttpFailure, openai::choice::TOKENS_LEAST, tokens_read::tokens_read_most};

/// What is said to a model of language.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SaidText {
    /// What is to be continued as it is.
    Text(String),
    /// A conversation.
    Messages(Vec<Json>),
}

/// A text that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TextWish {
    pub(crate) said: SaidText,
    /// How its tokens are chosen, by the names that runners read.
    pub(crate) choice: Map<String, Value>,
    /// What it must fit.
    pub(crate) schema: Option<Json>,
    /// What its model's chat template is told besides what its maker tells it.
    pub(crate) variables: Vec<(String, Json)>,
    /// The most tokens that it has.
    pub(crate) tokens_max: TokensMax,
    /// How many of the likeliest tokens are told of each place, if chances are.
    pub(crate) chances: Option<u8>,
}

/// What is sent. Where the order of keys counts, because they are read or written in it, it is kept.
#[derive(Debug, Serialize)]
struct SaidRequest<'a> {
    #[serde(flatten)]
    said: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<&'a [Json]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<&'a Json>,
}

/// The most tokens of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokensMax {
    /// As its client says.
    Asked(u32),
    /// As the gateway says, or fewer, where so many cost more than may be spent.
    Usual(u32),
}

impl TokensMax {
    /// What a client says, or what is usual.
    pub(crate) fn of(param: &str, asked: Option<u32>, usual: u32) -> Result<Self, HttpFailure> {
        match asked {
            Some(0) => Err(HttpFailure::wrong(param, TOKENS_LEAST)),
            Some(most) => Ok(Self::Asked(most)),
            None => Ok(Self::Usual(usual)),
        }
    }

    /// How many those are.
    pub(crate) fn count(self) -> u32 {
        match self {
            Self::Asked(most) | Self::Usual(most) => most,
        }
    }
}

/// What a client of the market may want beside what every endpoint knows: the field `assay`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AssayTerms {
    /// The most that may be spent, fees included.
    #[serde(deserialize_with = "credits::deserialize")]
    pub(crate) max_cost: Option<Amount>,
    /// The most that a unit may cost.
    #[serde(deserialize_with = "credits::deserialize")]
    pub(crate) max_price: Option<Amount>,
    /// How the result is checked.
    pub(crate) check: CheckWish,
    /// Only this provider.
    pub(crate) only: Option<PeerId>,
    /// None of these providers.
    pub(crate) ignore: Vec<PeerId>,
}

/// How a result is checked: by so many re-executions that are paid in advance and must all agree, or as the lot falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct CheckWish(u16);

/// A word for no way to check.
#[derive(Debug, thiserror::Error)]
#[error(
    "a result is checked as the lot falls, which is \"spot\", \"always\", or from 1 to {ORDER_CHECKS_MAX} times; there is no {0}"
)]
pub(crate) struct NoSuchCheck(Value);

impl CheckWish {
    /// Whether it is paid for, and waited for.
    pub(crate) fn is_sure(self) -> bool {
        self.0 > 0
    }
}

impl TryFrom<Value> for CheckWish {
    type Error = NoSuchCheck;

    fn try_from(said: Value) -> Result<Self, NoSuchCheck> {
        let count = match (said.as_str(), said.as_u64()) {
            (Some("spot"), _) => Some(0),
            (Some("always"), _) => Some(1),
            (_, number) => number.and_then(|number| u16::try_from(number).ok()),
        };
        match count {
            Some(count) if count <= ORDER_CHECKS_MAX && said != json!(0) => Ok(Self(count)),
            Some(_) | None => Err(NoSuchCheck(said)),
        }
    }
}

impl TextWish {
    /// The same, drawn from this seed unless it names one.
    pub(crate) fn seeded(mut self, seed: u32) -> Self {
        self.choice.entry("seed").or_insert_with(|| seed.into());
        self
    }

    /// The order of it, answer `number` of those that one request wants.
    pub(crate) fn order(
        &self,
        manifest: &Manifest,
        terms: &AssayTerms,
        number: u32,
    ) -> Result<Submit, HttpFailure> {
        if !manifest.policy.is_proven_by_rows() {
            let message = format!("{} is no model of language", manifest.name);
            return Err(HttpFailure::wrong("model", message));
        }
        let input = self.input(manifest, number)?;
        let submit = Submit { units_max: self.units(&input, manifest), ..terms.order(manifest) };
        Ok(Submit { input: Attachment(input), ..submit })
    }

    fn input(&self, manifest: &Manifest, number: u32) -> Result<Vec<u8>, HttpFailure> {
        let makers: Map<String, Value> = serde_json::from_str(&manifest.params).unwrap_or_default();
        let takes_texts_alone = makers.get("input") == Some(&json!("text"));
        if takes_texts_alone {
            let message = format!("{} takes a text and nothing beside it", manifest.name);
            return Err(HttpFailure::wrong("model", message));
        }
        let mut whole = self.choice.clone();
        let mut said_messages = None;
        match &self.said {
            SaidText::Text(text) => {
                whole.insert("text".to_owned(), json!(text));
                whole.insert("raw".to_owned(), json!(true));
            }
            // To a model with a template the two are the same, and one without continues the text.
            SaidText::Messages(messages) => match only_text(messages) {
                Some(text) => drop(whole.insert("text".to_owned(), json!(text))),
                None => said_messages = Some(messages.as_slice()),
            },
        }
        whole.insert("max_tokens".to_owned(), self.tokens_max.count().into());
        let seed = match whole.get("seed").and_then(Value::as_u64) {
            Some(seed) => seed.wrapping_add(number.into()),
            None => u64::from(random()?),
        };
        whole.insert("seed".to_owned(), seed.into());
        let variables = (!self.variables.is_empty()).then(|| {
            let makers = makers_variables(manifest).into_iter();
            let others = makers.filter(|(name, _)| !self.variables.iter().any(|(own, _)| own == name));
            Json::Object(others.chain(self.variables.iter().cloned()).collect())
        });
        let json_schema = self.schema.as_ref();
        let said = SaidRequest { said: whole, messages: said_messages, variables, json_schema };
        serde_json::to_vec(&said).map_err(|error| HttpFailure::wrong("messages", error.to_string()))
    }

    /// The units that an answer of the most tokens takes, with all of an input that can be read.
    fn units(&self, input: &[u8], manifest: &Manifest) -> Option<Units> {
        let Meter::Tokens(weights) = manifest.meter else { return None };
        Some(weights.units(tokens_read_most(input, manifest), self.tokens_max.count().into()))
    }
}

impl AssayTerms {
    /// An order on these terms, without an input.
    pub(crate) fn order(&self, manifest: &Manifest) -> Submit {
        Submit {
            manifest: manifest.digest().to_string(),
            cost_max: self.max_cost,
            unit_price_max: self.max_price,
            provider: self.only,
            ignored: self.ignore.clone(),
            checks: self.check.0,
            ..Submit::default()
        }
    }
}

/// What a model's maker has its chat template told.
pub(crate) fn makers_variables(manifest: &Manifest) -> Vec<(String, Json)> {
    let params = Json::read(&manifest.params).unwrap_or(Json::Null);
    if let Some(Json::Object(variables)) = params.get("variables") { variables.clone() } else { Vec::new() }
}

/// What a user says in the only message of a conversation.
fn only_text(messages: &[Json]) -> Option<&str> {
    let [message] = messages else { return None };
    match (message.get("role"), message.get("content")) {
        (Some(Json::Text(role)), Some(Json::Text(content))) if role == "user" => Some(content),
        _ => None,
    }
}

fn random() -> Result<u32, HttpFailure> {
    getrandom::u32().map_err(|error| {
        let message = format!("no seed can be drawn: {error}; name one");
        HttpFailure::new(StatusCode::INTERNAL_SERVER_ERROR, "no_seed", message)
    })
}
