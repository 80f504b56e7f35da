//! New keys, withdrawn keys, invented keys, and an issuer that does not answer.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use serverless_crud::authorizer::{Authorizer, AuthorizerEvent, Intervals, Reason, Refusal};

use crate::{
    function::event_with,
    issuer::{CONFIGURATION, Fault, Issuer},
    signer::{Signer, with},
    support::service,
};

struct Setup {
    signer: Signer,
    issuer: Issuer,
    authorizer: Authorizer,
}

async fn setup(intervals: Intervals) -> Setup {
    let signer = Signer::new();
    let issuer = Issuer::start(&signer).await;
    let authorizer = Authorizer::new(issuer.settings(), issuer.keys(intervals), service().operations());
    authorizer.prime().await;
    Setup { signer, issuer, authorizer }
}

impl Setup {
    /// Decides about a token of the issuer's RSA key under this name.
    async fn decide(&self, key_id: &str) -> Result<(), Refusal> {
        let token = self.signer.token(&json!({ "alg": "RS256", "kid": key_id }), &self.issuer.claims());
        let event: AuthorizerEvent = serde_json::from_value(event_with(&token)).unwrap();
        self.authorizer.decide(&event).await.map(drop)
    }

    /// Publishes the RSA key under this name alone.
    fn publish(&self, key_id: &str) {
        let key = with(self.signer.rsa_key(), json!({ "kid": key_id }));
        self.issuer.publish(json!({ "keys": [key] }));
    }

    fn fetches(&self) -> usize {
        self.issuer.requests("/keys")
    }
}

const UNKNOWN: Result<(), Refusal> = Err(Refusal::Token(Reason::UnknownKey));
const UNAVAILABLE: Result<(), Refusal> = Err(Refusal::Unavailable);

#[tokio::test]
async fn known_keys_are_not_fetched_again() {
    let setup = setup(Intervals::default()).await;
    for _ in 0..10 {
        assert_eq!(setup.decide("rsa").await, Ok(()));
    }
    assert_eq!((setup.fetches(), setup.issuer.requests(CONFIGURATION)), (1, 1));
}

#[tokio::test]
async fn new_key_is_known_at_once() {
    let setup = setup(Intervals::default()).await;
    setup.publish("next");
    assert_eq!(setup.decide("next").await, Ok(()));
    assert_eq!(setup.fetches(), 2);
}

#[tokio::test]
async fn withdrawn_key_is_refused_after_the_period() {
    let setup = setup(Intervals { period: Duration::ZERO, ..Intervals::default() }).await;
    assert_eq!(setup.decide("rsa").await, Ok(()));
    setup.publish("next");
    assert_eq!(setup.decide("rsa").await, UNKNOWN);
    assert_eq!(setup.decide("next").await, Ok(()));
}

#[tokio::test]
async fn a_thousand_invented_keys_at_once_share_few_fetches() {
    let setup = setup(Intervals::default()).await;
    let names: Vec<_> = (0..1000).map(|number| format!("invented-{number}")).collect();
    let decisions = join_all(names.iter().map(|name| setup.decide(name))).await;
    assert!(decisions.iter().all(Result::is_err));
    // One at the start, and at most the four that the schedule allows.
    assert!(setup.fetches() <= 5, "{} fetches", setup.fetches());
    assert_eq!(setup.decide("rsa").await, Ok(()), "known keys are not affected");
}

#[tokio::test]
async fn repeated_invented_key_does_not_hold_off_a_new_one() {
    let setup = setup(Intervals::default()).await;
    for _ in 0..1000 {
        assert_eq!(setup.decide("invented").await, UNKNOWN);
    }
    assert_eq!(setup.fetches(), 2);
    setup.publish("next");
    assert_eq!(setup.decide("next").await, Ok(()));
}

#[tokio::test]
async fn any_invented_key_brings_a_new_one_with_it() {
    let setup = setup(Intervals::default()).await;
    setup.publish("next");
    assert_eq!(setup.decide("invented").await, UNKNOWN);
    assert_eq!(setup.decide("next").await, Ok(()));
    assert_eq!(setup.fetches(), 2, "the new key came with the fetch for the invented one");
}

#[tokio::test]
async fn concurrent_requests_with_a_new_key_share_a_fetch() {
    let setup = setup(Intervals::default()).await;
    setup.publish("next");
    let decisions = join_all((0..100).map(|_| setup.decide("next"))).await;
    assert!(decisions.iter().all(|decision| *decision == Ok(())));
    assert_eq!(setup.fetches(), 2);
}

#[tokio::test]
async fn unreachable_issuer_keeps_known_keys_and_refuses_none_for_good() {
    let setup = setup(Intervals { period: Duration::ZERO, retry: Duration::ZERO, ..Intervals::default() }).await;
    for path in [CONFIGURATION, "/keys"] {
        setup.issuer.fault(path, Some(Fault::Status(503)));
        assert_eq!(setup.decide("rsa").await, Ok(()), "{path}");
        assert_eq!(setup.decide("next").await, UNAVAILABLE, "{path}");
        setup.issuer.fault(path, None);
    }
    setup.publish("next");
    assert_eq!(setup.decide("next").await, Ok(()));
}

#[tokio::test]
async fn requests_for_unknown_keys_do_not_wait_for_an_unreachable_issuer_each() {
    let setup = setup(Intervals::default()).await;
    setup.issuer.fault(CONFIGURATION, Some(Fault::Status(503)));
    for number in 0..100 {
        assert_eq!(setup.decide(&format!("invented-{number}")).await, UNAVAILABLE);
    }
    assert!(setup.issuer.requests(CONFIGURATION) <= 5);
}

#[tokio::test]
async fn issuer_that_is_unreachable_at_the_start_is_asked_again() {
    let (signer, intervals) = (Signer::new(), Intervals::default());
    let issuer = Issuer::start(&signer).await;
    issuer.fault(CONFIGURATION, Some(Fault::Status(500)));
    let authorizer = Authorizer::new(issuer.settings(), issuer.keys(intervals), service().operations());
    let setup = Setup { signer, issuer, authorizer };
    setup.authorizer.prime().await;
    assert_eq!(setup.decide("rsa").await, UNAVAILABLE);
    setup.issuer.fault(CONFIGURATION, None);
    assert_eq!(setup.decide("rsa").await, Ok(()));
}
