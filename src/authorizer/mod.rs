//! The authorizer: verifies the bearer token of a request, and answers with a policy of what its user may call.
//!
//! API Gateway invokes it before a function (Amazon API Gateway developer guide, "Use API Gateway Lambda authorizers").
//!
//! 1. `bearer` takes the one token out of the headers.
//! 2. `token` verifies it: signature, issuer, audience, times. `keys` has the issuer's keys, which `discovery`
//!    fetches; `refresh` limits how often.
//! 3. `identity` maps its claims to a principal.
//! 4. `policy` lists the operations that the principal may call.

mod bearer;
mod crypto;
mod decision;
mod discovery;
mod event;
mod function;
mod identity;
mod jwks;
mod keys;
mod policy;
mod refresh;
mod refusal;
mod settings;
mod token;
mod url;

pub use decision::{Authorized, Authorizer};
pub use discovery::Discovery;
pub use event::AuthorizerEvent;
pub use function::{FUNCTION, respond, serve};
pub use jwks::Key;
pub use keys::Keys;
pub use policy::{MethodArn, Policy};
pub use refresh::{Intervals, Schedule};
pub use refusal::{Reason, Refusal};
pub use settings::Settings;
