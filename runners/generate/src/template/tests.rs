//! Templates like those that models bring, and some that nobody should.

use super::*;
use crate::{
    conversation::{Conversation, Said},
    params::InputKind,
};

const SAID: &str = r#"[{"role":"system","content":" Be <brief>. "},{"role":"user","content":"Why?"}]"#;

fn render_with(template: &str, said: &str, params: &str) -> Result<String, Failure> {
    let params: Params = serde_json::from_str(params).unwrap();
    let said = Conversation::of(&Said::read(said, InputKind::Auto)?, &params)?;
    render(template, &said.messages, &params)
}

fn check(template: &str, expected: &str) {
    assert_eq!(render_with(template, SAID, "{}").as_deref(), Ok(expected), "{template}");
}

#[test]
fn a_conversation_is_written_up_to_where_the_answer_begins() {
    check(
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}\
         {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        "<|im_start|>system\n Be <brief>. <|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n",
    );
    check(
        "{%- if messages[0]['role'] == 'system' %}\n    {%- set offset = 1 %}\n{%- else %}\n    {%- set offset = 0 %}\n\
         {%- endif %}\n{%- for message in messages[offset:] %}\n    {%- if loop.last and message.content is string %}\n\
         {{- message.role | upper }}: {{ message.content | trim }}{% endif %}\n{%- endfor %}",
        "USER: Why?",
    );
}

#[test]
fn the_template_of_the_shipped_model_writes_its_questions() {
    let file = include_bytes!("../../../../models/sums/sums.gguf");
    let text = String::from_utf8_lossy(file);
    let template = &text[text.find("{{ bos_token }}").unwrap()..];
    let template = template.split_inclusive("{% endfor %}").next().unwrap();
    let said = r#"[{"role":"user","content":"1+2 = "},{"role":"assistant","content":" 3"},{"role":"user","content":"4+5"}]"#;
    assert_eq!(render_with(template, said, "{}"), Ok(format!("{BEGIN}1+2=3{END}4+5=")));
}

#[test]
fn blocks_leave_no_lines_behind() {
    check("a\n  {% if true %}\nb\n  {% endif %}\nc\n", "a\nb\nc");
    check("{# note #}\n{{ 'a' }}\n\nb", "a\n\nb");
}

#[test]
fn what_python_has_is_there() {
    check("{{ messages[0].content.strip().split(' ')[0] }}", "Be");
    check("{{ messages[1].content.startswith('W') }}|{{ messages[1].get('name', 'none') }}", "True|none");
    check(
        "{% for key, value in messages[1].items() %}{{ key }}={{ value }};{% endfor %}",
        "role=user;content=Why?;",
    );
    check(
        "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
        "2",
    );
    check(
        "{% for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}{{ m.role }}{% endfor %}",
        "system",
    );
    check("{% macro twice(a, b='!') -%}{{ a }}{{ a }}{{ b }}{%- endmacro %}{{ twice('x') }}", "xx!");
    check(
        "{{ '%s-%s' | format('a', 'b') }}|{{ messages | map(attribute='role') | join(',') }}",
        "a-b|system,user",
    );
    check(
        "{{ tools is defined }}{{ (messages | selectattr('role', 'equalto', 'user') | list)[0].content }}",
        "FalseWhy?",
    );
}

