//! What `/metrics` prints, read again: families of samples with their labels.
//!
//! **Invariant:** it reads what this program writes, and passes over what it does not know.

/// All samples of one thing that is measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MetricFamily {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) help: String,
    pub(super) unit: String,
    pub(super) samples: Vec<MetricSample>,
}

/// One number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MetricSample {
    /// What stands behind the name of the family, such as `_total`.
    pub(super) ending: String,
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: String,
}

/// The families of a text.
pub(super) fn families(text: &str) -> Vec<MetricFamily> {
    let mut families: Vec<MetricFamily> = Vec::new();
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("# ") {
            describe(&mut families, said);
        } else if let Some(family) = families.last_mut()
            && let Some(sample) = line.strip_prefix(&family.name).and_then(sample)
        {
            family.samples.push(sample);
        }
    }
    families
}

fn describe(families: &mut Vec<MetricFamily>, said: &str) {
    let mut words = said.splitn(3, ' ');
    let (Some(what), Some(name)) = (words.next(), words.next()) else { return };
    let rest = words.next().unwrap_or_default().to_owned();
    if families.last().is_none_or(|family| family.name != name) {
        families.push(MetricFamily { name: name.to_owned(), ..MetricFamily::default() });
    }
    let Some(family) = families.last_mut() else { return };
    match what {
        "HELP" => family.help = rest,
        "TYPE" => family.kind = rest,
        "UNIT" => family.unit = rest,
        _ => {}
    }
}

/// What stands behind the name of a family: `_total{key="a"} 5`.
fn sample(rest: &str) -> Option<MetricSample> {
    let (ending, rest) = rest.split_at(rest.find(['{', ' '])?);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(labelled) => labels(labelled)?,
        None => (Vec::new(), rest),
    };
    let value = value.split_whitespace().next()?.to_owned();
    Some(MetricSample { ending: ending.to_owned(), labels, value })
}

/// Labels up to the brace behind them, and what follows that.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, behind));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (mut value, mut letters) = (String::new(), quoted.char_indices());
        let end = loop {
            match letters.next()? {
                (end, '"') => break end,
                (_, '\\') => match letters.next()?.1 {
                    'n' => value.push('\n'),
                    letter => value.push(letter),
                },
                (_, letter) => value.push(letter),
            }
        };
        labels.push((name.to_owned(), value));
        rest = &quoted[end + 1..];
    }
}
