//! Which operators rten has, as it is built here.
//!
//! **Invariant:** one that stands here is read by the version that is linked; one that does not is read by none.

use crate::onnx_file::OnnxOperator;

/// What the format calls its own operators, where a file says it at all.
const OWN_DOMAIN: &str = "ai.onnx";
/// What a file has constants by, whosever operator it says that it is.
const CONSTANT: &str = "Constant";

/// The format's own operators that rten reads.
#[rustfmt::skip]
const OPERATORS: [&str; 142] = [
    "Abs", "Acos", "Acosh", "Add", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "Attention",
    "AveragePool", "BatchNormalization", "BitCast", "Cast", "CastLike", "Ceil", "Clip", "Concat",
    "ConcatFromSequence", "Constant", "ConstantOfShape", "Conv", "ConvInteger", "ConvTranspose", "Cos",
    "Cosh", "CumSum", "DepthToSpace", "DequantizeLinear", "Div", "DynamicQuantizeLinear", "Einsum", "Elu",
    "Equal", "Erf", "Exp", "Expand", "EyeLike", "Flatten", "Floor", "GRU", "Gather", "GatherElements",
    "GatherND", "Gelu", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "Greater", "GreaterOrEqual",
    "GridSample", "HardSigmoid", "HardSwish", "Identity", "If", "InstanceNormalization", "IsInf", "IsNaN",
    "LSTM", "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log", "LogSoftmax", "Loop",
    "LpNormalization", "MatMul", "MatMulInteger", "Max", "MaxPool", "Mean", "Min", "Mod", "Mul", "Neg",
    "NonMaxSuppression", "NonZero", "Not", "OneHot", "Or", "PRelu", "Pad", "Pow", "QuantizeLinear",
    "RMSNormalization", "Range", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
    "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape",
    "Resize", "ReverseSequence", "RotaryEmbedding", "Round", "Scatter", "ScatterElements", "ScatterND",
    "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength",
    "Shape", "Sigmoid", "Sign", "Sin", "Sinh", "Size", "Slice", "Softmax", "Softplus", "Softsign", "Split",
    "SplitToSequence", "Sqrt", "Squeeze", "Sub", "Sum", "Swish", "Tan", "Tanh", "Tile", "TopK", "Transpose",
    "Trilu", "Unsqueeze", "Upsample", "Where", "Xor",
];

/// Whether rten reads an operator.
pub(super) fn has(operator: &OnnxOperator) -> bool {
    let OnnxOperator { domain, kind, .. } = operator;
    let is_own = domain.is_empty() || domain == OWN_DOMAIN;
    kind == CONSTANT || is_own && OPERATORS.contains(&kind.as_str())
}

/// An operator by its name, with that of whose it is where that is not the format itself.
pub(crate) fn called(operator: &OnnxOperator) -> String {
    let OnnxOperator { domain, kind, .. } = operator;
    if domain.is_empty() || domain == OWN_DOMAIN { kind.clone() } else { format!("{domain}.{kind}") }
}

#[cfg(test)]
mod tests {
    use rten::ModelOptions;

    use super::*;
    use crate::onnx_file::put;

    /// What rten says of a file with one operator.
    fn said(domain: &str, kind: &str) -> String {
        let mut node = Vec::new();
        for (field, text) in [(1, "x"), (2, "y"), (3, "y"), (4, kind), (7, domain)] {
            put(field, text.as_bytes(), &mut node);
        }
        // The version of the format, and of its operators.
        let (mut graph, mut opset, mut file) = (Vec::new(), vec![16, 17], vec![8, 8]);
        put(1, &node, &mut graph);
        put(1, b"", &mut opset);
        put(7, &graph, &mut file);
        put(8, &opset, &mut file);
        ModelOptions::with_all_ops().load(file).err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn rten_reads_what_stands_here_and_nothing_else() {
        let is_lacking = |said: &str| {
            said.contains("not supported or not enabled") || said.contains("was compiled without")
        };
        for kind in OPERATORS {
            let said = said("", kind);
            assert!(!is_lacking(&said), "{kind}: {said}");
        }
        let lacking = [
            ("", "Transmogrify"),
            ("", "Scan"),
            ("", "Dropout"),
            ("ai.onnx.ml", "LinearClassifier"),
            ("ai.onnx.ml", "Add"),
            ("com.microsoft", "FastGelu"),
        ];
        for (domain, kind) in lacking {
            let said = said(domain, kind);
            assert!(is_lacking(&said), "{domain} {kind}: {said}");
            let operator =
                OnnxOperator { domain: domain.into(), kind: kind.into(), ..OnnxOperator::default() };
            assert!(!has(&operator), "{domain} {kind}");
        }
        let own = OnnxOperator { domain: OWN_DOMAIN.into(), kind: "Add".into(), ..OnnxOperator::default() };
        assert!(has(&own) && called(&own) == "Add");
        let other = OnnxOperator { domain: "ai.onnx.ml".into(), ..own };
        assert!(!has(&other) && called(&other) == "ai.onnx.ml.Add");
    }
}
