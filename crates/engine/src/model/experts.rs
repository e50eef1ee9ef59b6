//! Feed-forward parts of which a router chooses some for each token.
//!
//! **Invariant:** a token's experts are added in the order of their numbers, whoever else is in the pass. Which they are
//! is decided in f32 by the order of row sums, ties to the smaller number.

use super::{
    family::Activation,
    layer::{Dense, Projection},
};
use crate::{
    arithmetic::{door, exp, max, reciprocal, sum},
    cpu::Cpu,
    quantized::Quantized,
};

/// Experts, and what chooses among them.
#[derive(Debug)]
pub struct Experts {
    /// A row of weights for each expert.
    pub router: Vec<f32>,
    /// What is added to each expert's score.
    pub router_bias: Option<Vec<f32>>,
    /// Each of them.
    pub experts: Vec<Dense>,
    /// How many a token is sent to.
    pub used: usize,
}

/// Room for the tokens of one expert.
#[derive(Debug, Default)]
pub(super) struct Room {
    terms: Vec<f32>,
    scores: Vec<(f32, usize)>,
    /// The tokens of each expert, with the weight of what it gives.
    sent: Vec<Vec<(usize, f32)>>,
    rows: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    down: Vec<f32>,
    quantized: Quantized,
}

impl Experts {
    /// What the experts of each token give, added up. `normed` is a row for each token, `out` as long.
    pub(super) fn run(&self, cpu: &Cpu, gate: Activation, normed: &[f32], room: &mut Room, out: &mut [f32]) {
        let width = self.router.len() / self.experts.len();
        self.choose(normed, width, room);
        out.fill(0.0);
        let Room { sent, rows, gate: gated, up, down, quantized, .. } = room;
        for (expert, sent) in self.experts.iter().zip(&*sent) {
            if sent.is_empty() {
                continue;
            }
            rows.clear();
            for (token, _) in sent {
                rows.extend(&normed[token * width..(token + 1) * width]);
            }
            let feed = expert.gate.matrix.rows();
            gated.resize(sent.len() * feed, 0.0);
            up.resize(sent.len() * feed, 0.0);
            down.resize(sent.len() * width, 0.0);
            cpu.quantize(rows, width, quantized);
            expert.run(cpu, gate, quantized, gated, up, down);
            for ((token, weight), given) in sent.iter().zip(down.chunks_exact(width)) {
                let sum = &mut out[token * width..(token + 1) * width];
                for (sum, given) in sum.iter_mut().zip(given) {
                    *sum += *weight * door(*given);
                }
            }
        }
    }

    /// Sends each token to the experts whose rows give the greatest sums.
    fn choose(&self, normed: &[f32], width: usize, room: &mut Room) {
        let Room { terms, scores, sent, .. } = room;
        sent.resize(self.experts.len(), Vec::new());
        sent.iter_mut().for_each(Vec::clear);
        terms.resize(width, 0.0);
        for (token, row) in normed.chunks_exact(width).enumerate() {
            scores.clear();
            for (expert, weights) in self.router.chunks_exact(width).enumerate() {
                for ((term, x), weight) in terms.iter_mut().zip(row).zip(weights) {
                    *term = door(*x) * *weight;
                }
                let bias = self.router_bias.as_ref().map_or(0.0, |biases| biases[expert]);
                scores.push((sum(terms) + bias, expert));
            }
            // No sum is NaN or −0, so this is the order of numbers.
            scores.sort_unstable_by(|(a, first), (b, second)| b.total_cmp(a).then(first.cmp(second)));
            scores.truncate(self.used);
            scores.sort_unstable_by_key(|(_, expert)| *expert);
            weigh(scores);
            for (weight, expert) in scores.iter() {
                sent[*expert].push((token, *weight));
            }
        }
    }
}

/// Makes weights of the chosen scores: e^(score − top) times 1 / their sum in order.
fn weigh(scores: &mut [(f32, usize)]) {
    let top = scores.iter().fold(f32::MIN, |top, (score, _)| max(*score, top));
    let mut total = 0f32;
    for (score, _) in scores.iter_mut() {
        *score = exp(*score - top);
        total += *score;
    }
    let inverse = reciprocal(total);
    for (score, _) in scores {
        *score *= inverse;
    }
}

impl Dense {
    /// What tokens give, each a row of the quantised.
    pub(super) fn run(
        &self,
        cpu: &Cpu,
        passes: Activation,
        x: &mut Quantized,
        gate: &mut [f32],
        up: &mut [f32],
        out: &mut [f32],
    ) {
        let feed = self.gate.matrix.rows();
        Projection::run(cpu, x, [(&self.gate, gate), (&self.up, up)]);
        match passes {
            Activation::Silu => cpu.silu_gate(gate, up),
            Activation::Gelu => cpu.gelu_gate(gate, up),
            Activation::Clamped => cpu.clamped_gate(gate, up),
        }
        cpu.quantize(gate, feed, x);
        Projection::run(cpu, x, [(&self.down, out)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{format::Format, matrix::Matrix};

    fn chosen(router: Vec<f32>, used: usize) -> Vec<(usize, f32)> {
        let count = router.len() / 32;
        let part = || {
            let matrix = Matrix::pack(Format::F32, 32, 32, &[0; 32 * 32 * 4]).expect("a matrix");
            Projection { matrix, bias: None }
        };
        let experts = (0..count).map(|_| Dense { gate: part(), up: part(), down: part() }).collect();
        let mut room = Room::default();
        Experts { router, router_bias: None, experts, used }.choose(&[1.0; 32], 32, &mut room);
        let sent = room.sent.iter().enumerate();
        sent.flat_map(|(expert, sent)| sent.iter().map(move |(_, weight)| (expert, *weight))).collect()
    }

    #[test]
    fn of_equal_scores_the_smaller_number_is_chosen() {
        let even = |count: usize| reciprocal(count as f32);
        assert_eq!(chosen(vec![0.25; 5 * 32], 2), [(0, even(2)), (1, even(2))]);
        let mut router = vec![0.25; 5 * 32];
        router[3 * 32..4 * 32].fill(0.5);
        router[32..2 * 32].fill(-0.5);
        let weights = chosen(router, 3);
        assert_eq!(weights.iter().map(|(expert, _)| *expert).collect::<Vec<_>>(), [0, 2, 3]);
        assert!(weights[2].1 > weights[0].1 && weights[0].1 == weights[1].1);
    }
}
