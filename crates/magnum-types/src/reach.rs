//! Whether a cluster's API answers at the address that its clients call, seen from the service's own network: what is
//! kept of the looks, what they say beside the words of the masters, and what of them makes the health.
//!
//! An address that never answered is private as far as anybody here knows: nothing is said of it. One that did answer
//! and misses [`MISSES`] looks in a row is a fault that the masters cannot see: a floating IP or a load balancer that
//! is dead in front of a living API.

use crate::HealthStatus;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// The key of `health_status_reason` under which the looks speak. Nobody else's word stands there.
pub const KEY: &str = "api_address";

/// Looks in a row that an address must miss before anything is said: one lost packet is no fault.
pub const MISSES: u32 = 2;
/// An address that never answered is asked less and less often, down to every 2^5th time.
const MOST_DOUBLED: u32 = 5;
/// How late a look may be before the last one counts no more: nobody looks while an operation runs, or when the looks
/// are switched off.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// What is known of one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Since when it answers, or answered; none while it never did.
    pub reached_at: Option<Timestamp>,
    /// Looks in a row that it missed.
    pub missed: u32,
    /// The first of them.
    pub missed_at: Option<Timestamp>,
    /// What the last of them met.
    pub said: Option<String>,
}

impl Reach {
    /// The pause before the next look.
    pub fn pause(&self, every: Duration) -> Duration {
        match self.reached_at {
            Some(_) => every,
            None => every * 2u32.pow(self.missed.min(MOST_DOUBLED)),
        }
    }

    /// After a look that was answered.
    #[must_use]
    pub fn answered(&self, now: Timestamp) -> Self {
        let since = self.reached_at.filter(|_| self.missed == 0);
        Self { reached_at: Some(since.unwrap_or(now)), ..Self::default() }
    }

    /// After a look at `address` that was not answered, for the reason in `words`.
    #[must_use]
    pub fn unanswered(&self, now: Timestamp, address: &str, words: &str) -> Self {
        let since = self.missed_at.unwrap_or(now);
        Self {
            reached_at: self.reached_at,
            // Where it ends makes no difference, and an unchanged row is not written again.
            missed: self.missed.saturating_add(1).min(MOST_DOUBLED),
            missed_at: Some(since),
            said: Some(format!("not reached at {address} since {since:.0}: {words}")),
        }
    }

    /// After a look that was not made, because the address may not be asked or nobody knows how.
    #[must_use]
    pub fn not_asked(&self, words: &str) -> Self {
        let missed = self.missed.saturating_add(1).min(MOST_DOUBLED);
        Self { missed, said: Some(words.to_owned()), ..Self::default() }
    }

    /// What is said of it at `now`, when the next look was due at `due_at`.
    pub fn word(&self, due_at: Timestamp, now: Timestamp) -> Option<&str> {
        self.reached_at.filter(|_| now.duration_since(due_at) <= LATE)?;
        if self.missed < MISSES { Some("ok") } else { self.said.as_deref() }
    }
}

impl HealthStatus {
    /// Healthy when all words say so: the API is `ok` and every node's Ready is `True` (spec 4.4). No word is no health.
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a String>) -> Self {
        let mut words = words.into_iter().peekable();
        let said = words.peek().is_some();
        if said && words.all(|word| word == "ok" || word == "True") {
            HealthStatus::Healthy
        } else {
            HealthStatus::Unhealthy
        }
    }
}

/// A cluster's health: the status, and what it is drawn from.
pub type Health = (Option<HealthStatus>, IndexMap<String, String>);

/// The health once `word` is what the looks say. With masters that told theirs it stands beside what they said, and what
/// nobody knows (the masters are silent) stays unknown. A cluster without such masters has the health of its address,
/// whatever an older release left in the row; with nothing to say, that one is left alone.
pub fn beside(before: &Health, masters: bool, word: Option<&str>) -> Health {
    let (status, told) = before;
    let mut reason = told.clone();
    let spoken = reason.shift_remove(KEY).is_some();
    let Some(word) = word else {
        return match (spoken, reason.is_empty()) {
            (false, _) => before.clone(),
            (true, true) => (None, reason),
            (true, false) => (over(*status, &reason), reason),
        };
    };
    if !masters || status.is_none() {
        reason.clear();
    }
    let before = if reason.is_empty() { None } else { *status };
    reason.insert(KEY.to_owned(), word.to_owned());
    (over(before, &reason), reason)
}

