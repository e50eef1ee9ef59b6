//! What lies in a repository, and which file of it is meant.
//!
//! **Invariant:** a file that is listed has a path inside a folder; of several that could be meant none is chosen.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    name::{HubName, is_commit, is_path},
    sha256::Sha256Sum,
};

/// Files of a repository that are looked at.
const FILES_MAX: usize = 20_000;
/// Bytes of a licence.
const LICENCE_BYTES_MAX: usize = 64;
/// How a file of a model of language ends.
const ENDING: &str = ".gguf";

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFile {
    /// Its path in the repository.
    pub path: String,
    /// How long it is.
    pub bytes: u64,
    /// The digest of its bytes; small files have none.
    pub sha256: Option<Sha256Sum>,
}

/// A repository at one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubListing {
    /// The commit.
    pub commit: String,
    /// What its card says of its licence.
    pub licence: Option<String>,
    /// Its models of language.
    pub models: Vec<HubFile>,
    /// Whether it has a card.
    pub has_card: bool,
}

/// Why no file is chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotChosen {
    /// It has no model of language.
    #[error("{name} has no GGUF file")]
    None {
        /// The repository.
        name: HubName,
    },
    /// It has several, and none was named.
    #[error("{name} has {} GGUF files", files.len())]
    Several {
        /// The repository.
        name: HubName,
        /// What it has.
        files: Vec<HubFile>,
    },
    /// It has none of this name.
    #[error("{name} is not there: the repository has {}", match files.len() { 0 => "no GGUF file".to_owned(), count => format!("{count} other GGUF files") })]
    Absent {
        /// What was meant.
        name: HubName,
        /// What it has.
        files: Vec<HubFile>,
    },
    /// It is one part of a model that was cut into several.
    #[error("{name} is one of {parts} parts of a model, and a model here is one file")]
    Parts {
        /// What was meant.
        name: HubName,
        /// How many there are.
        parts: u32,
    },
}

#[derive(Deserialize)]
struct RepositoryPage {
    sha: String,
    #[serde(default)]
    siblings: Vec<ListedFile>,
    #[serde(default, rename = "cardData")]
    card: Value,
    #[serde(default)]
    tags: Value,
}

#[derive(Deserialize)]
struct ListedFile {
    rfilename: String,
    size: Option<u64>,
    lfs: Option<StoredFile>,
}

#[derive(Deserialize)]
struct StoredFile {
    sha256: Option<String>,
    size: Option<u64>,
}

impl HubListing {
    /// Where a hub says what lies in a repository.
    pub(crate) fn path(name: &HubName) -> String {
        let revision = name.revision().replace('/', "%2F");
        format!("/api/models/{}/{}/revision/{revision}?blobs=true", name.owner, name.repo)
    }

    /// Reads what it says.
    pub(crate) fn read(text: &[u8]) -> Result<Self, String> {
        let page: RepositoryPage = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if !is_commit(&page.sha) {
            return Err("it does not say which commit this is".to_owned());
        }
        if page.siblings.len() > FILES_MAX {
            return Err(format!("a repository has more than {FILES_MAX} files"));
        }
        let has_card = page.siblings.iter().any(|file| file.rfilename == "README.md");
        let mut models: Vec<HubFile> = page.siblings.into_iter().filter_map(ListedFile::model).collect();
        models.sort_by(|one, other| one.path.cmp(&other.path));
        models.dedup_by(|one, other| one.path == other.path);
        Ok(Self { commit: page.sha, licence: licence(&page.card, &page.tags), models, has_card })
    }

    /// The file that a name means.
    ///
    /// # Errors
    /// [`NotChosen`].
    pub fn choose(&self, name: &HubName) -> Result<&HubFile, NotChosen> {
        let file = match &name.file {
            Some(path) => self
                .models
                .iter()
                .find(|file| file.path == *path)
                .ok_or_else(|| NotChosen::Absent { name: name.clone(), files: self.models.clone() })?,
            None => match &self.models[..] {
                [] => return Err(NotChosen::None { name: name.clone() }),
                [one] => one,
                files => return Err(NotChosen::Several { name: name.clone(), files: files.to_vec() }),
            },
        };
        match parts_of(&file.path) {
            Some(parts) => Err(NotChosen::Parts { name: name.with_file(&file.path), parts }),
            None => Ok(file),
        }
    }
}

impl HubFile {
    /// Of how many parts it is one, if it is.
    #[must_use]
    pub fn parts(&self) -> Option<u32> {
        parts_of(&self.path)
    }
}

impl ListedFile {
    /// This file, if it is a model whose path and length can be used.
    fn model(self) -> Option<HubFile> {
        let is_model = self.rfilename.to_ascii_lowercase().ends_with(ENDING) && is_path(&self.rfilename);
        let stored = self.lfs;
        let bytes = stored.as_ref().and_then(|stored| stored.size).or(self.size);
        let sha256 = stored.and_then(|stored| stored.sha256).and_then(|sum| sum.parse().ok());
        is_model.then_some(HubFile { path: self.rfilename, bytes: bytes?, sha256 })
    }
}

