//! The form in which values are compared where several spellings mean the same.

use email_address::{EmailAddress, Options};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The rule by which values of a field count as equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalization {
    /// Values are compared as they are.
    None,
    /// Case does not count.
    Lowercase,
    /// Values are e-mail addresses: neither case counts, nor how the domain is spelled.
    EmailAddress,
}

impl Normalization {
    /// Returns the form a value is compared in.
    pub fn apply(self, value: &str) -> String {
        match self {
            Self::None => value.to_owned(),
            Self::Lowercase => value.to_lowercase(),
            // An address of before a rule was made stays the one it was.
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

/// Returns an e-mail address in the form it is compared in; none where the text is no address.
///
/// The domain becomes ASCII, as DNS has it (UTS #46, "ToASCII", with STD3 rules), and everything lower case. Accepted is
/// the `Dot-string@Domain` of RFC 5321 §4.1.2 in ASCII, with a domain in any script. Quoted local parts, comments,
/// display names and address literals are refused: nearly no mailbox has them, and they can hold anything.
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
    // No top-level domain is a number (RFC 3696 §2): that is an IP address.
    let is_number = domain.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    let is_plain = local.is_ascii() && !local.starts_with('"') && !is_number;
    let normalized = format!("{local}@{domain}").to_ascii_lowercase();
    let options = Options::default().without_domain_literal().without_display_text();
    let is_address = EmailAddress::parse_with_options(&normalized, options).is_ok();
    (is_plain && is_address && normalized.len() <= MAX_ADDRESS_LENGTH).then_some(normalized)
}
