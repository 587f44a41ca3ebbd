//! Query strings: arguments and paging by both kinds of marker.
#![no_main]

use libfuzzer_sys::fuzz_target;
use magnum_api::extract::page::{Arguments, PAGING, Page};

fuzz_target!(|data: &[u8]| {
    let Ok(query) = std::str::from_utf8(data) else { return };
    let Ok(arguments) = Arguments::read(Some(query), PAGING) else { return };
    let _ = Page::of(&arguments, 1000).map(|page: Page| page.next("http://h/v1/clusters", 1, page.marker));
    let _ = Page::<i64>::of(&arguments, 1000);
});
