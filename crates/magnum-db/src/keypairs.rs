//! Certificates with their encrypted keys, in upstream's `x509keypair` table. The passphrase comes sealed.

use crate::{
    error::DbError,
    pool::args,
    sql::insert,
    store::{Store, transaction, whole_seconds},
};
use sqlx::FromRow;
use std::fmt;

/// A certificate and its key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeypairRow {
    /// Its id, chosen by the caller; at most 36 characters.
    pub uuid: String,
    /// PEM.
    pub certificate: String,
    /// PEM, encrypted with the passphrase.
    pub private_key: String,
    /// Sealed; clear text only in rows that upstream wrote.
    pub private_key_passphrase: String,
    /// PEM of the certificates up to the root.
    pub intermediates: Option<String>,
    /// Whose it is.
    pub project_id: String,
    /// Who asked for it.
    pub user_id: String,
}

impl fmt::Debug for KeypairRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeypairRow")
            .field("uuid", &self.uuid)
            .field("project_id", &self.project_id)
            .finish_non_exhaustive()
    }
}

#[derive(FromRow)]
struct Stored {
    uuid: String,
    certificate: Option<String>,
    private_key: Option<String>,
    private_key_passphrase: Option<String>,
    intermediates: Option<String>,
    project_id: Option<String>,
    user_id: Option<String>,
}

impl Store {
    /// Inserts a key pair.
    ///
    /// # Errors
    /// [`DbError::AlreadyExists`] when its id is taken.
    pub async fn keypair_insert(&self, keypair: &KeypairRow) -> Result<(), DbError> {
        let done = transaction!(self, |tx, now| {
            let columns = vec![
                ("uuid", (&keypair.uuid).into()),
                ("certificate", (&keypair.certificate).into()),
                ("private_key", (&keypair.private_key).into()),
                ("private_key_passphrase", (&keypair.private_key_passphrase).into()),
                ("intermediates", (&keypair.intermediates).into()),
                ("project_id", (&keypair.project_id).into()),
                ("user_id", (&keypair.user_id).into()),
                ("created_at", whole_seconds(now).into()),
            ];
            insert(tx, "x509keypair", columns).await?;
        });
        done.map_err(|error| match error.is_duplicate() {
            true => DbError::AlreadyExists { noun: "Key pair", ident: keypair.uuid.clone() },
            false => error,
        })
    }

    /// The key pair of that id, if there is one.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn keypair_get(&self, uuid: &str) -> Result<Option<KeypairRow>, DbError> {
        let row: Option<Stored> = self.one("SELECT * FROM x509keypair WHERE uuid = ?", args![uuid]).await?;
        Ok(row.map(|row| KeypairRow {
            uuid: row.uuid,
            certificate: row.certificate.unwrap_or_default(),
            private_key: row.private_key.unwrap_or_default(),
            private_key_passphrase: row.private_key_passphrase.unwrap_or_default(),
            intermediates: row.intermediates,
            project_id: row.project_id.unwrap_or_default(),
            user_id: row.user_id.unwrap_or_default(),
        }))
    }

    /// Deletes the key pair of that id; one that is gone already is fine.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn keypair_delete(&self, uuid: &str) -> Result<(), DbError> {
        transaction!(self, |tx, _now| {
            tx.execute("DELETE FROM x509keypair WHERE uuid = ?", args![uuid]).await?;
        })
    }
}
