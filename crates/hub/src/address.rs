//! Addresses of a hub and of those that it sends on to.
//!
//! **Invariant:** an address is one of HTTPS; that of a server on this machine may be one of HTTP, and nobody else leads
//! there.

use std::net::IpAddr;

use ureq::http::Uri;

/// Bytes of an address: those that are signed are long.
const ADDRESS_BYTES_MAX: usize = 8 * 1024;

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    text: String,
    origin: Origin,
}

/// Whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    is_secure: bool,
    host: String,
    port: u16,
}

impl Address {
    /// The address that somebody typed.
    pub(crate) fn typed(text: &str) -> Result<Self, &'static str> {
        if text.len() > ADDRESS_BYTES_MAX {
            return Err("it is too long");
        }
        let uri: Uri = text.parse().map_err(|_| "it is none")?;
        let is_secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err("it is none of https"),
        };
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("it names a user");
        }
        let host = authority.host().to_ascii_lowercase();
        let port = authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        if !is_secure && !is_loopback(&host) {
            return Err("it is none of https, and the host is not this machine");
        }
        Ok(Self { text: text.to_owned(), origin: Origin { is_secure, host, port } })
    }

    /// The address below this one.
    pub(crate) fn below(&self, path: &str) -> Result<Self, &'static str> {
        Self::typed(&format!("{}{path}", self.text.trim_end_matches('/')))
    }

    /// Where this one sends on to.
    pub(crate) fn next(&self, location: &str) -> Result<Self, &'static str> {
        let next = match location.strip_prefix('/') {
            Some(path) if !path.starts_with('/') => Self::typed(&format!("{}{location}", self.root()))?,
            _ => Self::typed(location)?,
        };
        if next.is_here() && !self.is_here() {
            return Err("it is this machine");
        }
        Ok(next)
    }

    /// Whether both are of one server.
    pub(crate) fn shares_origin(&self, other: &Self) -> bool {
        self.origin == other.origin
    }

    /// Whether its server is this machine.
    pub(crate) fn is_here(&self) -> bool {
        is_loopback(&self.origin.host)
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn host(&self) -> &str {
        &self.origin.host
    }

    fn root(&self) -> String {
        let Origin { is_secure, host, port } = &self.origin;
        format!("{}://{host}:{port}", if *is_secure { "https" } else { "http" })
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_without_https() {
        for text in ["https://hub.example", "http://localhost:80/x", "http://127.0.0.1:9/", "http://[::1]:9"]
        {
            assert!(Address::typed(text).is_ok(), "{text}");
        }
        let long = format!("https://hub.example/{}", "x".repeat(ADDRESS_BYTES_MAX));
        for text in [
            "http://hub.example",
            "http://127.0.0.1.example",
            "https://user@hub.example",
            "ftp://hub.example",
            "hub.example",
            "/x",
            "",
            &long,
        ] {
            assert!(Address::typed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nobody_leads_to_this_machine_nor_away_from_https() {
        let hub = Address::typed("https://hub.example/base").unwrap();
        let store = hub.next("https://store.example/x?signed=1").unwrap();
        assert!(!store.shares_origin(&hub));
        let moved = hub.next("/api/models/o/r").unwrap();
        assert_eq!(moved.text(), "https://hub.example:443/api/models/o/r");
        assert!(moved.shares_origin(&hub));
        assert!(!hub.next("https://hub.example:444/x").unwrap().shares_origin(&hub));
        for text in
            ["http://store.example/x", "//store.example/x", "http://127.0.0.1/x", "https://localhost/", "x"]
        {
            assert!(hub.next(text).is_err(), "{text}");
        }
        let here = Address::typed("http://127.0.0.1:80").unwrap();
        assert!(here.next("http://localhost:81/x").is_ok());
    }
}
