//! The chat template that a model's file brings, as far as the file's beginning shows it.
//!
//! **Invariant:** no more of a file is looked at than [`TEMPLATE_BYTES_MAX`]; what is no model of language has no template.

use std::io::{self, Read};

use assay_engine::gguf::{Gguf, GgufError};

/// Bytes of a file within which its template stands, or is not looked for: a vocabulary of 200,000 tokens takes 12 MiB.
pub const TEMPLATE_BYTES_MAX: usize = 1 << 25;
/// Bytes of the longest template: no runner that comes with the program renders a longer one.
const TEXT_BYTES_MAX: usize = 1 << 18;
/// Bytes that are read between two looks.
const STEP_BYTES: u64 = 1 << 20;
/// Where a file has it.
const KEY: &str = "tokenizer.chat_template";

/// What the beginning of a file shows of its template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeenTemplate {
    /// This one.
    Found(String),
    /// That there is none.
    Absent,
    /// Nothing yet: it stands further behind, if at all.
    Beyond,
}

/// What these first bytes of a file show.
#[must_use]
pub fn template_in(head: &[u8]) -> SeenTemplate {
    match Gguf::parse_keys(head) {
        Ok(gguf) => match gguf.get::<&str>(KEY) {
            Ok(Some(template)) if template.len() <= TEXT_BYTES_MAX => {
                SeenTemplate::Found(template.to_owned())
            }
            Ok(Some(_) | None) | Err(_) => SeenTemplate::Absent,
        },
        Err(GgufError::Truncated { .. }) if head.len() < TEMPLATE_BYTES_MAX => SeenTemplate::Beyond,
        // Nobody runs what is no file of a model.
        Err(_) => SeenTemplate::Absent,
    }
}

/// The template of a file, if it has one.
///
/// # Errors
/// Those of the disk.
pub fn read_template(mut file: impl Read) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        file.by_ref().take(STEP_BYTES).read_to_end(&mut head)?;
        match template_in(&head) {
            SeenTemplate::Found(template) => return Ok(Some(template)),
            SeenTemplate::Absent => return Ok(None),
            SeenTemplate::Beyond if head.len() == before => return Ok(None),
            SeenTemplate::Beyond => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use assay_engine::gguf::Writer;

    use super::*;

    const SUMS: &[u8] = include_bytes!("../../../models/sums/sums.gguf");

    #[test]
    fn a_template_shows_in_the_beginning_of_its_file() {
        let SeenTemplate::Found(template) = template_in(SUMS) else { panic!("there is one") };
        assert!(template.contains("{% for message in messages %}"), "{template}");
        assert_eq!(read_template(SUMS).unwrap().as_ref(), Some(&template));
        let at = SUMS.windows(template.len()).position(|part| part == template.as_bytes()).unwrap();
        assert_eq!(template_in(&SUMS[..at + 3]), SeenTemplate::Beyond);
        let head = SUMS.len() / 2;
        assert_eq!(template_in(&SUMS[..head]), SeenTemplate::Found(template), "the tensors are not needed");
        assert_eq!(read_template(&SUMS[..at + 3]).unwrap(), None, "the file breaks off");
    }

    #[test]
    fn what_has_no_template_is_looked_at_no_further() {
        assert_eq!(template_in(b"\x08\x07\x12\x07pytorch"), SeenTemplate::Absent);
        let plain = Writer::new().key("general.architecture", "llama").to_bytes(|_, _| {});
        assert_eq!(template_in(&plain), SeenTemplate::Absent);
        let longest = "x".repeat(TEXT_BYTES_MAX);
        let with = |template: &str| template_in(&Writer::new().key(KEY, template).to_bytes(|_, _| {}));
        assert_eq!(with(&longest), SeenTemplate::Found(longest.clone()));
        assert_eq!(with(&format!("{longest}x")), SeenTemplate::Absent);
        let endless = Writer::new().key("numbers", vec![0_f64; 1 << 22]).to_bytes(|_, _| {});
        assert_eq!(template_in(&endless[..TEMPLATE_BYTES_MAX - 1]), SeenTemplate::Beyond);
        assert_eq!(template_in(&endless[..TEMPLATE_BYTES_MAX]), SeenTemplate::Absent);
    }
}
