//! What a hub finds for words.
//!
//! **Invariant:** no more is told than was asked for, and what names no repository is passed over.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    listing::licence,
    name::{HubName, SCHEME, escaped},
};

/// Repositories that a hub is asked for.
pub const FOUND_MAX: usize = 20;

/// A repository that a hub found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRepository {
    /// What it is called.
    pub name: HubName,
    /// What its tags say of its licence.
    pub licence: Option<String>,
    /// How often it was fetched of late, as the hub counts.
    pub downloads: Option<u64>,
}

#[derive(Deserialize)]
struct FoundPage {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    tags: Value,
    #[serde(default)]
    downloads: Value,
}

impl FoundRepository {
    /// Where a hub says which repositories with models of language it has for words, those first that many fetch.
    pub(crate) fn path(words: &str) -> String {
        let words = escaped(words).replace('/', "%2F");
        format!("/api/models?search={words}&filter=gguf&sort=downloads&direction=-1&limit={FOUND_MAX}")
    }

    /// Reads what it says.
    pub(crate) fn read(text: &[u8]) -> Result<Vec<Self>, String> {
        let pages: Vec<FoundPage> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        Ok(pages.into_iter().filter_map(Self::of).take(FOUND_MAX).collect())
    }

    fn of(page: FoundPage) -> Option<Self> {
        let name: HubName = format!("{SCHEME}{}", page.id.as_str()?).parse().ok()?;
        let is_repository = name.file.is_none() && name.revision.is_none();
        is_repository.then(|| Self {
            licence: licence(&Value::Null, &page.tags),
            downloads: page.downloads.as_u64(),
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(page: &Value) -> Vec<String> {
        let found = FoundRepository::read(page.to_string().as_bytes()).unwrap();
        found.iter().map(|found| found.name.to_string()).collect()
    }

    #[test]
    fn repositories_are_told_as_the_hub_found_them() {
        let page = json!([
            { "id": "o/first", "tags": ["gguf", "license:mit"], "downloads": 70, "likes": 1 },
            { "id": "o/second", "downloads": -1 },
        ]);
        let read = FoundRepository::read(page.to_string().as_bytes()).unwrap();
        assert_eq!(found(&page), ["hf:o/first", "hf:o/second"]);
        let said: Vec<_> = read.iter().map(|found| (found.licence.as_deref(), found.downloads)).collect();
        assert_eq!(said, [(Some("mit"), Some(70)), (None, None)]);
    }

    #[test]
    fn what_names_no_repository_and_what_is_too_much_is_passed_over() {
        let hostile = json!([
            {}, { "id": 7 }, { "id": "alone" }, { "id": "../x" }, { "id": "o/r/file.gguf" }, { "id": "o/r@v1" },
            { "id": "o/\u{1b}[2J" }, { "id": "o/last" },
        ]);
        assert_eq!(found(&hostile), ["hf:o/last"]);
        let many: Vec<Value> =
            (0..3 * FOUND_MAX).map(|number| json!({ "id": format!("o/{number}") })).collect();
        assert_eq!(found(&Value::Array(many)).len(), FOUND_MAX);
        for bad in ["", "{}", "[7]", &"[".repeat(100_000)] {
            assert!(FoundRepository::read(bad.as_bytes()).is_err(), "{bad:.20}");
        }
    }

    #[test]
    fn words_stay_words_in_the_address() {
        let path = FoundRepository::path("a b&limit=1000/#\u{fc}");
        assert!(
            path.starts_with("/api/models?search=a%20b%26limit%3D1000%2F%23%C3%BC&filter=gguf"),
            "{path}"
        );
        assert!(path.ends_with("&limit=20"), "{path}");
    }
}
