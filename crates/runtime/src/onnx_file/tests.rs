//! Files as they are, cut, damaged, and written field by field.

use std::io::Cursor;

use super::{message::KEPT_BYTES_MAX, *};

const DIGITS: &[u8] = include_bytes!("../../../../models/digits/digits.onnx");

fn read(bytes: &[u8]) -> io::Result<OnnxFile> {
    OnnxFile::read(Cursor::new(bytes))
}

#[test]
fn a_file_names_what_it_reads_and_what_it_gives() {
    let OnnxFile { inputs, outputs, operators, rows, elsewhere } = read(DIGITS).unwrap();
    let [pixels] = &inputs[..] else { panic!("{inputs:?}") };
    let [scores] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!((pixels.name.as_str(), pixels.axes.last().and_then(OnnxAxis::length)), ("pixels", Some(64)));
    assert_eq!((scores.name.as_str(), scores.axes.last().and_then(OnnxAxis::length)), ("scores", Some(10)));
    assert!(operators.iter().any(|operator| operator.kind == "Softmax"), "{operators:?}");
    assert_eq!((pixels.kind, scores.kind), (OnnxKind::Tensor(1), OnnxKind::Tensor(1)));
    assert_eq!((rows, elsewhere), (BTreeSet::new(), None));
}

#[test]
fn what_is_put_behind_a_file_changes_nothing_else_of_it() {
    let long = "a\n".repeat(10_000);
    let more = properties([("tokens", long.as_str()), ("cased", "true")]);
    assert_eq!(read(&[DIGITS, &more].concat()).unwrap(), read(DIGITS).unwrap());
}

#[test]
fn graphs_inside_graphs_are_read_to_a_depth() {
    let within = |depth: usize| {
        let mut graph = Vec::new();
        put(NODE_KIND, b"Inmost", &mut graph);
        let mut graph = nested(NODE, &graph);
        for _ in 0..depth {
            graph = nested(NODE, &nested(NODE_ATTRIBUTE, &nested(ATTRIBUTE_GRAPH, &graph)));
        }
        read(&nested(GRAPH, &graph))
    };
    let mut kinds = within(DEPTH_MAX).unwrap().operators.into_iter().map(|operator| operator.kind);
    assert_eq!(kinds.next_back().as_deref(), Some("Inmost"));
    assert!(within(DEPTH_MAX + 1).is_err());
}

#[test]
fn a_constant_in_another_file_is_found_wherever_it_stands() {
    let mut tensor = nested(CONSTANT_NAME, b"weights");
    put(CONSTANT_ELSEWHERE, &nested(1, b"location"), &mut tensor);
    let in_node = |field: u64, tensor: &[u8]| {
        let mut node = nested(NODE_KIND, b"Constant");
        put(NODE_ATTRIBUTE, &nested(field, tensor), &mut node);
        node
    };
    let sparse = nested(SPARSE_PLACES, &tensor);
    let cases = [
        (nested(GRAPH, &nested(CONSTANT, &tensor)), "weights"),
        (nested(GRAPH, &nested(CONSTANT, &[8 * CONSTANT_PLACE as u8, 1])), ""),
        (nested(GRAPH, &nested(SPARSE, &sparse)), ""),
        (nested(GRAPH, &nested(NODE, &in_node(ATTRIBUTE_TENSOR, &tensor))), "Constant"),
        (nested(GRAPH, &nested(NODE, &in_node(ATTRIBUTE_ALL_SPARSE, &sparse))), "Constant"),
        (nested(FUNCTION, &nested(FUNCTION_NODE, &in_node(ATTRIBUTE_TENSORS, &tensor))), "Constant"),
    ];
    for (file, name) in cases {
        assert_eq!(read(&file).unwrap().elsewhere.as_deref(), Some(name));
    }
    let here = nested(GRAPH, &nested(CONSTANT, &[8 * CONSTANT_PLACE as u8, 0]));
    assert_eq!(read(&here).unwrap().elsewhere, None);
}

