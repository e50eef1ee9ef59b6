//! Scenarios from strangers, read by the simulator.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assay_fuzz::scenarios(bytes));
