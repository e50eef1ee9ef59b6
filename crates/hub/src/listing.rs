//! What lies in a repository, and which file of it is meant.
//!
//! **Invariant:** a file that is listed has a path inside a folder; of several that could be meant none is chosen.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    name::{HubName, is_commit, is_path},
    part_name::{MODEL_ENDING, PartName},
    sha256::Sha256Sum,
};

/// Files of a repository that are looked at.
const FILES_MAX: usize = 20_000;
/// Bytes of a licence.
const LICENCE_BYTES_MAX: usize = 64;

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
    /// Its models of language, by their paths.
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
    /// It was cut into parts of which one is not there.
    #[error("{name} is not there: it is part {part} of {parts} of a model")]
    Part {
        /// The first that is not there.
        name: HubName,
        /// Which it is, from one on.
        part: u32,
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

    /// The files of the model that a name means: one, or all parts of one that was cut, in their order.
    ///
    /// # Errors
    /// [`NotChosen`].
    pub fn choose(&self, name: &HubName) -> Result<Vec<&HubFile>, NotChosen> {
        let file = match &name.file {
            Some(path) => self
                .models
                .iter()
                .find(|file| file.path == *path)
                .ok_or_else(|| NotChosen::Absent { name: name.clone(), files: self.models.clone() })?,
            None => match &self.models[..] {
                [] => return Err(NotChosen::None { name: name.clone() }),
                [one, others @ ..] if others.iter().all(|other| one.is_beside(other)) => one,
                files => return Err(NotChosen::Several { name: name.clone(), files: files.to_vec() }),
            },
        };
        let Some(named) = file.part() else { return Ok(vec![file]) };
        named.all().map(|part| self.find_part(name, part)).collect()
    }

    /// The file of a part.
    fn find_part(&self, name: &HubName, part: PartName<'_>) -> Result<&HubFile, NotChosen> {
        let (path, PartName { part, parts, .. }) = (part.to_string(), part);
        // They are sorted, and may be very many.
        let found = self.models.binary_search_by(|file| file.path.cmp(&path)).ok();
        let file = found.and_then(|place| self.models.get(place));
        file.ok_or_else(|| NotChosen::Part { name: name.with_file(&path), part, parts })
    }
}

impl HubFile {
    /// Which part of a model it is, if it is one.
    #[must_use]
    pub fn part(&self) -> Option<PartName<'_>> {
        PartName::of(&self.path)
    }

    /// Whether both are parts of one model.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        self.part().zip(other.part()).is_some_and(|(one, other)| one.is_beside(&other))
    }
}

impl ListedFile {
    /// This file, if it is a model whose path and length can be used.
    fn model(self) -> Option<HubFile> {
        let ending = self.rfilename.rsplit_once('.').map(|(_, ending)| ending);
        let is_model = ending.is_some_and(|ending| ending.eq_ignore_ascii_case(MODEL_ENDING));
        let is_model = is_model && is_path(&self.rfilename);
        let stored = self.lfs;
        let bytes = stored.as_ref().and_then(|stored| stored.size).or(self.size);
        let sha256 = stored.and_then(|stored| stored.sha256).and_then(|sum| sum.parse().ok());
        is_model.then_some(HubFile { path: self.rfilename, bytes: bytes?, sha256 })
    }
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

    fn chosen(files: &[&str], name: &str) -> Result<Vec<String>, NotChosen> {
        let listing = listing(files);
        let chosen = listing.choose(&name.parse().unwrap())?;
        Ok(chosen.into_iter().map(|file| file.path.clone()).collect())
    }

    #[test]
    fn one_model_needs_no_name_and_several_do() {
        let files = ["README.md", "b.gguf", "quants/a.GGUF", "model.safetensors"];
        assert_eq!(chosen(&files[..2], "hf:o/r"), Ok(vec!["b.gguf".to_owned()]));
        assert!(
            matches!(chosen(&files, "hf:o/r"), Err(NotChosen::Several { files, .. }) if files.len() == 2)
        );
        assert_eq!(chosen(&files, "hf:o/r/quants/a.GGUF"), Ok(vec!["quants/a.GGUF".to_owned()]));
        assert!(matches!(chosen(&files, "hf:o/r/c.gguf"), Err(NotChosen::Absent { .. })));
        assert!(matches!(chosen(&files[..1], "hf:o/r"), Err(NotChosen::None { .. })));
    }

    #[test]
    fn of_a_model_that_was_cut_all_parts_are_meant_by_any_or_by_none_where_there_is_nothing_else() {
        let parts = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"];
        let both = Ok(parts.map(str::to_owned).to_vec());
        for name in ["hf:o/r", "hf:o/r/m-00001-of-00002.gguf", "hf:o/r/m-00002-of-00002.gguf"] {
            assert_eq!(chosen(&[parts[1], "README.md", parts[0]], name), both, "{name}");
        }
        let beside = [parts[0], parts[1], "n-00001-of-00002.gguf"];
        assert!(
            matches!(chosen(&beside, "hf:o/r"), Err(NotChosen::Several { files, .. }) if files.len() == 3)
        );
        for there in parts {
            let Err(NotChosen::Part { name, part, parts: 2 }) = chosen(&[there], "hf:o/r") else {
                panic!("{there} is all there is")
            };
            let missing = parts.into_iter().zip(1..).find(|(path, _)| *path != there);
            assert_eq!(name.file.as_deref().zip(Some(part)), missing);
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
