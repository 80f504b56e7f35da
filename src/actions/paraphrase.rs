//! `POST /v1/paraphrase`

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    access::IDENTIFIED,
    app::App,
    error::Error,
    http::{self, Answer, Request},
    operations::{ACTIONS, Body, Content, Contract, Grant, Operation, Response, parameters},
};

const NAME: &str = "paraphrase";
const DESCRIPTION: &str = "Says a text in other words. With an `Idempotency-Key` it does so once: a repeat of the request \
    gets the first answer again, and another body under the same key is refused.";

/// A text to say in other words.
#[derive(Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Source {
    /// The text.
    #[validate(length(min = 1, max = 5000))]
    source_text: String,
}

/// The text in other words.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Paraphrase {
    /// The text.
    new_text: String,
}

fn example() -> Source {
    Source { source_text: "The cup is made of stoneware.".into() }
}

/// Says a text in other words: 200 with the new text.
async fn paraphrase(app: Arc<App>, request: Request) -> Result<Answer, Error> {
    let (Source { source_text }, key) = http::input(&request, &example())?;
    let work = app.rewrite(http::principal(&request), &source_text);
    let new_text = app.store.answers().once(NAME, key.as_ref(), work).await?;
    Ok(http::result(&Paraphrase { new_text }))
}

/// Describes the operation.
pub fn operation() -> Operation {
    Operation::new("POST", "/v1/paraphrase", NAME, IDENTIFIED, paraphrase, || {
        let result = Paraphrase { new_text: "Stoneware is what the cup is made of.".into() };
        let contract = Contract {
            parameters: vec![parameters::idempotency_key()],
            body: Some(Body::json(NAME, &example())),
            responses: vec![Response::json("The text in other words.", Content::of("ParaphraseResult", &result))],
            grants: vec![Grant::on("answers", &["DeleteItem", "GetItem", "PutItem", "UpdateItem"])],
            ..Contract::new(ACTIONS, "Paraphrase text", DESCRIPTION)
        };
        contract.calling_upstream().problems(&[413, 415, 422]).problem(409, Error::InProgress)
    })
}
