//! Query strings: the arguments an endpoint knows (any other is refused), paging and sorting.

use magnum_types::ServiceError;
use std::{collections::BTreeMap, fmt::Display, str::FromStr};
use uuid::Uuid;

/// The arguments of a query string; the last value of a repeated name counts.
#[derive(Debug, Default)]
pub struct Arguments(BTreeMap<String, String>);

impl Arguments {
    /// Reads `query`; a name outside of `known` is refused.
    pub fn read(query: Option<&str>, known: &[&str]) -> Result<Self, ServiceError> {
        let mut arguments = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(ServiceError::invalid(format!("Unknown argument: {name:?}")));
            }
            arguments.insert(name.into_owned(), value.into_owned());
        }
        Ok(Self(arguments))
    }

    /// The value of `name`, unless absent or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// The names of paging arguments.
pub const PAGING: &[&str] = &["limit", "marker", "sort_key", "sort_dir"];

/// The names of the paging arguments of a list that has one order.
pub const POSITION: &[&str] = &["limit", "marker"];

/// Which part of a list, in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<M = Uuid> {
    /// At most so many items.
    pub limit: i64,
    /// Begin after this one.
    pub marker: Option<M>,
    /// Column to sort by.
    pub sort_key: String,
    /// Sort downwards.
    pub descending: bool,
    /// Other arguments that the next page has too.
    kept: Vec<(&'static str, String)>,
}

/// What names the last item of the page before.
pub trait Marker: FromStr + Display {
    /// In words.
    const WORDS: &'static str;
}

impl Marker for Uuid {
    const WORDS: &'static str = "a UUID";
}

impl Marker for i64 {
    const WORDS: &'static str = "an integer";
}

/// Servers are named by whatever the compute service names them by.
impl Marker for String {
    const WORDS: &'static str = "a server's id";
}

impl<M> From<Page<M>> for magnum_db::Page<M> {
    fn from(page: Page<M>) -> Self {
        Self { limit: page.limit, marker: page.marker, sort_key: page.sort_key, descending: page.descending }
    }
}

impl<M: Marker> Page<M> {
    /// The page that `arguments` ask for, at most `max_limit` items.
    pub fn of(arguments: &Arguments, max_limit: i64) -> Result<Self, ServiceError> {
        let limit = match arguments.get("limit") {
            None => max_limit,
            Some(text) => {
                let limit = text.parse::<i64>().ok().filter(|limit| *limit > 0).ok_or_else(|| {
                    ServiceError::invalid(format!(
                        "Invalid value for limit: {text:?}; it must be a positive integer"
                    ))
                })?;
                limit.min(max_limit)
            }
        };
        let marker = arguments
            .get("marker")
            .map(|text| {
                text.parse().map_err(|_| {
                    ServiceError::invalid(format!(
                        "Invalid value for marker: expected {} but received {text:?}",
                        M::WORDS
                    ))
                })
            })
            .transpose()?;
        let descending = match arguments.get("sort_dir") {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(other) => {
                return Err(ServiceError::invalid(format!(
                    "Invalid value for sort_dir: {other:?}; use 'asc' or 'desc'"
                )));
            }
        };
        let sort_key = arguments.get("sort_key").unwrap_or("id").to_owned();
        Ok(Self { limit, marker, sort_key, descending, kept: Vec::new() })
    }

    /// The page with these further arguments, which the address of the next page carries on.
    pub fn keeping(mut self, arguments: &Arguments, names: &[&'static str]) -> Self {
        let given = names.iter().filter_map(|name| Some((*name, arguments.get(name)?.to_owned())));
        self.kept.extend(given);
        self
    }

    /// The address of the next page, when this one is full (`count` items, the last of them `last`).
    pub fn next(&self, collection_url: &str, count: usize, last: Option<M>) -> Option<String> {
        let last = self.full(count, last)?;
        let direction = if self.descending { "desc" } else { "asc" };
        let sort_key: String = url::form_urlencoded::byte_serialize(self.sort_key.as_bytes()).collect();
        let mut next = format!(
            "{collection_url}?sort_key={sort_key}&sort_dir={direction}&limit={}&marker={last}",
            self.limit
        );
        for (name, value) in &self.kept {
            let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            next.push_str(&format!("&{name}={value}"));
        }
        Some(next)
    }

    /// [`Page::next`] of a list that has one order.
    pub fn next_position(&self, collection_url: &str, count: usize, last: Option<M>) -> Option<String> {
        let marker = self.full(count, last)?.to_string();
        let marker: String = url::form_urlencoded::byte_serialize(marker.as_bytes()).collect();
        Some(format!("{collection_url}?limit={}&marker={marker}", self.limit))
    }

    /// The last of `count` items, when that many fill the page.
    fn full(&self, count: usize, last: Option<M>) -> Option<M> {
        last.filter(|_| i64::try_from(count).is_ok_and(|count| count == self.limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<Page, ServiceError> {
        Page::of(&Arguments::read(Some(query), PAGING)?, 1000)
    }

    #[test]
    fn a_limit_is_positive_and_capped() {
        assert_eq!(page("").unwrap().limit, 1000);
        assert_eq!(page("limit=5").unwrap().limit, 5);
        assert_eq!(page("limit=5000").unwrap().limit, 1000);
        for wrong in ["limit=0", "limit=-1", "limit=x"] {
            assert!(page(wrong).unwrap_err().public.contains("limit"), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_argument_is_refused_by_name() {
        assert!(page("colour=red").unwrap_err().public.contains("colour"));
        assert!(page("sort_dir=up").is_err());
        assert!(page("marker=7").is_err());
    }

    #[test]
    fn only_a_full_page_has_a_next_one() {
        let uuid = Uuid::from_u128(1);
        let page = page("limit=2&sort_key=name&sort_dir=desc").unwrap();
        assert_eq!(page.next("http://h/v1/clusters", 1, Some(uuid)), None);
        assert_eq!(
            page.next("http://h/v1/clusters", 2, Some(uuid)).unwrap(),
            format!("http://h/v1/clusters?sort_key=name&sort_dir=desc&limit=2&marker={uuid}")
        );
    }
}
