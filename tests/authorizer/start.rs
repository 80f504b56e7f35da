//! The start of the authorizer function.

use serverless_crud::authorizer::Settings;

use crate::function::command;

/// Reads settings from these variables. Others are not set.
fn problem(variables: &[(&str, &str)]) -> Option<String> {
    let read = Settings::read(|name| {
        let known = variables.iter().find(|(known, _)| *known == name);
        known.map(|(_, value)| (*value).to_owned())
    });
    read.err().map(|error| error.to_string())
}

#[test]
fn incomplete_configuration_refuses_to_start() {
    let issuer = ("ISSUER", "https://issuer.example.com");
    let audience = ("AUDIENCE", "api");
    for (variables, missing) in [
        (vec![], "ISSUER"),
        (vec![issuer], "AUDIENCE"),
        (vec![audience], "ISSUER"),
        (vec![issuer, ("AUDIENCE", "")], "AUDIENCE"),
        (vec![issuer, ("AUDIENCE", " ")], "AUDIENCE"),
        (vec![("ISSUER", ""), audience], "ISSUER"),
    ] {
        let expected = format!("the environment variable {missing} is not set");
        assert_eq!(problem(&variables).as_deref(), Some(expected.as_str()), "{variables:?}");
        let output = command().envs(variables.clone()).output().unwrap();
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(!output.status.success());
        assert_eq!((&line["level"], &line["cause"]), (&"FATAL".into(), &expected.into()), "{variables:?}");
    }
    assert_eq!(problem(&[issuer, audience]), None);
}

#[test]
fn issuer_without_tls_is_refused_unless_it_is_on_this_machine_and_allowed() {
    let allow = ("ALLOW_HTTP_LOOPBACK", "true");
    for (url, on_this_machine) in [
        ("http://issuer.example.com", false),
        ("http://10.0.0.1", false),
        ("http://127.0.0.1.example.com", false),
        ("http://127.0.0.1@example.com", false),
        ("http://localhost.example.com", false),
        ("ftp://127.0.0.1", false),
        ("file:///etc/passwd", false),
        ("issuer.example.com", false),
        ("http://127.0.0.1:4566", true),
        ("http://[::1]:4566", true),
        ("http://localhost", true),
    ] {
        let variables = [("ISSUER", url), ("AUDIENCE", "api")];
        let refusal = Some("the environment variable ISSUER must be an https URL".to_owned());
        assert_eq!(problem(&variables), refusal, "{url}");
        assert_eq!(problem(&[variables[0], variables[1], allow]), refusal.filter(|_| !on_this_machine), "{url}");
    }
}

#[test]
fn malformed_settings_are_refused() {
    let base = [("ISSUER", "https://issuer.example.com"), ("AUDIENCE", "api")];
    for (variable, expected) in [
        (("DISCOVERY_URL", "http://issuer.example.com"), "DISCOVERY_URL must be an https URL"),
        (("ALLOW_HTTP_LOOPBACK", "yes"), "ALLOW_HTTP_LOOPBACK must be true or false"),
        (("LOG_LEVEL", "DEBUG"), "LOG_LEVEL must be INFO or ERROR"),
        (("AWS_CA_BUNDLE", "/nowhere.pem"), "AWS_CA_BUNDLE names a file that cannot be read"),
    ] {
        let problem = problem(&[base[0], base[1], variable]);
        assert_eq!(problem, Some(format!("the environment variable {expected}")));
    }
}
