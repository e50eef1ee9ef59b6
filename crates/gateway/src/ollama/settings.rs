//! How an answer is to be, as Ollama's clients say it.

use serde::Deserialize;

use crate::{
    failure::HttpFailure,
    openai::choice::{OneOrMore, TOKENS_LEAST, TokenChoice},
    order::TokensMax,
};

/// What `num_predict` says where an answer may be as long as it likes, or as long as there is room.
const NO_END: [i64; 2] = [-1, -2];

/// The field `options`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AnswerSettings {
    num_predict: Option<i64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u32>,
    min_p: Option<f64>,
    repeat_penalty: Option<f64>,
    repeat_last_n: Option<u32>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    seed: Option<i64>,
    stop: Option<OneOrMore>,
    // What concerns the machine alone: whoever offers a model says how much it reads and what it runs on.
    #[serde(rename = "num_ctx")]
    _num_ctx: Option<u32>,
    #[serde(rename = "num_batch")]
    _num_batch: Option<u32>,
    #[serde(rename = "num_gpu")]
    _num_gpu: Option<i64>,
    #[serde(rename = "main_gpu")]
    _main_gpu: Option<i64>,
    #[serde(rename = "num_thread")]
    _num_thread: Option<u32>,
    #[serde(rename = "num_keep")]
    _num_keep: Option<i64>,
    #[serde(rename = "use_mmap")]
    _use_mmap: Option<bool>,
    #[serde(rename = "use_mlock")]
    _use_mlock: Option<bool>,
    #[serde(rename = "low_vram")]
    _low_vram: Option<bool>,
    #[serde(rename = "numa")]
    _numa: Option<bool>,
}

impl AnswerSettings {
    /// Whether nothing is said of how tokens are chosen.
    pub(crate) fn concerns_the_machine_alone(&self) -> bool {
        let Self { num_predict, temperature, top_p, top_k, min_p, repeat_penalty, .. } = self;
        let numbers =
            [*temperature, *top_p, *min_p, *repeat_penalty, self.presence_penalty, self.frequency_penalty];
        let counts =
            [num_predict.is_some(), top_k.is_some(), self.repeat_last_n.is_some(), self.seed.is_some()];
        numbers.iter().all(Option::is_none) && !counts.contains(&true) && self.stop.is_none()
    }

    /// How tokens are chosen, and how many there are at most.
    pub(crate) fn choice(self, usual: u32) -> Result<(TokenChoice, TokensMax), HttpFailure> {
        let param = "options.num_predict";
        let asked = self.num_predict.filter(|count| !NO_END.contains(count)).map(u32::try_from).transpose();
        let asked = asked.map_err(|_| HttpFailure::wrong(param, TOKENS_LEAST))?;
        let tokens_max = TokensMax::of(param, asked, usual)?;
        let choice = TokenChoice {
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            min_p: self.min_p,
            repeat_penalty: self.repeat_penalty,
            repeat_last_n: self.repeat_last_n,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            logit_bias: Default::default(),
            seed: self.seed,
            stop: self.stop,
        };
        Ok((choice, tokens_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_body;

    #[test]
    fn an_answer_has_no_other_end_than_the_usual_where_none_is_wanted() {
        let read = |text: &str| json_body::read::<AnswerSettings>(text.as_bytes()).unwrap().choice(256);
        assert_eq!(read("{}").unwrap().1, TokensMax::Usual(256));
        assert_eq!(read(r#"{"num_predict":-1}"#).unwrap().1, TokensMax::Usual(256));
        assert_eq!(read(r#"{"num_predict":7,"num_ctx":4096}"#).unwrap().1, TokensMax::Asked(7));
        let machine = r#"{"numa":true,"num_gpu":-1,"use_mmap":true,"use_mlock":true,"low_vram":false}"#;
        assert_eq!(read(machine).unwrap().1, TokensMax::Usual(256));
        assert!(read(r#"{"num_predict":0}"#).is_err());
        assert!(read(r#"{"num_predict":-3}"#).is_err());
        assert!(json_body::read::<AnswerSettings>(br#"{"mirostat":1}"#).is_err());
    }
}
