// The arithmetic on a card.
//
// Every product and sum passes through `| p.zero`, which is 0 at run time and unknown to the compiler: nothing can be
// fused, reordered or folded. Every sum begins with p.zero as a number: a literal 0.0 could be folded away, and a -0 left.
// Workgroup memory is not cleared: what is read of it was written by this workgroup, padding included.
struct P {
  zero: u32, rows: u32, ng: u32, tokens: u32,
  pos: u32, dim: u32, heads: u32, kv: u32,
  pairs: u32, window: u32, chunks: u32, nb: u32,
  add: u32, stride: u32, at: u32, scale: f32,
  eps: f32, by_n: f32, by_hd: f32, cap: f32,
}
var<immediate> p: P;

// 0: q8_0, 1: q4_0, 2: q4_1, 3: any other, as bytes with scales in f32 and integers for each sixteen, 4: mxfp4
override KIND: u32 = 1u;
override T: u32 = 256u;            // threads of a workgroup
override TILES: u32 = 1u;          // tiles a workgroup takes
override OUT: u32 = 0u;            // 0: y; 1: added to the residual; 2: gate and up to activations; 3: queries, keys, values
override POOL: u32 = 4096u;        // numbers of the workgroup's own
override HD: u32 = 128u;           // numbers of a head
override BIAS: bool = false;
override HEAD_NORMS: bool = false;
override HALVES: bool = false;     // which numbers are turned together
override SINKS: bool = false;
override CAP: bool = false;
override RAW: bool = false;        // attention leaves numbers, not activations: its heads are no whole blocks
override GELU: bool = false;
override CLAMPED: bool = false;
override NORMED: bool = false;     // what is normed is kept as numbers too
override IN_TURN: bool = true;     // gate and up lie tile by tile in turn
const GROUP = 8u;
const ROWS = 32u;
const CHUNK = 256u;
const MAGIC: f32 = 12582912.0;
const LEAST = 0x2B800000u;
const MOST = 0x53800000u;
const UNSEEN: f32 = -1.0e30;

@group(0) @binding(0) var<storage, read> wq: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> aq: array<vec4<u32>>;          // activations: a block is two words, a token ng * 8 blocks
@group(0) @binding(2) var<storage, read> asc: array<vec2<u32>>;         // of a block: the scale, the sums of its halves
@group(0) @binding(3) var<storage, read_write> ao: array<vec4<u32>>;    // the same, written
@group(0) @binding(4) var<storage, read_write> aso: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> x: array<vec4<f32>>;     // the residual
@group(0) @binding(7) var<storage, read> nw: array<f32>;                // weights of norms; sinks
@group(0) @binding(8) var<storage, read_write> qs: array<f32>;          // queries, turned and scaled
@group(0) @binding(9) var<storage, read_write> keys: array<vec4<u32>>;  // [position / 32][head][d / 8][position % 32]: eight columns
@group(0) @binding(10) var<storage, read_write> values: array<vec4<u32>>; // [position / 4][head][d / 2]: two columns of four positions
@group(0) @binding(11) var<storage, read> turns: array<vec2<f32>>;      // [position][pair]: cosine, sine
@group(0) @binding(12) var<storage, read> ids: array<u32>;
@group(0) @binding(13) var<storage, read> bias: array<f32>;
@group(0) @binding(14) var<storage, read_write> scores: array<f32>;     // [token][head][position]
@group(0) @binding(15) var<storage, read_write> tops: array<f32>;       // [token][head][chunk]
@group(0) @binding(16) var<storage, read_write> parts: array<f32>;      // [token][head][chunk][d]
@group(0) @binding(17) var<storage, read_write> sums: array<f32>;       // [token][head][chunk]
@group(0) @binding(18) var<storage, read_write> chosen: array<vec2<u32>>; // [token][how many before]: an expert and its weight

