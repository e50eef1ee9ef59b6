//! Student's t: how far the mean of a few numbers may be from the truth.

/// The t that this share of all samples stays within on both sides, with so many degrees of freedom.
#[must_use]
pub fn two_sided(confidence: f64, freedom: f64) -> f64 {
    let outside = 1.0 - confidence;
    let (mut low, mut high) = (0.0, 1.0);
    while tails(high, freedom) > outside {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if middle == low || middle == high {
            break;
        }
        if tails(middle, freedom) > outside { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// The chance that |t| is larger.
#[must_use]
pub fn tails(t: f64, freedom: f64) -> f64 {
    incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t))
}

/// The regularised incomplete beta function.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let scale = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b);
    let front = libm::exp(scale + a * libm::log(x) + b * libm::log(1.0 - x));
    front / a / fraction(a, b, x)
}

/// Its continued fraction, from the inside out.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    (1..=300_u32).rev().fold(1.0, |inner, step| {
        let half = f64::from(step / 2);
        let part = if step % 2 == 0 {
            half * (b - half) * x / ((a + 2.0 * half - 1.0) * (a + 2.0 * half))
        } else {
            -(a + half) * (a + b + half) * x / ((a + 2.0 * half) * (a + 2.0 * half + 1.0))
        };
        1.0 + part / inner
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_every_book_is_met() {
        for (confidence, freedom, expected) in [
            (0.95, 1, 12.7062),
            (0.95, 4, 2.7764),
            (0.95, 19, 2.0930),
            (0.99, 19, 2.8609),
            (0.99, 2, 9.9248),
            (0.95, 1_000, 1.9623),
        ] {
            let found = two_sided(confidence, f64::from(freedom));
            assert!((found - expected).abs() < 1e-4, "{confidence} {freedom}: {found}");
            assert!((tails(found, f64::from(freedom)) - (1.0 - confidence)).abs() < 1e-9);
        }
    }
}
