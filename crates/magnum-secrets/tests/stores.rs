//! One contract, three stores: Barbican (on the fake cloud), the database (SQLite in memory) and files.
//! Below the contract stands what only one of them promises: sweeping in Barbican, sealing in the other two.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use magnum_db::{DatabaseSettings, KeypairRow, Store};
use magnum_fakes::{FakeCloud, Fault};
use magnum_openstack::Cloud;
use magnum_secrets::{
    BarbicanStore, BundleName, CertificateBundle, CertificateStore, DatabaseStore, FileStore, Purpose,
    SecretError,
};
use magnum_types::{ClusterId, Entropy, SeededEntropy, VirtualClock};
use magnum_x509::{SealingKey, SealingKeys};
use secrecy::{ExposeSecret, SecretString};
use std::{error::Error, fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};
use tempfile::TempDir;

const PASSPHRASE: &str = "open sesame 4711";
const UNKNOWN: &str = "7ca1f1e6-6f6f-4e4e-9c11-5a4e0a6f0b0a";
const CONTAINERS: &str = "POST /key-manager/v1/containers";

fn name(purpose: Purpose) -> BundleName {
    BundleName {
        cluster: ClusterId(SeededEntropy::new(11).uuid()),
        purpose,
        generation: 0,
        project_id: "5c765a6e3d4b4a0d9f1c2b3a4d5e6f70".to_owned(),
        user_id: "0f1e2d3c4b5a69788796a5b4c3d2e1f0".to_owned(),
    }
}

fn ca() -> BundleName {
    name(Purpose::ClusterCa)
}

fn bundle(mark: &str, intermediates: Option<&str>) -> CertificateBundle {
    CertificateBundle {
        certificate: format!("-----BEGIN CERTIFICATE-----\n{mark}\n-----END CERTIFICATE-----\n"),
        private_key: SecretString::from(format!(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n{mark}\n-----END ENCRYPTED PRIVATE KEY-----\n"
        )),
        passphrase: SecretString::from(PASSPHRASE),
        intermediates: intermediates.map(str::to_owned),
    }
}

#[track_caller]
fn assert_same(found: &CertificateBundle, stored: &CertificateBundle) {
    assert_eq!(found.certificate, stored.certificate);
    assert_eq!(found.private_key.expose_secret(), stored.private_key.expose_secret());
    assert_eq!(found.passphrase.expose_secret(), stored.passphrase.expose_secret());
    assert_eq!(found.intermediates, stored.intermediates);
}

fn key(byte: u8) -> Arc<SealingKeys> {
    Arc::new(SealingKeys::new(SealingKey::from_bytes([byte; 32]).unwrap()))
}

