//! Conversations for models with templates of several kinds.

use assay_protocol::id::Digest;
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::*;
use crate::{
    asked_once::OnceHead,
    order::{SaidText, TokensMax},
    spoken::{Spoken, SpokenAnswer},
    tests::{bound, poet},
    tools::{SaidTools, ToolShape},
};

const TOOLS: &str =
    r#"[{"type":"function","function":{"name":"add"}},{"type":"function","function":{"name":"now"}}]"#;
const HERMES: &str =
    "{% if tools %}<tool_call>{% endif %}{% if add_generation_prompt %}{{ '<think>' }}{% endif %}";

fn wish(choice: Value) -> ChatWish {
    let said =
        SaidTools { tools: Some(TOOLS), choice: Some(&choice), parallel: None, shape: ToolShape::Nested };
    ChatWish {
        text: TextWish {
            said: SaidText::Messages(Vec::new()),
            choice: Map::new(),
            schema: None,
            variables: Vec::new(),
            tokens_max: TokensMax::Usual(256),
            chances: None,
        },
        tools: ToolWish::of(said).unwrap(),
        think: None,
        calls_at: None,
        params: ChatParams { format: "response_format", think: "reasoning_effort" },
    }
}

fn traits(template: &str) -> TemplateTraits {
    TemplateTraits::of(Some(template.to_owned()))
}

fn param(fitted: Result<(TextWish, SpokenReader), HttpFailure>) -> Option<String> {
    fitted.unwrap_err().param().map(str::to_owned)
}

#[test]
fn a_template_with_tools_is_told_them() {
    let (text, reader) = wish(json!("auto")).fit("poet", &[], &traits(HERMES)).unwrap();
    let [(name, tools)] = text.variables.as_slice() else { panic!("{:?}", text.variables) };
    assert!(name == "tools" && tools.to_string().contains(r#""name":"now""#), "{tools}");
    assert_eq!(text.schema, None);
    let said = SpokenAnswer::of(reader, "Hm.</think>\n<tool_call>{\"name\":\"now\"}</tool_call>");
    assert_eq!((said.thoughts.as_str(), said.words.as_str(), said.calls.len()), ("Hm.", "", 1));
}

#[test]
fn a_template_without_tools_has_a_request_with_some_refused() {
    let plain = traits("{{ messages }}");
    for traits in [&plain, &traits("{{ tools }}"), &TemplateTraits::of(None), &TemplateTraits::UNREAD] {
        for choice in [json!("auto"), json!("required")] {
            assert_eq!(param(wish(choice).fit("poet", &[], traits)).as_deref(), Some("tools"));
        }
    }
    let told = ChatWish { tools: None, calls_at: Some("messages[1]".to_owned()), ..wish(json!("none")) };
    assert_eq!(param(told.clone().fit("poet", &[], &plain)).as_deref(), Some("messages[1]"));
    assert!(told.fit("poet", &[], &traits("{{ message.tool_calls }}")).is_ok());
}

#[test]
fn a_call_that_has_to_be_made_needs_no_template() {
    let named = json!({ "type": "function", "function": { "name": "now" } });
    let (text, mut reader) = wish(named.clone()).fit("poet", &[], &TemplateTraits::UNREAD).unwrap();
    assert!(text.variables.is_empty() && text.schema.is_some());
    let said =
        [reader.take(r#"{"name": "now", "#), reader.take(r#""arguments": {}}"#), reader.end()].concat();
    assert!(matches!(said.as_slice(), [Spoken::Call(call)] if call.name == "now"), "{said:?}");
    let (told, reader) = wish(named.clone()).fit("poet", &[], &traits(HERMES)).unwrap();
    assert_eq!(told.variables.len(), 1, "a model that can be told of them is");
    assert_eq!(SpokenAnswer::of(reader, "{").words, "{", "a schema leaves no place for thoughts");
    let mut stopped = wish(named.clone());
    stopped.text.choice.insert("stop".to_owned(), json!(["}"]));
    assert_eq!(param(stopped.fit("poet", &[], &traits(HERMES))).as_deref(), Some("stop"));
    let mut formatted = wish(named);
    formatted.text.schema = Some(Json::Bool(true));
    assert_eq!(param(formatted.fit("poet", &[], &traits(HERMES))).as_deref(), Some("response_format"));
}

#[test]
fn what_is_wished_of_thoughts_goes_before_what_the_maker_says() {
    let switched =
        traits("{% if add_generation_prompt %}{% if enable_thinking %}{{ '<think>' }}{% endif %}{% endif %}");
    let makers = [("enable_thinking".to_owned(), Json::Bool(false))];
    let thoughts = |think: Option<ThinkWish>, makers: &[(String, Json)]| {
        let wish = ChatWish { tools: None, think, ..wish(json!("none")) };
        SpokenAnswer::of(wish.fit("poet", makers, &switched).unwrap().1, "a</think>b").thoughts
    };
    assert_eq!(thoughts(None, &[]), "a");
    assert_eq!(thoughts(None, &makers), "");
    assert_eq!(thoughts(Some(ThinkWish::On), &makers), "a");
    assert_eq!(thoughts(Some(ThinkWish::Off), &[]), "");
    let effort =
        ChatWish { tools: None, think: Some(ThinkWish::Effort("low".to_owned())), ..wish(json!("none")) };
    assert_eq!(param(effort.fit("poet", &[], &switched)).as_deref(), Some("reasoning_effort"));
}

#[tokio::test]
async fn who_sends_a_request_again_is_read_its_calls_though_nobody_shows_the_template_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("idempotency-key", "one".parse().unwrap());
    let once = OnceHead::read(&headers).unwrap().asks(Digest::of(b"asked"));
    let manifest = poet();
    let fitted = async |gateway: &Gateway| {
        wish(json!("auto")).fitted(gateway, &manifest, (&Caller::default(), &once)).await
    };
    let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
    // No daemon runs, so nothing shows the template.
    assert_eq!(fitted(&gateway).await.unwrap_err().code(), HttpFailure::NO_DAEMON);
    let shown = traits(HERMES);
    let name = (None, once.key().unwrap());
    let request = gateway.keyed.begin(name, once, (manifest.digest(), Some(&shown))).await.unwrap();
    request.keep().await.unwrap();
    drop((request, gateway));

    let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
    let again = fitted(&gateway).await.unwrap();
    assert_eq!(again.text, wish(json!("auto")).fit("poet", &[], &shown).unwrap().0);
    let said = SpokenAnswer::of(again.reader, "Hm.</think>\n<tool_call>{\"name\":\"now\"}</tool_call>");
    assert_eq!((said.thoughts.as_str(), said.calls.len()), ("Hm.", 1));
}
