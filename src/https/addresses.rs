//! The IP addresses that a client may connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The IPv4 addresses that are not public: those that are not globally reachable (IANA IPv4 Special-Purpose Address
/// Registry), and multicast.
///
/// The metadata endpoints of AWS are link-local, in 169.254.0.0/16 (Amazon EC2 user guide, "Access instance metadata for
/// an EC2 instance").
const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// The range of global unicast addresses. Loopback, IPv4-mapped, link-local and multicast addresses are outside (IANA
/// Internet Protocol Version 6 Address Space).
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0], 3);

/// The global unicast addresses that are not public, and those that contain an IPv4 address: protocol assignments with
/// Teredo, documentation, and 6to4 (IANA IPv6 Special-Purpose Address Registry).
const NOT_PUBLIC_V6: [Ipv6Net; 4] =
    [v6([0x2001, 0], 23), v6([0x2001, 0xdb8], 32), v6([0x2002, 0], 16), v6([0x3fff, 0], 20)];

/// The addresses that a client may connect to: public ones, and those in the ranges that the configuration names.
///
/// ```
/// use serverless_crud::https::AddressPolicy;
///
/// let public = AddressPolicy::default();
/// assert!(public.allows("93.184.215.14".parse().unwrap()));
/// assert!(!public.allows("169.254.169.254".parse().unwrap()));
/// assert!(!public.allows("::ffff:93.184.215.14".parse().unwrap()));
/// let with_loopback = AddressPolicy::public_and(vec!["127.0.0.0/8".parse().unwrap()]);
/// assert!(with_loopback.allows("127.0.0.1".parse().unwrap()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    named: Vec<IpNet>,
}

impl AddressPolicy {
    /// Creates a policy that also allows these ranges.
    pub fn public_and(named: Vec<IpNet>) -> Self {
        Self { named }
    }

    /// Creates a policy that allows every address.
    pub fn any() -> Self {
        let everything = [IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::UNSPECIFIED)];
        Self { named: everything.map(|address| IpNet::new_assert(address, 0)).to_vec() }
    }

    /// Returns true if a client may connect to the address.
    pub fn allows(&self, address: IpAddr) -> bool {
        let is_public = match address {
            IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|range| range.contains(&address)),
            IpAddr::V6(address) => {
                GLOBAL_V6.contains(&address) && !NOT_PUBLIC_V6.iter().any(|range| range.contains(&address))
            }
        };
        is_public || self.named.iter().any(|range| range.contains(&address))
    }
}

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b]: [u16; 2], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}
