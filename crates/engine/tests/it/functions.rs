//! Each function is as near to the true one as is said of it.

use assay_engine::arithmetic as law;

/// The greatest error in units of the last place, over f32 from `low` to `high` in steps of some bits.
fn error(low: f32, high: f32, sign: f32, function: fn(f32) -> f32, truth: fn(f64) -> f64) -> f64 {
    let mut worst = 0f64;
    for bits in (low.to_bits()..high.to_bits()).step_by(4_099) {
        let x = sign * f32::from_bits(bits);
        let (is, should) = (f64::from(function(x)), truth(f64::from(x)));
        let near = (should as f32).abs();
        let unit = f64::from(f32::from_bits(near.to_bits() + 1)) - f64::from(near);
        worst = worst.max((is - should).abs() / unit);
    }
    worst
}

#[test]
fn functions_are_within_a_few_units_of_the_last_place() {
    let far = 2f32.powi(100);
    let near = 2f32.powi(-40);
    assert!(error(1.0 / far, far, 1.0, law::reciprocal, |x| 1.0 / x) < 1.2);
    assert!(error(1.0 / far, far, 1.0, law::inverse_root, |x| 1.0 / x.sqrt()) < 1.25);
    assert!(error(near, 40.0, -1.0, law::exp, f64::exp) < 1.0);
    let silu = |x: f64| x / (1.0 + (-x).exp());
    assert!(error(near, 40.0, 1.0, law::silu, silu) < 4.0);
    assert!(error(near, 40.0, -1.0, law::silu, silu) < 4.0);
    assert!(error(near, 20.0, 1.0, law::tanh, f64::tanh) < 2.4);
    assert!(error(near, 20.0, -1.0, law::tanh, f64::tanh) < 2.4);
}

#[test]
fn gelu_is_near_its_formula() {
    for step in -800..800 {
        let x = f64::from(step) / 100.0;
        let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
        let should = 0.5 * x * (1.0 + inner.tanh());
        assert!((f64::from(law::gelu(x as f32)) - should).abs() < 1e-6, "of {x}");
    }
}

#[test]
fn sixteen_bits_are_the_nearest_that_a_cache_keeps() {
    for bits in (0..0x7F80_0000u32).step_by(997) {
        let x = f32::from_bits(bits);
        let kept = law::f16(law::keep(x));
        assert_eq!(law::f16(law::keep(-x)), -kept);
        let nearest = if x < 6.103_515_6e-5 {
            // Rounding may reach the least that is kept.
            if x >= 6.102_025e-5 { 6.103_515_6e-5 } else { 0.0 }
        } else {
            let unit = 2f64.powi(f64::from(x).log2().floor() as i32 - 10);
            ((f64::from(x) / unit).round_ties_even() * unit).min(65504.0) as f32
        };
        assert_eq!(kept, nearest, "of {x:e}");
    }
}
