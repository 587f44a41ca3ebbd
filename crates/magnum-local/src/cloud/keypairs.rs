//! Key pairs: public keys by user and name. Nodes of the local cloud have no SSH server, so a key opens nothing; they are
//! here because clients name one when they make a cluster.

use super::{
    disk::Disk,
    exchange::{Answer, Ask, Refusal, Reply},
    services::Caller,
};
use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, io, sync::Arc};
use tokio::sync::Mutex;

const FILE: &str = "keypairs.json";
/// Most key pairs of a user, as Nova's quota has it.
const MAX: usize = 100;
/// The longest public key, bytes.
const MAX_KEY: usize = 16 * 1024;

#[derive(Clone, Serialize, Deserialize)]
struct KeyPair {
    public_key: String,
    fingerprint: String,
}

/// User → name → key.
type Held = BTreeMap<String, BTreeMap<String, KeyPair>>;

pub(crate) struct KeyPairs {
    disk: Arc<dyn Disk>,
    held: Mutex<Held>,
}

impl KeyPairs {
    pub fn open(disk: Arc<dyn Disk>, files: &[(String, Vec<u8>)]) -> io::Result<Self> {
        let held = match files.iter().find(|(name, _)| name == FILE) {
            Some((_, bytes)) => serde_json::from_slice(bytes).map_err(|error| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{FILE} cannot be read: {error}"))
            })?,
            None => Held::new(),
        };
        Ok(Self { disk, held: Mutex::new(held) })
    }

    pub async fn serve(&self, ask: &Ask, rest: &[&str], caller: &Caller) -> Answer {
        let none =
            |name: &str| Refusal::not_found(format!("Keypair {name} not found for user {}", caller.user));
        match (ask.verb(), rest) {
            ("GET", []) => {
                let held = self.held.lock().await;
                let own = held.get(&caller.user).into_iter().flatten();
                let all: Vec<Value> = own.map(|(name, key)| shown(&caller.user, name, key)).collect();
                Reply::ok(json!({ "keypairs": all }))
            }
            ("GET", [name]) => {
                let held = self.held.lock().await;
                let key = held.get(&caller.user).and_then(|own| own.get(*name)).ok_or_else(|| none(name))?;
                Reply::ok(shown(&caller.user, name, key))
            }
            ("POST", []) => self.create(ask, caller).await,
            ("DELETE", [name]) => {
                let mut held = self.held.lock().await;
                let mut new = held.clone();
                let gone = new.get_mut(&caller.user).and_then(|own| own.remove(*name));
                gone.ok_or_else(|| none(name))?;
                self.write(&mut held, new).await?;
                Reply::empty(202)
            }
            _ => Err(Refusal::no_such_path()),
        }
    }

    async fn create(&self, ask: &Ask, caller: &Caller) -> Answer {
        let name = ask.text("/keypair/name").unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || " _-.@".contains(c);
        if name.is_empty() || name.len() > 255 || !name.chars().all(plain) || name.trim() != name {
            return Err(Refusal::bad(format!("Keypair data is invalid: the name {name:?} is not allowed")));
        }
        let Some(public_key) = ask.text("/keypair/public_key").map(str::trim) else {
            return Err(Refusal::bad(
                "Keypair data is invalid: give a public_key; the local cloud makes no private keys",
            ));
        };
        let key = KeyPair { public_key: public_key.to_owned(), fingerprint: fingerprint(public_key)? };
        let mut held = self.held.lock().await;
        let mut new = held.clone();
        let own = new.entry(caller.user.clone()).or_default();
        if own.contains_key(name) {
            return Err(Refusal::new(409, format!("Key pair '{name}' already exists.")));
        }
        if own.len() >= MAX {
            return Err(Refusal::new(403, format!("Quota exceeded, too many key pairs: {MAX} are allowed.")));
        }
        own.insert(name.to_owned(), key.clone());
        self.write(&mut held, new).await?;
        Ok(Reply::json(200, shown(&caller.user, name, &key)))
    }

    async fn write(&self, held: &mut Held, new: Held) -> Result<(), Refusal> {
        let unwritten = |error: io::Error| Refusal::new(500, format!("Key pairs cannot be written: {error}"));
        let bytes = serde_json::to_vec(&new).map_err(|error| unwritten(io::Error::other(error)))?;
        self.disk.write(FILE, bytes).await.map_err(unwritten)?;
        *held = new;
        Ok(())
    }
}

fn shown(user: &str, name: &str, key: &KeyPair) -> Value {
    json!({ "keypair": {
        "name": name, "public_key": key.public_key, "fingerprint": key.fingerprint, "type": "ssh", "user_id": user,
    }})
}

/// OpenSSH's fingerprint of a public key in OpenSSH's form: the kind, the key in base64, and a comment.
fn fingerprint(public_key: &str) -> Result<String, Refusal> {
    let invalid = |why: &str| Refusal::bad(format!("Keypair data is invalid: the public key {why}"));
    if public_key.len() > MAX_KEY || public_key.lines().count() != 1 {
        return Err(invalid("is too long, or more than one line"));
    }
    let mut words = public_key.split_whitespace();
    let (kind, key) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let bytes = STANDARD.decode(key).map_err(|_| invalid("is not in OpenSSH's form"))?;
    // The key repeats its kind, after the kind's length.
    let repeats = bytes.get(4..).is_some_and(|rest| rest.starts_with(kind.as_bytes()));
    if kind.is_empty() || !repeats {
        return Err(invalid("is not in OpenSSH's form"));
    }
    Ok(format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&bytes))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_openssh_s_and_what_is_no_key_is_refused() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmAHuVB1eOHmsiBGWNvcSgWRNm7RpYoeVLFRnVcyOqT me";
        assert!(fingerprint(key).unwrap().starts_with("SHA256:"));
        for wrong in ["", "ssh-ed25519", "ssh-ed25519 !!", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA", "a\nb"] {
            assert_eq!(fingerprint(wrong).unwrap_err().status, 400, "{wrong}");
        }
    }
}
