# A random q4_0 model of the shape of Llama 3 8B (or smaller), for speed alone. python3 large.py OUT [LAYERS DIM FF HEADS KV VOCAB]
import struct, sys
import numpy as np
layers, dim, ff, heads, kv, vocab = map(int, sys.argv[2:8]) if len(sys.argv) > 2 else (32, 4096, 14336, 32, 8, 128256)
hd = dim // heads
rng = np.random.default_rng(1)
pool = np.frombuffer(rng.bytes(18 * (1 << 22)), np.uint8).reshape(-1, 18).copy()
def s(b): return struct.pack('<Q', len(b)) + b
meta = [(b'general.architecture', 8, s(b'llama')), (b'llama.block_count', 4, layers), (b'llama.context_length', 4, 4096), (b'llama.embedding_length', 4, dim), (b'llama.feed_forward_length', 4, ff),
  (b'llama.attention.head_count', 4, heads), (b'llama.attention.head_count_kv', 4, kv), (b'llama.attention.layer_norm_rms_epsilon', 6, 1e-5), (b'llama.rope.dimension_count', 4, hd), (b'llama.rope.freq_base', 6, 500000.0),
  (b'llama.vocab_size', 4, vocab), (b'tokenizer.ggml.model', 8, s(b'no_vocab')), (b'general.file_type', 4, 2)]
t = [(b'token_embd.weight', dim, vocab)]
for i in range(layers):
    for n, c, r in ((b'attn_norm', dim, 0), (b'attn_q', dim, dim), (b'attn_k', dim, kv * hd), (b'attn_v', dim, kv * hd), (b'attn_output', dim, dim), (b'ffn_norm', dim, 0), (b'ffn_gate', dim, ff), (b'ffn_up', dim, ff), (b'ffn_down', ff, dim)):
        t.append((b'blk.%d.%s.weight' % (i, n), c, r))
t.append((b'output_norm.weight', dim, 0))
head, at = b'', 0
for k, ty, v in meta: head += s(k) + struct.pack('<I', ty) + (v if ty == 8 else struct.pack('<f' if ty == 6 else '<I', v))
info = []
for n, c, r in t:
    size = c * 4 if r == 0 else c // 32 * r * 18
    head += s(n) + (struct.pack('<IQ', 1, c) if r == 0 else struct.pack('<IQQ', 2, c, r)) + struct.pack('<IQ', 0 if r == 0 else 2, at)
    info.append((c, r, size)); at += (size + 31) // 32 * 32
head = b'GGUF' + struct.pack('<IQQ', 3, len(t), len(meta)) + head
with open(sys.argv[1], 'wb') as f:
    f.write(head + b'\0' * (-len(head) % 32))
    for i, (c, r, size) in enumerate(info):
        if r == 0: b = np.ones(c, '<f4').tobytes()
        else:
            n = size // 18; high = np.frombuffer(np.float16(1 / (4.6 * c ** .5)).tobytes(), np.uint8)[1]
            pool[:, 1] = high | (pool[:, 7] & 128)
            k = (i * 7919) % 4096; b = np.roll(pool, k, 0); b = (b.tobytes() * (n // len(b) + 1))[:size]
        f.write(b + b'\0' * (-size % 32))
