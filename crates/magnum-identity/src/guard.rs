//! A bound on guessing: each account has a few wrong tries, and gets them back slowly.
//!
//! Only failures count, so a program that logs in often with the right password is never held up. An account that does not
//! exist is bounded as one that does. Whoever can reach the door can thus keep an account's owner out of new
//! logins while he guesses; tokens given before stay good.

use jiff::{SignedDuration, Timestamp};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Wrong tries that are free.
const BURST: f64 = 10.0;
/// Seconds until one is given back.
const SECONDS_EACH: f64 = 5.0;
/// Accounts remembered. Beyond them, all new ones share one bound.
const REMEMBERED: usize = 10_000;

#[derive(Clone, Copy)]
struct Tries {
    left: f64,
    at: Timestamp,
}

impl Tries {
    fn at(self, now: Timestamp) -> Self {
        let seconds = now.duration_since(self.at).max(SignedDuration::ZERO).as_secs_f64();
        Self { left: (self.left + seconds / SECONDS_EACH).min(BURST), at: now }
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Guard(Mutex<HashMap<String, Tries>>);

impl Guard {
    fn tries(&self) -> MutexGuard<'_, HashMap<String, Tries>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `account` may be tried now; else after how many seconds.
    pub fn check(&self, account: &str, now: Timestamp) -> Result<(), u64> {
        let tries = self.tries();
        let known = tries.get(account).or_else(|| tries.get("").filter(|_| tries.len() >= REMEMBERED));
        let Some(tries) = known.map(|tries| tries.at(now)) else { return Ok(()) };
        if tries.left >= 1.0 {
            return Ok(());
        }
        Err(((1.0 - tries.left) * SECONDS_EACH).ceil() as u64)
    }

    /// Counts a wrong try.
    pub fn failed(&self, account: &str, now: Timestamp) {
        let mut tries = self.tries();
        if tries.len() >= REMEMBERED && !tries.contains_key(account) {
            tries.retain(|_, known| known.at(now).left < BURST);
        }
        let account = if tries.len() >= REMEMBERED && !tries.contains_key(account) { "" } else { account };
        let known = tries.entry(account.to_owned()).or_insert(Tries { left: BURST, at: now });
        let mut after = known.at(now);
        after.left -= 1.0;
        *known = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn wrong_tries_run_out_and_come_back() {
        let guard = Guard::default();
        for _ in 0..10 {
            assert!(guard.check("a", at(0)).is_ok());
            guard.failed("a", at(0));
        }
        assert_eq!(guard.check("a", at(0)), Err(5));
        assert_eq!(guard.check("a", at(3)), Err(2));
        assert!(guard.check("a", at(5)).is_ok());
        assert!(guard.check("b", at(0)).is_ok());
    }

    #[test]
    fn tries_that_ran_at_once_are_paid_for_afterwards() {
        let guard = Guard::default();
        for _ in 0..30 {
            guard.failed("a", at(0));
        }
        assert_eq!(guard.check("a", at(0)), Err(105));
    }

    #[test]
    fn a_flood_of_names_takes_no_more_memory_and_is_still_bounded() {
        let guard = Guard::default();
        for number in 0..REMEMBERED + 20 {
            guard.failed(&format!("user {number}"), at(0));
        }
        assert!(guard.tries().len() <= REMEMBERED + 1);
        assert!(guard.check("another", at(0)).is_err());
        // Those who have all their tries back are forgotten.
        guard.failed("another", at(3600));
        assert!(guard.tries().len() < 10);
    }
}
