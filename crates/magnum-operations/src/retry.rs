//! When to try again: exponential, capped, jittered by the operation's own id so that a hundred operations that
//! failed together do not come back together.

use std::time::Duration;

/// A back-off policy.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// No wait is longer.
    pub longest: Duration,
    /// Tries in a row before a retryable error counts as final.
    pub attempts: i32,
}

impl Default for Backoff {
    /// 1 s, doubling to 30 s; 20 tries, about eight minutes.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(30), attempts: 20 }
    }
}

impl Backoff {
    /// How long to wait after `attempt` failures in a row (1, 2, …). `salt` spreads operations over ±25 %.
    pub fn delay(&self, attempt: i32, salt: u128) -> Duration {
        let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(0).min(16);
        let base = self.first.saturating_mul(1 << doublings).min(self.longest);
        let spread =
            u32::try_from(salt.wrapping_add(u128::from(doublings).wrapping_mul(37)) % 50).unwrap_or(0);
        base * (75 + spread) / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_no_further() {
        let backoff = Backoff::default();
        let delays: Vec<_> = (1..20).map(|attempt| backoff.delay(attempt, 7)).collect();
        assert!(delays[0] < delays[2] && delays[2] < delays[4]);
        assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(38)));
    }
}