#[test]
fn json_is_what_python_writes() {
    let params = r#"{"variables":{"tools":[{"z":1,"a":[true,null,2.5,-3],"t":"é\"<\n","e":{},"l":[]}]}}"#;
    let check = |filter: &str, expected: &str| {
        let rendered = render_with(&format!("{{{{ tools | {filter} }}}}"), "a", params);
        assert_eq!(rendered.as_deref(), Ok(expected));
    };
    check("tojson", r#"[{"z": 1, "a": [true, null, 2.5, -3], "t": "é\"<\n", "e": {}, "l": []}]"#);
    check(
        "first | tojson(sort_keys=true)",
        r#"{"a": [true, null, 2.5, -3], "e": {}, "l": [], "t": "é\"<\n", "z": 1}"#,
    );
    check(
        "first | tojson(indent=2, ensure_ascii=false)",
        "{\n  \"z\": 1,\n  \"a\": [\n    true,\n    null,\n    2.5,\n    -3\n  ],\n  \"t\": \"é\\\"<\\n\",\n  \"e\": {},\n  \"l\": []\n}",
    );
    assert!(render_with("{{ tools | tojson(shape=1) }}", "a", params).is_err());
}

#[test]
fn the_date_is_the_orders_or_there_is_none() {
    let template = "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y, %A %-d/%-m %H:%M %j %p %I %y') }}{% else %}none{% endif %}";
    let dated = |date: &str| {
        render_with(template, "a", &format!(r#"{{"date":"{date}"}}"#)).map_err(|why| why.to_string())
    };
    check(template, "none");
    assert_eq!(dated("2026-11-27").as_deref(), Ok("27 Nov 2026, Friday 27/11 00:00 331 AM 12 26"));
    assert_eq!(dated("2024-02-29T13:05").as_deref(), Ok("29 Feb 2024, Thursday 29/2 13:05 060 PM 01 24"));
    assert_eq!(dated("2000-01-01 08:30:45").as_deref(), Ok("01 Jan 2000, Saturday 1/1 08:30 001 AM 08 00"));
    assert_eq!(dated("1900-03-01").as_deref(), Ok("01 Mar 1900, Thursday 1/3 00:00 060 AM 12 00"));
    for wrong in [
        "",
        "today",
        "2026-13-01",
        "2026-02-29",
        "2026-2-01",
        "2026-11-27T24:00",
        "2026-11-27 8:30",
        "2026-11-00",
    ] {
        assert!(dated(wrong).unwrap_err().contains("is no date"), "{wrong}");
    }
    let unknown = render_with("{{ strftime_now('%Q') }}", "a", r#"{"date":"2026-11-27"}"#);
    assert!(matches!(unknown, Err(Failure::BadInput(_))));
}

#[test]
fn variables_are_told_and_cannot_pose_as_anything_else() {
    let params = r#"{"variables":{"enable_thinking":false,"documents":[{"text":"d"}]}}"#;
    let template =
        "{% if enable_thinking is defined and not enable_thinking %}{{ documents[0].text }}{% endif %}";
    assert_eq!(render_with(template, "a", params).as_deref(), Ok("d"));
    for name in RESERVED {
        let params = format!(r#"{{"variables":{{"{name}":1}}}}"#);
        assert!(matches!(render_with("x", "a", &params), Err(Failure::BadParams(_))), "{name}");
    }
}

#[test]
fn a_template_can_refuse_a_conversation() {
    let refused = render_with("{{ raise_exception('roles must alternate') }}", SAID, "{}").unwrap_err();
    assert!(matches!(&refused, Failure::BadInput(why) if why.contains("roles must alternate")), "{refused}");
}

#[test]
fn marks_of_what_the_model_said_mean_nothing() {
    check("a {%- generation -%} b {%- endgeneration %} c{% generation %}d{%endgeneration%}", "ab cd");
    assert_eq!(
        without_generation_marks("{{ generation }}{% if generation %}{% x"),
        "{{ generation }}{% if generation %}{% x"
    );
}

#[test]
fn bombs_end_within_their_bounds() {
    let bombs = [
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{% set ns = namespace(x='xxxxxxxx') %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{{ 'x' * 999999999999 }}",
        "{% macro again(n) %}{{ again(n + 1) }}{% endmacro %}{{ again(0) }}",
        "{% set ns = namespace(x=[]) %}{% for i in range(80) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x | tojson }}",
        "{% set ns = namespace(x=1) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
        "{% set x = 'x' * 60000000 %}{{ x }}",
    ];
    for bomb in bombs {
        assert!(render_with(bomb, SAID, "{}").is_err(), "{bomb}");
    }
    let long = "x".repeat(TEMPLATE_BYTES_MAX + 1);
    assert!(matches!(render_with(&long, SAID, "{}"), Err(Failure::Unsupported(_))));
    assert!(matches!(render_with("{% if %}", SAID, "{}"), Err(Failure::Unsupported(_))));
    let spread = "{% for i in range(9) %}{{ messages[0].content }}{% endfor %}";
    let said = "x".repeat(RENDERED_BYTES_MAX / 8);
    assert!(matches!(render_with(spread, &said, "{}"), Err(Failure::BadInput(_))));
}