fn over(status: Option<HealthStatus>, reason: &IndexMap<String, String>) -> Option<HealthStatus> {
    match status {
        Some(HealthStatus::Unknown) => status,
        _ => Some(HealthStatus::of_words(reason.values())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HealthStatus::{Healthy, Unhealthy, Unknown};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    fn words(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
        pairs.iter().map(|(key, word)| ((*key).to_owned(), (*word).to_owned())).collect()
    }

    #[test]
    fn a_cluster_is_healthy_when_its_api_and_all_nodes_are() {
        let of = |pairs| HealthStatus::of_words(words(pairs).values());
        assert_eq!(of(&[("api", "ok"), ("n.Ready", "True")]), Healthy);
        assert_eq!(of(&[("api", "ok"), ("n.Ready", "False")]), Unhealthy);
        assert_eq!(of(&[("api", "connection refused")]), Unhealthy);
        assert_eq!(of(&[]), Unhealthy);
    }

    #[test]
    fn an_address_that_never_answered_is_asked_less_often_and_says_nothing() {
        let every = Duration::from_secs(60);
        let mut reach = Reach::default();
        let mut pauses = Vec::new();
        for look in 0..8 {
            pauses.push(reach.pause(every).as_secs() / 60);
            reach = reach.unanswered(at(look), "10.0.0.3:6443", "connection timed out");
            assert_eq!(reach.word(at(0), at(0)), None);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(
            reach,
            reach.unanswered(at(9), "10.0.0.3:6443", "connection timed out"),
            "nothing to write"
        );
    }

    #[test]
    fn one_that_answered_is_missed_at_the_second_look_and_back_at_the_first() {
        let every = Duration::from_secs(60);
        let up = Reach::default().unanswered(at(0), "a", "refused").answered(at(1));
        assert_eq!(up, Reach { reached_at: Some(at(1)), ..Reach::default() });
        assert_eq!(up.answered(at(2)), up, "nothing to write");
        let once = up.unanswered(at(3), "a:6443", "connection refused");
        assert_eq!(once.word(at(0), at(0)), Some("ok"));
        let twice = once.unanswered(at(63), "a:6443", "connection timed out");
        let said = "not reached at a:6443 since 2026-01-01T00:00:03Z: connection timed out";
        assert_eq!((twice.word(at(0), at(0)), twice.pause(every)), (Some(said), every));
        let back = twice.answered(at(123));
        assert_eq!((back.word(at(0), at(0)), back.reached_at), (Some("ok"), Some(at(123))));
        assert_eq!(twice.word(at(0), at(300)), Some(said));
        assert_eq!(twice.word(at(0), at(301)), None, "nobody looks any more");
        assert_eq!(twice.not_asked("not from here").word(at(0), at(0)), None);
    }

    #[test]
    fn the_word_stands_beside_the_masters_words_and_alone_without_them() {
        let told = [("api", "ok"), ("n.Ready", "True")];
        let with = |word| words(&[told[0], told[1], (KEY, word)]);
        let well = (Some(Healthy), words(&told));
        assert_eq!(beside(&well, true, Some("ok")), (Some(Healthy), with("ok")));
        let dead = beside(&well, true, Some("not reached"));
        assert_eq!(dead, (Some(Unhealthy), with("not reached")));
        assert_eq!(beside(&dead, true, Some("ok")), (Some(Healthy), with("ok")));
        assert_eq!(beside(&dead, true, None), well);
        assert_eq!(beside(&well, true, None), well);
        // Silent masters: nobody knows, whatever answers at the address.
        let silent = (Some(Unknown), words(&[("api", "no master reports")]));
        for word in ["ok", "not reached"] {
            let (status, reason) = beside(&silent, true, Some(word));
            assert_eq!((status, reason[KEY].as_str(), reason.len()), (Some(Unknown), word, 2));
        }
        // No master told anything: the address alone.
        let none = (None, IndexMap::new());
        for masters in [true, false] {
            let alone = beside(&none, masters, Some("ok"));
            assert_eq!(alone, (Some(Healthy), words(&[(KEY, "ok")])));
            let dead = beside(&alone, masters, Some("not reached"));
            assert_eq!(dead, (Some(Unhealthy), words(&[(KEY, "not reached")])));
            assert_eq!(beside(&dead, masters, None), none);
            assert_eq!(beside(&none, masters, None), none);
        }
        // What upstream's poll left behind.
        for old in [well, silent] {
            assert_eq!(beside(&old, false, Some("ok")), (Some(Healthy), words(&[(KEY, "ok")])));
            assert_eq!(beside(&old, false, None), old);
        }
    }
}
