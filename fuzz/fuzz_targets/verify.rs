//! Receipts of jobs that were played, judged before and after they were changed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assay_fuzz::verify(bytes));
