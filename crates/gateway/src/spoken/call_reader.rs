//! The tools that a model wants to be called, read from its text as its chat template taught it to write them.
//!
//! **Invariant:** a call is told once all of it is here and it was read; what looks like one and is none is told as words.
//! Without a mark in front a call stands at the beginning of an answer or behind another, and names a tool that there is. To
//! read an answer takes as long as the answer is, whatever a stranger's model put into it.

use std::sync::Arc;

use schema::Json;
use serde::{Deserialize, Serialize};

use super::{Spoken, begun_mark, json_end::JsonEnd};

/// What the first key of a call can be: another object need not be waited for to its end.
const FIRST_KEYS: [&str; 5] = ["name", "arguments", "parameters", "type", "id"];
/// What stands between a tool's name and its arguments where no object holds both.
const ARGUMENTS_MARK: &str = "[ARGS]";
/// Calls that are taken out of one answer; what would be another one is told as words.
pub(super) const CALLS_MAX: usize = 256;
/// How often a mark may have no call behind it: what stands behind each is looked at, and may be long. All behind the last is
/// words.
pub(super) const MISSES_MAX: usize = 64;
/// Blanks that may stand before a call, and within what shows that it is one: they are looked at whenever more comes.
pub(super) const BLANK_BYTES_MAX: usize = 1_024;

/// How calls are written. Marks that are control tokens of a vocabulary leave no text, so that each may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToolDialect {
    /// `<tool_call>{"name": …, "arguments": …}</tool_call>`, once for each.
    Hermes,
    /// `{"name": …, "parameters": …}`, with a semicolon before another.
    Llama,
    /// `[TOOL_CALLS][{"name": …, "arguments": …}, …]`, or `[TOOL_CALLS]name[ARGS]{…}`, once for each.
    Mistral,
}

/// A tool that is to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToolCall {
    pub(crate) name: String,
    /// An object, as JSON.
    pub(crate) arguments: String,
}

/// Tells calls from words.
#[derive(Clone, Debug)]
pub(crate) struct CallReader {
    dialect: ToolDialect,
    /// What the tools are called.
    names: Arc<[String]>,
    /// Whether calls behind the first are left out.
    is_single: bool,
    place: CallPlace,
    /// What is not clear yet, behind what became clear within this piece.
    held: String,
    /// How much of it that is.
    clear: usize,
    /// How far the call that may stand there was looked at.
    end: JsonEnd,
    /// Calls until now.
    count: usize,
    /// Marks without calls until now.
    misses: usize,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallPlace {
    /// A call, with a mark or without.
    Bare,
    /// A call: its mark is held, and what comes behind it.
    Marked,
    /// Words.
    Words,
}

/// What stands where a call may.
enum SeenCall {
    /// Calls, which take so many bytes.
    Whole(Vec<ToolCall>, usize),
    /// One that goes on, or may.
    Begun,
    /// None.
    Absent,
}

impl ToolDialect {
    /// What stands before a call.
    const fn open(self) -> &'static str {
        match self {
            Self::Hermes => "<tool_call>",
            Self::Llama => "<|python_tag|>",
            Self::Mistral => "[TOOL_CALLS]",
        }
    }

    /// What may stand behind one.
    const fn close(self) -> &'static str {
        match self {
            Self::Hermes => "</tool_call>",
            Self::Llama => ";",
            Self::Mistral => ",",
        }
    }
}

impl CallReader {
    /// One of calls that are written like this, of tools with these names.
    pub(crate) fn new(dialect: ToolDialect, names: impl Into<Arc<[String]>>, is_single: bool) -> Self {
        let (place, held, end) = (CallPlace::Bare, String::new(), JsonEnd::default());
        Self { dialect, names: names.into(), is_single, place, held, clear: 0, end, count: 0, misses: 0 }
    }

    /// Bytes of which it is not clear yet what they are.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// What becomes clear with these words, or with the end.
    pub(super) fn take(&mut self, words: &str, is_end: bool) -> Vec<Spoken> {
        self.held.push_str(words);
        let mut told = Vec::new();
        while !self.rest().is_empty() && self.step(is_end, &mut told) {}
        // Once for all steps: each would move all that stands behind it.
        self.held.drain(..std::mem::take(&mut self.clear));
        told
    }

