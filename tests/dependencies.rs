//! The crates that a Lambda function links. One line in `Cargo.toml` can silently add one that slows down cold starts.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, process::Command};

/// Crates that a Lambda function must not link, with the reason.
const FORBIDDEN: [(&str, &str); 15] = [
    ("aws-lc-rs", "its first handshake gathers entropy from CPU jitter: tens of milliseconds of CPU"),
    ("aws-lc-sys", "its first handshake gathers entropy from CPU jitter: tens of milliseconds of CPU"),
    ("hyper v0.14", "the SDK's old HTTP stack, which its feature `rustls` links"),
    ("rustls v0.21", "the SDK's old TLS, which its feature `rustls` links"),
    ("aws-sdk-sso", "a function has its credentials in its environment"),
    ("aws-sdk-ssooidc", "a function has its credentials in its environment"),
    ("aws-sdk-signin", "a function has its credentials in its environment"),
    ("libsqlite3-sys", "only for the local server"),
    ("dynoxide-rs", "only for the local server"),
    ("axum", "only for the local server"),
    ("clap", "only for the local server"),
    ("jsonschema", "only for the contract's tests"),
    ("reqwest", "only for the tools"),
    ("openssl-sys", "rustls provides TLS"),
    ("native-tls", "rustls provides TLS"),
];

/// Features that linked crates must not have, with the reason.
const FORBIDDEN_FEATURES: [(&str, &str, &str); 6] = [
    ("aws-sdk-dynamodb", "rustls", "it links the old HTTP stack"),
    ("aws-sdk-dynamodb", "default-https-client", "it links aws-lc"),
    ("aws-sdk-secretsmanager", "rustls", "it links the old HTTP stack"),
    ("aws-sdk-secretsmanager", "default-https-client", "it links aws-lc"),
    ("lambda_http", "apigw_http", "a REST API sends its own kind of event"),
    ("regex", "unicode", "its tables are a good part of a function that has patterns"),
];

/// Returns each linked crate, such as `hyper v1.2.3`, with its features.
fn linked(arguments: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--offline", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none"]);
    let output = command.args(["--format", "{p}|{f}"]).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = output.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| line.trim_end_matches(" (*)").split_once('|').unwrap());
    lines.map(|(name, features)| (name.to_owned(), features.split(',').map(str::to_owned).collect())).collect()
}

fn is_package(package: &str, name: &str) -> bool {
    let is_version = name.contains(' ');
    package.strip_prefix(name).is_some_and(|rest| rest.starts_with(if is_version { '.' } else { ' ' }))
}

fn lambda() -> BTreeMap<String, Vec<String>> {
    linked(&["--no-default-features", "--features", "lambda", "--target", "aarch64-unknown-linux-gnu"])
}

#[test]
fn lambda_links_no_forbidden_crate() {
    let linked = lambda();
    assert!(linked.keys().any(|package| is_package(package, "aws-sdk-dynamodb")), "the dependency tree is complete");
    for package in linked.keys() {
        let found = FORBIDDEN.iter().find(|(name, _)| is_package(package, name));
        assert!(found.is_none(), "a Lambda links {package}: {}", found.unwrap().1);
    }
}

#[test]
fn lambda_links_no_forbidden_feature() {
    for (package, features) in lambda() {
        for (name, feature, why) in FORBIDDEN_FEATURES {
            let is_on = is_package(&package, name) && features.iter().any(|on| on == feature);
            assert!(!is_on, "a Lambda links {package} with `{feature}`: {why}");
        }
    }
}

#[test]
fn lambda_links_one_version_of_http_and_tls() {
    let linked = lambda();
    for name in ["hyper", "rustls", "http", "http-body"] {
        let versions: Vec<_> = linked.keys().filter(|package| is_package(package, name)).collect();
        assert!(versions.len() == 1, "a Lambda links {versions:?}");
    }
}

#[test]
fn tools_do_not_link_aws_lc() {
    for package in linked(&["--all-features"]).keys() {
        assert!(!is_package(package, "aws-lc-rs"), "{package} comes with everything switched on");
    }
}
