//! Signing profiles: what a certificate says, given a request.
//!
//! A user's request is taken nearly as it is, under a policy. For the other profiles the server decides: of the
//! request only the public key is used, so that a node cannot ask for an identity that is not its own.

use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;

use crate::names::{self, NameAttribute, San};
use crate::{CertificateRequest, Error, ExtensionPolicy, Object};

/// Who a certificate is for, and by which rules its content is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// A request that a user or a cluster's own machinery sent through the API: subject copied unchanged, extensions
    /// filtered by the policy.
    User(ExtensionPolicy),
    /// Magnum's own client pair: `CN=admin`, `O=system:masters`, client authentication only.
    Admin,
    /// A node or one of its services: names set by the server, client and server authentication.
    Node {
        /// The subject's `CN`.
        common_name: String,
        /// The subject's `O`, if any.
        organisation: Option<String>,
        /// The subject alternative names.
        sans: Vec<San>,
    },
}

/// What a profile decided.
pub(crate) struct Content {
    pub(crate) subject: Name,
    pub(crate) extensions: Vec<Extension>,
}

impl Profile {
    pub(crate) fn apply(&self, request: &CertificateRequest) -> Result<Content, Error> {
        match self {
            Self::User(policy) => Ok(Content {
                subject: request.subject_name().clone(),
                extensions: policy.filter(request.extensions())?,
            }),
            Self::Admin => {
                let subject = names::build(&[
                    (NameAttribute::CommonName, "admin"),
                    (NameAttribute::Organisation, "system:masters"),
                ])?;
                let extensions = leaf_extensions(&subject, vec![ID_KP_CLIENT_AUTH], &[])?;
                Ok(Content { subject, extensions })
            }
            Self::Node { common_name, organisation, sans } => {
                let mut attributes = vec![(NameAttribute::CommonName, common_name.as_str())];
                attributes
                    .extend(organisation.iter().map(|value| (NameAttribute::Organisation, value.as_str())));
                let subject = names::build(&attributes)?;
                let usages = vec![ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH];
                let extensions = leaf_extensions(&subject, usages, sans)?;
                Ok(Content { subject, extensions })
            }
        }
    }
}

fn leaf_extensions(
    subject: &Name,
    usages: Vec<const_oid::ObjectIdentifier>,
    sans: &[San],
) -> Result<Vec<Extension>, Error> {
    let not_a_ca = BasicConstraints { ca: false, path_len_constraint: None };
    let key_usage = KeyUsage(KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment);
    let mut extensions = vec![
        extension((true, &not_a_ca), subject)?,
        extension((true, &key_usage), subject)?,
        extension((false, &ExtendedKeyUsage(usages)), subject)?,
    ];
    if !sans.is_empty() {
        let names = sans.iter().map(San::to_general_name).collect::<Result<Vec<_>, _>>()?;
        extensions.push(extension((false, &SubjectAltName(names)), subject)?);
    }
    Ok(extensions)
}

/// A value and whether it is critical, as an extension.
pub(crate) fn extension<E>(value: E, subject: &Name) -> Result<Extension, Error>
where
    E: ToExtension<Error = der::Error>,
{
    value.to_extension(subject, &[]).map_err(Error::encode(Object::Certificate))
}