    /// What is not clear yet.
    fn rest(&self) -> &str {
        self.held.get(self.clear..).unwrap_or_default()
    }

    /// Whether no more calls are looked for.
    fn is_over(&self) -> bool {
        self.count >= CALLS_MAX || self.misses >= MISSES_MAX
    }

    /// One step; whether another may follow.
    fn step(&mut self, is_end: bool, told: &mut Vec<Spoken>) -> bool {
        match self.place {
            CallPlace::Words => self.words(is_end, told),
            CallPlace::Bare => self.bare(is_end, told),
            CallPlace::Marked => self.call(self.dialect.open().len(), is_end, told),
        }
    }

    fn words(&mut self, is_end: bool, told: &mut Vec<Spoken>) -> bool {
        let (mark, is_over) = (self.dialect.open(), self.is_over());
        if let Some(at) = self.rest().find(mark).filter(|_| !is_over) {
            self.say(at, told);
            self.go(CallPlace::Marked);
            return true;
        }
        let unclear = if is_end || is_over { 0 } else { begun_mark(self.rest(), mark) };
        self.say(self.rest().len() - unclear, told);
        false
    }

    fn bare(&mut self, is_end: bool, told: &mut Vec<Spoken>) -> bool {
        let (open, close) = (self.dialect.open(), self.dialect.close());
        let said = self.rest().trim_start();
        let (blank_bytes, is_behind) = (self.rest().len() - said.len(), self.count > 0);
        // Blanks between two calls are nobody's, and so is what ends the one before.
        if is_behind && said.starts_with(close) {
            self.clear += blank_bytes + close.len();
            return true;
        }
        let is_marked = !self.is_over() && said.starts_with(open);
        let may_be_open = !self.is_over() && open.starts_with(said);
        let may_be_mark = may_be_open || is_behind && close.starts_with(said);
        if is_marked || is_behind {
            self.clear += blank_bytes;
        }
        if is_marked {
            self.go(CallPlace::Marked);
            return true;
        }
        if may_be_mark && !is_end {
            return false;
        }
        if self.is_over() {
            self.go(CallPlace::Words);
            return true;
        }
        self.call(0, is_end, told)
    }

    /// Looks for a call behind a mark of so many bytes.
    fn call(&mut self, mark_bytes: usize, is_end: bool, told: &mut Vec<Spoken>) -> bool {
        let behind = self.held.get(self.clear + mark_bytes..).unwrap_or_default();
        let said = behind_blanks(behind);
        let blank_bytes = behind.len() - said.map_or(0, str::len);
        let is_marked = mark_bytes > 0;
        let found = said.map(|said| seen(said, self.dialect, &self.names, is_marked, &mut self.end));
        match found.unwrap_or(SeenCall::Absent) {
            SeenCall::Whole(calls, bytes) if self.count + calls.len() <= CALLS_MAX => {
                self.clear += mark_bytes + blank_bytes + bytes;
                self.go(CallPlace::Bare);
                for call in calls {
                    self.count += 1;
                    if self.count == 1 || !self.is_single {
                        told.push(Spoken::Call(call));
                    }
                }
            }
            SeenCall::Begun if !is_end => return false,
            SeenCall::Begun | SeenCall::Absent | SeenCall::Whole(..) => {
                self.misses += 1;
                self.say(mark_bytes, told);
                self.go(CallPlace::Words);
            }
        }
        true
    }

    fn go(&mut self, place: CallPlace) {
        (self.place, self.end) = (place, JsonEnd::default());
    }

    /// Tells the first so many bytes of what is not clear as words.
    fn say(&mut self, bytes: usize, told: &mut Vec<Spoken>) {
        let words = self.rest().get(..bytes).unwrap_or_default().to_owned();
        self.clear += words.len();
        if !words.is_empty() {
            told.push(Spoken::Words(words));
        }
    }
}

