"""Sections 9 and 10 of docs/arithmetic.md: all rows of a model for given tokens, every token in step."""

import math

import numpy as np

import functions as f
import weights
from functions import F32
from rotation import Rotary, turn

FAMILIES = ("llama", "qwen2", "qwen3", "qwen3moe", "gpt-oss", "gemma3", "phi3")
CHUNK = 256


class Model:
    def __init__(self, file):
        self.file = file
        self.family = file.keys["general.architecture"]
        assert self.family in FAMILIES, f"the page has no family {self.family}"
        self.width, self.heads = self.key("embedding_length"), self.key("attention.head_count")
        self.key_heads = self.key("attention.head_count_kv", self.heads)
        self.head = self.key("attention.key_length", self.width // self.heads)
        self.layers = self.key("block_count")
        self.epsilon = F32(self.key("attention.layer_norm_rms_epsilon"))
        self.window = self.key("attention.sliding_window", None)
        self.score_cap, self.logit_cap = self.key("attn_logit_softcapping", 0), self.key("final_logit_softcapping", 0)
        largest = self.family == "gemma3" and self.layers == 62
        self.scale = F32(self.key("attention.scale", 1 / math.sqrt(self.width // self.heads if largest else self.head)))
        self.vocabulary = len(file.keys.get("tokenizer.ggml.tokens", [])) or self.key("vocab_size")
        self.rotary, self.local_rotary = self.rotaries()

    def key(self, name, *usual):
        return self.file.keys.get(f"{self.family}.{name}", *usual) if usual else self.file.keys[f"{self.family}.{name}"]

    def rotaries(self):
        """How layers turn, and how those of gemma3 with a window do."""
        width = self.key("rope.dimension_count", self.head)
        rotary = Rotary(width, self.key("rope.freq_base", 10000.0))
        attn_factor = self.key("rope.scaling.attn_factor", 1.0)
        if self.family == "phi3":
            rotary.magnified(attn_factor)
        else:
            self.scaled(rotary, attn_factor)
        for divisors in ("rope_freqs.weight", "rope_factors_short.weight"):
            if divisors in self.file.tensors:
                rotary.divided(self.file.numbers(divisors))
        return rotary, Rotary(width, self.key("rope.freq_base_swa", 10000.0))

    def scaled(self, rotary, attn_factor):
        factor = self.key("rope.scaling.factor", self.key("rope.scale_linear", 1.0))
        factor = factor if factor >= 1e-6 else 1.0
        kind = self.key("rope.scaling.type", "linear")
        if kind == "linear":
            rotary.linear(factor)
        elif kind == "yarn":
            original = self.key("rope.scaling.original_context_length", self.key("context_length"))
            fast, slow = self.key("rope.scaling.yarn_beta_fast", 32.0), self.key("rope.scaling.yarn_beta_slow", 1.0)
            rotary.yarn(factor, original, fast, slow, attn_factor)
        else:
            assert kind == "none", f"the page has no scaling {kind}"

    def windowed(self, layer):
        usual = {"gemma3": 6, "gpt-oss": 2}.get(self.family, 1)
        every = self.key("attention.sliding_window_pattern", usual)
        return bool(self.window) and (every == 1 or layer % every != every - 1)

    def vector(self, name):
        numbers = self.file.numbers(name)
        return None if numbers is None else f.door(numbers)

    def product(self, name, rows, expert=None):
        """With the matrix of a name, and its bias where it has one."""
        matrix, bias = self.file.matrix(f"{name}.weight"), self.vector(f"{name}.bias")
        if expert is not None:
            matrix, bias = matrix[expert], None if bias is None else bias[expert]
        result = weights.products(matrix, rows)
        return result if bias is None else result + bias

    def norm(self, name, rows):
        return f.norm(rows, self.vector(f"{name}.weight"), self.epsilon)

    def behind(self, name, rows):
        """A norm behind a part of a layer, where a family has one."""
        return self.norm(name, f.door(rows)) if self.family == "gemma3" else rows

    def rows(self, tokens):
        embeddings = self.file.matrix("token_embd.weight")
        s = F32(math.sqrt(self.width) if self.family == "gemma3" else 1)
        x = f.door(weights.numbers(embeddings[np.array(tokens)]) * s)
        for layer in range(self.layers):
            part = f"blk.{layer}."
            h = self.norm(part + "attn_norm", x)
            x = f.door(x + self.behind(part + "post_attention_norm", self.attention(layer, part, h)))
            h = self.norm(part + ("post_attention_norm" if self.family == "gpt-oss" else "ffn_norm"), x)
            forward = self.experts(part, h) if self.key("expert_count", 0) else self.forward(part, h)
            x = f.door(x + self.behind(part + "post_ffw_norm", forward))
        h = self.norm("output_norm", x)
        logits = self.product("output" if "output.weight" in self.file.tensors else "token_embd", h)
        return f.cap(logits, self.logit_cap) if self.logit_cap else logits

    def attention(self, layer, part, h):
        queries, keys = self.heads * self.head, self.key_heads * self.head
        if self.family == "phi3":
            q, k, v = np.split(self.product(part + "attn_qkv", h), [queries, queries + keys], axis=1)
        else:
            q, k, v = (self.product(part + name, h) for name in ("attn_q", "attn_k", "attn_v"))
        q, k, v = (x.reshape(len(h), -1, self.head) for x in (q, k, v))
        if part + "attn_q_norm.weight" in self.file.tensors:
            q, k = self.norm(part + "attn_q_norm", f.door(q)), self.norm(part + "attn_k_norm", f.door(k))
        windowed = self.windowed(layer)
        rotary = self.local_rotary if self.family == "gemma3" and windowed else self.rotary
        tables = rotary.tables(range(len(h)))
        q, k = (turn(x, *tables, self.family == "llama") for x in (q, k))
        q, k, v = f.door(q * self.scale), f.f16(f.keep(k)), f.f16(f.keep(v))
        sinks = self.vector(part + "attn_sinks.weight")
        out = np.empty_like(q)
        for head in range(self.heads):
            mine = head // (self.heads // self.key_heads)
            sink = None if sinks is None else sinks[head]
            window = self.window if windowed else None
            out[:, head] = attend(q[:, head], k[:, mine], v[:, mine], seen(len(h), window), self.score_cap, sink)
        return self.product(part + "attn_output", out.reshape(len(h), -1))

    def forward(self, part, h):
        if self.family == "phi3":
            gate, up = np.split(self.product(part + "ffn_up", h), 2, axis=1)
        else:
            gate, up = self.product(part + "ffn_gate", h), self.product(part + "ffn_up", h)
        return self.product(part + "ffn_down", self.gated(gate, up))

    def gated(self, gate, up):
        return {"gpt-oss": f.clamped_gate, "gemma3": f.gelu_gate}.get(self.family, f.silu_gate)(gate, up)

    def experts(self, part, h):
        router, bias = self.vector(part + "ffn_gate_inp.weight"), self.vector(part + "ffn_gate_inp.bias")
        scores = f.row_sum(f.door(h)[:, None] * router[None])
        if bias is not None:
            scores = scores + bias
        used = self.key("expert_used_count")
        # A stable sort leaves equal scores in the order of their numbers.
        best = np.argsort(-scores, axis=1, kind="stable")[:, :used]
        chosen = np.zeros(scores.shape, bool)
        np.put_along_axis(chosen, best, True, axis=1)
        w = np.where(chosen, f.exp(scores - scores.max(axis=1, keepdims=True)), F32(0))
        total, forward = np.zeros(len(h), F32), np.zeros(h.shape, F32)
        for expert in range(scores.shape[1]):
            total = total + w[:, expert]
        w = w * f.reciprocal(total)[:, None]
        for expert in range(scores.shape[1]):
            rows = chosen[:, expert]
            gate, up = (self.product(part + name, h[rows], expert) for name in ("ffn_gate_exps", "ffn_up_exps"))
            y = self.product(part + "ffn_down_exps", self.gated(gate, up), expert)
            forward[rows] = forward[rows] + w[rows, expert, None] * f.door(y)
        return forward


def seen(count, window):
    """Which position (second) the query at which position (first) sees."""
    query, position = np.arange(count)[:, None], np.arange(count)[None]
    return (position <= query) & (position > query - window) if window else position <= query


def attend(q, k, v, sees, cap=None, sink=None):
    """Attention of one head: queries (tokens, columns) over all positions, of which each sees some."""
    score = np.zeros(sees.shape, F32)
    for column in range(q.shape[1]):
        score = score + q[:, column, None] * k[None, :, column]
    if cap:
        score = f.cap(score, cap)
    top = np.where(sees, score, -np.inf).max(axis=1).astype(F32)
    if sink is not None:
        top = f.greater(top, sink)
    e = np.where(sees, f.exp(np.where(sees, score - top[:, None], F32(0))), F32(0))
    total, out = np.zeros(len(q), F32), np.zeros((len(q), v.shape[1]), F32)
    for chunk in range(0, sees.shape[1], CHUNK):
        total = total + f.row_sum(e[:, chunk : chunk + CHUNK])
        part = np.zeros_like(out)
        for position in range(chunk, min(chunk + CHUNK, sees.shape[1])):
            part = part + e[:, position, None] * v[position]
        out = out + part
    if sink is not None:
        total = total + f.exp(sink - top)
    return out * f.reciprocal(total)[:, None]
