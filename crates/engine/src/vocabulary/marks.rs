//! Tokens that mean something to programs, by the texts that vocabularies give them.
//!
//! Files say which token ends a text, and often forget those that end an answer or hold code together. They are told by
//! their texts, and count as control tokens whatever the file calls them.

use super::TokenType;

/// The key of the token that ends a turn.
pub(super) const EOT: &str = "tokenizer.ggml.eot_token_id";

/// A token that a file may name.
pub(super) struct Mark {
    /// The keys that name it, the first that is there counts.
    pub(super) keys: &'static [&'static str],
    /// What it is called in vocabularies whose files do not name it, the first that is there counts.
    pub(super) texts: &'static [&'static str],
    /// Whether an answer ends with it.
    pub(super) ends: bool,
}

/// Every such token.
pub(super) const MARKS: &[Mark] = &[
    Mark {
        keys: &[EOT],
        texts: &[
            "<|eot_id|>",
            "<|im_end|>",
            "<|end|>",
            "<end_of_turn>",
            "<|endoftext|>",
            "<|end_of_text|>",
            "<EOT>",
            "_<EOT>",
            "[EOT]",
            "<｜end▁of▁sentence｜>",
            "<end_of_utterance>",
        ],
        ends: true,
    },
    Mark { keys: &["tokenizer.ggml.eom_token_id"], texts: &["<|eom_id|>"], ends: true },
    Mark {
        keys: &["tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"],
        texts: &[
            "<|fim_prefix|>",
            "<fim-prefix>",
            "<fim_prefix>",
            "<｜fim▁begin｜>",
            "<PRE>",
            "▁<PRE>",
            "<|code_prefix|>",
            "<|prefix|>",
        ],
        ends: false,
    },
    Mark {
        keys: &["tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"],
        texts: &[
            "<|fim_suffix|>",
            "<fim-suffix>",
            "<fim_suffix>",
            "<｜fim▁hole｜>",
            "<SUF>",
            "▁<SUF>",
            "<|code_suffix|>",
            "<|suffix|>",
        ],
        ends: false,
    },
    Mark {
        keys: &["tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"],
        texts: &[
            "<|fim_middle|>",
            "<fim-middle>",
            "<fim_middle>",
            "<｜fim▁end｜>",
            "<MID>",
            "▁<MID>",
            "<|code_middle|>",
            "<|middle|>",
        ],
        ends: false,
    },
    Mark {
        keys: &["tokenizer.ggml.fim_pad_token_id"],
        texts: &["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
        ends: true,
    },
    Mark {
        keys: &["tokenizer.ggml.fim_rep_token_id"],
        texts: &["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
        ends: true,
    },
    Mark { keys: &["tokenizer.ggml.fim_sep_token_id"], texts: &["<|file_sep|>"], ends: true },
];

/// What ends an answer wherever it is a token.
pub(super) const ENDS: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];

/// Parts of an answer that are shown, whatever the file calls them.
const SHOWN: [&str; 4] = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

/// Special tokens that leave the spaces behind them where others of their vocabulary take them.
pub(super) const UNTRIMMED: [&str; 3] = ["<unk>", "<s>", "<|endoftext|>"];

/// Takes back what holds for other vocabularies only.
pub(super) fn correct(ends: &mut Vec<u32>, token: &dyn Fn(&str) -> Option<u32>, types: &mut [TokenType]) {
    let mut retype = |token: u32, token_type: TokenType| {
        if let Some(of) = types.get_mut(token as usize) {
            *of = token_type;
        }
    };
    SHOWN.iter().filter_map(|text| token(text)).for_each(|token| retype(token, TokenType::UserDefined));
    let ending = |ends: &[u32], text: &str| token(text).filter(|token| ends.contains(token));
    // Where an answer has parts, a part's end is not the answer's.
    let calls = ending(ends, "<|call|>").or_else(|| ending(ends, "<|calls|>")).is_some();
    let parts = ending(ends, "<|return|>").or_else(|| ending(ends, "<|flush|>")).is_some();
    if calls
        && parts
        && let Some(end) = ending(ends, "<|end|>")
    {
        ends.retain(|token| *token != end);
        retype(end, TokenType::UserDefined);
    }
    // Here it is what is struck through in HTML.
    if ending(ends, "<|tool_response>").is_some()
        && let Some(end) = ending(ends, "</s>")
    {
        ends.retain(|token| *token != end);
        retype(end, TokenType::Normal);
    }
}
