//! ONNX files written here, field by field, as the format's own description numbers them.
//!
//! **Invariant:** the same call gives the same bytes, so the probe that ships in `src/class` can be made again and compared.

/// A message of the format: a list of numbered fields.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(mut self, field: u32, value: u64) -> Self {
        self.varint(u64::from(field << 3));
        self.varint(value);
        self
    }

    fn float(mut self, field: u32, value: f32) -> Self {
        self.varint(u64::from(field << 3 | 5));
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        self.varint(u64::from(field << 3 | 2));
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn text(self, field: u32, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u32, inner: Message) -> Self {
        self.bytes(field, &inner.0)
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 128 {
            self.0.push(value as u8 | 128);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

const FLOAT: u64 = 1;
const INT64: u64 = 7;

fn node(operator: &str, inputs: &[&str], output: &str, attributes: Vec<Message>) -> Message {
    let message = inputs.iter().fold(Message::default(), |message, name| message.text(1, name));
    let message = message.text(2, output).text(3, output).text(4, operator);
    attributes.into_iter().fold(message, |message, attribute| message.message(5, attribute))
}

fn integers(name: &str, values: &[u64]) -> Message {
    let message =
        values.iter().fold(Message::default().text(1, name), |message, value| message.number(8, *value));
    message.number(20, 7)
}

fn value(name: &str, shape: &[u64]) -> Message {
    let shape = shape
        .iter()
        .fold(Message::default(), |message, size| message.message(1, Message::default().number(1, *size)));
    let tensor = Message::default().number(1, FLOAT).message(2, shape);
    Message::default().text(1, name).message(2, Message::default().message(1, tensor))
}

fn weights(name: &str, shape: &[u64], mut seed: u32) -> Message {
    let count: u64 = shape.iter().product();
    let raw: Vec<u8> = (0..count)
        .flat_map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((seed >> 8) as f32 / 16_777_216.0 - 0.5).to_le_bytes()
        })
        .collect();
    let message = shape.iter().fold(Message::default(), |message, size| message.number(1, *size));
    message.number(2, FLOAT).text(8, name).bytes(9, &raw)
}

fn model(nodes: Vec<Message>, constants: Vec<Message>, input: Message, output: Message) -> Vec<u8> {
    let graph = nodes.into_iter().fold(Message::default(), |graph, node| graph.message(1, node));
    let graph = constants.into_iter().fold(graph.text(2, "graph"), |graph, each| graph.message(5, each));
    let graph = graph.message(11, input).message(12, output);
    let opset = Message::default().text(1, "").number(2, 17);
    Message::default().number(1, 8).message(7, graph).message(8, opset).0
}

/// `y = x + x` for a row of four.
pub(crate) fn double() -> Vec<u8> {
    let nodes = vec![node("Add", &["x", "x"], "y", Vec::new())];
    model(nodes, Vec::new(), value("x", &[1, 4]), value("y", &[1, 4]))
}

/// Numbers of a row of [`embedder`], and its tokens.
pub(crate) const EMBEDDER: [u64; 2] = [4, 8];

/// A network that gives a row for each token, the same wherever that stands: `last_hidden_state` for `input_ids`.
pub(crate) fn embedder() -> Vec<u8> {
    let [width, tokens] = EMBEDDER;
    let nodes = vec![node("Gather", &["table", "input_ids"], "last_hidden_state", Vec::new())];
    let open = |name: &str| Message::default().text(2, name);
    let typed = |name: &str, kind: u64, axes: Vec<Message>| {
        let shape = axes.into_iter().fold(Message::default(), |shape, axis| shape.message(1, axis));
        let tensor = Message::default().number(1, kind).message(2, shape);
        Message::default().text(1, name).message(2, Message::default().message(1, tensor))
    };
    let input = typed("input_ids", INT64, vec![open("batch"), open("sequence")]);
    let axes = vec![open("batch"), open("sequence"), Message::default().number(1, width)];
    model(nodes, vec![weights("table", &[tokens, width], 7)], input, typed("last_hidden_state", FLOAT, axes))
}

/// The row of [`embedder`] for a token.
pub(crate) fn embedder_row(token: usize) -> Vec<f32> {
    let [width, tokens] = EMBEDDER;
    let Message(table) = weights("table", &[tokens, width], 7);
    let numbers = &table[table.len() - (width * tokens * 4) as usize..];
    let numbers: Vec<f32> = numbers.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    numbers[token * width as usize..][..width as usize].to_vec()
}

/// A model with one more property.
pub(crate) fn with_property(model: &[u8], name: &str, text: &str) -> Vec<u8> {
    let property = Message::default().text(1, name).text(2, text);
    [model, &Message::default().message(14, property).0].concat()
}

/// A model that holds nothing and wants 16 GiB when it runs.
pub(crate) fn glutton() -> Vec<u8> {
    let shape = Message::default().number(1, 2).number(2, INT64).text(8, "shape");
    let sizes: Vec<u8> = [1_u64 << 30, 4].iter().flat_map(|size| size.to_le_bytes()).collect();
    let nodes = vec![node("Expand", &["x", "shape"], "y", Vec::new())];
    model(nodes, vec![shape.bytes(9, &sizes)], value("x", &[1, 4]), value("y", &[1 << 30, 4]))
}

/// A model that computes for minutes.
pub(crate) fn sloth() -> Vec<u8> {
    const SIDE: u64 = 4096;
    let shape = Message::default().number(1, 2).number(2, INT64).text(8, "shape");
    let sizes: Vec<u8> = [SIDE; 2].iter().flat_map(|size| size.to_le_bytes()).collect();
    let names: Vec<String> = (0..100).map(|index| format!("m{index}")).collect();
    let mut nodes = vec![node("Expand", &["x", "shape"], &names[0], Vec::new())];
    nodes.extend(names.windows(2).map(|pair| node("MatMul", &[&pair[0], &pair[0]], &pair[1], Vec::new())));
    nodes.push(node("Identity", &[&names[99]], "y", Vec::new()));
    model(nodes, vec![shape.bytes(9, &sizes)], value("x", &[1, 1]), value("y", &[SIDE, SIDE]))
}

/// A model of one operator with these words, of `x` and a row `y`.
pub(crate) fn lone(operator: &str, words: &[(&str, &str)]) -> Vec<u8> {
    let word = |(name, word): &(&str, &str)| Message::default().text(1, name).text(4, word).number(20, 3);
    let nodes = vec![node(operator, &["x", "row"], "y", words.iter().map(word).collect())];
    model(nodes, vec![weights("row", &[4], 5)], value("x", &[2, 3, 4]), value("y", &[2, 3]))
}

/// `y = x + x` of any length and width, which the file calls by one name that says nothing.
pub(crate) fn nameless() -> Vec<u8> {
    let axes = Message::default().message(1, Message::default().text(2, "?"));
    let axes = axes.message(1, Message::default().text(2, "?"));
    let tensor = Message::default().number(1, FLOAT).message(2, axes);
    let typed =
        |name: &str| Message::default().text(1, name).message(2, Message::default().bytes(1, &tensor.0));
    model(vec![node("Add", &["x", "x"], "y", Vec::new())], Vec::new(), typed("x"), typed("y"))
}

/// A model with an operator that nobody has.
pub(crate) fn exotic() -> Vec<u8> {
    let nodes = vec![node("Transmogrify", &["x"], "y", Vec::new())];
    model(nodes, Vec::new(), value("x", &[1, 4]), value("y", &[1, 4]))
}

/// What learnt models are made of, and whose operators those are.
const LEARNT: &str = "ai.onnx.ml";

/// A model of such an operator, of rows `x` of four and one number `y` for each; of as many rows as are given.
fn learnt(operator: &str, attributes: Vec<Message>) -> Vec<u8> {
    let axes = |width: u64| {
        let open = Message::default().text(2, "rows");
        Message::default().message(1, open).message(1, Message::default().number(1, width))
    };
    let rows = |name: &str, width: u64| {
        let tensor = Message::default().number(1, FLOAT).message(2, axes(width));
        Message::default().text(1, name).message(2, Message::default().message(1, tensor))
    };
    let nodes = vec![node(operator, &["x"], "y", attributes).text(7, LEARNT)];
    let model = model(nodes, Vec::new(), rows("x", 4), rows("y", 1));
    let opset = Message::default().text(1, LEARNT).number(2, 3);
    [model, Message::default().message(8, opset).0].concat()
}

fn floats(name: &str, values: &[f32]) -> Message {
    let message =
        values.iter().fold(Message::default().text(1, name), |message, value| message.float(7, *value));
    message.number(20, 6)
}

fn texts(name: &str, values: &[&str]) -> Message {
    let message =
        values.iter().fold(Message::default().text(1, name), |message, value| message.text(9, value));
    message.number(20, 8)
}

fn integer(name: &str, value: u64) -> Message {
    Message::default().text(1, name).number(3, value).number(20, 2)
}

/// `y` = 1 · x₀ + 2 · x₁ + 3 · x₂ + 4 · x₃ + ½.
pub(crate) fn line() -> Vec<u8> {
    let attributes = vec![
        floats("coefficients", &[1.0, 2.0, 3.0, 4.0]),
        floats("intercepts", &[0.5]),
        integer("targets", 1),
    ];
    learnt("LinearRegressor", attributes)
}

/// `y` = −1 where x₁ ≤ ½, else 2: a tree of one branch.
pub(crate) fn stump() -> Vec<u8> {
    let attributes = vec![
        integer("n_targets", 1),
        integers("nodes_treeids", &[0; 3]),
        integers("nodes_nodeids", &[0, 1, 2]),
        integers("nodes_featureids", &[1, 0, 0]),
        texts("nodes_modes", &["BRANCH_LEQ", "LEAF", "LEAF"]),
        floats("nodes_values", &[0.5, 0.0, 0.0]),
        integers("nodes_truenodeids", &[1, 0, 0]),
        integers("nodes_falsenodeids", &[2, 0, 0]),
        integers("target_treeids", &[0; 2]),
        integers("target_nodeids", &[1, 2]),
        integers("target_ids", &[0; 2]),
        floats("target_weights", &[-1.0, 2.0]),
    ];
    learnt("TreeEnsembleRegressor", attributes)
}

/// A classifier whose answer is a map.
pub(crate) fn mapped() -> Vec<u8> {
    learnt("ZipMap", Vec::new())
}

/// `y = x + row`, where the row lies in another file.
pub(crate) fn apart() -> Vec<u8> {
    let place = Message::default().text(1, "location").text(2, "../../etc/passwd");
    let row =
        Message::default().number(1, 4).number(2, FLOAT).text(8, "row").message(13, place).number(14, 1);
    let nodes = vec![node("Add", &["x", "row"], "y", Vec::new())];
    model(nodes, vec![row], value("x", &[1, 4]), value("y", &[1, 4]))
}

/// The network by whose output machines are told apart.
pub(crate) fn probe() -> Vec<u8> {
    let nodes = vec![
        node(
            "Conv",
            &["picture", "kernel"],
            "edges",
            vec![integers("pads", &[1; 4]), integers("strides", &[1; 2]), integers("dilations", &[1; 2])],
        ),
        node("Tanh", &["edges"], "bent", Vec::new()),
        node("Flatten", &["bent"], "row", Vec::new()),
        node("MatMul", &["row", "mix"], "mixed", Vec::new()),
        node(
            "Elu",
            &["mixed"],
            "kinked",
            vec![Message::default().text(1, "alpha").float(2, 0.5).number(20, 1)],
        ),
        node("MatMul", &["kinked", "fold"], "folded", Vec::new()),
        node("Softmax", &["folded"], "scores", vec![]),
    ];
    let constants = vec![
        weights("kernel", &[8, 1, 3, 3], 1),
        weights("mix", &[8 * 8 * 8, 16], 2),
        weights("fold", &[16, 16], 3),
    ];
    model(nodes, constants, value("picture", &[1, 1, 8, 8]), value("scores", &[1, 16]))
}
