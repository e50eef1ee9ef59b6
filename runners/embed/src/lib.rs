//! Gives the vectors of texts, by a network that reads them.
//!
//! Input: a text, or a JSON list of texts. Output: for each text a vector, one little-endian `f32` behind the other. Each
//! text is one call of the model, alone, so that its vector does not depend on what else is asked.

mod params;
mod pooling;
mod texts;

use assay_runner::{Failure, Job, LanguageModel, Model, Outcome, Runner, SpecialTokens, Tensor};

use crate::{params::Params, pooling::pooled};

struct Embed;

impl Runner for Embed {
    fn run(job: &Job, input: &[u8]) -> Result<Outcome, Failure> {
        let params = Params::of(job)?;
        let texts = texts::read(input, params.input)?;
        if texts.len() as u64 > job.units_max {
            let (texts, calls) = (texts.len(), job.units_max);
            return Err(Failure::BadInput(format!(
                "{texts} texts are {texts} calls, and {calls} are ordered"
            )));
        }
        let (vocabulary, model) = (LanguageModel::of_job(), Model::of_job()?);
        let special = vocabulary.special_tokens()?;
        let mut vectors = Vec::new();
        for text in texts {
            let tokens = enclosed(vocabulary.tokenize(&text, false)?, &special, params.max_length)?;
            let rows = read(&model, &params, &tokens)?;
            vectors.extend(pooled(&rows, &params)?);
        }
        Ok(Outcome::floats(&vectors))
    }
}

/// The tokens of a text between those that begin and end it; what is too long is cut off.
fn enclosed(text: Vec<u32>, special: &SpecialTokens, max_length: usize) -> Result<Vec<i64>, Failure> {
    let (Some(begin), Some(end)) = (special.begin, special.end.first()) else {
        return Err(Failure::Unsupported("the model has no tokens that texts begin and end with".into()));
    };
    let inside = text.into_iter().take(max_length.saturating_sub(2));
    Ok([begin].into_iter().chain(inside).chain([*end]).map(i64::from).collect())
}

/// What the model says of a text: a row for each token.
fn read(model: &Model, params: &Params, tokens: &[i64]) -> Result<Vec<f32>, Failure> {
    let shape = [1, u32::try_from(tokens.len()).unwrap_or(u32::MAX)];
    let whole = |number: i64| Tensor::i64(&shape, &vec![number; tokens.len()]);
    let mut inputs = vec![(params.tokens.as_str(), Tensor::i64(&shape, tokens))];
    inputs.extend(params.mask.as_deref().map(|name| (name, whole(1))));
    inputs.extend(params.types.as_deref().map(|name| (name, whole(0))));
    model.run(inputs)?.take(&params.output)?.to_f32()
}

assay_runner::export!(Embed);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stands_between_its_ends_and_is_cut_off_before_the_last() {
        let special = SpecialTokens { begin: Some(101), leads: true, end: vec![102] };
        assert_eq!(enclosed(vec![7, 8], &special, 8).unwrap(), [101, 7, 8, 102]);
        assert_eq!(enclosed(vec![7, 8, 9], &special, 4).unwrap(), [101, 7, 8, 102]);
        assert_eq!(enclosed(Vec::new(), &special, 4).unwrap(), [101, 102]);
        let endless = SpecialTokens { end: Vec::new(), ..special };
        assert!(matches!(enclosed(vec![7], &endless, 4), Err(Failure::Unsupported(_))));
    }
}
