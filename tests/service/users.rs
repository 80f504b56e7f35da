//! Users: the e-mail address is unique.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    samples::{create, email, get, places, problem, read, send},
    support::TestServer,
};

#[tokio::test]
async fn email_taken_in_another_case_returns_409_with_the_field() {
    let server = TestServer::start().await;
    let email = email();
    create(&server, "users", &json!({ "name": "Ada", "email": email })).await;
    let body = json!({ "name": "Eve", "email": email.to_uppercase() });
    let problem = problem(send(&server, Method::POST, "/v1/users", &body).await, 409).await;
    assert_eq!(places(&problem), ["/email"]);
}

#[tokio::test]
async fn email_is_stored_as_written() {
    let server = TestServer::start().await;
    let record = create(&server, "users", &json!({ "name": "Ada", "email": "Ada.L@Example.com" })).await;
    assert_eq!(record["email"], "Ada.L@Example.com");
}

#[tokio::test]
async fn change_to_a_taken_email_returns_409_and_changes_nothing() {
    let server = TestServer::start().await;
    let ada = create(&server, "users", &json!({ "name": "Ada", "email": email() })).await;
    let eve = create(&server, "users", &json!({ "name": "Eve", "email": email() })).await;
    let path = format!("/v1/users/{}", eve["id"].as_str().unwrap());
    let problem_of_patch = send(&server, Method::PATCH, &path, &json!({ "email": ada["email"] })).await;
    assert_eq!(places(&problem(problem_of_patch, 409).await), ["/email"]);
    let problem_of_put = send(&server, Method::PUT, &path, &json!({ "name": "Eve", "email": ada["email"] })).await;
    assert_eq!(places(&problem(problem_of_put, 409).await), ["/email"]);
    assert_eq!(read(&server, &path).await, Some(eve));
}

#[tokio::test]
async fn email_change_claims_the_new_and_releases_the_old_email() {
    let server = TestServer::start().await;
    let (old, new) = (email(), email());
    let ada = create(&server, "users", &json!({ "name": "Ada", "email": old })).await;
    let path = format!("/v1/users/{}", ada["id"].as_str().unwrap());
    let response = send(&server, Method::PATCH, &path, &json!({ "email": new })).await;
    assert_eq!(response.status(), StatusCode::OK);
    let changed: Value = response.json().await.unwrap();
    assert_eq!((changed["email"].as_str(), changed["version"].as_u64()), (Some(new.as_str()), Some(2)));
    assert_eq!(read(&server, &path).await, Some(changed));
    let taken = send(&server, Method::POST, "/v1/users", &json!({ "name": "Eve", "email": new })).await;
    problem(taken, 409).await;
    create(&server, "users", &json!({ "name": "Eve", "email": old })).await;
}

#[tokio::test]
async fn change_of_email_case_succeeds() {
    let server = TestServer::start().await;
    let email = email();
    let ada = create(&server, "users", &json!({ "name": "Ada", "email": email })).await;
    let path = format!("/v1/users/{}", ada["id"].as_str().unwrap());
    let response = send(&server, Method::PATCH, &path, &json!({ "email": email.to_uppercase() })).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.json::<Value>().await.unwrap()["email"], email.to_uppercase());
    let taken = send(&server, Method::POST, "/v1/users", &json!({ "name": "Eve", "email": email })).await;
    problem(taken, 409).await;
}

#[tokio::test]
async fn delete_of_a_user_releases_the_email() {
    let server = TestServer::start().await;
    let email = email();
    let ada = create(&server, "users", &json!({ "name": "Ada", "email": email })).await;
    let path = format!("/v1/users/{}", ada["id"].as_str().unwrap());
    server.request(Method::DELETE, &path).send().await.unwrap();
    create(&server, "users", &json!({ "name": "Eve", "email": email.to_uppercase() })).await;
}

#[tokio::test]
async fn email_filter_ignores_case() {
    let server = TestServer::start().await;
    let email = email();
    let ada = create(&server, "users", &json!({ "name": "Ada", "email": email })).await;
    create(&server, "users", &crate::samples::user()).await;
    let page: Value = get(&server, &format!("/v1/users?email={}", email.to_uppercase())).await.json().await.unwrap();
    assert_eq!(page, json!({ "data": [ada], "nextCursor": null }));
}

