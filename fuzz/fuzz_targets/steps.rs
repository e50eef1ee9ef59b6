//! Arbitrary steps into a job.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assay_fuzz::steps(bytes));
