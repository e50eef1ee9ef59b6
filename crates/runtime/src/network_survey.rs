//! Which engine runs a network, by what its file is made of: rten where that has all of it, else ONNX Runtime.
//!
//! **Invariant:** it follows from the file alone, so every machine says the same; what neither is to be given is refused here by
//! its name, before either has seen it.

use crate::{
    engine::rten,
    onnx_file::{OnnxFile, OnnxKind, OnnxOperator, OnnxValue},
};

/// What makes maps of a classifier's answer.
const MAPS: &str = "ai.onnx.ml.ZipMap";
/// What draws at random: each run of one gives other numbers, whatever seed its file states, since what is drawn from goes on from
/// one run of a session to the next.
const DRAWING: [&str; 7] = [
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "com.microsoft.Sampling",
];
/// What draws where one of its inputs says that the network is being trained, and which of them that is.
const DROPPING: (&str, usize) = ("Dropout", 2);
/// Types of tensors that ONNX Runtime is given, by the numbers that the format gives them; truth values go in and do not come
/// out.
pub(crate) const FLOAT: u64 = 1;
pub(crate) const BYTE: u64 = 2;
pub(crate) const INTEGER: u64 = 6;
pub(crate) const LONG: u64 = 7;
pub(crate) const TRUTH: u64 = 9;
pub(crate) const DOUBLE: u64 = 11;
const TEXT: u64 = 8;

/// The engine of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkEngine {
    /// The one that comes with this program.
    Rten,
    /// ONNX Runtime, which whoever has this machine brings.
    OnnxRuntime(RuntimeNeed),
}

/// What a network needs ONNX Runtime for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it needs ONNX Runtime: rten does not run {what}")]
pub struct RuntimeNeed {
    /// The first operator that rten lacks, or gives something wrong for.
    pub what: String,
}

/// Why a network is run by no engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NetworkRefused(String);

/// The engine of the network that a file holds.
///
/// # Errors
/// [`NetworkRefused`].
pub fn engine_of(file: &OnnxFile) -> Result<NetworkEngine, NetworkRefused> {
    if let Some(name) = &file.elsewhere {
        let why =
            format!("its constant {name:?} lies in another file, and a model is one; save it as one file");
        return Err(NetworkRefused(why));
    }
    if let Some(operator) = file.operators.iter().find(|operator| draws(operator)) {
        let name = rten::called(operator);
        let why =
            format!("{name} draws at random, and who checks a run would find other numbers than it gave");
        return Err(NetworkRefused(why));
    }
    let Some(what) = rten::lacks(file) else { return Ok(NetworkEngine::Rten) };
    if file.operators.iter().any(|operator| rten::called(operator) == MAPS) {
        let why = format!("{MAPS} gives maps, and a job has tensors alone; export it with zipmap=False");
        return Err(NetworkRefused(why));
    }
    // What the library makes of other types nobody here reads.
    let inputs = file.inputs.iter().map(|input| ("input", input, true));
    let outputs = file.outputs.iter().map(|output| ("output", output, false));
    let refused = inputs.chain(outputs).find_map(|(word, value, takes_truth)| {
        let is_taken = match value.kind {
            OnnxKind::Tensor(FLOAT | BYTE | INTEGER | LONG | DOUBLE) => true,
            OnnxKind::Tensor(TRUTH) => takes_truth,
            OnnxKind::Tensor(_) | OnnxKind::Other | OnnxKind::Unsaid => false,
        };
        (!is_taken).then(|| strange(word, value))
    });
    refused.map_or(Ok(NetworkEngine::OnnxRuntime(RuntimeNeed { what })), |why| Err(NetworkRefused(why)))
}

/// Whether an operator gives other numbers each time.
fn draws(operator: &OnnxOperator) -> bool {
    let (name, (dropping, trained)) = (rten::called(operator), DROPPING);
    // A name that is empty stands for an input that is not given.
    let is_trained = || operator.inputs.get(trained).is_some_and(|input| !input.is_empty());
    DRAWING.contains(&name.as_str()) || name == dropping && is_trained()
}

fn strange(word: &str, value: &OnnxValue) -> String {
    let name = &value.name;
    match value.kind {
        OnnxKind::Tensor(TEXT) if word == "output" => {
            format!(
                "its output {name:?} is of texts, which no tensor of a job is; export it with numbers for its classes"
            )
        }
        OnnxKind::Tensor(element) => {
            format!("its {word} {name:?} is of {}, which no tensor of a job is", called(element))
        }
        OnnxKind::Other => format!("its {word} {name:?} is no tensor, and a job has tensors alone"),
        OnnxKind::Unsaid => format!("its {word} {name:?} is of a type that the file does not say"),
    }
}

