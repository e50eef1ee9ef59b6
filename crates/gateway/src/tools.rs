//! The tools that a request brings, and which of them are to be called.
//!
//! **Invariant:** a tool is told to a model as it was written, its keys in their order; what a tool says that is not read here is
//! refused with its place. A call that has to be made fits the schema of its tool.

mod forced_call;

use schema::Json;
use serde_json::Value;

use crate::{
    failure::HttpFailure,
    ordered_json::{object, text},
};

/// Tools of one request.
const TOOLS_MAX: usize = 128;
/// Bytes of the name of one.
const NAME_BYTES_MAX: usize = 64;
/// What is said of a function.
const FIELDS: [&str; 4] = ["name", "description", "parameters", "strict"];
/// The same, beside the type of a tool.
const FLAT_FIELDS: [&str; 5] = ["type", "name", "description", "parameters", "strict"];

/// Tools that may be called, or have to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ToolWish {
    tools: Vec<NamedTool>,
    choice: ToolChoice,
    /// Whether one call is told at most.
    pub(crate) is_single: bool,
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
struct NamedTool {
    name: String,
    description: Option<Json>,
    /// The schema of its arguments.
    parameters: Option<Json>,
    /// Where its request has it.
    place: String,
}

/// Which of them are to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ToolChoice {
    /// Those that the model wants, if any.
    Auto,
    /// One of them.
    Required,
    /// The one at this place.
    Named(usize),
}

/// Where an endpoint has what it says of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToolShape {
    /// In the field `function` of a tool.
    Nested,
    /// Beside its type.
    Flat,
}

/// What a request says of tools.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SaidTools<'a> {
    /// The list, as its text.
    pub(crate) tools: Option<&'a str>,
    pub(crate) choice: Option<&'a Value>,
    /// Whether several may be called at once.
    pub(crate) parallel: Option<bool>,
    pub(crate) shape: ToolShape,
}

impl ToolWish {
    /// The tools that may be called; nothing, if there are none, or none is to be.
    pub(crate) fn of(said: SaidTools<'_>) -> Result<Option<Self>, HttpFailure> {
        let SaidTools { tools, choice, parallel, shape } = said;
        let tools = tools.map_or(Ok(Vec::new()), |tools| read(tools, shape))?;
        let Some(choice) = chosen(choice, &tools, shape)? else { return Ok(None) };
        let is_single = parallel == Some(false) || choice != ToolChoice::Auto;
        Ok(Some(Self { tools, choice, is_single }).filter(|wish| !wish.tools.is_empty()))
    }

    /// All of them, as templates read them.
    pub(crate) fn definitions(&self) -> Json {
        Json::List(self.tools.iter().map(NamedTool::definition).collect())
    }

    /// What they are called.
    pub(crate) fn names(&self) -> Vec<String> {
        self.tools.iter().map(|tool| tool.name.clone()).collect()
    }

    /// Whether one of them is called for sure, so that its model need not choose.
    pub(crate) fn is_sure(&self) -> bool {
        self.forced().len() == 1
    }

    /// What an answer has to be that calls one of them; nothing, if none has to be called.
    pub(crate) fn schema(&self) -> Result<Option<Json>, HttpFailure> {
        let forced = self.forced();
        if forced.is_empty() { Ok(None) } else { forced_call::schema(forced).map(Some) }
    }

    /// Those of which one has to be called.
    fn forced(&self) -> &[NamedTool] {
        match self.choice {
            ToolChoice::Auto => &[],
            ToolChoice::Required => &self.tools,
            ToolChoice::Named(at) => self.tools.get(at..=at).unwrap_or_default(),
        }
    }
}

impl NamedTool {
    fn definition(&self) -> Json {
        let mut function = vec![("name".to_owned(), text(&self.name))];
        function.extend(self.description.clone().map(|description| ("description".to_owned(), description)));
        let nothing = || object([("type", text("object")), ("properties", Json::Object(Vec::new()))]);
        let parameters = self.parameters.clone().unwrap_or_else(nothing);
        function.push(("parameters".to_owned(), parameters));
        object([("type", text("function")), ("function", Json::Object(function))])
    }
}

fn read(tools: &str, shape: ToolShape) -> Result<Vec<NamedTool>, HttpFailure> {
    let tools = Json::read(tools).map_err(|error| wrong("tools", error.to_string()))?;
    let Json::List(tools) = tools else { return Err(wrong("tools", "it is a list of tools")) };
    if tools.len() > TOOLS_MAX {
        let message = format!("there are {} tools, where {TOOLS_MAX} are allowed", tools.len());
        return Err(wrong("tools", message));
    }
    let mut read: Vec<NamedTool> = Vec::new();
    for (index, tool) in tools.iter().enumerate() {
        let tool = NamedTool::read(tool, format!("tools[{index}]"), shape)?;
        if read.iter().any(|known| known.name == tool.name) {
            let message = format!("two tools are called {:?}", tool.name);
            return Err(wrong(&format!("{}.name", tool.place), message));
        }
        read.push(tool);
    }
    Ok(read)
}

