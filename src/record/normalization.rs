//! Normalization of values that have several equivalent spellings.

use email_address::{EmailAddress, Options};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The normalization of a field's values before comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalization {
    /// No normalization.
    None,
    /// Case is ignored.
    Lowercase,
    /// Values are e-mail addresses. Case and the spelling of the domain are ignored.
    EmailAddress,
}

impl Normalization {
    /// Returns the normalized value.
    ///
    /// ```
    /// use serverless_crud::record::Normalization::{EmailAddress, Lowercase, None};
    ///
    /// assert_eq!(None.apply("Ada"), "Ada");
    /// assert_eq!(Lowercase.apply("Ada"), "ada");
    /// assert_eq!(EmailAddress.apply("Ada@BÜCHER.example"), "ada@xn--bcher-kva.example");
    /// ```
    pub fn apply(self, value: &str) -> String {
        match self {
            Self::None => value.to_owned(),
            Self::Lowercase => value.to_lowercase(),
            // Stored addresses may predate the current rules.
            Self::EmailAddress => normalize_email(value).unwrap_or_else(|| value.to_lowercase()),
        }
    }

    /// Returns true if values that differ only in case are equal.
    pub fn ignores_case(self) -> bool {
        self != Self::None
    }
}

/// The longest address a mailbox can have: a path of 256 octets without its angle brackets (RFC 5321 §4.5.3.1.3,
/// erratum 1690).
const MAX_ADDRESS_LENGTH: usize = 254;

/// Returns the normalized form of an e-mail address, or `None` if the text is not an address.
///
/// The domain is converted to ASCII (UTS #46, "ToASCII", with STD3 rules), and the whole address to lower case. It
/// accepts the `Dot-string@Domain` of RFC 5321 §4.1.2 in ASCII, with a domain in any script. It refuses quoted local
/// parts, comments, display names and address literals: few mailboxes use them, and they can contain anything.
///
/// ```
/// use serverless_crud::record::normalize_email;
///
/// assert_eq!(normalize_email("Ada@BÜCHER.example").as_deref(), Some("ada@xn--bcher-kva.example"));
/// assert_eq!(normalize_email("ada@[::1]"), None);
/// ```
pub fn normalize_email(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let (deny, length) = (AsciiDenyList::STD3, DnsLength::Verify);
    let domain = Uts46::new().to_ascii(domain.as_bytes(), deny, Hyphens::CheckFirstLast, length).ok()?;
    // A numeric top-level domain is an IP address: no real one is numeric (RFC 3696 §2).
    let is_number = domain.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    let is_plain = local.is_ascii() && !local.starts_with('"') && !is_number;
    let normalized = format!("{local}@{domain}").to_ascii_lowercase();
    let options = Options::default().without_domain_literal().without_display_text();
    let is_address = EmailAddress::parse_with_options(&normalized, options).is_ok();
    (is_plain && is_address && normalized.len() <= MAX_ADDRESS_LENGTH).then_some(normalized)
}
