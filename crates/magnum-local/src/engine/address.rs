//! Addresses of nodes. A node's is chosen here and fixed when it is made, because the engine would give it another one
//! whenever it starts. It comes from the server's id, so that a node that is made anew has its old address again unless
//! somebody took it.

use std::{collections::BTreeSet, net::Ipv4Addr};
use uuid::Uuid;

/// An IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    first: u32,
    size: u32,
}

impl Subnet {
    /// From `172.18.0.0/16`; networks of less than four or more than 2^24 addresses are not understood.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address = u32::from(address.parse::<Ipv4Addr>().ok()?);
        let bits: u32 = bits.parse().ok().filter(|bits| (8..=30).contains(bits))?;
        let size = 1_u32 << (32 - bits);
        Some(Self { first: address & !(size - 1), size })
    }

    /// An address for a server that is none of those taken; none when there is no other.
    pub(super) fn choose(&self, server: Uuid, taken: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
        // Neither the network's own address, nor its first, which is the gateway's, nor the broadcast's.
        let usable = self.size.checked_sub(3)?;
        let start = server
            .as_u128()
            .to_be_bytes()
            .into_iter()
            .fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
            % usable;
        (0..usable)
            .map(|step| Ipv4Addr::from(self.first + 2 + (start + step) % usable))
            .find(|address| !taken.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_network_is_used_to_its_last_address_and_no_further() {
        let subnet = Subnet::parse("10.1.2.0/29").unwrap();
        let mut taken = BTreeSet::new();
        for number in 0..5_u128 {
            let address = subnet.choose(Uuid::from_u128(number), &taken).unwrap();
            assert!(taken.insert(address));
        }
        let wanted: BTreeSet<Ipv4Addr> = (2..7).map(|last| Ipv4Addr::new(10, 1, 2, last)).collect();
        assert_eq!(taken, wanted);
        assert_eq!(subnet.choose(Uuid::from_u128(9), &taken), None);
    }

    #[test]
    fn a_server_that_is_made_anew_has_its_old_address() {
        let subnet = Subnet::parse("172.18.0.0/16").unwrap();
        let server = Uuid::from_u128(7);
        let old = subnet.choose(server, &BTreeSet::new()).unwrap();
        let others = BTreeSet::from([subnet.choose(Uuid::from_u128(8), &BTreeSet::from([old])).unwrap()]);
        assert_eq!(subnet.choose(server, &others), Some(old));
    }

    #[test]
    fn what_is_no_network_is_not_understood() {
        for text in ["", "10.0.0.0", "10.0.0.0/31", "10.0.0.0/0", "fd00::/64", "a/24"] {
            assert_eq!(Subnet::parse(text), None, "{text}");
        }
        assert_eq!(Subnet::parse("10.0.0.9/24"), Subnet::parse("10.0.0.0/24"));
    }
}
