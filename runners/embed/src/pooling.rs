//! The rows of a text become one vector.
//!
//! **Invariant:** sums are of 64-bit floats, in the order of the tokens, and are rounded once.

use assay_runner::Failure;

use crate::params::{Params, Pooling};

/// The vector of a text.
pub(crate) fn pooled(rows: &[f32], params: &Params) -> Result<Vec<f32>, Failure> {
    let width = params.width;
    if rows.is_empty() || rows.len() % width != 0 {
        let why = format!("the model gives {} numbers, which are no rows of {width}", rows.len());
        return Err(Failure::BadParams(why));
    }
    let mut vector = match params.pooling {
        Pooling::First => rows[..width].iter().copied().map(f64::from).collect(),
        Pooling::Mean => mean(rows, width),
    };
    if params.normalise {
        let length = vector.iter().map(|number| number * number).sum::<f64>().sqrt();
        // Nothing has no direction.
        if length > 0.0 {
            vector.iter_mut().for_each(|number| *number /= length);
        }
    }
    Ok(vector.into_iter().map(|number| number as f32).collect())
}

fn mean(rows: &[f32], width: usize) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += f64::from(*number));
    }
    let count = (rows.len() / width) as f64;
    sums.into_iter().map(|sum| sum / count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::InputKind;

    fn params(pooling: Pooling, normalise: bool) -> Params {
        Params {
            tokens: String::new(),
            mask: None,
            types: None,
            output: String::new(),
            width: 2,
            max_length: 8,
            pooling,
            normalise,
            input: InputKind::Auto,
        }
    }

    #[test]
    fn a_vector_is_the_mean_of_its_rows_or_the_first() {
        let rows = [1.0, 2.0, 5.0, 6.0];
        assert_eq!(pooled(&rows, &params(Pooling::Mean, false)), Ok(vec![3.0, 4.0]));
        assert_eq!(pooled(&rows, &params(Pooling::Mean, true)), Ok(vec![0.6, 0.8]));
        assert_eq!(pooled(&rows, &params(Pooling::First, false)), Ok(vec![1.0, 2.0]));
        assert_eq!(pooled(&[0.0; 4], &params(Pooling::Mean, true)), Ok(vec![0.0; 2]));
    }

    #[test]
    fn what_is_no_whole_number_of_rows_is_refused() {
        for rows in [&[][..], &[1.0; 3]] {
            let refused = pooled(rows, &params(Pooling::Mean, true));
            assert!(matches!(refused, Err(Failure::BadParams(_))), "{rows:?}");
        }
    }
}
