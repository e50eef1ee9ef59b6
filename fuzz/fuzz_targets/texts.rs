//! Texts from strangers, taken apart by small vocabularies and put together again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assay_fuzz::texts(bytes));