#[test]
fn a_value_that_is_no_tensor_is_told_from_one() {
    let kind = |kind: &[u8]| {
        let mut value = nested(VALUE_NAME, b"x");
        put(VALUE_TYPE, kind, &mut value);
        read(&nested(GRAPH, &nested(OUTPUT, &value))).unwrap().outputs[0].kind
    };
    assert_eq!(kind(&nested(TENSOR_TYPE, &[8 * TENSOR_ELEMENT as u8, 7])), OnnxKind::Tensor(7));
    assert_eq!(kind(&nested(TENSOR_TYPE, &[])), OnnxKind::Tensor(0));
    assert_eq!(kind(&[]), OnnxKind::Unsaid);
    for other in OTHER_TYPES {
        assert_eq!(kind(&nested(other, &[])), OnnxKind::Other, "{other}");
        let both = [nested(TENSOR_TYPE, &[8 * TENSOR_ELEMENT as u8, 1]), nested(other, &[])].concat();
        assert_eq!(kind(&both), OnnxKind::Other, "{other}");
    }
}

fn nested(field: u64, bytes: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    put(field, bytes, &mut message);
    message
}

/// What is read where one field stands so many times, inside these messages.
fn repeated(times: u64, field: &[u8], within: &[u64]) -> io::Result<OnnxFile> {
    let times = usize::try_from(times).unwrap();
    let many = within.iter().fold(field.repeat(times), |inner, field| nested(*field, &inner));
    read(&many)
}

#[test]
fn what_is_kept_of_a_file_and_how_much_of_it_is_looked_at_is_bounded() {
    let few = 1000;
    // Each is two bytes long and would be kept in a dozen times as many.
    let kept: [(&[u8], &[u64]); 4] = [
        (&[(8 * NODE_INPUT as u8) | 2, 0], &[NODE, GRAPH]),
        (&[(8 * AXIS as u8) | 2, 0], &[TENSOR_SHAPE, TENSOR_TYPE, VALUE_TYPE, INPUT, GRAPH]),
        (&[(8 * OUTPUT as u8) | 2, 0], &[GRAPH]),
        (&[(8 * ATTRIBUTE_GRAPH as u8) | 2, 0], &[NODE_ATTRIBUTE, NODE, GRAPH]),
    ];
    for (field, within) in kept {
        assert!(repeated(few, field, within).is_ok(), "{within:?}");
        let refused = repeated(KEPT_BYTES_MAX / 128 + 1, field, within).unwrap_err();
        assert!(refused.to_string().contains("names"), "{within:?}: {refused}");
    }
    // What is passed over is counted as well.
    let mut reader = MessageReader::new(Cursor::new([8_u8, 0].repeat(4)), 0);
    reader.numbers = 8;
    reader.each(0, 8, &mut |_, _| Ok(())).unwrap();
    let refused = reader.each(0, 8, &mut |_, _| Ok(())).unwrap_err();
    assert!(refused.to_string().contains("fields"), "{refused}");
}

#[test]
fn bytes_that_are_no_word_are_passed_over_and_what_stands_behind_them_is_read() {
    let mut node = Vec::new();
    for strange in [vec![0xFF; 3], vec![b'a'; 5000]] {
        let mut attribute = nested(ATTRIBUTE_NAME, b"mode");
        put(ATTRIBUTE_TEXT, &strange, &mut attribute);
        put(NODE_ATTRIBUTE, &attribute, &mut node);
    }
    let mut attribute = nested(ATTRIBUTE_NAME, b"mode");
    put(ATTRIBUTE_TEXT, b"cubic", &mut attribute);
    put(NODE_ATTRIBUTE, &attribute, &mut node);
    put(NODE_KIND, b"Resize", &mut node);
    let operators = read(&nested(GRAPH, &nested(NODE, &node))).unwrap().operators;
    assert_eq!(operators[0].kind, "Resize");
    assert_eq!(operators[0].words, [("mode".to_owned(), "cubic".to_owned())]);
}

#[test]
fn a_file_that_is_cut_off_or_damaged_is_refused() {
    for length in [1, 3, 100, DIGITS.len() / 2, DIGITS.len() - 1] {
        assert!(read(&DIGITS[..length]).is_err(), "{length} bytes");
    }
    for kind in [3_u8, 4, 6, 7] {
        assert!(read(&[8 | kind, 0]).is_err(), "{kind} is no kind of field");
    }
    assert!(read(&[0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]).is_err());
}