fn zero() -> f32 { return bitcast<f32>(p.zero); }
fn mul(a: f32, b: f32) -> f32 { return bitcast<f32>(bitcast<u32>(a * b) | p.zero); }
fn add(a: f32, b: f32) -> f32 { return bitcast<f32>(bitcast<u32>(a + b) | p.zero); }
fn sub(a: f32, b: f32) -> f32 { return bitcast<f32>(bitcast<u32>(a - b) | p.zero); }
fn add4(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> { return bitcast<vec4<f32>>(bitcast<vec4<u32>>(a + b) | vec4<u32>(p.zero)); }
fn mul4(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> { return bitcast<vec4<f32>>(bitcast<vec4<u32>>(a * b) | vec4<u32>(p.zero)); }
fn bits(b: u32) -> f32 { return bitcast<f32>(b); }

// The functions of the arithmetic, as its page states them.

fn door(v: f32) -> f32 {
  let m = min(bitcast<u32>(v) & 0x7fffffffu, MOST);
  return select(bits(m | (bitcast<u32>(v) & 0x80000000u)), 0.0, m < LEAST);
}
fn reciprocal(a: f32) -> f32 {
  var r = bits(0x7EF311C7u - bitcast<u32>(a));
  for (var i = 0; i < 2; i++) { r = mul(r, sub(2.0, mul(a, r))); }
  return add(r, mul(r, sub(1.0, mul(a, r))));
}
fn inverse_root(a: f32) -> f32 {
  let h = mul(a, 0.5);
  var r = bits(0x5F3759DFu - (bitcast<u32>(a) >> 1u));
  for (var i = 0; i < 2; i++) { r = mul(r, sub(1.5, mul(mul(h, r), r))); }
  return add(r, mul(r, sub(0.5, mul(mul(h, r), r))));
}
fn expo(v: f32) -> f32 {
  let c = max(v, -41.0);
  let t = add(mul(c, bits(0x3FB8AA3Bu)), MAGIC);
  let n = sub(t, MAGIC);
  let r = sub(sub(c, mul(n, bits(0x3F318000u))), mul(n, bits(0xB95E8083u)));
  var q = bits(0x39506967u);
  q = add(mul(q, r), bits(0x3AB743CEu));
  q = add(mul(q, r), bits(0x3C088908u));
  q = add(mul(q, r), bits(0x3D2AA9C1u));
  q = add(mul(q, r), bits(0x3E2AAAAAu));
  q = add(mul(q, r), 0.5);
  q = add(add(mul(q, mul(r, r)), r), 1.0);
  return select(bits(bitcast<u32>(q) + (bitcast<u32>(t) << 23u)), 0.0, v < -40.0);
}
fn sigmoid(v: f32) -> f32 {
  let e = expo(-abs(v));
  let r = reciprocal(add(1.0, e));
  return select(mul(e, r), r, v >= 0.0);
}
fn silu(v: f32) -> f32 { return mul(v, sigmoid(v)); }
fn hyperbolic(v: f32) -> f32 {
  let a = abs(v);
  let e = expo(mul(a, -2.0));
  let far = mul(sub(1.0, e), reciprocal(add(1.0, e)));
  let z = mul(a, a);
  var q = bits(0xBBBAF0EAu);
  q = add(mul(q, z), bits(0x3CA9134Eu));
  q = add(mul(q, z), bits(0xBD5C1E2Du));
  q = add(mul(q, z), bits(0x3E088393u));
  q = add(mul(q, z), bits(0xBEAAAA99u));
  let near = add(mul(mul(q, z), a), a);
  return bits(bitcast<u32>(select(far, near, a < 0.625)) | (bitcast<u32>(v) & 0x80000000u));
}
fn gelu(v: f32) -> f32 {
  let cube = mul(mul(v, v), v);
  let inner = mul(bits(0x3F4C422Au), add(v, mul(bits(0x3D372713u), cube)));
  return mul(mul(v, 0.5), add(1.0, hyperbolic(door(inner))));
}
fn clamped(gate: f32, up: f32) -> f32 {
  let g = min(gate, 7.0);
  return mul(mul(g, sigmoid(mul(g, bits(0x3FD9DB23u)))), add(max(min(up, 7.0), -7.0), 1.0));
}
// What a gate lets pass of what gate and up give.
fn passed(gate: f32, up: f32) -> f32 {
  let g = door(gate); let u = door(up);
  if (CLAMPED) { return clamped(g, u); }
  if (GELU) { return mul(gelu(g), u); }
  return mul(silu(g), u);
}
fn capped(v: f32) -> f32 { return mul(hyperbolic(mul(door(v), reciprocal(p.cap))), p.cap); }
// A key or a value as the cache keeps it.
fn keep(v: f32) -> u32 {
  let b = bitcast<u32>(v);
  let m = b & 0x7fffffffu;
  let r = (m + 0xfffu + ((m >> 13u) & 1u)) >> 13u;
  let h = min(max(r, 112u << 10u) - (112u << 10u), 0x7bffu);
  return select(h | ((b >> 16u) & 0x8000u), 0u, h < 0x400u);
}
// What was kept, which is never subnormal.
fn kept(u: u32) -> f32 { return bits(select((((u & 0x7fffu) << 13u) + (112u << 23u)) | ((u & 0x8000u) << 16u), 0u, (u & 0xffffu) == 0u)); }
fn kept2(u: u32) -> vec2<f32> { return vec2<f32>(kept(u & 0xffffu), kept(u >> 16u)); }
// Any finite f16, subnormals too, by an exact difference.
fn half(h: u32) -> f32 {
  let m = (h & 0x7fffu) << 13u;
  let f = select(bits(m + 0x38000000u), sub(bits(m + 0x38800000u), bits(0x38800000u)), m < 0x800000u);
  return bits(bitcast<u32>(f) | ((h & 0x8000u) << 16u));
}

var<workgroup> red: array<f32, 1024>;
var<workgroup> cnt: array<i32, 1024>;
var<workgroup> pool: array<f32, POOL>;

// Lane l of a run of 8 lanes holds four numbers of a block. Every lane of the workgroup comes here.
struct Word { q: u32, d: u32, sums: u32 }
fn quantise(v: vec4<f32>, l: u32) -> Word {
  red[l] = max(max(abs(v.x), abs(v.y)), max(abs(v.z), abs(v.w)));
  workgroupBarrier();
  let b = l & ~7u;
  var top = red[b];
  for (var k = 1u; k < 8u; k++) { top = max(top, red[b + k]); }
  let inverse = mul(127.0, reciprocal(top));
  let n = bitcast<vec4<i32>>(add4(mul4(v, vec4<f32>(inverse)), vec4<f32>(MAGIC))) - vec4<i32>(0x4B400000);
  let u = bitcast<vec4<u32>>(n) & vec4<u32>(255u);
  let none = bitcast<u32>(top) < LEAST;
  cnt[l] = select(n.x + n.y + n.z + n.w, 0, none);
  workgroupBarrier();
  let low = cnt[b] + cnt[b + 1u] + cnt[b + 2u] + cnt[b + 3u];
  let high = cnt[b + 4u] + cnt[b + 5u] + cnt[b + 6u] + cnt[b + 7u];
  let sums = (bitcast<u32>(low) & 0xffffu) | (bitcast<u32>(high) << 16u);
  let q = u.x | (u.y << 8u) | (u.z << 16u) | (u.w << 24u);
  return Word(select(q, 0u, none), select(bitcast<u32>(mul(top, bits(0x3C010204u))), 0u, none), sums);
}
fn first_sum(s: u32) -> i32 { return extractBits(bitcast<i32>(s), 0u, 16u); }
fn second_sum(s: u32) -> i32 { return bitcast<i32>(s) >> 16u; }
fn write_word(at: u32, word: Word, l: u32) { // `at` counts words of four numbers
  ao[at / 4u][at % 4u] = word.q;
  if (l % 8u == 0u) { aso[at / 8u] = vec2<u32>(word.d, word.sums); }
}
// 64 lanes with a number each in `red`: lane i takes i + 32, 16, ... 1.
fn join_lanes(l: u32) {
  for (var h = 32u; h > 0u; h /= 2u) {
    workgroupBarrier();
    if (l < h) { red[l] = add(red[l], red[l + h]); }
  }
  workgroupBarrier();
}
fn square(i: u32, n: u32) -> f32 { let a = select(0.0, pool[min(i, n - 1u)], i < n); return mul(a, a); }
// 1 / root of the mean square of `n` numbers of `pool`.
fn pool_root(n: u32, by_n: f32, l: u32) -> f32 {
  workgroupBarrier();
  if (l < 64u) {
    var s = zero();
    // Eight at a time, so that their reads overlap; what is behind the end adds +0.
    for (var i = l; i < n; i += 512u) {
      let a = square(i, n); let b = square(i + 64u, n); let c = square(i + 128u, n); let d = square(i + 192u, n);
      let e = square(i + 256u, n); let f = square(i + 320u, n); let g = square(i + 384u, n); let h = square(i + 448u, n);
      s = add(add(add(add(add(add(add(add(s, a), b), c), d), e), f), g), h);
    }
    red[l] = s;
  }
  join_lanes(l);
  let r = inverse_root(add(mul(red[0], by_n), p.eps));
  workgroupBarrier();
  return r;
}

@compute @workgroup_size(T) fn norm(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let t = wg.x; let n = p.dim / 4u;
  for (var i = l; i < n; i += T) { let a = x[t * n + i]; pool[4u * i] = a.x; pool[4u * i + 1u] = a.y; pool[4u * i + 2u] = a.z; pool[4u * i + 3u] = a.w; }
  let r = pool_root(p.dim, p.by_n, l);
  for (var base = 0u; base < n; base += T) {
    let i = base + l;
    var v = vec4<f32>();
    if (i < n) { v = mul4(mul4(vec4<f32>(pool[4u * i], pool[4u * i + 1u], pool[4u * i + 2u], pool[4u * i + 3u]), vec4<f32>(r)), vec4<f32>(nw[4u * i], nw[4u * i + 1u], nw[4u * i + 2u], nw[4u * i + 3u])); }
    if (NORMED && i < n) { let o = (t * n + i) * 4u; y[o] = v.x; y[o + 1u] = v.y; y[o + 2u] = v.z; y[o + 3u] = v.w; }
    let word = quantise(v, l);
    if (i < n) { write_word(t * p.ng * 64u + i, word, l); }
  }
}
// What attention or feed-forward gave, through a door and normed, joins the residual.
@compute @workgroup_size(T) fn join_normed(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let t = wg.x;
  for (var i = l; i < p.dim; i += T) { pool[i] = door(y[t * p.dim + i]); }
  let r = pool_root(p.dim, p.by_n, l);
  for (var i = l; i < p.dim; i += T) {
    let o = t * p.dim + i;
    x[o / 4u][o % 4u] = door(add(x[o / 4u][o % 4u], mul(mul(pool[i], r), nw[i])));
  }
}
// Rows of numbers to activations.
@compute @workgroup_size(64) fn activations(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let n = p.nb * 8u;
  let t = id.x / n; let k = id.x % n;
  var v = vec4<f32>();
  if (t < p.tokens) { let o = id.x * 4u; v = vec4<f32>(y[o], y[o + 1u], y[o + 2u], y[o + 3u]); }
  let word = quantise(v, l);
  if (t < p.tokens) { write_word(t * p.ng * 64u + k, word, l); }
}

// Weights: tiles of 32 rows; a tile's group of 8 blocks is words() x 32 words of 16 bytes, [word][row]: the integers of
// block 0, 1, ..., then the scales, the minima and the integers that multiply them. So a row is a lane, and lanes side by
// side read words side by side.
fn words() -> u32 {
  if (KIND == 0u) { return 17u; }
  if (KIND == 1u || KIND == 4u) { return 9u; }
  if (KIND == 2u) { return 10u; }
  return 22u;
}
// A scale of sixteen bits: an f16; of mxfp4 the upper half of an f32, which a power of two has no other bits than.
fn scale16(h: u32) -> f32 {
  if (KIND == 4u) { return bits(h << 16u); }
  return half(h);
}
// scale, minimum, and integers of each half: of the weights, of the minimum; as a word of bytes
struct Side { d: f32, m: f32, by: u32 }
fn side(at: u32, i: u32) -> Side {
  if (KIND == 3u) {
    return Side(bits(wq[at + (16u + i / 4u) * ROWS][i % 4u]), bits(wq[at + (18u + i / 4u) * ROWS][i % 4u]), wq[at + (20u + i / 4u) * ROWS][i % 4u]);
  }
  let s = select(8u, 16u, KIND == 0u);
  let d = scale16((wq[at + s * ROWS][i / 2u] >> (16u * (i % 2u))) & 0xffffu);
  if (KIND != 2u) { return Side(d, 0.0, 0u); }
  return Side(d, half((wq[at + 9u * ROWS][i / 2u] >> (16u * (i % 2u))) & 0xffffu), 0u);
}
fn by(s: u32, k: u32) -> i32 { return extractBits(bitcast<i32>(s), 8u * k, 8u); }

fn low(q: vec4<u32>) -> vec4<u32> { return q & vec4<u32>(0x0f0f0f0fu); }
fn high(q: vec4<u32>) -> vec4<u32> { return (q >> vec4<u32>(4u)) & vec4<u32>(0x0f0f0f0fu); }
// Codes of four-bit floats, a byte each, to twice what they are as signed bytes. No byte carries into the next.
fn twice_floats(q: vec4<u32>) -> vec4<u32> {
  let one = vec4<u32>(0x01010101u);
  let low_bit = q & one; let middle = (q >> vec4<u32>(1u)) & one; let top = (q >> vec4<u32>(2u)) & one;
  // Below 4 a code is its number; from there on it is 4, 6, 8, 12.
  let four = (vec4<u32>(0x02020202u) + low_bit) << vec4<u32>(1u);
  let large = four + (four & (middle * 255u));
  let is_large = top * 255u;
  let size = (large & is_large) | (q & vec4<u32>(0x03030303u) & ~is_large);
  let minus = (q >> vec4<u32>(3u)) & (low_bit | middle | top);
  return (size ^ (minus * 255u)) + minus;
}

@compute @workgroup_size(64) fn embed(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= p.tokens * p.nb) { return; }
  let t = id.x / p.nb; let b = id.x % p.nb;
  let row = ids[t];
  let at = ((row / ROWS) * p.ng + b / GROUP) * words() * ROWS + row % ROWS;
  let i = b % GROUP;
  let s = side(at, i);
  for (var k = 0u; k < 32u; k++) {
    var e: f32;
    if (KIND == 0u || KIND == 3u) {
      var q = extractBits(bitcast<i32>(wq[at + (i * 2u + k / 16u) * ROWS][k % 16u / 4u]), 8u * (k % 4u), 8u);
      if (KIND == 3u) { q *= by(s.by, k / 16u); }
      e = mul(s.d, f32(q));
      if (KIND == 3u) { e = add(e, mul(s.m, f32(by(s.by, 2u + k / 16u)))); }
    } else {
      let code = extractBits(wq[at + i * ROWS][k % 16u / 4u], 8u * (k % 4u) + 4u * (k / 16u), 4u);
      var q = i32(code) - select(0, 8, KIND == 1u);
      if (KIND == 4u) { q = extractBits(bitcast<i32>(twice_floats(vec4<u32>(code)).x), 0u, 8u); }
      e = mul(s.d, f32(q));
      if (KIND == 2u) { e = add(e, s.m); }
    }
    let o = t * p.dim + b * 32u + k;
    x[o / 4u][o % 4u] = door(mul(e, p.scale));
  }
}

fn dot16(a: vec4<u32>, b: vec4<u32>) -> i32 { return dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y) + dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w); }
fn block4(s: f32, q: vec4<u32>, b: u32, d: u32, m: u32) -> f32 {
  let a = asc[b]; let dx = bits(a.x);
  let sum = first_sum(a.y) + second_sum(a.y);
  var n: i32;
  if (KIND == 4u) { n = dot16(twice_floats(low(q)), aq[b * 2u]) + dot16(twice_floats(high(q)), aq[b * 2u + 1u]); }
  else { n = dot16(low(q), aq[b * 2u]) + dot16(high(q), aq[b * 2u + 1u]); }
  if (KIND == 1u) { n -= 8 * sum; }
  let v = mul(mul(scale16(d & 0xffffu), dx), f32(n));
  if (KIND == 2u) { return add(s, add(v, mul(half(m & 0xffffu), mul(dx, f32(sum))))); }
  return add(s, v);
}
fn block8(s: f32, q0: vec4<u32>, q1: vec4<u32>, b: u32, d: u32) -> f32 {
  return add(s, mul(mul(half(d & 0xffffu), bits(asc[b].x)), f32(dot16(q0, aq[b * 2u]) + dot16(q1, aq[b * 2u + 1u]))));
}
fn group_bytes(at: u32, b: u32) -> f32 {
  var s = zero();
  let d = wq[at + 16u * ROWS];
  let q0 = wq[at]; let q1 = wq[at + ROWS]; let q2 = wq[at + 2u * ROWS]; let q3 = wq[at + 3u * ROWS]; let q4 = wq[at + 4u * ROWS]; let q5 = wq[at + 5u * ROWS]; let q6 = wq[at + 6u * ROWS]; let q7 = wq[at + 7u * ROWS];
  let q8 = wq[at + 8u * ROWS]; let q9 = wq[at + 9u * ROWS]; let qa = wq[at + 10u * ROWS]; let qb = wq[at + 11u * ROWS]; let qc = wq[at + 12u * ROWS]; let qd = wq[at + 13u * ROWS]; let qe = wq[at + 14u * ROWS]; let qf = wq[at + 15u * ROWS];
  s = block8(s, q0, q1, b, d.x); s = block8(s, q2, q3, b + 1u, d.x >> 16u); s = block8(s, q4, q5, b + 2u, d.y); s = block8(s, q6, q7, b + 3u, d.y >> 16u);
  s = block8(s, q8, q9, b + 4u, d.z); s = block8(s, qa, qb, b + 5u, d.z >> 16u); s = block8(s, qc, qd, b + 6u, d.w); s = block8(s, qe, qf, b + 7u, d.w >> 16u);
  return s;
}
fn group_nibbles(at: u32, b: u32) -> f32 {
  var s = zero();
  let q0 = wq[at]; let q1 = wq[at + ROWS]; let q2 = wq[at + 2u * ROWS]; let q3 = wq[at + 3u * ROWS]; let q4 = wq[at + 4u * ROWS]; let q5 = wq[at + 5u * ROWS]; let q6 = wq[at + 6u * ROWS]; let q7 = wq[at + 7u * ROWS];
  let d = wq[at + 8u * ROWS];
  var m = vec4<u32>();
  if (KIND == 2u) { m = wq[at + 9u * ROWS]; }
  s = block4(s, q0, b, d.x, m.x); s = block4(s, q1, b + 1u, d.x >> 16u, m.x >> 16u); s = block4(s, q2, b + 2u, d.y, m.y); s = block4(s, q3, b + 3u, d.y >> 16u, m.y >> 16u);
  s = block4(s, q4, b + 4u, d.z, m.z); s = block4(s, q5, b + 5u, d.z >> 16u, m.z >> 16u); s = block4(s, q6, b + 6u, d.w, m.w); s = block4(s, q7, b + 7u, d.w >> 16u, m.w >> 16u);
  return s;
}
// The value of a block of any format.
fn value(low_n: i32, high_n: i32, s: Side, a: vec2<u32>) -> f32 {
  let dx = bits(a.x);
  let v = mul(mul(s.d, dx), f32(by(s.by, 0u) * low_n + by(s.by, 1u) * high_n));
  return add(v, mul(s.m, mul(dx, f32(by(s.by, 2u) * first_sum(a.y) + by(s.by, 3u) * second_sum(a.y)))));
}
fn group_any(at: u32, b: u32) -> f32 {
  var s = zero();
  for (var i = 0u; i < GROUP; i++) {
    let q0 = wq[at + 2u * i * ROWS]; let q1 = wq[at + (2u * i + 1u) * ROWS];
    s = add(s, value(dot16(q0, aq[(b + i) * 2u]), dot16(q1, aq[(b + i) * 2u + 1u]), side(at, i), asc[b + i]));
  }
  return s;
}
// The eight blocks of a group in order.
fn group_sum(at: u32, b: u32) -> f32 {
  if (KIND == 0u) { return group_bytes(at, b); }
  if (KIND == 3u) { return group_any(at, b); }
  return group_nibbles(at, b);
}

