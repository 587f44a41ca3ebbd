//! The proxies of a cluster's template, and which URL is asked by which.

use serde::{Deserialize, Serialize};

/// The proxies of a cluster's template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxies {
    /// For `http` URLs; empty for none.
    #[serde(default)]
    pub http: String,
    /// For `https` URLs; empty for none.
    #[serde(default)]
    pub https: String,
    /// Hosts that are reached without, separated by commas: names, which stand for what is below them too, addresses, or
    /// `*` for all.
    #[serde(default)]
    pub besides: String,
}

impl Proxies {
    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.http.is_empty() && self.https.is_empty()
    }

    /// The one for a URL.
    pub fn for_url(&self, url: &str) -> Option<&str> {
        let (scheme, rest) = url.split_once("://")?;
        let proxy = if scheme.eq_ignore_ascii_case("https") { &self.https } else { &self.http };
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = match host.strip_prefix('[') {
            Some(six) => six.split(']').next()?,
            None => host.split(':').next()?,
        };
        (!proxy.is_empty() && !self.spares(&host.to_ascii_lowercase())).then_some(proxy)
    }

    fn spares(&self, host: &str) -> bool {
        self.besides.split(',').map(|name| name.trim().to_ascii_lowercase()).any(|name| {
            let name = name.trim_start_matches("*.").trim_start_matches('.');
            name == "*"
                || (!name.is_empty()
                    && host.strip_suffix(name).is_some_and(|above| above.is_empty() || above.ends_with('.')))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_for_what_it_is_not_spared() {
        let proxies = Proxies {
            http: "http://plain:3128".into(),
            https: "http://tls:3128".into(),
            besides: "localhost, .Mirror.example,10.0.0.9,2001:db8::1".into(),
        };
        for (url, wanted) in [
            ("http://files.example/k", Some("http://plain:3128")),
            ("HTTPS://files.example:8443/k", Some("http://tls:3128")),
            ("https://mirror.example/k", None),
            ("https://a.mirror.example:443", None),
            ("https://notmirror.example/k", Some("http://tls:3128")),
            ("http://u:p@10.0.0.9:80/", None),
            ("http://10.0.0.90/", Some("http://plain:3128")),
            ("http://[2001:db8::1]:80/", None),
            ("no url", None),
        ] {
            assert_eq!(proxies.for_url(url), wanted, "{url}");
        }
        let all = Proxies { besides: "*".into(), ..proxies.clone() };
        assert_eq!(all.for_url("https://files.example"), None);
        let plain = Proxies { https: String::new(), ..proxies };
        assert_eq!(plain.for_url("https://files.example"), None);
        assert!(!plain.is_empty() && Proxies::default().is_empty());
    }
}
