//! A key of the node's own and a certificate that the server signs for it. The old pair stays where it is until the
//! new certificate has come: what runs with it goes on running while the server is away.

use super::{Context, file::must_be_absolute};
use crate::{
    error::{CallError, NodeError, StepError, first_line},
    machine::Machine,
    state::Identity,
};
use magnum_types::plan::IdentityRequest;
use magnum_x509::{CertificateInfo, CertificateRequest, KeyAlgorithm, NameAttribute, PrivateKey};
use secrecy::ExposeSecret as _;

/// What [`magnum_types::plan::Action::Certificate`] says.
pub(super) struct Wanted<'a> {
    pub(super) identity: &'a str,
    pub(super) key: &'a str,
    pub(super) certificate: &'a str,
    pub(super) revision: &'a str,
}

pub(super) fn apply(context: &mut Context<'_>, wanted: &Wanted<'_>) -> Result<(), StepError> {
    must_be_absolute(wanted.key)?;
    must_be_absolute(wanted.certificate)?;
    if is_good(context, wanted)? {
        return Ok(());
    }
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).map_err(NodeError::Key)?;
    let subject = [(NameAttribute::CommonName, wanted.identity)];
    let csr = CertificateRequest::create(&key, &subject, &[])
        .and_then(|request| request.to_pem())
        .map_err(NodeError::Key)?;
    let request = IdentityRequest { identity: wanted.identity.to_owned(), csr };
    let answer = match context.server.certificate(&context.token, &request) {
        Ok(answer) => answer,
        Err(error) => {
            if error == CallError::Unauthorized {
                // The next try registers again, with the same key.
                tracing::warn!("the token is not accepted, registering again");
                context.state.state.token = None;
                context.state.save(context.machine)?;
            }
            return Err(StepError::NotYet(format!("the certificate of {}: {error}", wanted.identity)));
        }
    };
    let info = CertificateInfo::parse(&answer.certificate).map_err(|error| {
        StepError::NotYet(format!(
            "the server's certificate for {} is not readable: {error}",
            wanted.identity
        ))
    })?;
    let mut identity = Identity {
        revision: String::new(),
        not_before: info.not_before,
        not_after: info.not_after,
        key: wanted.key.to_owned(),
        certificate: wanted.certificate.to_owned(),
    };
    // Noted before: a stop between the two files leaves a pair that does not match, and must be made again.
    context.state.state.identities.insert(wanted.identity.to_owned(), identity.clone());
    context.state.changing(context.machine)?;
    let pem = key.to_pkcs8_pem().map_err(NodeError::Key)?;
    context.machine.write(wanted.key, 0o600, pem.expose_secret().as_bytes())?;
    context.machine.write(wanted.certificate, 0o644, answer.certificate.as_bytes())?;
    wanted.revision.clone_into(&mut identity.revision);
    context.state.state.identities.insert(wanted.identity.to_owned(), identity);
    context.state.save(context.machine)?;
    Ok(())
}

/// Both files are there, of this revision, and will last.
fn is_good(context: &Context<'_>, wanted: &Wanted<'_>) -> Result<bool, StepError> {
    let Some(known) = context.state.state.identities.get(wanted.identity) else { return Ok(false) };
    let same = known.revision == wanted.revision
        && known.key == wanted.key
        && known.certificate == wanted.certificate
        && !known.is_due(context.machine.wall());
    if !same || context.machine.mode(wanted.key)?.is_none() {
        return Ok(false);
    }
    // The file counts, not what we remember of it.
    let Some(present) = context.machine.read(wanted.certificate)? else { return Ok(false) };
    let present = CertificateInfo::parse(&String::from_utf8_lossy(&present));
    Ok(present.is_ok_and(|info| info.not_before == known.not_before && info.not_after == known.not_after))
}

/// Days before the end of an authority at which its end is told, or a tenth of its life if that is less: a rotation takes
/// minutes, and who must ask for it may be away.
const NOTICE: i64 = 30;

/// `ok`, or which authority ends and when. Certificates that it signed are renewed by themselves, but it is not.
pub(crate) fn authorities(machine: &dyn Machine, paths: &[String]) -> String {
    let mut soonest: Option<CertificateInfo> = None;
    for path in paths {
        match last_to_end(machine, path) {
            Ok(found) if soonest.as_ref().is_none_or(|known| found.not_after < known.not_after) => {
                soonest = Some(found);
            }
            Ok(_) => {}
            Err(error) => return first_line(&format!("{path}: {error}")),
        }
    }
    let Some(info) = soonest else { return "ok".to_owned() };
    let life = info.not_after.duration_since(info.not_before).as_secs();
    let left = info.not_after.duration_since(machine.wall()).as_secs();
    if left >= (life / 10).min(NOTICE * 24 * 3600) {
        return "ok".to_owned();
    }
    format!(
        "the authority {} ends at {}: rotate it, with openstack coe ca rotate",
        info.subject, info.not_after
    )
}

/// The one of a file's certificates that lasts longest: while an authority is being rotated the old one may end.
fn last_to_end(machine: &dyn Machine, path: &str) -> Result<CertificateInfo, String> {
    let bytes = machine.read(path).map_err(|error| error.to_string())?.ok_or("there is no such file")?;
    let text = String::from_utf8_lossy(&bytes);
    let mut found = Vec::new();
    for part in text.split_inclusive("-----END CERTIFICATE-----").filter(|part| part.contains("-----BEGIN")) {
        found.push(CertificateInfo::parse(part.trim()).map_err(|error| error.to_string())?);
    }
    found
        .into_iter()
        .max_by_key(|info| info.not_after)
        .ok_or_else(|| "there is no certificate in it".to_owned())
}
