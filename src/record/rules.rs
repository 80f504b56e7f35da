//! Constraints of common fields, for the `validate` and `schemars` attributes of resources.

use std::{borrow::Cow, collections::HashSet};

use iso_currency::{Currency, IntoEnumIterator};
use schemars::{Schema, SchemaGenerator, json_schema};
use validator::ValidationError;

use super::normalize_email;

/// The largest integer that all JSON parsers represent exactly (RFC 8259 §6).
pub const MAX_INTEGER: i64 = 9_007_199_254_740_991;

/// The maximum length of a label.
pub const MAX_LABEL_LENGTH: usize = 40;

/// The pattern of a phone number in E.164 form, for the schema: [`phone`] is its check.
pub const PHONE: &str = r"^\+[1-9][0-9]{1,14}$";

/// Checks a phone number in E.164 form: a plus, a country code that does not start with 0, at most 15 digits in all.
///
/// It is written by hand, since the first regular expression adds 4 % to the size of the executable.
///
/// # Errors
/// If it is not one.
///
/// ```
/// use serverless_crud::record::rules::phone;
///
/// assert!(phone("+442071838750").is_ok());
/// assert!(phone("+0442071838").is_err());
/// assert!(phone("+1234567890123456").is_err());
/// ```
pub fn phone(number: &str) -> Result<(), ValidationError> {
    let digits = number.strip_prefix('+').filter(|digits| !digits.starts_with('0')).unwrap_or_default();
    let is_valid = (2..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_valid.then_some(()).ok_or_else(|| ValidationError::new("regex"))
}

/// Checks an e-mail address.
///
/// # Errors
/// If it is not one.
pub fn email(email: &str) -> Result<(), ValidationError> {
    normalize_email(email).map(drop).ok_or_else(|| ValidationError::new("email"))
}

/// Checks that labels have 1 to [`MAX_LABEL_LENGTH`] characters and are unique.
///
/// # Errors
/// If one is too short or long, or occurs twice.
pub fn labels(labels: &[String]) -> Result<(), ValidationError> {
    if !labels.iter().all(|label| (1..=MAX_LABEL_LENGTH).contains(&label.chars().count())) {
        let message = format!("each must have 1 to {MAX_LABEL_LENGTH} characters");
        return Err(ValidationError::new("label_length").with_message(message.into()));
    }
    let mut seen = HashSet::new();
    if !labels.iter().all(|label| seen.insert(label)) {
        return Err(ValidationError::new("unique").with_message(Cow::from("must not hold the same element twice")));
    }
    Ok(())
}

/// Returns the schema of a currency: the ISO 4217 codes.
pub fn currency(_: &mut SchemaGenerator) -> Schema {
    let codes: Vec<_> = Currency::iter().map(|currency| currency.code()).collect();
    json_schema!({ "type": "string", "enum": codes })
}
