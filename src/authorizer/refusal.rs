//! The reasons for which a request is refused.

/// A reason for which a token is refused. It is logged, and never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no `Authorization` header.
    NoToken,
    /// There are several `Authorization` headers.
    SeveralTokens,
    /// The header is not `Bearer`, one space and a token.
    NotBearer,
    /// The token is larger than the limit.
    TooLarge,
    /// The token is not a signed JWT with an algorithm that the library knows.
    Malformed,
    /// The algorithm is not allowed.
    Algorithm,
    /// The token has a critical header parameter, of which none is supported.
    CriticalHeader,
    /// The token is of another type than an access token.
    Type,
    /// The token does not name its key, or by a name that is too long.
    NoKeyId,
    /// The issuer has no such key.
    UnknownKey,
    /// The key is for another algorithm.
    KeyMismatch,
    /// The signature is wrong.
    Signature,
    /// The token is of another issuer.
    Issuer,
    /// The token is for another audience.
    Audience,
    /// The token has expired.
    Expired,
    /// The token is not valid yet, or was issued in the future.
    NotYetValid,
    /// A claim is missing or of the wrong type.
    Claims,
}

impl Reason {
    /// Returns the code in the log.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::SeveralTokens => "several_tokens",
            Self::NotBearer => "not_bearer",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::CriticalHeader => "critical_header",
            Self::Type => "type",
            Self::NoKeyId => "no_key_id",
            Self::UnknownKey => "unknown_key",
            Self::KeyMismatch => "key_mismatch",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Claims => "claims",
        }
    }
}

/// The reason why there is no decision to cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request has no valid token: the client gets a 401.
    Token(Reason),
    /// The issuer's keys cannot be fetched: the client may try again.
    Unavailable,
    /// The event is not of a method of the API it names.
    Event,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::Token(reason)
    }
}