/// What a text begins with that has no blanks in front.
fn seen(text: &str, dialect: ToolDialect, names: &[String], is_marked: bool, end: &mut JsonEnd) -> SeenCall {
    let (name, at) = match text.as_bytes().first() {
        None => return SeenCall::Begun,
        Some(b'{') if is_marked || may_be_call(text) => (None, 0),
        Some(b'[') if dialect == ToolDialect::Mistral && may_be_list(text) => (None, 0),
        Some(_) if dialect == ToolDialect::Mistral => match named(text, names) {
            Some((name, Some(at))) => (Some(name), at),
            Some((_, None)) => return SeenCall::Begun,
            None => return SeenCall::Absent,
        },
        Some(_) => return SeenCall::Absent,
    };
    let json = text.get(at..).unwrap_or_default();
    let Some(bytes) = end.find(json) else {
        return if end.is_beyond() { SeenCall::Absent } else { SeenCall::Begun };
    };
    let is_known = |call: &ToolCall| is_marked || names.contains(&call.name);
    match calls(json.get(..bytes).unwrap_or_default(), name) {
        Some(calls) if calls.iter().all(is_known) => SeenCall::Whole(calls, at + bytes),
        Some(_) | None => SeenCall::Absent,
    }
}

/// Whether an object may be a call, by its first key.
fn may_be_call(text: &str) -> bool {
    let Some(inner) = behind_blanks(text.get(1..).unwrap_or_default()) else { return false };
    let Some(key) = inner.strip_prefix('"') else { return inner.is_empty() };
    match key.split_once('"') {
        Some((key, _)) => FIRST_KEYS.contains(&key),
        None => FIRST_KEYS.iter().any(|first| first.starts_with(key)),
    }
}

/// Whether a list may be one of calls, by its first item.
fn may_be_list(text: &str) -> bool {
    let inner = behind_blanks(text.get(1..).unwrap_or_default());
    inner.is_some_and(|inner| inner.is_empty() || inner.starts_with('{'))
}

/// What stands behind the blanks of a text; nothing, where those are more than are looked at.
fn behind_blanks(text: &str) -> Option<&str> {
    let behind = text.trim_start();
    (text.len() - behind.len() <= BLANK_BYTES_MAX).then_some(behind)
}

/// The tool whose name a text begins with, and where its arguments do, once they do; nothing, where neither can come.
fn named<'a>(text: &str, names: &'a [String]) -> Option<(&'a str, Option<usize>)> {
    let arguments = |name: &'a String| {
        let Some(behind) = text.strip_prefix(name.as_str()) else {
            return name.starts_with(text).then_some((name.as_str(), None));
        };
        let object = behind_blanks(behind.strip_prefix(ARGUMENTS_MARK).unwrap_or(behind))?;
        if object.starts_with('{') {
            return Some((name.as_str(), Some(text.len() - object.len())));
        }
        (object.is_empty() || ARGUMENTS_MARK.starts_with(object)).then_some((name.as_str(), None))
    };
    // One name may be the beginning of another: whichever has its arguments is meant.
    names.iter().filter_map(arguments).max_by_key(|(_, at)| at.is_some())
}

/// The calls that these are: of one tool, or as they name it.
fn calls(json: &str, name: Option<&str>) -> Option<Vec<ToolCall>> {
    let value = Json::read(json).ok()?;
    if let Some(name) = name {
        return Some(vec![ToolCall { name: name.to_owned(), arguments: arguments(Some(&value))? }]);
    }
    let several = if let Json::List(several) = value { several } else { vec![value] };
    let calls = several.iter().map(call).collect::<Option<Vec<ToolCall>>>()?;
    Some(calls).filter(|calls| !calls.is_empty())
}

fn call(value: &Json) -> Option<ToolCall> {
    let Some(Json::Text(name)) = value.get("name") else { return None };
    let said = value.get("arguments").or_else(|| value.get("parameters"));
    Some(ToolCall { name: name.clone(), arguments: arguments(said)? })
}

/// Arguments as a text of JSON: an object, or such a text already. A tool that takes none may be called without.
fn arguments(said: Option<&Json>) -> Option<String> {
    match said {
        None | Some(Json::Null) => Some("{}".to_owned()),
        Some(object @ Json::Object(_)) => Some(object.to_string()),
        Some(Json::Text(text)) => {
            matches!(Json::read(text), Ok(Json::Object(_))).then(|| text.trim().to_owned())
        }
        Some(Json::Bool(_) | Json::Whole(_) | Json::Fraction(_) | Json::List(_)) => None,
    }
}
