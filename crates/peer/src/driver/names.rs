//! From what people type to what they mean.
//!
//! **Invariant:** a name stands for exactly one thing, or for nothing; a prefix that fits two is refused.

use assay_market::view::{AttemptView, SubmissionView};
use assay_protocol::id::Digest;
use serde::{Deserialize, Serialize};

use crate::{
    handle::{ModelRefused, Refused},
    library::is_plain,
};

/// Digits of the shortest prefix of a digest.
const PREFIX_DIGITS_MIN: usize = 4;
/// Digits of a digest that stand behind a name which several models have.
const SHOWN_DIGITS: usize = 12;
/// Models of one name that are told of.
const TOLD_MAX: usize = 8;

/// Whose word it is that a model is called so. What comes first is meant first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelSource {
    /// The network's own.
    Pinned,
    /// The owner of this home took it in.
    Library,
    /// A stranger offers it.
    Offered,
}

/// A model as people may name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NamedModel {
    pub(crate) source: ModelSource,
    pub(crate) name: String,
    pub(crate) digest: Digest,
}

/// Whether a model can be meant by what was typed.
type Meaning = fn(&NamedModel, &str) -> bool;

impl NamedModel {
    /// A name of somebody else's choice that looks like one with a prefix means nothing.
    fn is_named(&self, typed: &str) -> bool {
        self.name == typed && (self.source == ModelSource::Pinned || is_plain(&self.name))
    }

    fn is_named_with_prefix(&self, typed: &str) -> bool {
        typed.rsplit_once('@').is_some_and(|(name, prefix)| self.name == name && fits(&self.digest, prefix))
    }

    /// True if somebody who typed this could mean it.
    pub(crate) fn answers_to(&self, typed: &str) -> bool {
        self.is_named(typed) || self.is_named_with_prefix(typed) || self.has_prefix(typed)
    }

    fn has_prefix(&self, typed: &str) -> bool {
        fits(&self.digest, typed)
    }
}

/// The digest of the model that is meant by a name, by `name@prefix` or by a prefix of its digest. What a stranger calls a
/// model is asked last, and a whole digest means nothing else, whatever anybody is called.
pub(crate) fn model(all: &[NamedModel], typed: &str) -> Result<NamedModel, Refused> {
    use ModelSource::{Library, Offered, Pinned};
    let ways: &[Meaning] = match typed.parse::<Digest>() {
        Ok(_) => &[NamedModel::has_prefix],
        Err(_) => &[NamedModel::is_named, NamedModel::is_named_with_prefix, NamedModel::has_prefix],
    };
    for source in [Pinned, Library, Offered] {
        // What others chose to be called cannot stand before the digest of another model: then both are told.
        let together: Vec<&[Meaning]> = match source {
            Pinned => ways.iter().map(std::slice::from_ref).collect(),
            Library | Offered => vec![ways],
        };
        for ways in together {
            let is_meant = |model: &NamedModel, typed: &str| ways.iter().any(|way| way(model, typed));
            let fitting = all.iter().filter(|model| model.source == source && is_meant(model, typed));
            let mut fitting: Vec<&NamedModel> = fitting.collect();
            fitting.sort_by_key(|model| model.digest);
            fitting.dedup_by_key(|model| model.digest);
            match fitting[..] {
                [] => {}
                [one] => return Ok(one.clone()),
                _ => return Err(shared(typed, &fitting)),
            }
        }
    }
    let own = all.iter().filter(|model| model.source != Offered).map(|model| model.name.clone());
    Err(Refused::UnknownManifest { name: typed.to_owned(), known: own.collect() })
}

