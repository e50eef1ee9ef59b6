//! Arbitrary facts into a notary's books.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assay_fuzz::facts(bytes));