/// Valid addresses.
const GOOD: [&str; 14] = [
    "ada@example.com",
    "ADA.Lovelace@Example.COM",
    "a+b@example.com",
    "!#$%&'*+-/=?^_`{|}~@example.com",
    "1@2.example",
    "ada@sub.sub.example.com",
    "ada@localhost",
    "ada@r3---sn.example.com",
    "ada@bücher.example",
    "ada@BÜCHER.example",
    "ada@例え.テスト",
    "ada@ｅｘａｍｐｌｅ．ｃｏｍ",
    "ada@xn--bcher-kva.example",
    "ada@1e100.net",
];

/// Invalid addresses.
const BAD: [&str; 40] = [
    "a@<script>alert(1)</script>[::1]",
    "<script>alert(1)</script>@example.com",
    "Ada <ada@example.com>",
    "<ada@example.com>",
    "mailto:ada@example.com",
    "ada@[127.0.0.1]",
    "ada@[IPv6:::1]",
    "ada@[::1]",
    "ada@127.0.0.1",
    "ada@example.１２３",
    "\"ada\"@example.com",
    "\"a@b\"@example.com",
    "\"\"@example.com",
    "ada(comment)@example.com",
    "ada@(comment)example.com",
    "ada@example.com(comment)",
    "ada",
    "ada@",
    "@example.com",
    "ada@@example.com",
    "a@b@example.com",
    "ada@example..com",
    "ada@.example.com",
    "ada@example.com.",
    "ada@-example.com",
    "ada@example-.com",
    "ada@exa_mple.com",
    "ada@exa mple.com",
    ".ada@example.com",
    "ada.@example.com",
    "a..b@example.com",
    "a b@example.com",
    " ada@example.com",
    "ada@example.com\n",
    "ada\u{0}@example.com",
    "ada@exam\u{7f}ple.com",
    "ada@exam\u{200b}ple.com\r\nBcc: eve@example.com",
    "ädä@example.com",
    "ada@xn--\u{fffd}.com",
    "ada@xn--zzzzzzzzz.example",
];

#[tokio::test]
async fn addresses_are_stored_as_written_or_refused_with_the_field() {
    let server = TestServer::start().await;
    let long = [
        format!("{}@example.com", "a".repeat(65)),
        format!("ada@{}.com", "a".repeat(64)),
        // Short as written, but too long for DNS and a mailbox after conversion.
        format!("ada@{}", std::iter::repeat_n("ü".repeat(48), 5).collect::<Vec<_>>().join(".")),
    ];
    for address in BAD.into_iter().chain(long.iter().map(String::as_str)) {
        let body = json!({ "name": "Ada", "email": address });
        let answer = send(&server, Method::POST, "/v1/users", &body).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{address:?}");
        assert_eq!(places(&problem(answer, 400).await), ["/email"], "{address:?}");
    }
    for address in GOOD {
        let body = json!({ "name": "Ada", "email": address });
        let answer = send(&server, Method::POST, "/v1/users", &body).await;
        // Some are spellings of the same address, see the test below.
        assert!([201, 409].contains(&answer.status().as_u16()), "{address:?}");
        if answer.status() == StatusCode::CREATED {
            assert_eq!(answer.json::<Value>().await.unwrap()["email"], address);
        }
    }
}

#[tokio::test]
async fn equivalent_domains_are_the_same_address() {
    let server = TestServer::start().await;
    for spellings in [
        ["Ada@bücher.example", "ada@BÜCHER.EXAMPLE", "ada@bu\u{308}cher.example", "ADA@xn--bcher-kva.example"],
        ["ada@example.net", "ada@ＥＸＡＭＰＬＥ.net", "ada@example。net", "ada@exam\u{ad}ple.net"],
    ] {
        let ada = create(&server, "users", &json!({ "name": "Ada", "email": spellings[0] })).await;
        let path = format!("/v1/users/{}", ada["id"].as_str().unwrap());
        for spelling in spellings {
            let eve = json!({ "name": "Eve", "email": spelling });
            let taken = send(&server, Method::POST, "/v1/users", &eve).await;
            assert_eq!(places(&problem(taken, 409).await), ["/email"], "{spelling}");
            let request = server.request(Method::GET, "/v1/users").query(&[("email", spelling)]);
            let page: Value = request.send().await.unwrap().json().await.unwrap();
            assert_eq!(page["data"].as_array().unwrap().len(), 1, "{spelling}");
            let changed = send(&server, Method::PATCH, &path, &json!({ "email": spelling })).await;
            assert_eq!(changed.json::<Value>().await.unwrap()["email"], spelling, "one may change one's own spelling");
        }
        server.request(Method::DELETE, &path).send().await.unwrap();
        create(&server, "users", &json!({ "name": "Eve", "email": spellings[0] })).await;
    }
}
