//! A fresh, migrated database of one of the three kinds, and a way to let time pass on it.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use magnum_db::{DatabaseSettings, Store};
use magnum_testing::mariadb::Mariadb;
use magnum_types::{Entropy, SeededEntropy, SystemClock, VirtualClock};
use std::{sync::Arc, time::Duration};

/// A test body.
pub type Case = fn(Ground) -> BoxFuture<'static, ()>;

/// Lists async functions as cases, each under its own name.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        pub fn cases() -> Vec<(&'static str, crate::ground::Case)> {
            vec![$((stringify!($case), |ground| Box::pin($case(ground)))),*]
        }
    };
}
pub(crate) use cases;

/// The database under a test.
pub struct Ground {
    pub store: Store,
    pub entropy: Arc<SeededEntropy>,
    clock: Option<Arc<VirtualClock>>,
    _folder: Option<tempfile::TempDir>,
}

impl Ground {
    pub async fn memory() -> Self {
        Self::sqlite("sqlite://".to_owned(), None).await
    }

    pub async fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:///{}/magnum.sqlite", folder.path().display());
        Self::sqlite(url, Some(folder)).await
    }

    async fn sqlite(url: String, folder: Option<tempfile::TempDir>) -> Self {
        let clock = Arc::new(VirtualClock::default());
        let entropy = Arc::new(SeededEntropy::new(11));
        let store = Store::connect(DatabaseSettings::new(url), clock.clone(), entropy.clone()).await.unwrap();
        store.upgrade(None).await.unwrap();
        Self { store, entropy, clock: Some(clock), _folder: folder }
    }

    pub async fn mariadb(server: &Mariadb, database: &str) -> Self {
        let settings =
            DatabaseSettings { max_pool_size: 12, ..DatabaseSettings::new(server.url(database).unwrap()) };
        let entropy = Arc::new(SeededEntropy::new(11));
        let store = Store::connect(settings, Arc::new(SystemClock), entropy.clone()).await.unwrap();
        store.upgrade(None).await.unwrap();
        Self { store, entropy, clock: None, _folder: None }
    }

    /// Lets at least `duration` pass for the database. Keep it short: MariaDB's clock is real.
    pub async fn pass(&self, duration: Duration) {
        match &self.clock {
            Some(clock) => clock.advance(duration),
            None => tokio::time::sleep(duration).await,
        }
    }

    /// The database's time.
    pub async fn now(&self) -> Timestamp {
        self.store.now().await.unwrap()
    }

    pub fn uuid(&self) -> uuid::Uuid {
        self.entropy.uuid()
    }
}

pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub const MINUTE: Duration = Duration::from_secs(60);
