//! The addresses that a client may connect to.

use serverless_crud::https::AddressPolicy;

#[test]
fn addresses_that_are_not_public_are_refused() {
    let policy = AddressPolicy::default();
    for address in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!policy.allows(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn public_and_named_addresses_are_allowed() {
    let policy = AddressPolicy::public_and(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
    for address in [
        "1.1.1.1",
        "9.255.255.255",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.0.1",
        "172.32.0.1",
        "223.255.255.255",
        "2600:1f18::1",
        "2a00:1450::1",
        "2001:4860:4860::8888",
        "10.1.2.3",
        "fd00::1",
    ] {
        assert!(policy.allows(address.parse().unwrap()), "{address}");
    }
    for address in ["192.168.1.1", "::ffff:10.1.2.3", "fe80::1"] {
        assert!(!policy.allows(address.parse().unwrap()), "{address}");
    }
}