impl NamedTool {
    fn read(tool: &Json, place: String, shape: ToolShape) -> Result<Self, HttpFailure> {
        match tool.get("type") {
            Some(Json::Text(kind)) if kind == "function" => {}
            Some(Json::Text(kind)) => {
                let why = format!("{kind:?} is no tool that a client has; those are functions");
                return Err(HttpFailure::unsupported(&format!("{place}.type"), &why));
            }
            _ => return Err(wrong(&format!("{place}.type"), "a tool has a type")),
        }
        if shape == ToolShape::Flat {
            known(tool, &place, &FLAT_FIELDS)?;
            return Self::of_function(tool, place);
        }
        known(tool, &place, &["type", "function"])?;
        let place = format!("{place}.function");
        let Some(function @ Json::Object(_)) = tool.get("function") else {
            return Err(wrong(&place, "it says what the function is called"));
        };
        known(function, &place, &FIELDS)?;
        Self::of_function(function, place)
    }

    fn of_function(function: &Json, place: String) -> Result<Self, HttpFailure> {
        let at = |field: &str| format!("{place}.{field}");
        let name = match function.get("name") {
            Some(Json::Text(name)) if is_name(name) => name.clone(),
            _ => {
                let message =
                    format!("a tool has a name of up to {NAME_BYTES_MAX} letters, digits, dots and lines");
                return Err(wrong(&at("name"), message));
            }
        };
        let description = match function.get("description") {
            None | Some(Json::Null) => None,
            Some(description @ Json::Text(_)) => Some(description.clone()),
            Some(_) => return Err(wrong(&at("description"), "it is a text")),
        };
        let parameters = match function.get("parameters") {
            None | Some(Json::Null) => None,
            Some(Json::Object(fields)) if fields.is_empty() => None,
            Some(parameters @ Json::Object(_)) => Some(parameters.clone()),
            Some(_) => return Err(wrong(&at("parameters"), "it is a schema of an object")),
        };
        Ok(Self { name, description, parameters, place })
    }
}

/// Something wrong, with its place in the words: some clients show nothing else.
fn wrong(place: &str, why: impl std::fmt::Display) -> HttpFailure {
    HttpFailure::wrong(place, format!("{place}: {why}"))
}

fn is_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(is_letter)
}

/// Refuses what a tool says that is not read.
fn known(object: &Json, place: &str, fields: &[&str]) -> Result<(), HttpFailure> {
    let Json::Object(found) = object else { return Ok(()) };
    match found.iter().find(|(name, _)| !fields.contains(&name.as_str())) {
        Some((name, _)) => {
            Err(HttpFailure::unsupported(&format!("{place}.{name}"), "it is no field of a tool"))
        }
        None => Ok(()),
    }
}

/// Which tools are to be called, if any may be.
fn chosen(
    choice: Option<&Value>,
    tools: &[NamedTool],
    shape: ToolShape,
) -> Result<Option<ToolChoice>, HttpFailure> {
    const PARAM: &str = "tool_choice";
    let Some(choice) = choice else { return Ok(Some(ToolChoice::Auto)) };
    let found = match choice.as_str() {
        Some("none") => return Ok(None),
        Some("auto") => return Ok(Some(ToolChoice::Auto)),
        Some("required") => ToolChoice::Required,
        Some(word) => {
            let message =
                format!("{word:?} is no choice; there are none, auto, required and one by its name");
            return Err(wrong(PARAM, message));
        }
        None => {
            if choice.get("type").and_then(Value::as_str) != Some("function") {
                return Err(HttpFailure::unsupported(
                    PARAM,
                    "a choice is a word, or one function by its name",
                ));
            }
            let named = if shape == ToolShape::Nested { choice.get("function") } else { Some(choice) };
            let name = named.and_then(|named| named.get("name")).and_then(Value::as_str).unwrap_or_default();
            let place = tools.iter().position(|tool| tool.name == name);
            let none = || wrong(PARAM, format!("no tool is called {name:?}"));
            ToolChoice::Named(place.ok_or_else(none)?)
        }
    };
    if tools.is_empty() {
        return Err(wrong(PARAM, "there are no tools to choose from"));
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests;