fn put_key(pos: u32, head: u32, d2: u32, pair: u32) { keys[(((pos / 32u) * p.kv + head) * (HD / 8u) + d2 / 4u) * 32u + pos % 32u][d2 % 4u] = pair; }
fn put_value(pos: u32, head: u32, d2: u32, pair: u32) { values[((pos / 4u) * p.kv + head) * (HD / 2u) + d2][pos % 4u] = pair; }
fn pack2(v: vec2<f32>) -> u32 { return keep(v.x) | (keep(v.y) << 16u); }
fn turn2(a: f32, b: f32, pos: u32, i: u32) -> vec2<f32> {
  let cs = turns[pos * p.pairs + i];
  let da = door(a); let db = door(b);
  return vec2<f32>(sub(mul(da, cs.x), mul(db, cs.y)), add(mul(da, cs.y), mul(db, cs.x)));
}
// Rows r and r + 1 of queries, keys and values, where neighbours turn and nothing else is done to them.
fn put_pair(r: u32, v: vec2<f32>) {
  let h = r / HD; let d2 = r % HD / 2u;
  if (h >= p.heads + p.kv) { put_value(p.pos, h - p.heads - p.kv, d2, pack2(v)); return; }
  let n = turn2(v.x, v.y, p.pos, d2);
  if (h < p.heads) { qs[r] = door(mul(n.x, p.scale)); qs[r + 1u] = door(mul(n.y, p.scale)); return; }
  put_key(p.pos, h - p.heads, d2, pack2(n));
}
// A head of queries, keys or values of a token: bias, norm, rotation, and where it goes.
@compute @workgroup_size(64) fn turn(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let h = wg.x; let t = wg.y; let pos = p.pos + t;
  let is_value = h >= p.heads + p.kv;
  for (var i = l; i < HD; i += 64u) {
    var v = y[t * p.stride + h * HD + i];
    if (BIAS) { v = add(v, bias[h * HD + i]); }
    if (HEAD_NORMS && !is_value) { v = door(v); }
    pool[i] = v;
  }
  if (HEAD_NORMS) {
    let r = pool_root(HD, p.by_hd, l);
    let w = select(0u, HD, h >= p.heads);
    if (!is_value) { for (var i = l; i < HD; i += 64u) { pool[i] = mul(mul(pool[i], r), nw[w + i]); } }
  }
  workgroupBarrier();
  if (!is_value) {
    for (var i = l; i < p.pairs; i += 64u) {
      let a = select(2u * i, i, HALVES); let b = select(2u * i + 1u, i + p.pairs, HALVES);
      let n = turn2(pool[a], pool[b], pos, i);
      pool[a] = n.x; pool[b] = n.y;
    }
  }
  workgroupBarrier();
  for (var i = l; i < HD / 2u; i += 64u) {
    let v = vec2<f32>(pool[2u * i], pool[2u * i + 1u]);
    if (h < p.heads) { let o = (t * p.heads + h) * HD + 2u * i; qs[o] = door(mul(v.x, p.scale)); qs[o + 1u] = door(mul(v.y, p.scale)); }
    else if (is_value) { put_value(pos, h - p.heads - p.kv, i, pack2(v)); }
    else { put_key(pos, h - p.heads, i, pack2(v)); }
  }
}

