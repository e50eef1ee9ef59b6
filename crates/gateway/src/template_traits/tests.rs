//! Templates of several families, in few words.

use super::*;

/// Conversations between marks, calls of tools between others, and thoughts unless somebody says no.
const HERMES: &str = r#"{%- if tools %}
{{- '<|im_start|>system\nCall these as <tool_call>\n{\"name\": <name>, \"arguments\": <object>}\n</tool_call>:\n' }}
{%- for tool in tools %}{{- tool | tojson }}{%- endfor %}{{- '<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message.role == "tool" %}{{- '<tool_response>' + message.content }}
{%- else %}{{- '<|im_start|>' + message.role + '\n' + message.content.split('</think>')[-1] + '<|im_end|>\n' }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}
{%- endif %}"#;

/// Objects alone.
const LLAMA: &str = r#"{{- bos_token }}{%- if tools is not none %}
{{- 'Answer with {"name": function name, "parameters": dictionary of arguments} for one of these:' }}
{%- for t in tools %}{{- t | tojson(indent=4) }}{%- endfor %}{%- endif %}
{%- for message in messages %}{{- '<|start_header_id|>' + message['role'] + message['content'] }}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"#;

/// Lists behind a mark.
const MISTRAL: &str = r#"{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{%- for message in messages %}{%- if message.tool_calls %}{{- "[TOOL_CALLS] [" }}{%- endif %}{%- endfor %}"#;

/// Thoughts that are always opened.
const ALWAYS: &str = r#"{% for message in messages %}{% if message['role'] == 'tool' %}{{ message['content'] }}{% endif %}
{% endfor %}{% if add_generation_prompt and not ns.is_tool %}{{ '<|Assistant|><think>\n' }}{% endif %}"#;

/// Thoughts that are opened for whoever asks.
const ASKED: &str = r#"{% if not thinking is defined %}{% set thinking = false %}{% endif %}
{% for message in messages %}{{ message['content'] }}{% endfor %}
{% if add_generation_prompt %}{% if not thinking %}{{ '</think>' }}{% else %}{{ '<think>' }}{% endif %}{% endif %}"#;

/// Thoughts that are opened unless somebody says no.
const UNLESS: &str = r#"{% if add_generation_prompt %}<|assistant|>
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>
{% else %}<think>
{% endif %}{% endif %}"#;

fn traits(template: &str) -> TemplateTraits {
    TemplateTraits::of(Some(template.to_owned()))
}

#[test]
fn calls_are_read_as_a_template_writes_them() {
    let cases = [
        (HERMES, ToolSupport::Written(ToolDialect::Hermes)),
        (LLAMA, ToolSupport::Written(ToolDialect::Llama)),
        (MISTRAL, ToolSupport::Written(ToolDialect::Mistral)),
        (ALWAYS, ToolSupport::Absent),
        (
            "{% for m in messages %}{{ m.content }} no tools {{ m.tools }}{{ 'tools' }}{% endfor %}",
            ToolSupport::Absent,
        ),
        ("{% if tools %}<tool_call><function=name>{% endif %}", ToolSupport::Foreign),
        ("{% if tools %}<|tool|>{{ tools }}{% endif %}", ToolSupport::Foreign),
        ("", ToolSupport::Absent),
    ];
    for (template, support) in cases {
        assert_eq!(traits(template).tools, support, "{template}");
    }
    assert_eq!(TemplateTraits::of(None).tools, ToolSupport::Absent);
    assert!(traits(ALWAYS).tells_calls && !traits("{{ messages }}").tells_calls);
}

#[test]
fn thoughts_are_opened_as_a_template_does() {
    let opens = |template: &str, said: &[(&str, bool)]| {
        let said = said.to_vec();
        let of = |name: &str| said.iter().find(|(named, _)| *named == name).map(|(_, value)| *value);
        traits(template).opens_thoughts(of)
    };
    let (on, off) = ([("enable_thinking", true)], [("enable_thinking", false)]);
    for (template, usual) in [(HERMES, false), (LLAMA, false), (ALWAYS, true), (ASKED, false), (UNLESS, true)]
    {
        assert_eq!(opens(template, &[]), usual, "{template}");
    }
    assert!(!opens(HERMES, &off) && !opens(HERMES, &on), "what is opened is closed at once");
    assert!(!opens(UNLESS, &off) && opens(UNLESS, &on) && opens(ALWAYS, &off));
    assert!(opens(ASKED, &[("thinking", true)]) && !opens(ASKED, &on));
    let switches = [HERMES, LLAMA, ALWAYS, ASKED, UNLESS].map(|template| traits(template).switch);
    let (enable, thinking) = (ThoughtSwitch::EnableThinking, ThoughtSwitch::Thinking);
    assert_eq!(switches, [Some(enable), None, None, Some(thinking), Some(enable)]);
    assert_eq!([HERMES, LLAMA, ALWAYS].map(|template| traits(template).shows_thoughts), [true, false, true]);
}

#[test]
fn what_a_template_shows_can_be_kept_without_it() {
    for template in [HERMES, LLAMA, MISTRAL, ALWAYS, ASKED, UNLESS, "{% if tools %}<|tool|>{% endif %}", ""] {
        let kept = traits(template).without_text();
        let text = serde_json::to_string(&kept).unwrap();
        assert!(text.len() < 300, "{text}");
        assert_eq!(serde_json::from_str::<TemplateTraits>(&text).unwrap(), kept, "{text}");
    }
}

#[test]
fn a_variable_is_read_where_its_name_stands_alone_in_a_tag() {
    for template in
        ["{% if tools %}", "{{ tools|tojson }}", "{%- set x = tools.y -%}", "a {{ b }} {% for t in tools %}"]
    {
        assert!(is_read(template, "tools"), "{template}");
    }
    for template in
        ["tools", "{{ a }} tools", "{{ m.tools }}", "{{ m['tools'] }}", "{% if my_tools %}", "{{ toolset }}"]
    {
        assert!(!is_read(template, "tools"), "{template}");
    }
    assert!(traits("{{ reasoning_effort }}").has_effort && !traits(HERMES).has_effort);
}
