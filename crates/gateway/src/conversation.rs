//! A conversation as chat templates read it, however an endpoint writes it.
//!
//! **Invariant:** arguments of calls are objects, and the names of calls nine letters and digits, the same wherever one is
//! named: there are templates that take no others.

use std::collections::{BTreeMap, VecDeque};

use assay_protocol::id::Digest;
use schema::Json;

use crate::{
    failure::HttpFailure,
    ordered_json::{object, text},
};

/// Letters of the name of a call.
const CALL_LETTERS: usize = 9;
/// Messages of one conversation.
const MESSAGES_MAX: usize = 4_096;
/// Calls that nothing came of yet, among which the one is looked for that something came of.
const OPEN_MAX: usize = 1_024;

/// Messages, one after another.
#[derive(Clone, Debug, Default)]
pub(crate) struct SaidConversation {
    messages: Vec<Json>,
    /// The tools of calls, by the names of those.
    tools: BTreeMap<String, String>,
    /// Calls that nothing came of yet, in their order: the last of them.
    open: VecDeque<String>,
    /// Where it first tells of a call.
    calls_at: Option<String>,
}

/// One message.
#[derive(Clone, Debug, Default)]
pub(crate) struct SaidMessage {
    pub(crate) role: String,
    pub(crate) content: String,
    /// Who says it; of what came of a call the tool.
    pub(crate) name: Option<String>,
    /// What was thought before.
    pub(crate) thoughts: Option<String>,
    pub(crate) calls: Vec<SaidCall>,
    /// The call of which it came.
    pub(crate) call_id: Option<String>,
}

/// A call of before.
#[derive(Clone, Debug)]
pub(crate) struct SaidCall {
    /// What it is called; nothing where endpoints name none.
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) arguments: Json,
}

/// The role of what came of a call.
pub(crate) const TOOL: &str = "tool";

/// Refuses a conversation of no messages, or of more than are read.
pub(crate) fn check_count(param: &str, count: usize) -> Result<(), HttpFailure> {
    if (1..=MESSAGES_MAX).contains(&count) {
        return Ok(());
    }
    let message = format!("a conversation has 1 to {MESSAGES_MAX} messages, and not {count}");
    Err(HttpFailure::wrong(param, message))
}

impl SaidConversation {
    /// Adds a message that stands there in its request.
    pub(crate) fn add(&mut self, message: SaidMessage, place: &str) {
        let SaidMessage { role, content, mut name, thoughts, calls, call_id } = message;
        let is_result = role == TOOL;
        if is_result || !calls.is_empty() {
            self.calls_at.get_or_insert_with(|| place.to_owned());
        }
        let mut fields = vec![("role", text(role)), ("content", text(content))];
        let answers = is_result.then(|| self.answered(call_id.as_deref(), name.as_deref())).flatten();
        if name.is_none() {
            name = answers.as_ref().and_then(|id| self.tools.get(id)).cloned();
        }
        fields.extend(name.map(|name| ("name", text(name))));
        fields.extend(
            thoughts.filter(|thoughts| !thoughts.is_empty()).map(|all| ("reasoning_content", text(all))),
        );
        if !calls.is_empty() {
            fields.push(("tool_calls", Json::List(calls.into_iter().map(|call| self.call(call)).collect())));
        }
        fields.extend(answers.map(|id| ("tool_call_id", text(id))));
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        self.messages.push(Json::Object(fields.collect()));
    }

    /// All of them, and where they first tell of a call.
    pub(crate) fn into_messages(self) -> (Vec<Json>, Option<String>) {
        (self.messages, self.calls_at)
    }

    fn call(&mut self, call: SaidCall) -> Json {
        let SaidCall { id, name, arguments } = call;
        let id = id.unwrap_or_else(|| format!("call {}", self.tools.len()));
        let id = short(&id);
        self.tools.insert(id.clone(), name.clone());
        if self.open.len() >= OPEN_MAX {
            self.open.pop_front();
        }
        self.open.push_back(id.clone());
        let function = object([("name", text(name)), ("arguments", arguments)]);
        object([("id", text(id)), ("type", text("function")), ("function", function)])
    }

    /// The call that is answered: the one that is named, or else the first that is open, of this tool if that is.
    fn answered(&mut self, call_id: Option<&str>, tool: Option<&str>) -> Option<String> {
        let named = call_id.map(short);
        let is_meant = |id: &String| match (&named, tool) {
            (Some(named), _) => id == named,
            (None, Some(tool)) => self.tools.get(id).is_some_and(|name| name == tool),
            (None, None) => true,
        };
        let place = self.open.iter().position(is_meant);
        place.and_then(|place| self.open.remove(place)).or(named)
    }
}

/// The arguments of a call that are a text of JSON.
pub(crate) fn arguments(said: &str, place: &str) -> Result<Json, HttpFailure> {
    if said.trim().is_empty() {
        return Ok(Json::Object(Vec::new()));
    }
    match Json::read(said) {
        Ok(object @ Json::Object(_)) => Ok(object),
        Ok(_) | Err(_) => Err(HttpFailure::wrong(place, format!("{place}: it is no object of arguments"))),
    }
}

/// The name of a call, in letters that all templates take.
fn short(id: &str) -> String {
    if id.len() == CALL_LETTERS && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    drawn(id.as_bytes())
}