/// What `model-00001-of-00003.gguf` says of its parts.
pub(crate) fn parts_of(path: &str) -> Option<u32> {
    let stem = path.get(..path.len().checked_sub(ENDING.len())?)?;
    let (rest, parts) = stem.rsplit_once("-of-")?;
    let (_, part) = rest.rsplit_once('-')?;
    let number = |text: &str| (text.len() == 5).then(|| text.parse::<u32>().ok()).flatten();
    number(part).and(number(parts)).filter(|parts| *parts > 1)
}

/// What a card says of its licence, or else the tags of the repository.
pub(crate) fn licence(card: &Value, tags: &Value) -> Option<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => list.first().and_then(Value::as_str).map(str::to_owned),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    };
    let said = match text(&card["license"]) {
        Some(other) if other == "other" => text(&card["license_name"]).or(Some(other)),
        said => said,
    };
    let tags = tags.as_array().into_iter().flatten().filter_map(Value::as_str);
    let tagged = tags.filter_map(|tag| tag.strip_prefix("license:")).map(str::to_owned).next();
    let is_plain = |text: &String| {
        (1..=LICENCE_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    };
    said.filter(is_plain).or(tagged.filter(is_plain))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn listing(files: &[&str]) -> HubListing {
        let file = |path: &&str| json!({ "rfilename": path, "size": 9 });
        let files: Vec<Value> = files.iter().map(file).collect();
        HubListing::read(json!({ "sha": COMMIT, "siblings": files }).to_string().as_bytes()).unwrap()
    }

    fn chosen(files: &[&str], name: &str) -> Result<String, NotChosen> {
        listing(files).choose(&name.parse().unwrap()).map(|file| file.path.clone())
    }

    #[test]
    fn one_model_needs_no_name_and_several_do() {
        let files = ["README.md", "b.gguf", "quants/a.GGUF", "model.safetensors"];
        assert_eq!(chosen(&files[..2], "hf:o/r"), Ok("b.gguf".to_owned()));
        assert!(
            matches!(chosen(&files, "hf:o/r"), Err(NotChosen::Several { files, .. }) if files.len() == 2)
        );
        assert_eq!(chosen(&files, "hf:o/r/quants/a.GGUF"), Ok("quants/a.GGUF".to_owned()));
        assert!(matches!(chosen(&files, "hf:o/r/c.gguf"), Err(NotChosen::Absent { .. })));
        assert!(matches!(chosen(&files[..1], "hf:o/r"), Err(NotChosen::None { .. })));
        let parts = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"];
        assert!(matches!(
            chosen(&parts, "hf:o/r/m-00001-of-00002.gguf"),
            Err(NotChosen::Parts { parts: 2, .. })
        ));
        assert!(matches!(chosen(&parts[..1], "hf:o/r"), Err(NotChosen::Parts { .. })));
        for whole in ["m.gguf", "m-00001-of-00001.gguf", "m-1-of-2.gguf", "of.gguf", ".gguf", "x"] {
            assert_eq!(parts_of(whole), None, "{whole}");
        }
    }

    #[test]
    fn a_path_that_leads_out_of_its_repository_is_not_listed() {
        let hostile =
            ["../../x.gguf", "/etc/x.gguf", "a/../x.gguf", "a\\x.gguf", "x\u{1b}[2J.gguf", "\n.gguf"];
        assert_eq!(listing(&hostile).models, []);
    }

    #[test]
    fn what_a_hub_says_of_a_file_is_read() {
        let sum = Sha256Sum::of(b"it");
        let page = json!({
            "sha": COMMIT, "cardData": { "license": ["apache-2.0"] }, "tags": ["license:mit"],
            "siblings": [
                { "rfilename": "README.md" },
                { "rfilename": "a.gguf", "size": 130, "lfs": { "sha256": sum.to_string(), "size": 2, "pointerSize": 130 } },
                { "rfilename": "b.gguf" },
            ],
        });
        let listing = HubListing::read(page.to_string().as_bytes()).unwrap();
        assert_eq!(listing.models, [HubFile { path: "a.gguf".into(), bytes: 2, sha256: Some(sum) }]);
        assert_eq!((listing.licence.as_deref(), listing.has_card), (Some("apache-2.0"), true));
        for (card, tags, said) in [
            (json!({ "license": "other", "license_name": "acme" }), json!([]), Some("acme")),
            (json!(null), json!(["x", "license:mit"]), Some("mit")),
            (json!({ "license": "\u{1b}[2J" }), json!(7), None),
            (json!({ "license": "l".repeat(65) }), json!(null), None),
        ] {
            assert_eq!(licence(&card, &tags).as_deref(), said);
        }
        for bad in ["", "[]", "{}", r#"{"sha":"main"}"#, &"[".repeat(100_000)] {
            assert!(HubListing::read(bad.as_bytes()).is_err(), "{bad:.20}");
        }
    }
}
