//! Guests written for these tests, in the text of WebAssembly.
//!
//! **Invariant:** every guest is a component made by `wit-component` from the same interfaces that real runners use; only
//! what is inside differs.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What all guests begin with: the imports, memory, an allocator, and two ways to return.
///
/// Bytes 0 to 31 are the result of `run`, 64 to 127 those of imports, and from 1024 on the guest's own; the allocator
/// begins at 64 KiB.
const PRELUDE: &str = r#"
  (import "assay:runner/session@2.0.0" "emit" (func $emit (param i32 i32) (result i32)))
  (import "assay:runner/session@2.0.0" "emit-tokens" (func $emit_tokens (param i32 i32 i32 i32) (result i32)))
  (import "assay:runner/session@2.0.0" "log" (func $log (param i32 i32)))
  (import "assay:runner/text@2.0.0" "tokenize" (func $tokenize (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:nn/graph@0.2.0-rc-2024-10-28" "load" (func $load (param i32 i32 i32 i32 i32)))
  (import "wasi:nn/graph@0.2.0-rc-2024-10-28" "load-by-name" (func $load_by_name (param i32 i32 i32)))
  (import "wasi:nn/graph@0.2.0-rc-2024-10-28" "[method]graph.init-execution-context" (func $context (param i32 i32)))
  (import "wasi:nn/tensor@0.2.0-rc-2024-10-28" "[constructor]tensor" (func $tensor (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:nn/tensor@0.2.0-rc-2024-10-28" "[method]tensor.data" (func $data (param i32 i32)))
  (import "wasi:nn/inference@0.2.0-rc-2024-10-28" "[method]graph-execution-context.compute" (func $compute (param i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32) (local $end i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 15)) (i32.const -16)))
    (local.set $end (i32.add (local.get $at) (local.get 3)))
    (if (i32.gt_u (local.get $end) (i32.mul (memory.size) (i32.const 65536)))
      (then (drop (memory.grow (i32.add (i32.div_u (local.get 3) (i32.const 65536)) (i32.const 1))))))
    (global.set $free (local.get $end))
    (local.get $at))
  (func $return (param $from i32) (param $count i32) (param $end i32) (result i32)
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store (i32.const 4) (local.get $from))
    (i32.store (i32.const 8) (local.get $count))
    (i32.store8 (i32.const 12) (i32.const 0))
    (i32.store8 (i32.const 28) (local.get $end))
    (i32.const 0))
  (func $fail_with (param $kind i32) (param $from i32) (param $count i32) (result i32)
    (i32.store8 (i32.const 0) (i32.const 1))
    (i32.store8 (i32.const 4) (local.get $kind))
    (i32.store (i32.const 8) (local.get $from))
    (i32.store (i32.const 12) (local.get $count))
    (i32.const 0))
  (func $fail (param $kind i32) (result i32)
    (call $fail_with (local.get $kind) (i32.const 1024) (i32.const 4)))
  (data (i32.const 1024) "oops")
"#;

/// The signature of `run`: parameters, seed, units, input.
const RUN: &str = r#"(func (export "assay:runner/running@2.0.0#run")
    (param $params i32) (param $params_count i32) (param $seed i32) (param $seed_count i32) (param $units i64)
    (param $input i32) (param $input_count i32) (result i32)"#;

/// Gives its input back.
pub(crate) const ECHO: &str = "(call $return (local.get $input) (local.get $input_count) (i32.const 0))";
/// Never returns.
pub(crate) const SPIN: &str = "(loop $again (br $again)) (unreachable)";

/// A runner whose `run` does `body`.
pub(crate) fn runner(body: &str) -> Vec<u8> {
    runner_with("", body)
}

/// A runner with more fields in its module.
pub(crate) fn runner_with(fields: &str, body: &str) -> Vec<u8> {
    component(&format!("(module {PRELUDE} {fields} {RUN} {body}))"))
}

/// A text as it stands in the text of WebAssembly, whatever is in it.
pub(crate) fn quoted(text: &str) -> String {
    text.bytes().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A runner that calls the model of its job: a 1 × 4 tensor for `x` under the given name, dimensions and bytes.
pub(crate) fn caller(graph: &str, input: &str, columns: u32, bytes: u32, after: &str) -> Vec<u8> {
    let (graph_text, input_text) = (quoted(graph), quoted(input));
    let fields = format!(
        r#"(data (i32.const 2048) "{graph_text}") (data (i32.const 3072) "{input_text}")
        (func $once (result i32)
          (call $load_by_name (i32.const 2048) (i32.const {}) (i32.const 64))
          (if (i32.load8_u (i32.const 64)) (then (return (i32.const 1))))
          (call $context (i32.load (i32.const 68)) (i32.const 72))
          (i32.store (i32.const 4096) (i32.const 1))
          (i32.store (i32.const 4100) (i32.const {columns}))
          (i32.store (i32.const 4104) (i32.const 3072))
          (i32.store (i32.const 4108) (i32.const {}))
          (i32.store (i32.const 4112)
            (call $tensor (i32.const 4096) (i32.const 2) (i32.const 1) (i32.const 8192) (i32.const {bytes})))
          (call $compute (i32.load (i32.const 76)) (i32.const 4104) (i32.const 1) (i32.const 80))
          (i32.load8_u (i32.const 80)))"#,
        graph.len(),
        input.len(),
    );
    runner_with(&fields, after)
}

/// After [`caller`]'s fields: one call, and `oops` if it is refused.
pub(crate) const CALL_ONCE: &str = "(if (result i32) (call $once) (then (call $fail (i32.const 3))) (else (call $return (i32.const 1024) (i32.const 2) (i32.const 0))))";

/// Wraps a core module into a component of the world of runners.
fn component(text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).expect("the guest is well formed");
    let mut resolve = Resolve::default();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit");
    let (package, _) = resolve.push_dir(path).expect("the interfaces are well formed");
    let world = resolve.select_world(&[package], Some("runner")).expect("there is a world of runners");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the guest fits");
    let mut encoder = ComponentEncoder::default().validate(true).module(&module).expect("the guest fits");
    encoder.encode().expect("the guest fits")
}
