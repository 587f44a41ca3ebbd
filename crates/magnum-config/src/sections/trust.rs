//! Identities and certificates made for clusters.

use secrecy::SecretString;

use crate::option::section;

section! {
    /// `[trust]`: the domain of cluster users, and what they may do for the cluster's creator.
    Trust {
        /// Whether nodes get a trust of the creator, so that the cluster can use the cloud's API.
        cluster_user_trust: bool = "false", releases("P, Z, 22");
        /// Id of the domain that cluster users are made in.
        trustee_domain_id: Option<String>, releases("P, Z, 22");
        /// Name of that domain.
        trustee_domain_name: Option<String>, releases("P, Z, 22");
        /// Id of the user that administers the domain.
        trustee_domain_admin_id: Option<String>, releases("P, Z, 22");
        /// Name of that user.
        trustee_domain_admin_name: Option<String>, releases("P, Z, 22");
        /// Id of the domain in which that user is; unset means the domain of cluster users.
        trustee_domain_admin_domain_id: Option<String>, releases("P, Z, 22");
        /// Name of the domain in which that user is.
        trustee_domain_admin_domain_name: Option<String>, releases("P, Z, 22");
        /// Password of that user.
        trustee_domain_admin_password: Option<SecretString>, releases("P, Z, 22");
        /// Roles that a trust hands on; empty means all that the creator has in the project.
        roles: Vec<String>, releases("P, Z, 22");
        /// Which endpoint of Keystone nodes are told.
        trustee_keystone_interface: String = "public",
            one_of(&["public", "internal", "admin", "publicURL", "internalURL", "adminURL"]), releases("P, Z, 22");
        /// Region of the Keystone endpoint that nodes are told; unset means the first one in the catalogue.
        trustee_keystone_region_name: Option<String>, releases("Z, 22");
    }
}

section! {
    /// `[certificates]`: where certificates and their keys are kept.
    Certificates {
        /// The store: Barbican, the database, or files on this machine.
        cert_manager_type: String = "barbican", one_of(&["barbican", "x509keypair", "local"]);
        /// Directory of the store `local`.
        storage_path: String = "/var/lib/magnum/certificates/";
    }
}

section! {
    /// `[x509]`: what certificates may say.
    X509 {
        /// Whether a signing request may ask for a certificate authority.
        allow_ca: bool = "false";
        /// Extensions that are taken over from a signing request.
        allowed_extensions: Vec<String> = "keyUsage,extendedKeyUsage,subjectAltName,basicConstraints,subjectKeyIdentifier";
        /// Key usages that are taken over from a signing request.
        allowed_key_usage: Vec<String> = "Digital Signature,Key Encipherment,Non Repudiation";
        /// Days that a certificate is valid.
        term_of_validity: u32 = "1825", at_least(1);
        /// Bits of an RSA key.
        rsa_key_size: u32 = "2048", at_least(2048), at_most(16384);
    }
}