/// Says how each of several models can be told from the others.
fn shared(typed: &str, models: &[&NamedModel]) -> Refused {
    let told = |digits: usize| -> Vec<String> {
        let name = |model: &&NamedModel| format!("{}@{}", model.name, &model.digest.to_string()[..digits]);
        models.iter().map(name).collect()
    };
    let are_distinct = |digits: &usize| {
        let mut prefixes: Vec<_> =
            models.iter().map(|model| model.digest.to_string()[..*digits].to_owned()).collect();
        prefixes.dedup();
        prefixes.len() == models.len()
    };
    let mut matches = told((SHOWN_DIGITS..64).find(are_distinct).unwrap_or(64));
    let untold = matches.len().saturating_sub(TOLD_MAX);
    matches.truncate(TOLD_MAX);
    ModelRefused::Shared { name: typed.to_owned(), matches, untold: untold as u64 }.into()
}

/// The submission whose key, or one of whose jobs, begins so.
pub(crate) fn submission<'a>(all: &'a [SubmissionView], name: &str) -> Result<&'a SubmissionView, Refused> {
    let is_meant = |view: &&SubmissionView| {
        fits(&view.key, name) || view.attempts.iter().any(|attempt| fits(&attempt.job, name))
    };
    one(all.iter().filter(is_meant), name, no_submission(all, name))
}

/// Why a name stands for none: one that has too few digits to stand for any is told apart from one that none begins with.
fn no_submission(all: &[SubmissionView], name: &str) -> Refused {
    let begins = |digest: &Digest| digest.to_string().starts_with(name);
    let fitting = all
        .iter()
        .filter(|view| begins(&view.key) || view.attempts.iter().any(|attempt| begins(&attempt.job)));
    let matches = if (1..PREFIX_DIGITS_MIN).contains(&name.len()) { fitting.count() } else { 0 };
    match matches {
        0 => Refused::UnknownJob { name: name.to_owned() },
        some => Refused::TooFewDigits {
            name: name.to_owned(),
            matches: some as u64,
            least: PREFIX_DIGITS_MIN as u64,
        },
    }
}

/// The attempt of a submission that is meant, where the name is that of an order and not of the whole.
pub(crate) fn attempt<'a>(view: &'a SubmissionView, name: &str) -> Option<&'a AttemptView> {
    let mut meant = view.attempts.iter().filter(|attempt| fits(&attempt.job, name));
    meant.next().filter(|_| !fits(&view.key, name) && meant.next().is_none())
}

fn one<T>(mut fitting: impl Iterator<Item = T>, name: &str, nothing: Refused) -> Result<T, Refused> {
    let first = fitting.next().ok_or(nothing)?;
    match fitting.count() {
        0 => Ok(first),
        others => Err(Refused::Ambiguous { name: name.to_owned(), matches: others as u64 + 1 }),
    }
}

