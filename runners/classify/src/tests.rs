//! Parameters, right and wrong; what needs an engine is tested where the engines are.

use assay_runner::{Failure, Job};

use crate::Params;

const DIGITS: &str = include_str!("../../../models/digits/manifest.toml");

fn shape_of(params: &str) -> Result<Vec<u32>, Failure> {
    let job = Job { params: params.to_owned(), seed: Vec::new(), units_max: 1 };
    job.params::<Params>()?.shape()
}

#[test]
fn the_shipped_manifest_has_parameters_that_this_runner_takes() {
    let params = DIGITS.lines().find_map(|line| line.strip_prefix("params = '")?.strip_suffix('\'')).unwrap();
    assert_eq!(shape_of(params), Ok(vec![1, 64]));
}

#[test]
fn a_shape_must_hold_the_picture() {
    let params = |shape| {
        format!(r#"{{"labels":["a"],"input":"x","output":"y","width":8,"height":8,"shape":{shape}}}"#)
    };
    assert_eq!(shape_of(&params("[1,1,8,8]")), Ok(vec![1, 1, 8, 8]));
    for wrong in ["[]", "[1,63]", "[0]", "[4294967295,4294967295,4294967295]"] {
        assert!(matches!(shape_of(&params(wrong)), Err(Failure::BadParams(_))), "{wrong}");
    }
}

#[test]
fn wrong_parameters_are_refused_in_a_sentence() {
    let cases = [
        ("", "EOF"),
        (r#"{"labels":["a"],"input":"x","output":"y","width":8}"#, "missing field `height`"),
        (
            r#"{"labels":["a"],"input":"x","output":"y","width":8,"height":8,"depth":1}"#,
            "unknown field `depth`",
        ),
        (r#"{"labels":["a"],"input":"x","output":"y","width":0,"height":8}"#, "0 x 8 pixels"),
        (
            r#"{"labels":["a"],"input":"x","output":"y","width":4294967295,"height":4294967295}"#,
            "cannot be classified",
        ),
    ];
    for (params, says) in cases {
        match shape_of(params) {
            Err(Failure::BadParams(why)) => assert!(why.contains(says), "{why}"),
            other => panic!("{params}: {other:?}"),
        }
    }
}