// One token: 32 lanes take a group of a tile, a lane its row; one lane a row adds the groups in order.
@compute @workgroup_size(T) fn matvec(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let first = (wg.y * 32768u + wg.x) * TILES;
  for (var it = l / ROWS; it < TILES * p.ng; it += T / ROWS) {
    pool[it * ROWS + l % ROWS] = group_sum((first * p.ng + it) * words() * ROWS + l % ROWS, p.add + (it % p.ng) * GROUP);
  }
  workgroupBarrier();
  let row = first * ROWS + l;
  if (l < TILES * ROWS) {
    var s = zero();
    for (var g = 0u; g < p.ng; g++) { s = add(s, pool[((l / ROWS) * p.ng + g) * ROWS + l % ROWS]); }
    if (OUT == 0u) { if (row < p.rows) { y[p.at + row] = s; } }
    else if (OUT == 1u) {
      if (row < p.rows) {
        if (BIAS) { s = add(s, bias[row]); }
        x[row / 4u][row % 4u] = door(add(x[row / 4u][row % 4u], s));
      }
    }
    else { red[l] = s; }
  }
  if (OUT == 2u) {
    workgroupBarrier();
    if (l < ROWS) {
      pool[l] = passed(red[l], red[ROWS + l]);
    }
    workgroupBarrier();
    var v = vec4<f32>();
    if (l < 8u) { v = vec4<f32>(pool[4u * l], pool[4u * l + 1u], pool[4u * l + 2u], pool[4u * l + 3u]); }
    let word = quantise(v, l);
    if (l < 8u) { write_word((first / 2u) * 8u + l, word, l); }
  }
  if (OUT == 3u) {
    workgroupBarrier();
    if (l < TILES * ROWS / 2u && first * ROWS + 2u * l < p.rows) { put_pair(first * ROWS + 2u * l, vec2<f32>(red[2u * l], red[2u * l + 1u])); }
  }
}

