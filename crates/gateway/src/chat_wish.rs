//! A conversation that is to be answered, as far as its request says; and how, once its model's chat template is known.
//!
//! **Invariant:** tools that may be called are told to the model, or the request is refused: its template has a place for them
//! and writes calls as they are read here. Only a call that has to be made of one tool needs no template: it is a schema, which
//! no model is told.

use std::sync::Arc;

use assay_protocol::manifest::Manifest;
use schema::Json;

use crate::{
    Gateway,
    asked_once::AskedOnce,
    failure::HttpFailure,
    guard::Caller,
    order::{TextWish, makers_variables},
    spoken::{
        SpokenReader,
        call_reader::{CallReader, ToolDialect},
    },
    template_traits::{TemplateTraits, ToolSupport},
    think_wish::ThinkWish,
    tools::ToolWish,
};

/// What is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChatWish {
    pub(crate) text: TextWish,
    pub(crate) tools: Option<ToolWish>,
    pub(crate) think: Option<ThinkWish>,
    /// Where the conversation first tells of a call.
    pub(crate) calls_at: Option<String>,
    /// What the fields with a format and with a wish for thoughts are called.
    pub(crate) params: ChatParams,
}

/// What some fields are called by an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChatParams {
    pub(crate) format: &'static str,
    pub(crate) think: &'static str,
}

/// The same once its model's template is known.
#[derive(Debug)]
pub(crate) struct FittedChat {
    /// What is ordered.
    pub(crate) text: TextWish,
    /// How the answer is read.
    pub(crate) reader: SpokenReader,
    /// What both rest on.
    pub(crate) traits: Arc<TemplateTraits>,
}

impl ChatWish {
    /// What is ordered for it of a model, and how its answer is read: as before, where the same request came before. Then nobody
    /// is asked for the template again.
    pub(crate) async fn fitted(
        self,
        gateway: &Gateway,
        manifest: &Manifest,
        (caller, once): (&Caller, &AskedOnce),
    ) -> Result<FittedChat, HttpFailure> {
        let needs_tools = self.tools.as_ref().is_some_and(|tools| !tools.is_sure());
        let is_needed = needs_tools || self.think.is_some() || self.calls_at.is_some();
        let digest = manifest.digest();
        let traits = match gateway.keyed.traits(caller.owner(), once) {
            Some(before) => Arc::new(before),
            None if is_needed => gateway.templates.needed(&gateway.link, digest).await?,
            None => gateway.templates.soon(&gateway.link, digest).await,
        };
        let (text, reader) = self.fit(&manifest.name, &makers_variables(manifest), &traits)?;
        Ok(FittedChat { text, reader, traits })
    }

    /// The same for a model that is called so, whose maker has its template told this, and whose template shows that.
    pub(crate) fn fit(
        self,
        name: &str,
        makers: &[(String, Json)],
        traits: &TemplateTraits,
    ) -> Result<(TextWish, SpokenReader), HttpFailure> {
        let Self { mut text, tools, think, calls_at, params } = self;
        if let Some(place) = calls_at.filter(|_| !traits.tells_calls) {
            return Err(HttpFailure::unsupported(&place, &without_tools(name, traits.tools)));
        }
        if let Some(think) = think {
            text.variables.extend(think.variables(traits, params.think)?);
        }
        let calls = match &tools {
            Some(tools) => Some(called(&mut text, tools, name, (traits, params))?),
            None => None,
        };
        let variable = |name: &str| {
            let own = text.variables.iter().chain(makers).find(|(known, _)| known == name);
            if let Some((_, Json::Bool(value))) = own { Some(*value) } else { None }
        };
        // A document by a schema holds no thoughts.
        let is_thinking = text.schema.is_none() && traits.opens_thoughts(variable);
        Ok((text, SpokenReader::new(is_thinking, calls)))
    }
}

/// Has tools told to the model, or a call of one of them made, and reads the calls.
fn called(
    text: &mut TextWish,
    tools: &ToolWish,
    name: &str,
    (traits, params): (&TemplateTraits, ChatParams),
) -> Result<CallReader, HttpFailure> {
    if text.schema.is_some() {
        return Err(HttpFailure::unsupported(params.format, "an answer by a schema calls no tools"));
    }
    let dialect = match traits.tools {
        ToolSupport::Written(dialect) => dialect,
        // One that has to be called is read the same by any of them.
        ToolSupport::Unread | ToolSupport::Absent | ToolSupport::Foreign if tools.is_sure() => {
            ToolDialect::Hermes
        }
        support @ (ToolSupport::Unread | ToolSupport::Absent | ToolSupport::Foreign) => {
            return Err(HttpFailure::unsupported("tools", &without_tools(name, support)));
        }
    };
    if matches!(traits.tools, ToolSupport::Written(_) | ToolSupport::Foreign) {
        text.variables.push(("tools".to_owned(), tools.definitions()));
    }
    text.schema = tools.schema()?;
    if text.schema.is_some() && text.choice.contains_key("stop") {
        return Err(HttpFailure::unsupported("stop", "a call that has to be made ends where it is whole"));
    }
    Ok(CallReader::new(dialect, tools.names(), tools.is_single))
}

/// Why a model is not told of tools.
fn without_tools(name: &str, support: ToolSupport) -> String {
    match support {
        ToolSupport::Unread => format!("the chat template of {name} is not read for it"),
        ToolSupport::Absent => format!("the chat template of {name} has no tools"),
        ToolSupport::Foreign => format!("{name} writes calls of tools in a way that is not read here"),
        ToolSupport::Written(_) => format!("the chat template of {name} tells of no calls"),
    }
}

#[cfg(test)]
mod tests;
