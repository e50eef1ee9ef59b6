//! The names that files call their way of cutting by.

use super::{
    Pass,
    sets::{
        blank, digit, east_of_arabic, han, kana_or_han, letter, letter_but_han, letter_of_deepseek,
        letter_or_mark, line_end, line_end_or_slash, none, number, other_than_marks, punctuation,
        punctuation_of_deepseek, punctuation_of_keyboards, punctuation_of_keyboards_and_grave, space,
        within_nordic_words,
    },
    words::{COMMON, Contractions, Words},
};

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub(in crate::vocabulary) struct Splitting {
    pub(in crate::vocabulary) names: &'static [&'static str],
    pub(in crate::vocabulary) passes: &'static [Pass],
    /// Whether a word that is a token is not put together from pieces.
    pub(in crate::vocabulary) whole_words: bool,
    /// Whether a text begins with a token of its own where the file says nothing.
    pub(in crate::vocabulary) begins: bool,
    /// Whether pieces are made of characters, with a mark for a space, and not of bytes.
    pub(in crate::vocabulary) raw: bool,
}

const ANY: usize = usize::MAX;

const GPT2: &[Pass] = &[Pass::Gpt2];
const LLAMA_3: &[Pass] = &[Pass::Words(Words { numbers: 3, ..COMMON })];
const QWEN_2: &[Pass] = &[Pass::Words(COMMON)];
const GPT_4O: &[Pass] = &[Pass::Words(Words {
    contractions: Contractions::Joined,
    cased: true,
    numbers: 3,
    behind: line_end_or_slash,
    ..COMMON
})];
const DIGITS: &[Pass] = &[Pass::Run(number, 1), Pass::Gpt2];
const DEEPSEEK_3: &[Pass] = &[Pass::Run(number, 3), Pass::Run(kana_or_han, ANY), Pass::Deepseek];
const NORDIC: &[Pass] = &[Pass::Led(blank, within_nordic_words)];
/// The way of files that say nothing.
pub(in crate::vocabulary) const DEFAULT: &str = "default";
/// The way of a model that is named by its vocabulary alone.
pub(in crate::vocabulary) const GEMMA_4: &str = "gemma4";

const fn scheme(names: &'static [&'static str], passes: &'static [Pass]) -> Splitting {
    Splitting { names, passes, whole_words: false, begins: false, raw: false }
}

static SCHEMES: [Splitting; 24] = [
    scheme(
        &[DEFAULT],
        &[
            Pass::Run(punctuation_of_keyboards, ANY),
            Pass::Gpt2,
            Pass::Run(number, ANY),
            Pass::Exactly(digit, 3),
        ],
    ),
    Splitting {
        names: &[
            "llama3",
            "llama-v3",
            "llama-bpe",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "midm-2.0",
            "lfm2",
            "jina-v5-nano",
        ],
        passes: LLAMA_3,
        whole_words: true,
        begins: true,
        raw: false,
    },
    scheme(&["dbrx", "smaug-bpe", "chatglm-bpe"], LLAMA_3),
    Splitting { whole_words: true, ..scheme(&["glm4", "glm5"], LLAMA_3) },
    scheme(&["jais-2"], &[Pass::Words(Words { numbers: 3, ..COMMON }), Pass::Powers]),
    scheme(
        &[
            "gpt-2",
            "phi-2",
            "jina-es",
            "jina-de",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "exaone4",
            "mpt",
            "olmo",
            "jais",
            "trillion",
            "granite-docling",
        ],
        GPT2,
    ),
    scheme(
        &["starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2"],
        DIGITS,
    ),
    scheme(
        &[
            "qwen2",
            "deepseek-r1-qwen",
            "kormo",
            "f2llmv2",
            "megrez",
            "stablelm2",
            "hunyuan",
            "solar-open",
            "grok-2",
            "bailingmoe",
            "bailingmoe2",
            "llada-moe",
        ],
        QWEN_2,
    ),
    scheme(
        &["qwen35"],
        &[Pass::Words(Words { letters: letter_or_mark, others: other_than_marks, ..COMMON })],
    ),
    scheme(&["ufakzeka"], &[Pass::Words(Words { contractions: Contractions::Ignored, ..COMMON })]),
    scheme(&["seed-coder"], &[Pass::Words(Words { behind: none, ..COMMON })]),
    scheme(&["laguna"], &[Pass::Lines, Pass::Words(COMMON)]),
    Splitting {
        whole_words: true,
        ..scheme(&["minicpm5"], &[Pass::Run(number, 3), Pass::Words(Words { numbers: ANY, ..COMMON })])
    },
    scheme(
        &["falcon"],
        &[Pass::Run(punctuation_of_keyboards_and_grave, ANY), Pass::Gpt2, Pass::Exactly(digit, 3)],
    ),
    scheme(
        &["deepseek-llm"],
        &[
            Pass::Run(line_end, 1),
            Pass::Led(space, letter_of_deepseek),
            Pass::Led(space, punctuation_of_deepseek),
            Pass::TrailingSpaces,
            Pass::Run(east_of_arabic, ANY),
            Pass::Run(number, ANY),
        ],
    ),
    scheme(
        &["deepseek-coder"],
        &[
            Pass::Run(line_end, 1),
            Pass::Led(space, letter),
            Pass::Led(space, punctuation),
            Pass::Run(east_of_arabic, ANY),
            Pass::Run(number, 1),
        ],
    ),
    scheme(&["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"], DEEPSEEK_3),
    scheme(&["poro-chat", "bloom", "gpt3-finnish"], NORDIC),
    scheme(&["viking"], &[Pass::Led(blank, within_nordic_words), Pass::Run(number, 1)]),
    Splitting {
        whole_words: true,
        begins: true,
        ..scheme(
            &["tekken"],
            &[Pass::Words(Words {
                contractions: Contractions::Ignored,
                cased: true,
                behind: line_end_or_slash,
                ..COMMON
            })],
        )
    },
    scheme(&["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], GPT_4O),
    Splitting {
        whole_words: true,
        ..scheme(
            &["granite-embed-multi-97m"],
            &[Pass::Words(Words {
                contractions: Contractions::Joined,
                letters: letter_or_mark,
                cased: true,
                numbers: 3,
                behind: line_end_or_slash,
                ..COMMON
            })],
        )
    },
    scheme(
        &["kimi-k2"],
        &[Pass::Words(Words {
            contractions: Contractions::Joined,
            alone: han,
            letters: letter_but_han,
            numbers: 3,
            ..COMMON
        })],
    ),
    Splitting { begins: true, raw: true, ..scheme(&[GEMMA_4, "granite-embed-multi-311m"], &[Pass::Lines]) },
];

/// What a name stands for, if anything is known of it.
pub(in crate::vocabulary) fn find(name: &str) -> Option<Splitting> {
    SCHEMES.iter().find(|scheme| scheme.names.contains(&name)).copied()
}

/// All names, in one line.
pub(in crate::vocabulary) fn known() -> String {
    let mut names: Vec<&str> = SCHEMES.iter().flat_map(|scheme| scheme.names).copied().collect();
    names.sort_unstable();
    names.join(", ")
}
