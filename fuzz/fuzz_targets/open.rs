//! Statements of every kind, signed truly and then changed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assay_fuzz::open(bytes));