fn fits(digest: &Digest, name: &str) -> bool {
    name.len() >= PREFIX_DIGITS_MIN && digest.to_string().starts_with(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(source: ModelSource, name: &str, digest: u8) -> NamedModel {
        NamedModel { source, name: name.to_owned(), digest: Digest([digest; 32]) }
    }

    #[test]
    fn what_a_stranger_calls_a_model_is_asked_last() {
        use ModelSource::{Library, Offered, Pinned};
        let all = [
            named(Offered, "sums", 0x11),
            named(Pinned, "sums", 0x22),
            named(Library, "adder", 0x33),
            named(Offered, "adder", 0x44),
            named(Offered, "2222", 0x55),
            named(Offered, &"33".repeat(32), 0x66),
            named(Offered, "poet", 0x77),
            named(Offered, "poet at large", 0x77),
        ];
        let meant = |typed: &str| model(&all, typed).map(|model| model.digest.0[0]);
        assert_eq!((meant("sums"), meant("adder"), meant("poet")), (Ok(0x22), Ok(0x33), Ok(0x77)));
        assert_eq!((meant("2222"), meant(&"33".repeat(32))), (Ok(0x22), Ok(0x33)));
        assert_eq!(
            (meant("sums@1111"), meant("adder@444444"), meant("7777")),
            (Ok(0x11), Ok(0x44), Ok(0x77))
        );
        let known = vec!["sums".to_owned(), "adder".to_owned()];
        for nothing in ["sums@111", "poet@1111", "cats", "777"] {
            let unknown = Refused::UnknownManifest { name: nothing.to_owned(), known: known.clone() };
            assert_eq!(meant(nothing), Err(unknown), "{nothing}");
        }
    }

    #[test]
    fn nobody_is_called_like_the_digest_of_another_model() {
        use ModelSource::{Library, Offered};
        for source in [Library, Offered] {
            let all = [
                named(source, "poet", 0x11),
                named(source, "poet@11111111", 0x22),
                named(source, "11111111", 0x33),
            ];
            let meant = |typed: &str| model(&all, typed).map(|model| model.digest.0[0]);
            assert_eq!((meant("poet@11111111"), meant("poet")), (Ok(0x11), Ok(0x11)));
            let shared = meant("11111111");
            assert!(matches!(shared, Err(Refused::Model(ModelRefused::Shared { .. }))), "{shared:?}");
        }
    }

    #[test]
    fn of_two_models_of_one_name_each_is_told_by_what_sets_it_apart() {
        let mut all =
            vec![named(ModelSource::Offered, "poet", 0x11), named(ModelSource::Offered, "poet", 0x11)];
        let mut other = [0x11; 32];
        other[6] = 0x12;
        all.push(NamedModel { digest: Digest(other), ..all[0].clone() });
        let matches = vec!["poet@11111111111111".to_owned(), "poet@11111111111112".to_owned()];
        let shared = |name: &str| {
            Refused::Model(ModelRefused::Shared {
                name: name.to_owned(),
                matches: matches.clone(),
                untold: 0,
            })
        };
        assert_eq!(model(&all, "poet"), Err(shared("poet")));
        assert_eq!(model(&all, "poet@1111"), Err(shared("poet@1111")));
        assert_eq!(model(&all, &matches[1]).map(|model| model.digest), Ok(Digest(other)));
        all.extend((0..20).map(|number| named(ModelSource::Offered, "poet", 0x20 + number)));
        let Err(Refused::Model(ModelRefused::Shared { matches, untold, .. })) = model(&all, "poet") else {
            panic!()
        };
        assert_eq!((matches.len(), untold), (8, 14));
    }

    fn view(key: u8, job: Option<u8>) -> SubmissionView {
        use assay_market::view::AttemptState;
        let attempts = job.map(|job| AttemptView {
            job: Digest([job; 32]),
            provider: Default::default(),
            ordered: Default::default(),
            price: Default::default(),
            total_max: Default::default(),
            held: Default::default(),
            state: AttemptState::Running,
            end: None,
            rate: None,
            output: None,
            receipt: None,
            cost: None,
        });
        SubmissionView {
            key: Digest([key; 32]),
            manifest: String::new(),
            attempts: attempts.into_iter().collect(),
            cancelled: false,
            ended: false,
            unmatched: None,
        }
    }

    #[test]
    fn a_job_is_found_by_a_prefix_that_only_it_has() {
        let all = [view(0x11, None), view(0x22, Some(0x33)), view(0x44, Some(0x11))];
        let found = |name: &str| submission(&all, name).map(|view| view.key.0[0]);
        assert_eq!(found("2222"), Ok(0x22));
        assert_eq!(found("33333"), Ok(0x22));
        assert_eq!(found("1111"), Err(Refused::Ambiguous { name: "1111".into(), matches: 2 }));
        let few = |name: &str, matches| Refused::TooFewDigits { name: name.into(), matches, least: 4 };
        assert_eq!((found("222"), found("1")), (Err(few("222", 1)), Err(few("1", 2))));
        assert_eq!(found("22f"), Err(Refused::UnknownJob { name: "22f".into() }));
        assert_eq!(found(""), Err(Refused::UnknownJob { name: String::new() }));
        assert_eq!(found("5555"), Err(Refused::UnknownJob { name: "5555".into() }));
        let meant = |name: &str| attempt(&all[1], name).map(|attempt| attempt.job.0[0]);
        assert_eq!((meant("3333"), meant("2222"), meant("4444")), (Some(0x33), None, None));
    }
}