// Many tokens: 64 rows by 64 tokens, a stage is 4 blocks, a thread holds 4 rows by 4 tokens.
var<workgroup> tw: array<vec4<u32>, 512>; // [half][block][row]
var<workgroup> ta: array<vec4<u32>, 512>; // [half][block][token]
var<workgroup> td: array<vec2<f32>, 256>; // [block][row]: scale, minimum
var<workgroup> tb: array<u32, 256>;       // [block][row]: integers
var<workgroup> ts: array<vec2<u32>, 256>; // [block][token]
@compute @workgroup_size(256) fn matmul(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let tok0 = wg.y * 64u;
  let ry = l / 16u; let tx = l % 16u;
  let zero4 = vec4<f32>(zero());
  var gro = array<vec4<f32>, 4>(zero4, zero4, zero4, zero4);
  var tot = gro;
  let lr = l % 64u; let lb = l / 64u;
  let lt = min(tok0 + lr, p.tokens - 1u);
  for (var st = 0u; st < p.ng * 2u; st++) {
    let g = st / 2u; let i = (st % 2u) * 4u + lb;
    let at = ((wg.x * 2u + lr / ROWS) * p.ng + g) * words() * ROWS + lr % ROWS;
    workgroupBarrier();
    if (KIND == 0u || KIND == 3u) { tw[lb * 64u + lr] = wq[at + 2u * i * ROWS]; tw[(4u + lb) * 64u + lr] = wq[at + (2u * i + 1u) * ROWS]; }
    else if (KIND == 4u) { let q = wq[at + i * ROWS]; tw[lb * 64u + lr] = twice_floats(low(q)); tw[(4u + lb) * 64u + lr] = twice_floats(high(q)); }
    else { let q = wq[at + i * ROWS]; tw[lb * 64u + lr] = low(q); tw[(4u + lb) * 64u + lr] = high(q); }
    let ab = p.add + lt * p.ng * GROUP + g * GROUP + i;
    ta[lb * 64u + lr] = aq[ab * 2u]; ta[(4u + lb) * 64u + lr] = aq[ab * 2u + 1u];
    ts[lb * 64u + lr] = asc[ab];
    let s = side(at, i);
    td[lb * 64u + lr] = vec2<f32>(s.d, s.m);
    if (KIND == 3u) { tb[lb * 64u + lr] = s.by; }
    workgroupBarrier();
    for (var b = 0u; b < 4u; b++) {
      let wb = b * 64u + ry * 4u;
      let w00 = tw[wb]; let w01 = tw[wb + 1u]; let w02 = tw[wb + 2u]; let w03 = tw[wb + 3u];
      let w10 = tw[wb + 256u]; let w11 = tw[wb + 257u]; let w12 = tw[wb + 258u]; let w13 = tw[wb + 259u];
      let d0 = td[wb]; let d1 = td[wb + 1u]; let d2 = td[wb + 2u]; let d3 = td[wb + 3u];
      let dd = vec4<f32>(d0.x, d1.x, d2.x, d3.x); let mm = vec4<f32>(d0.y, d1.y, d2.y, d3.y);
      for (var c = 0u; c < 4u; c++) {
        let k = b * 64u + tx + 16u * c;
        let a0 = ta[k]; let a1 = ta[k + 256u]; let a = ts[k];
        if (KIND == 3u) {
          gro[c] = add4(gro[c], vec4<f32>(
            value(dot16(w00, a0), dot16(w10, a1), Side(d0.x, d0.y, tb[wb]), a), value(dot16(w01, a0), dot16(w11, a1), Side(d1.x, d1.y, tb[wb + 1u]), a),
            value(dot16(w02, a0), dot16(w12, a1), Side(d2.x, d2.y, tb[wb + 2u]), a), value(dot16(w03, a0), dot16(w13, a1), Side(d3.x, d3.y, tb[wb + 3u]), a)));
        } else {
          let dx = bits(a.x); let sum = first_sum(a.y) + second_sum(a.y);
          var n = vec4<i32>(dot16(w00, a0) + dot16(w10, a1), dot16(w01, a0) + dot16(w11, a1), dot16(w02, a0) + dot16(w12, a1), dot16(w03, a0) + dot16(w13, a1));
          if (KIND == 1u) { n -= vec4<i32>(8 * sum); }
          var e = mul4(mul4(dd, vec4<f32>(dx)), vec4<f32>(n));
          if (KIND == 2u) { e = add4(e, mul4(mm, vec4<f32>(mul(dx, f32(sum))))); }
          gro[c] = add4(gro[c], e);
        }
      }
    }
    if (st % 2u == 1u) { for (var c = 0u; c < 4u; c++) { tot[c] = add4(tot[c], gro[c]); gro[c] = zero4; } }
  }
  let row = wg.x * 64u + ry * 4u;
  for (var c = 0u; c < 4u; c++) {
    let t = tok0 + tx + 16u * c;
    if (t >= p.tokens) { continue; }
    for (var k = 0u; k < 4u; k++) {
      if (row + k >= p.rows) { continue; }
      var s = tot[c][k];
      if (OUT == 1u) {
        if (BIAS) { s = add(s, bias[row + k]); }
        let o = t * p.rows + row + k;
        x[o / 4u][o % 4u] = door(add(x[o / 4u][o % 4u], s));
      } else { y[t * p.stride + p.at + row + k] = s; }
    }
  }
}
// Gate and up become activations.
@compute @workgroup_size(64) fn gated(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let n = p.nb * 8u;
  let t = id.x / n; let k = id.x % n;
  var v = vec4<f32>();
  if (t < p.tokens) {
    let at = t * n * 8u + select(k * 4u, (k / 8u) * 64u + (k % 8u) * 4u, IN_TURN);
    let up = at + select(n * 4u, ROWS, IN_TURN);
    for (var i = 0u; i < 4u; i++) { v[i] = passed(y[at + i], y[up + i]); }
  }
  let word = quantise(v, l);
  if (t < p.tokens) { write_word(t * p.ng * 64u + k, word, l); }
}

