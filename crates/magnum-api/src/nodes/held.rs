//! Held questions: nodes ask for a plan and are kept waiting until there is one. What a report brings to this process
//! is looked at at once instead of at the next tick; a process that stops lets go of all of them, so that nodes ask
//! another one.

use std::sync::Arc;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// The waiting of all held questions of this process; clones share it.
#[derive(Clone, Default)]
pub struct Held {
    news: Arc<Notify>,
    stop: CancellationToken,
}

/// Why a held question stopped waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// There may be something new: look.
    Look,
    /// The process stops: answer now.
    Stopping,
}

impl Held {
    /// Questions that are let go when `stop` is cancelled.
    pub fn until(stop: CancellationToken) -> Self {
        Self { news: Arc::default(), stop }
    }

    /// A node reported something that others may wait for.
    pub fn news(&self) {
        self.news.notify_waiters();
    }

    /// Waits for news, for the stop of the process, or until `at`.
    pub async fn wait(&self, at: Instant) -> Woken {
        if self.stop.is_cancelled() {
            return Woken::Stopping;
        }
        let either = async {
            tokio::select! {
                () = self.stop.cancelled() => Woken::Stopping,
                () = self.news.notified() => Woken::Look,
            }
        };
        timeout_at(at, either).await.unwrap_or(Woken::Look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_held_question_is_woken_by_news_by_its_tick_and_by_the_stop() {
        let stop = CancellationToken::new();
        let held = Held::until(stop.clone());
        let begun = Instant::now();
        assert_eq!(held.wait(begun + Duration::from_secs(1)).await, Woken::Look);
        assert_eq!(begun.elapsed(), Duration::from_secs(1));

        let waiting = held.clone();
        let question =
            tokio::spawn(async move { waiting.wait(Instant::now() + Duration::from_secs(60)).await });
        tokio::task::yield_now().await;
        held.news();
        assert_eq!(question.await.unwrap(), Woken::Look);
        assert_eq!(begun.elapsed(), Duration::from_secs(1));

        stop.cancel();
        assert_eq!(held.wait(begun + Duration::from_secs(600)).await, Woken::Stopping);
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
    }
}