/// The name of a call that is told of an order: `number` among those of one answer to it.
pub(crate) fn call_name(key: Digest, answer: usize, number: usize) -> String {
    drawn(format!("{key} {answer} {number}").as_bytes())
}

fn drawn(of: &[u8]) -> String {
    Digest::of(of).to_string().chars().take(CALL_LETTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: &str, content: &str) -> SaidMessage {
        SaidMessage { role: role.to_owned(), content: content.to_owned(), ..SaidMessage::default() }
    }

    fn call(id: Option<&str>, name: &str) -> SaidCall {
        let arguments = arguments(r#"{"z":1,"a":null}"#, "here").unwrap();
        SaidCall { id: id.map(str::to_owned), name: name.to_owned(), arguments }
    }

    fn written(said: SaidConversation) -> String {
        Json::List(said.into_messages().0).to_string()
    }

    #[test]
    fn a_call_and_what_came_of_it_name_each_other() {
        let mut said = SaidConversation::default();
        said.add(message("user", "Why?"), "messages[0]");
        let thoughts = Some("So.".to_owned());
        let calls = vec![call(Some("call_with_a_long_name"), "add"), call(Some("abcdef123"), "now")];
        said.add(SaidMessage { thoughts, calls, ..message("assistant", "") }, "messages[1]");
        let result = |id: &str| SaidMessage { call_id: Some(id.to_owned()), ..message(TOOL, "3") };
        said.add(result("abcdef123"), "messages[2]");
        said.add(result("call_with_a_long_name"), "messages[3]");
        assert_eq!(said.calls_at.as_deref(), Some("messages[1]"));
        let name = short("call_with_a_long_name");
        assert!(name.len() == 9 && name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name}");
        let function =
            |name: &str| format!(r#""function":{{"name":"{name}","arguments":{{"z":1,"a":null}}}}"#);
        let expected = [
            r#"[{"role":"user","content":"Why?"},"#,
            r#"{"role":"assistant","content":"","reasoning_content":"So.","tool_calls":["#,
            &format!(r#"{{"id":"{name}","type":"function",{}}},"#, function("add")),
            &format!(r#"{{"id":"abcdef123","type":"function",{}}}]}},"#, function("now")),
            r#"{"role":"tool","content":"3","name":"now","tool_call_id":"abcdef123"},"#,
            &format!(r#"{{"role":"tool","content":"3","name":"add","tool_call_id":"{name}"}}]"#),
        ];
        assert_eq!(written(said), expected.concat());
    }

    #[test]
    fn where_calls_have_no_names_their_order_and_their_tools_tell_them() {
        let mut said = SaidConversation::default();
        let calls = ["add", "now", "add"].map(|name| call(None, name)).into();
        said.add(SaidMessage { calls, ..message("assistant", "") }, "messages[0]");
        let ids: Vec<String> = said.open.iter().cloned().collect();
        let of_tool = |name: &str| SaidMessage { name: Some(name.to_owned()), ..message(TOOL, "3") };
        for (result, id) in
            [(of_tool("now"), &ids[1]), (message(TOOL, "4"), &ids[0]), (of_tool("add"), &ids[2])]
        {
            said.add(result, "messages[1]");
            let last = said.messages.last().unwrap();
            assert_eq!(last.get("tool_call_id"), Some(&text(id)));
        }
        said.add(message(TOOL, "5"), "messages[2]");
        assert_eq!(said.messages.last().unwrap().get("tool_call_id"), None, "nothing is open");
    }

    #[test]
    fn of_many_calls_that_nothing_came_of_the_last_are_remembered() {
        let mut said = SaidConversation::default();
        let calls = (0..=OPEN_MAX).map(|number| call(Some(&format!("call {number}")), "add")).collect();
        said.add(SaidMessage { calls, ..message("assistant", "") }, "messages[0]");
        let mut answered = |result: SaidMessage| {
            said.add(result, "messages[1]");
            said.messages.last().unwrap().get("tool_call_id").cloned()
        };
        assert_eq!(answered(message(TOOL, "3")), Some(text(short("call 1"))), "the oldest of those");
        let first = SaidMessage { call_id: Some("call 0".to_owned()), ..message(TOOL, "3") };
        assert_eq!(answered(first), Some(text(short("call 0"))), "one that is named is named");
        assert!(check_count("messages", MESSAGES_MAX).is_ok() && check_count("messages", 0).is_err());
        assert!(check_count("messages", MESSAGES_MAX + 1).is_err());
    }

    #[test]
    fn arguments_are_an_object_or_refused() {
        assert_eq!(arguments(" ", "here"), Ok(Json::Object(Vec::new())));
        for wrong in ["[]", "{", "5", r#"{"a":1,"a":2}"#] {
            assert_eq!(arguments(wrong, "here").unwrap_err().param(), Some("here"), "{wrong}");
        }
    }

    #[test]
    fn calls_of_one_order_have_names_of_their_own() {
        let key = Digest([1; 32]);
        let names = [(0, 0), (0, 1), (1, 0)].map(|(answer, number)| call_name(key, answer, number));
        assert!(names[0] != names[1] && names[0] != names[2] && names[1] != names[2], "{names:?}");
        assert_eq!(short(&names[0]), names[0], "they come back as they are");
    }
}