// Experts: a router's scores, those that are chosen with their weights, and what these give. A token's row of activations
// between up and down is one for each of its experts.
@compute @workgroup_size(64) fn route(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let e = wg.x; let t = wg.y;
  var s = zero();
  for (var i = l; i < p.dim; i += 64u) { s = add(s, mul(door(y[t * p.dim + i]), nw[e * p.dim + i])); }
  red[l] = s;
  join_lanes(l);
  if (l == 0u) {
    var score = red[0];
    if (BIAS) { score = add(score, bias[e]); }
    scores[t * p.rows + e] = score;
  }
}
// The `nb` greatest of `rows` scores, of equal ones those of smaller numbers, in the order of their numbers.
@compute @workgroup_size(64) fn choose(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let at = wg.x * p.rows;
  for (var e = l; e < p.rows; e += 64u) {
    let s = scores[at + e];
    var before = 0u;
    for (var o = 0u; o < p.rows; o++) {
      let other = scores[at + o];
      before += select(0u, 1u, other > s || (other == s && o < e));
    }
    cnt[e] = select(0, 1, before < p.nb);
  }
  workgroupBarrier();
  if (l != 0u) { return; }
  var top = bits(0xFF7FFFFFu);
  for (var e = 0u; e < p.rows; e++) { if (cnt[e] == 1) { top = max(top, scores[at + e]); } }
  var total = zero();
  var k = 0u;
  for (var e = 0u; e < p.rows; e++) {
    if (cnt[e] == 0) { continue; }
    red[k] = expo(sub(scores[at + e], top));
    total = add(total, red[k]);
    chosen[wg.x * p.nb + k].x = e;
    k++;
  }
  let inverse = reciprocal(total);
  for (k = 0u; k < p.nb; k++) { chosen[wg.x * p.nb + k].y = bitcast<u32>(mul(red[k], inverse)); }
}
// What one expert's gate lets pass of one token: a pair of tiles of gate and up, as activations.
@compute @workgroup_size(T) fn expert_gate(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let place = wg.z * p.nb + wg.y;
  let e = chosen[place].x;
  let first = (e * (p.rows / ROWS) + wg.x) * 2u;
  for (var it = l / ROWS; it < 2u * p.ng; it += T / ROWS) {
    pool[it * ROWS + l % ROWS] = group_sum((first * p.ng + it) * words() * ROWS + l % ROWS, (wg.z * p.ng + it % p.ng) * GROUP);
  }
  workgroupBarrier();
  if (l < 2u * ROWS) {
    var s = zero();
    for (var g = 0u; g < p.ng; g++) { s = add(s, pool[((l / ROWS) * p.ng + g) * ROWS + l % ROWS]); }
    if (BIAS) { s = add(s, bias[(2u * e + l / ROWS) * p.rows + wg.x * ROWS + l % ROWS]); }
    red[l] = s;
  }
  workgroupBarrier();
  if (l < ROWS) { pool[l] = passed(red[l], red[ROWS + l]); }
  workgroupBarrier();
  var v = vec4<f32>();
  if (l < 8u) { v = vec4<f32>(pool[4u * l], pool[4u * l + 1u], pool[4u * l + 2u], pool[4u * l + 3u]); }
  let word = quantise(v, l);
  if (l < 8u) { write_word(place * p.stride + wg.x * 8u + l, word, l); }
}
// A tile of what all experts of a token give, weighed and added in the order of their numbers, joins the residual.
@compute @workgroup_size(T) fn expert_down(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let own = wg.y * p.nb;
  for (var it = l / ROWS; it < p.nb * p.ng; it += T / ROWS) {
    let place = own + it / p.ng;
    let tile = chosen[place].x * (p.dim / ROWS) + wg.x;
    pool[it * ROWS + l % ROWS] = group_sum((tile * p.ng + it % p.ng) * words() * ROWS + l % ROWS, (place * p.ng + it % p.ng) * GROUP);
  }
  workgroupBarrier();
  if (l >= ROWS) { return; }
  let row = wg.x * ROWS + l;
  var sum = zero();
  for (var k = 0u; k < p.nb; k++) {
    let one = chosen[own + k];
    var s = zero();
    for (var g = 0u; g < p.ng; g++) { s = add(s, pool[(k * p.ng + g) * ROWS + l]); }
    if (BIAS) { s = add(s, bias[one.x * p.dim + row]); }
    sum = add(sum, mul(bits(one.y), door(s)));
  }
  let o = wg.y * p.dim + row;
  x[o / 4u][o % 4u] = door(add(x[o / 4u][o % 4u], sum));
}

