//! See `magnum_fuzz::body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| magnum_fuzz::body(data));
