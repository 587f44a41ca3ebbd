//! See `magnum_fuzz::patch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| magnum_fuzz::patch(data));
