//! Models from strangers, damaged and run.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assay_fuzz::models(bytes));