/// A type by its name.
pub(crate) fn called(element: u64) -> String {
    let names = [
        (FLOAT, "32-bit floats"),
        (BYTE, "bytes"),
        (3, "8-bit integers"),
        (4, "16-bit numbers"),
        (5, "16-bit integers"),
        (INTEGER, "32-bit integers"),
        (LONG, "64-bit integers"),
        (TEXT, "texts"),
        (TRUTH, "truth values"),
        (10, "16-bit floats"),
        (DOUBLE, "64-bit floats"),
        (12, "32-bit numbers"),
        (13, "64-bit numbers"),
    ];
    let name = names.into_iter().find_map(|(known, name)| (known == element).then_some(name));
    name.map_or_else(|| format!("type {element}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(domain: &str, kind: &str) -> OnnxOperator {
        OnnxOperator { domain: domain.into(), kind: kind.into(), ..OnnxOperator::default() }
    }

    fn value(name: &str, kind: OnnxKind) -> OnnxValue {
        OnnxValue { name: name.into(), kind, axes: Vec::new() }
    }

    /// A file of these operators, with an input and an output of these kinds.
    fn file(operators: Vec<OnnxOperator>, [input, output]: [OnnxKind; 2]) -> OnnxFile {
        let (inputs, outputs) = (vec![value("x", input)], vec![value("y", output)]);
        OnnxFile { inputs, outputs, operators, ..OnnxFile::default() }
    }

    #[test]
    fn rten_runs_what_it_has_all_of_and_onnx_runtime_the_rest() {
        let floats = [OnnxKind::Tensor(FLOAT); 2];
        let cases = [
            (vec![operator("", "MatMul"), operator("ai.onnx", "Add")], None),
            (vec![operator("", "Constant")], None),
            (vec![operator("", "Add"), operator("", "ArgMax")], Some("ArgMax (it takes the last")),
            (vec![operator("", "Scan")], Some("Scan")),
            (
                vec![operator("ai.onnx.ml", "TreeEnsembleClassifier")],
                Some("ai.onnx.ml.TreeEnsembleClassifier"),
            ),
            (vec![operator("com.microsoft", "Gelu")], Some("com.microsoft.Gelu")),
            (vec![operator("ai.onnx.ml", "Add")], Some("ai.onnx.ml.Add")),
        ];
        for (operators, needed) in cases {
            match (engine_of(&file(operators, floats)).unwrap(), needed) {
                (NetworkEngine::Rten, None) => {}
                (NetworkEngine::OnnxRuntime(need), Some(needed)) => {
                    assert!(need.what.starts_with(needed), "{need}");
                }
                (engine, needed) => panic!("{engine:?} where {needed:?} is needed"),
            }
        }
    }

    #[test]
    fn what_neither_is_given_is_refused_by_its_name() {
        let forest = || operator("ai.onnx.ml", "TreeEnsembleClassifier");
        let floats = OnnxKind::Tensor(FLOAT);
        let elsewhere = OnnxFile { elsewhere: Some("weights".into()), ..file(Vec::new(), [floats; 2]) };
        let cases = [
            (elsewhere, "\"weights\" lies in another file"),
            (
                file(vec![forest(), operator("ai.onnx.ml", "ZipMap")], [floats; 2]),
                "export it with zipmap=False",
            ),
            (file(vec![forest()], [floats, OnnxKind::Tensor(TEXT)]), "\"y\" is of texts"),
            (file(vec![forest()], [OnnxKind::Tensor(TEXT), floats]), "\"x\" is of texts"),
            (file(vec![forest()], [floats, OnnxKind::Tensor(TRUTH)]), "of truth values"),
            (file(vec![forest()], [OnnxKind::Tensor(10), floats]), "of 16-bit floats"),
            (file(vec![forest()], [floats, OnnxKind::Tensor(23)]), "of type 23"),
            (file(vec![forest()], [floats, OnnxKind::Other]), "\"y\" is no tensor"),
            (file(vec![forest()], [OnnxKind::Unsaid, floats]), "does not say"),
        ];
        for (file, says) in cases {
            let refused = engine_of(&file).unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
        }
        assert!(engine_of(&file(vec![forest()], [OnnxKind::Tensor(TRUTH), floats])).is_ok());
        // What rten is given it looks at itself.
        assert!(engine_of(&file(vec![operator("", "Add")], [OnnxKind::Unsaid; 2])).is_ok());
    }

    #[test]
    fn what_draws_at_random_is_run_by_no_engine() {
        let floats = [OnnxKind::Tensor(FLOAT); 2];
        let dropping = |inputs: &[&str]| {
            let inputs = inputs.iter().map(|input| (*input).to_owned()).collect();
            OnnxOperator { inputs, ..operator("", "Dropout") }
        };
        let drawing = [
            operator("", "RandomNormal"),
            operator("ai.onnx", "RandomUniformLike"),
            operator("", "Multinomial"),
            operator("", "Bernoulli"),
            operator("com.microsoft", "Sampling"),
            dropping(&["x", "ratio", "training"]),
        ];
        for one in drawing {
            let name = rten::called(&one);
            let refused = engine_of(&file(vec![operator("", "Add"), one], floats)).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("{name} draws at random")), "{refused}");
        }
        // One that is not trained gives what it is given, and another's operator is another.
        for still in [dropping(&["x"]), dropping(&["x", "ratio", ""]), operator("own", "RandomNormal")] {
            let engine = engine_of(&file(vec![still], floats));
            assert!(matches!(engine, Ok(NetworkEngine::OnnxRuntime(_))), "{engine:?}");
        }
    }
}
