//! How the endpoints of other services are found and trusted: one section for each, all alike.

use crate::option::section;

/// The groups, and the API version that upstream asks for by default.
pub(crate) const CLIENTS: &[(&str, Option<&str>)] = &[
    ("barbican_client", None),
    ("cinder_client", Some("3")),
    ("glance_client", Some("2")),
    ("heat_client", Some("1")),
    ("magnum_client", None),
    ("neutron_client", None),
    ("nova_client", Some("2")),
    ("octavia_client", None),
];

section! {
    /// `[*_client]`: one service of the cloud as this service reaches it.
    Client {
        /// Region whose endpoint is used; unset means the first one in the catalogue.
        region_name: Option<String>;
        /// Which of the service's endpoints is used.
        endpoint_type: String = "publicURL",
            one_of(&["publicURL", "internalURL", "adminURL", "public", "internal", "admin"]);
        /// File of the authorities that the endpoint's certificate is checked against, PEM.
        ca_file: Option<String>;
        /// File of the certificate shown to the endpoint, PEM.
        cert_file: Option<String>;
        /// File of that certificate's private key, PEM.
        key_file: Option<String>;
        /// Whether the endpoint's certificate goes unchecked.
        insecure: bool = "false";
        /// Version of the service's API.
        api_version: Option<String>;
    }
}
