//! What a model's chat template shows of the model: whether it is told of tools, how it writes calls, and whether it thinks.
//!
//! Templates are programs, and run where the model does. What they do is told here by the words in them, as their makers write
//! them.
//!
//! **Invariant:** what a template does not show is not asked of its model.

use serde::{Deserialize, Serialize};

use crate::spoken::{
    call_reader::ToolDialect,
    thought_reader::{THOUGHTS_CLOSE, THOUGHTS_OPEN},
};

/// Behind what a template writes where an answer begins.
const ANSWER_BEGINS: &str = "add_generation_prompt";
/// What says how long to think.
pub(crate) const EFFORT: &str = "reasoning_effort";
/// Marks of calls that are written in ways which are not read here.
const FOREIGN: [&str; 5] = ["<function=", "<arg_key>", "<|tool_call|>", "[CALL_ID]", "<|channel|>"];

/// What a template shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateTraits {
    /// The template, if the model has one and it is known.
    #[serde(skip)]
    pub(crate) text: Option<String>,
    /// What it does with tools.
    pub(crate) tools: ToolSupport,
    /// Whether it writes calls of before, and what came of them.
    pub(crate) tells_calls: bool,
    /// Whether it knows of thoughts.
    pub(crate) shows_thoughts: bool,
    /// The variable that switches them on and off.
    pub(crate) switch: Option<ThoughtSwitch>,
    /// Whether a variable says how long to think.
    pub(crate) has_effort: bool,
    opening: ThoughtOpening,
}

/// A variable that switches thinking on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ThoughtSwitch {
    /// `enable_thinking`, which is on where nobody says.
    EnableThinking,
    /// `thinking`, which is off then.
    Thinking,
}

/// What a template does with tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToolSupport {
    /// It was not read.
    Unread,
    /// It has no place for them.
    Absent,
    /// It has calls written in a way that is not read here.
    Foreign,
    /// It has them written like this.
    Written(ToolDialect),
}

/// When an answer begins among the thoughts, because the template has opened them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ThoughtOpening {
    Never,
    Always,
    /// As a variable says, or else as it is usual.
    Switched(ThoughtSwitch),
}

impl ThoughtSwitch {
    /// Those that are looked for, one after another.
    const ALL: [Self; 2] = [Self::EnableThinking, Self::Thinking];

    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EnableThinking => "enable_thinking",
            Self::Thinking => "thinking",
        }
    }

    /// Whether it is on where nobody says.
    fn is_usually_on(self) -> bool {
        matches!(self, Self::EnableThinking)
    }
}

impl TemplateTraits {
    /// Of a model whose template was not read.
    pub(crate) const UNREAD: Self = Self {
        text: None,
        tools: ToolSupport::Unread,
        tells_calls: false,
        shows_thoughts: false,
        switch: None,
        has_effort: false,
        opening: ThoughtOpening::Never,
    };

    /// Of a model with this template, or without one.
    pub(crate) fn of(template: Option<String>) -> Self {
        let Some(text) = template else { return Self { tools: ToolSupport::Absent, ..Self::UNREAD } };
        let shows_thoughts = text.contains(THOUGHTS_OPEN) || text.contains(THOUGHTS_CLOSE);
        let switch =
            ThoughtSwitch::ALL.into_iter().find(|switch| shows_thoughts && is_read(&text, switch.name()));
        Self {
            tools: support(&text),
            tells_calls: text.contains("tool"),
            shows_thoughts,
            switch,
            has_effort: is_read(&text, EFFORT),
            opening: opening(&text, switch),
            text: Some(text),
        }
    }

    /// The same without the template itself, to be kept.
    pub(crate) fn without_text(&self) -> Self {
        Self { text: None, ..self.clone() }
    }

    /// Whether answers begin among the thoughts, where variables are set like this.
    pub(crate) fn opens_thoughts(&self, variable: impl Fn(&str) -> Option<bool>) -> bool {
        match self.opening {
            ThoughtOpening::Never => false,
            ThoughtOpening::Always => true,
            ThoughtOpening::Switched(switch) => {
                variable(switch.name()).unwrap_or_else(|| switch.is_usually_on())
            }
        }
    }
}

fn support(template: &str) -> ToolSupport {
    let has_fields = |one: &str, other: &str| {
        let plain = template.replace('\\', "");
        [one, other].into_iter().all(|field| plain.contains(&format!("\"{field}\":")))
    };
    if !is_read(template, "tools") {
        return ToolSupport::Absent;
    }
    if FOREIGN.into_iter().any(|mark| template.contains(mark)) {
        return ToolSupport::Foreign;
    }
    match () {
        () if template.contains("<tool_call>") => ToolSupport::Written(ToolDialect::Hermes),
        () if template.contains("[TOOL_CALLS]") => ToolSupport::Written(ToolDialect::Mistral),
        () if has_fields("name", "parameters") => ToolSupport::Written(ToolDialect::Llama),
        () => ToolSupport::Foreign,
    }
}

fn opening(template: &str, switch: Option<ThoughtSwitch>) -> ThoughtOpening {
    let answer = template.rsplit_once(ANSWER_BEGINS).map_or("", |(_, answer)| answer);
    // Some close them at once, in the same text, where nothing is to be thought.
    let is_left_open = |behind: &str| {
        let text = behind.split(['\'', '"', '{', '}', '%']).next().unwrap_or_default();
        !text.contains(THOUGHTS_CLOSE)
    };
    if !answer.split(THOUGHTS_OPEN).skip(1).any(is_left_open) {
        return ThoughtOpening::Never;
    }
    match switch.filter(|switch| is_read(answer, switch.name())) {
        Some(switch) => ThoughtOpening::Switched(switch),
        None => ThoughtOpening::Always,
    }
}

/// Whether a template reads a variable: its name stands in a tag, and not in a text nor behind a dot.
fn is_read(template: &str, name: &str) -> bool {
    let is_of_name =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '\'' | '"');
    let tags = template.split("{%").flat_map(|part| part.split("{{")).skip(1);
    let inner = |part: &str| part.find("%}").into_iter().chain(part.find("}}")).min().unwrap_or(part.len());
    tags.map(|part| part.get(..inner(part)).unwrap_or_default()).any(|tag| {
        tag.match_indices(name).any(|(at, _)| {
            let (before, behind) = (&tag[..at], &tag[at + name.len()..]);
            let goes_on = |letter: char| is_of_name(letter) && letter != '.';
            !before.ends_with(is_of_name) && !behind.starts_with(goes_on)
        })
    })
}

#[cfg(test)]
mod tests;