// Attention, a chunk of 256 absolute positions a workgroup, in three passes: scores, weights and values, the sum of chunks.
var<workgroup> head_q: array<f32, 512>;
fn seen(t: u32) -> u32 { return p.pos + t + 1u; }
fn first_seen(t: u32) -> u32 { let s = seen(t); return select(0u, s - min(s, p.window), p.window > 0u); }
fn pair(s: f32, d: u32, k: u32) -> f32 { let v = kept2(k); return add(add(s, mul(head_q[d], v.x)), mul(head_q[d + 1u], v.y)); }
@compute @workgroup_size(256) fn score(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let h = wg.x; let c = wg.y; let t = wg.z;
  if (c * CHUNK >= seen(t)) { return; }
  let at = t * p.heads + h;
  for (var i = l; i < HD; i += 256u) { head_q[i] = qs[at * HD + i]; }
  workgroupBarrier();
  let j = c * CHUNK + l;
  var s = UNSEEN;
  if (j < seen(t) && j >= first_seen(t)) {
    s = zero();
    let k0 = ((j / 32u) * p.kv + h / (p.heads / p.kv)) * (HD / 8u) * 32u + j % 32u;
    for (var d = 0u; d < HD / 8u; d += 2u) {
      let a = keys[k0 + d * 32u]; let b = keys[k0 + (d + 1u) * 32u];
      s = pair(s, 8u * d, a.x); s = pair(s, 8u * d + 2u, a.y); s = pair(s, 8u * d + 4u, a.z); s = pair(s, 8u * d + 6u, a.w);
      s = pair(s, 8u * d + 8u, b.x); s = pair(s, 8u * d + 10u, b.y); s = pair(s, 8u * d + 12u, b.z); s = pair(s, 8u * d + 14u, b.w);
    }
    if (CAP) { s = capped(s); }
  }
  scores[(at * p.chunks + c) * CHUNK + l] = s;
  red[l] = s;
  for (var k = 128u; k > 0u; k /= 2u) { workgroupBarrier(); if (l < k) { red[l] = max(red[l], red[l + k]); } }
  if (l == 0u) { tops[at * p.chunks + c] = red[0]; }
}
fn top_of(t: u32, h: u32) -> f32 {
  let chunks = (seen(t) + CHUNK - 1u) / CHUNK;
  var top = UNSEEN;
  if (SINKS) { top = nw[h]; }
  for (var c = 0u; c < chunks; c++) { top = max(top, tops[(t * p.heads + h) * p.chunks + c]); }
  return top;
}
var<workgroup> weights: array<f32, 256>;
fn weigh(a: f32, j: u32, v: vec4<u32>, shift: u32) -> f32 {
  let w = v >> vec4<u32>(shift);
  var s = add(a, mul(weights[j], kept(w.x & 0xffffu)));
  s = add(s, mul(weights[j + 1u], kept(w.y & 0xffffu)));
  s = add(s, mul(weights[j + 2u], kept(w.z & 0xffffu)));
  return add(s, mul(weights[j + 3u], kept(w.w & 0xffffu)));
}
@compute @workgroup_size(256) fn attend(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let h = wg.x; let c = wg.y; let t = wg.z;
  if (c * CHUNK >= seen(t)) { return; }
  let at = (t * p.heads + h) * p.chunks + c;
  let j = c * CHUNK + l;
  let e = expo(sub(scores[at * CHUNK + l], top_of(t, h)));
  weights[l] = select(0.0, e, j < seen(t) && j >= first_seen(t));
  workgroupBarrier();
  if (l < 64u) {
    var s = zero();
    for (var k = 0u; k < 4u; k++) { s = add(s, weights[k * 64u + l]); }
    red[l] = s;
  }
  join_lanes(l);
  if (l == 0u) { sums[at] = red[0]; }
  let step = p.kv * (HD / 2u);
  let last = min(CHUNK, seen(t) - c * CHUNK);
  for (var d = l; d < HD; d += 256u) {
    var a = zero();
    let v0 = (c * CHUNK / 4u) * step + h / (p.heads / p.kv) * (HD / 2u) + d / 2u;
    let up = 16u * (d % 2u);
    for (var k = 0u; k < last; k += 32u) {
      let o = v0 + k / 4u * step;
      let b0 = values[o]; let b1 = values[o + step]; let b2 = values[o + 2u * step]; let b3 = values[o + 3u * step];
      let b4 = values[o + 4u * step]; let b5 = values[o + 5u * step]; let b6 = values[o + 6u * step]; let b7 = values[o + 7u * step];
      a = weigh(a, k, b0, up); a = weigh(a, k + 4u, b1, up); a = weigh(a, k + 8u, b2, up); a = weigh(a, k + 12u, b3, up);
      a = weigh(a, k + 16u, b4, up); a = weigh(a, k + 20u, b5, up); a = weigh(a, k + 24u, b6, up); a = weigh(a, k + 28u, b7, up);
    }
    parts[at * HD + d] = a;
  }
}
@compute @workgroup_size(128) fn join(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let h = wg.x; let t = wg.y;
  let at = (t * p.heads + h) * p.chunks;
  let chunks = (seen(t) + CHUNK - 1u) / CHUNK;
  var v = vec4<f32>();
  if (l < HD / 4u) {
    var total = zero();
    var a = vec4<f32>(zero());
    for (var c = 0u; c < chunks; c++) {
      let o = (at + c) * HD + 4u * l;
      total = add(total, sums[at + c]);
      a = add4(a, vec4<f32>(parts[o], parts[o + 1u], parts[o + 2u], parts[o + 3u]));
    }
    if (SINKS) { total = add(total, expo(sub(nw[h], top_of(t, h)))); }
    v = mul4(a, vec4<f32>(reciprocal(total)));
  }
  if (RAW) {
    if (l < HD / 4u) { let o = (t * p.heads + h) * HD + 4u * l; y[o] = v.x; y[o + 1u] = v.y; y[o + 2u] = v.z; y[o + 3u] = v.w; }
    return;
  }
  let word = quantise(v, l);
  if (l < HD / 4u) { write_word(t * p.ng * 64u + h * (HD / 4u) + l, word, l); }
}
@compute @workgroup_size(64) fn cap_logits(@builtin(global_invocation_id) id: vec3<u32>) {
  for (var i = id.x * 4u; i < min(id.x * 4u + 4u, p.rows * p.tokens); i++) { y[i] = capped(y[i]); }
}

