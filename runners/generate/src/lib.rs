//! Writes text with a language model: an answer to a conversation, or what follows a text.
//!
//! Input: plain text, a JSON list of messages, or one of these with parameters of its own. Output: tokens, and their text. What exactly ran is in here: the chat
//! template is rendered, tokens are chosen by the rule of `docs/sampling.md`, those that a schema does not allow left out, and the
//! host only computes rows.

mod answer;
mod conversation;
mod form;
mod params;
mod prompt;
mod request;
mod template;
mod text;

use assay_runner::{Context, Failure, Job, LanguageModel, Outcome, Runner, session};

use crate::{
    answer::{Answer, Session},
    conversation::Conversation,
    prompt::Prompt,
    request::Request,
};

struct Generate;

impl Runner for Generate {
    fn run(job: &Job, input: &[u8]) -> Result<Outcome, Failure> {
        let Request { said, params } = Request::read(job, input)?;
        let rule = params.rule()?;
        let seed = params.seed(&job.seed)?;
        let form = params.form()?;
        let model = LanguageModel::of_job();
        let template = if params.raw { None } else { model.chat_template() };
        let prompt = match template {
            Some(template) => Prompt::chat(&template, &Conversation::of(&said, &params)?, &params)?,
            None => Prompt::plain(said.text()?, &params)?,
        };
        let special = model.special_tokens()?;
        let tokens = prompt.tokens(&special, |text, special| model.tokenize(text, special))?;
        let answer = Answer {
            rule,
            seed,
            ends: special.end,
            stops: params.stop.into(),
            tokens_max: params.max_tokens,
            form,
        };
        let mut run = Run { context: model.context()?, model };
        Ok(Outcome::emitted(answer.write(&tokens, &mut run)?))
    }
}

/// The model of a job while it writes.
struct Run {
    model: LanguageModel,
    context: Context,
}

impl Session for Run {
    fn extend(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Failure> {
        self.context.extend(tokens)
    }

    fn bytes(&self, token: u32) -> Result<Vec<u8>, Failure> {
        self.model.detokenize(&[token])
    }

    fn emit(&mut self, tokens: &[u32], text: &str) -> bool {
        session::emit_tokens(tokens, text.as_bytes())
    }

    fn log(&mut self, line: &str) {
        session::log(line);
    }
}

assay_runner::export!(Generate);
