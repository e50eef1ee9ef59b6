"""Small models of every family, of random weights as f32, and the same weights of a quantised file as f32."""

import gguf
import numpy as np

VOCABULARY = 512
WIDTH, FEED, HEADS, KEY_HEADS, HEAD_WIDTH = 256, 512, 4, 2, 64
EXPERTS, USED = 4, 2
CONTEXT = 1024
LAYERS = {"gemma3": 7}
BIASED = {"qwen2", "gpt-oss"}
HEAD_NORMS = {"qwen3", "qwen3moe", "gemma3"}
WITH_EXPERTS = {"qwen3moe", "gpt-oss"}
FAMILIES = ["llama", "qwen2", "qwen3", "qwen3moe", "gpt-oss", "gemma3", "phi3"]


def write(family, path, seed, window=None):
    """A model whose logits spread by some units. `window` is stated where it is given."""
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, family)
    layers = LAYERS.get(family, 2)
    keys(writer, family, layers, window)

    def put(name, array):
        writer.add_tensor(name, array.astype(np.float32))

    def matrix(name, columns, rows, spread=1.0, count=()):
        put(f"{name}.weight", random.normal(0, spread / columns**0.5, (*count, rows, columns)))

    def norm(name, count):
        put(f"{name}.weight", random.uniform(0.5, 1.5, count))

    def bias(name, shape):
        put(f"{name}.bias", random.uniform(-0.5, 0.5, shape))

    matrix("token_embd", WIDTH, VOCABULARY, 4.0)
    for layer in range(layers):
        block = f"blk.{layer}."
        norm(block + "attn_norm", WIDTH)
        queries, heads = HEADS * HEAD_WIDTH, KEY_HEADS * HEAD_WIDTH
        if family == "phi3":
            matrix(block + "attn_qkv", WIDTH, queries + 2 * heads, 1.5)
        else:
            for part, rows, spread in [("q", queries, 1.5), ("k", heads, 1.5), ("v", heads, 1.0)]:
                matrix(f"{block}attn_{part}", WIDTH, rows, spread)
                if family in BIASED:
                    bias(f"{block}attn_{part}", rows)
        if family in HEAD_NORMS:
            norm(block + "attn_q_norm", HEAD_WIDTH)
            norm(block + "attn_k_norm", HEAD_WIDTH)
        matrix(block + "attn_output", queries, WIDTH)
        if family == "gpt-oss":
            bias(block + "attn_output", WIDTH)
            put(block + "attn_sinks.weight", random.uniform(-2, 2, HEADS))
            norm(block + "post_attention_norm", WIDTH)
        else:
            norm(block + "ffn_norm", WIDTH)
        if family == "gemma3":
            norm(block + "post_attention_norm", WIDTH)
            norm(block + "post_ffw_norm", WIDTH)
        if family in WITH_EXPERTS:
            matrix(block + "ffn_gate_inp", WIDTH, EXPERTS)
            for part, columns, rows in [("gate", WIDTH, FEED), ("up", WIDTH, FEED), ("down", FEED, WIDTH)]:
                matrix(f"{block}ffn_{part}_exps", columns, rows, count=(EXPERTS,))
                if family == "gpt-oss":
                    bias(f"{block}ffn_{part}_exps", (EXPERTS, rows))
            if family == "gpt-oss":
                bias(block + "ffn_gate_inp", EXPERTS)
        else:
            if family == "phi3":
                matrix(block + "ffn_up", WIDTH, 2 * FEED)
            else:
                matrix(block + "ffn_gate", WIDTH, FEED)
                matrix(block + "ffn_up", WIDTH, FEED)
            matrix(block + "ffn_down", FEED, WIDTH)
    norm("output_norm", WIDTH)
    # Of their own: what random embeddings are is known from them too well.
    matrix("output", WIDTH, VOCABULARY, 4.0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def keys(writer, family, layers, window):
    writer.add_vocab_size(VOCABULARY)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(FEED)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_key_length(HEAD_WIDTH)
    writer.add_value_length(HEAD_WIDTH)
    writer.add_rope_dimension_count(HEAD_WIDTH)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("no_vocab")
    if family in WITH_EXPERTS:
        writer.add_expert_count(EXPERTS)
        writer.add_expert_used_count(USED)
        writer.add_expert_feed_forward_length(FEED)
    if family in ("gpt-oss", "gemma3"):
        window = window or 128
    if family == "gpt-oss":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(32.0)
        writer.add_rope_scaling_orig_ctx_len(64)
    if window:
        writer.add_sliding_window(window)


def widened(source, target):
    """The same weights as f32. Everything else of the file is copied as it is."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if field.name == "general.architecture" or field.name.startswith("GGUF."):
            continue
        item = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=item)
    for tensor in reader.tensors:
        shape = [int(length) for length in reversed(tensor.shape)]
        numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, np.ascontiguousarray(numbers, np.float32).reshape(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def formats(path):
    """How the matrices of a file are written, with how many there are of each."""
    counts = {}
    for tensor in gguf.GGUFReader(path).tensors:
        if len(tensor.shape) > 1 and not tensor.name.endswith(".bias") and "gate_inp" not in tensor.name:
            name = tensor.tensor_type.name.lower()
            counts[name] = counts.get(name, 0) + 1
    return counts