// What each function gives for qs[i]; its partner is qs[rows - 1 - i].
@compute @workgroup_size(64) fn functions(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  if (i >= p.rows) { return; }
  let a = qs[i]; let b = qs[p.rows - 1u - i]; let o = i * 14u;
  y[o] = reciprocal(a);
  y[o + 1u] = inverse_root(abs(a));
  y[o + 2u] = expo(-abs(a));
  y[o + 3u] = silu(a);
  y[o + 4u] = hyperbolic(a);
  y[o + 5u] = gelu(door(a));
  y[o + 6u] = door(a);
  y[o + 7u] = bits(keep(a));
  y[o + 8u] = kept(keep(a));
  y[o + 9u] = half(bitcast<u32>(a) & 0xffffu & ~select(0u, 0x400u, (bitcast<u32>(a) & 0x7c00u) == 0x7c00u));
  y[o + 10u] = add(mul(a, b), a);
  y[o + 11u] = sub(add(a, b), mul(b, b));
  y[o + 12u] = add(zero(), mul(a, b));
  y[o + 13u] = clamped(door(a), door(b));
}
// The roof: reads 16 bytes a lane, eight at a time.
@compute @workgroup_size(256) fn plain(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let at = (wg.y * 32768u + wg.x) * 2048u + l;
  let s = (wq[at] ^ wq[at + 256u]) ^ (wq[at + 512u] ^ wq[at + 768u]) ^ (wq[at + 1024u] ^ wq[at + 1280u]) ^ (wq[at + 1536u] ^ wq[at + 1792u]);
  if ((s.x ^ s.y ^ s.z ^ s.w) == 0x12345u + p.zero) { y[0] = 1.0; }
}
