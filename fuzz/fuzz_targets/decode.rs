//! Bytes from strangers, read as messages and as receipts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assay_fuzz::decode(bytes));
