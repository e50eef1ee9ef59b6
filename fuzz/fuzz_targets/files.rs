//! Model files from strangers, and what is asked of them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assay_fuzz::files(bytes));