/// An error with its causes, as a log shows it.
fn whole(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What each store must do, whatever it is made of.
async fn keeps_the_contract(store: &dyn CertificateStore) {
    let (ca, client) = (ca(), name(Purpose::MagnumClient));
    assert_eq!(store.find(&ca).await.unwrap(), None, "nothing is stored yet");
    let missing = store.load(UNKNOWN).await.unwrap_err();
    assert!(matches!(missing, SecretError::NotFound(ref name) if name == UNKNOWN), "{missing:?}");
    store.delete(&ca, None).await.expect("what is not there is no error");

    let authority = bundle("authority", Some("chain"));
    let own = bundle("client", None);
    let authority_ref = store.store(&ca, &authority).await.unwrap();
    let own_ref = store.store(&client, &own).await.unwrap();
    assert_ne!(authority_ref, own_ref);
    assert_eq!(store.find(&ca).await.unwrap().as_deref(), Some(authority_ref.as_str()));
    assert_eq!(store.find(&client).await.unwrap().as_deref(), Some(own_ref.as_str()));
    assert_same(&store.load(&authority_ref).await.unwrap(), &authority);
    assert_eq!(store.certificate(&authority_ref).await.unwrap(), authority.certificate);
    let missing = store.certificate(UNKNOWN).await.unwrap_err();
    assert!(matches!(missing, SecretError::NotFound(ref name) if name == UNKNOWN), "{missing:?}");
    assert_same(&store.load(&own_ref).await.unwrap(), &own);

    // By reference, and then by name alone; each twice.
    for _ in 0..2 {
        store.delete(&ca, Some(&authority_ref)).await.unwrap();
        assert_eq!(store.find(&ca).await.unwrap(), None);
        let gone = store.load(&authority_ref).await.unwrap_err();
        assert!(matches!(gone, SecretError::NotFound(_)), "{gone:?}");
    }
    assert_same(&store.load(&own_ref).await.unwrap(), &own);
    for _ in 0..2 {
        store.delete(&client, None).await.unwrap();
        assert_eq!(store.find(&client).await.unwrap(), None);
    }

    // A rotated authority stands beside the old one, and goes alone.
    let next = BundleName { generation: 1, ..ca.clone() };
    let old_ref = store.store(&ca, &authority).await.unwrap();
    let next_ref = store.store(&next, &own).await.unwrap();
    assert_ne!(old_ref, next_ref);
    store.delete(&ca, Some(&old_ref)).await.unwrap();
    assert_same(&store.load(&next_ref).await.unwrap(), &own);
    assert_eq!(store.find(&next).await.unwrap().as_deref(), Some(next_ref.as_str()));
    store.delete(&next, None).await.unwrap();
    assert_eq!(store.find(&next).await.unwrap(), None);

    // What was deleted can be stored anew.
    let again = bundle("again", None);
    let reference = store.store(&ca, &again).await.unwrap();
    assert_same(&store.load(&reference).await.unwrap(), &again);

    // A reference that another kind of store gave names nothing here, and does not keep the delete from its end.
    for foreign in ["magnum-of-the-file-store-ca", "http://barbican/v1/containers/not-an-id", UNKNOWN] {
        let error = store.load(foreign).await.unwrap_err();
        assert!(matches!(error, SecretError::NotFound(_)), "{foreign}: {error:?}");
        store.delete(&ca, Some(foreign)).await.unwrap();
        assert_eq!(store.find(&ca).await.unwrap(), None, "{foreign}: the bundle of that name goes as well");
    }
}

async fn cloud() -> (FakeCloud, BarbicanStore) {
    let clock = Arc::new(VirtualClock::default());
    let fake = FakeCloud::start(clock.clone()).await.unwrap();
    let cloud = Cloud::new(fake.settings(), clock, Arc::new(SeededEntropy::new(3))).unwrap();
    let store = BarbicanStore::new(cloud.barbican(cloud.service_session()));
    (fake, store)
}

async fn database() -> Store {
    let (clock, entropy) = (Arc::new(VirtualClock::default()), Arc::new(SeededEntropy::new(5)));
    let store = Store::connect(DatabaseSettings::new("sqlite://"), clock, entropy).await.unwrap();
    store.upgrade(None).await.unwrap();
    store
}

fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn barbican_keeps_the_contract_and_nothing_is_left_over() {
    let (fake, store) = cloud().await;
    keeps_the_contract(&store).await;
    assert_eq!(fake.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn the_database_keeps_the_contract() {
    keeps_the_contract(&DatabaseStore::new(database().await, key(1))).await;
}

#[tokio::test]
async fn files_keep_the_contract_and_nothing_is_left_over() {
    let place = TempDir::new().unwrap();
    keeps_the_contract(&FileStore::new(place.path(), key(1))).await;
    assert_eq!(files(place.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_bundle_half_made_in_barbican_is_swept_by_the_next_store() {
    let (fake, store) = cloud().await;
    fake.fail_next(CONTAINERS, Fault::Status(503, "later".to_owned()), 1);
    let error = store.store(&ca(), &bundle("first", Some("chain"))).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert_eq!(fake.leftovers().len(), 4, "four secrets without a container");
    assert_eq!(store.find(&ca()).await.unwrap(), None, "a half-made bundle is none");

    let second = bundle("second", None);
    let reference = store.store(&ca(), &second).await.unwrap();
    assert_eq!(fake.leftovers().len(), 4, "three secrets and their container");
    assert_same(&store.load(&reference).await.unwrap(), &second);
    store.delete(&ca(), Some(&reference)).await.unwrap();
    assert_eq!(fake.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_bundle_half_made_in_barbican_is_swept_by_a_delete() {
    let (fake, store) = cloud().await;
    fake.fail_next(CONTAINERS, Fault::DropConnection, 1);
    store.store(&ca(), &bundle("first", None)).await.unwrap_err();
    assert_eq!(fake.leftovers().len(), 3);
    store.delete(&ca(), None).await.unwrap();
    assert_eq!(fake.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_bundle_whose_answer_from_barbican_was_lost_is_found_again() {
    let (fake, store) = cloud().await;
    let made = bundle("made", None);
    fake.fail_next(CONTAINERS, Fault::ApplyThenDrop, 1);
    store.store(&ca(), &made).await.unwrap_err();
    let reference = store.find(&ca()).await.unwrap().expect("it was made");
    assert_same(&store.load(&reference).await.unwrap(), &made);
}

#[tokio::test]
async fn a_delete_that_barbican_interrupts_is_finished_by_its_repetition() {
    let (fake, store) = cloud().await;
    let reference = store.store(&ca(), &bundle("made", None)).await.unwrap();
    fake.fail_next("DELETE /key-manager/v1/containers", Fault::Status(500, "no".to_owned()), 1);
    store.delete(&ca(), Some(&reference)).await.unwrap_err();
    assert_eq!(fake.leftovers().len(), 1, "the container goes last: {:?}", fake.leftovers());
    store.delete(&ca(), Some(&reference)).await.unwrap();
    assert_eq!(fake.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn the_database_holds_no_clear_passphrase_and_a_wrong_key_is_named() {
    let database = database().await;
    let store = DatabaseStore::new(database.clone(), key(1));
    let reference = store.store(&ca(), &bundle("sealed", None)).await.unwrap();
    let row = database.keypair_get(&reference).await.unwrap().unwrap();
    assert!(SealingKeys::is_sealed(&row.private_key_passphrase));
    for column in [&row.certificate, &row.private_key, &row.private_key_passphrase] {
        assert!(!column.contains(PASSPHRASE), "{column}");
    }

    let error = DatabaseStore::new(database, key(2)).load(&reference).await.unwrap_err();
    assert!(!error.is_retryable());
    let text = whole(&error);
    assert!(text.contains(&reference) && text.contains(&key(1).current.id()), "{text}");
}

#[tokio::test]
async fn a_passphrase_moved_to_another_row_does_not_open() {
    let database = database().await;
    let store = DatabaseStore::new(database.clone(), key(1));
    let reference = store.store(&ca(), &bundle("sealed", None)).await.unwrap();
    let row = database.keypair_get(&reference).await.unwrap().unwrap();
    database.keypair_insert(&KeypairRow { uuid: UNKNOWN.to_owned(), ..row }).await.unwrap();
    let error = store.load(UNKNOWN).await.unwrap_err();
    assert!(matches!(error, SecretError::Unusable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_row_that_upstream_wrote_in_clear_is_read_and_deleted() {
    let database = database().await;
    let upstream = bundle("upstream", Some("chain"));
    let row = KeypairRow {
        uuid: UNKNOWN.to_owned(),
        certificate: upstream.certificate.clone(),
        private_key: upstream.private_key.expose_secret().to_owned(),
        private_key_passphrase: PASSPHRASE.to_owned(),
        intermediates: upstream.intermediates.clone(),
        project_id: ca().project_id,
        user_id: ca().user_id,
    };
    database.keypair_insert(&row).await.unwrap();
    let store = DatabaseStore::new(database.clone(), key(1));
    assert_same(&store.load(UNKNOWN).await.unwrap(), &upstream);
    store.delete(&ca(), Some(UNKNOWN)).await.unwrap();
    assert!(database.keypair_get(UNKNOWN).await.unwrap().is_none());
}

#[tokio::test]
async fn files_are_private_and_hold_no_clear_passphrase_and_a_wrong_key_is_named() {
    let place = TempDir::new().unwrap();
    let directory = place.path().join("made").join("by the store");
    let store = FileStore::new(&directory, key(1));
    let reference = store.store(&ca(), &bundle("sealed", Some("chain"))).await.unwrap();
    assert_eq!(
        files(&directory),
        ["crt", "int", "key", "pass"].map(|suffix| format!("{reference}.{suffix}"))
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for file in files(&directory).iter().map(|file| directory.join(file)) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        assert!(!fs::read_to_string(&file).unwrap().contains(PASSPHRASE), "{}", file.display());
    }

    let error = FileStore::new(&directory, key(2)).load(&reference).await.unwrap_err();
    let text = whole(&error);
    assert!(text.contains(&reference) && text.contains(&key(1).current.id()), "{text}");
}

#[tokio::test]
async fn a_reference_that_leads_out_of_the_directory_is_not_found() {
    let place = TempDir::new().unwrap();
    let inside = place.path().join("store");
    fs::create_dir(&inside).unwrap();
    let victim = place.path().join("victim.crt");
    fs::write(&victim, "outside").unwrap();
    let store = FileStore::new(&inside, key(1));
    for reference in ["../victim", "../../etc/passwd", "/etc/passwd", "a/b", "..", ".", "", "nul\0byte"] {
        let error = store.load(reference).await.unwrap_err();
        assert!(matches!(error, SecretError::NotFound(_)), "{reference:?}: {error:?}");
        store.delete(&ca(), Some(reference)).await.unwrap();
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "outside");
}

#[tokio::test]
async fn files_of_a_broken_write_are_no_bundle_and_do_not_survive() {
    let place = TempDir::new().unwrap();
    let store = FileStore::new(place.path(), key(1));
    let half_written = || {
        for suffix in ["key", "pass", "int", "crt.new"] {
            fs::write(place.path().join(format!("{}.{suffix}", ca().as_text())), "old").unwrap();
        }
    };
    half_written();
    assert_eq!(store.find(&ca()).await.unwrap(), None);
    let whole = bundle("whole", None);
    let reference = store.store(&ca(), &whole).await.unwrap();
    assert_same(&store.load(&reference).await.unwrap(), &whole);

    store.delete(&ca(), None).await.unwrap();
    half_written();
    store.delete(&ca(), None).await.unwrap();
    assert_eq!(files(place.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_store_that_does_not_answer_may_be_asked_again() {
    let (fake, store) = cloud().await;
    let reference = store.store(&ca(), &bundle("there", None)).await.unwrap();
    fake.fail_next("GET /key-manager", Fault::Status(503, "later".to_owned()), 1);
    let error = store.load(&reference).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(!whole(&error).contains(PASSPHRASE));
    store.load(&reference).await.unwrap();
}
