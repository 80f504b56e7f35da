//! Splits tags stored as one string, such as `kitchen, coffee`, into a list.

use serde_json::Value;

use crate::migrate::Fields;

const MAX_TAGS: usize = 20;
const MAX_TAG_LENGTH: usize = 40;

/// Splits `tags` at its commas. Refuses tags that the API would refuse.
pub fn split_tags(mut record: Fields) -> Result<Fields, String> {
    let Some(Value::String(text)) = record.get("tags") else { return Ok(record) };
    let mut tags: Vec<String> = Vec::new();
    for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
        if tag.chars().count() > MAX_TAG_LENGTH {
            return Err(format!("a tag is longer than {MAX_TAG_LENGTH} characters"));
        }
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(format!("the record has more than {MAX_TAGS} tags"));
    }
    record.insert("tags".into(), tags.into());
    Ok(record)
}
