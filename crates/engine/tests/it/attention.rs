//! Attention knows nothing of who asks with whom, from where, on what.

use assay_engine::{
    arithmetic::{self as law, Sight},
    cache::Cache,
    cpu::{Attention, Cpu, Isa, View},
};

use crate::random::Random;

struct World {
    view: View<'static>,
    cache: Cache,
    queries: Vec<f32>,
    expected: Vec<f32>,
}

impl World {
    fn new(seed: u64, view: View<'static>, key_heads: usize, width: usize, positions: usize) -> Self {
        let mut random = Random::new(seed);
        let mut cache = Cache::new(key_heads, width);
        let row = key_heads * width;
        cache.extend(&random.normals(positions * row), &random.normals(positions * row));
        let queries = random.normals(positions * view.heads * width);
        let mut expected = vec![0.0; queries.len()];
        let rows = expected.chunks_mut(width).zip(queries.chunks(width)).enumerate();
        for (at, (out, query)) in rows {
            let (position, head) = (at / view.heads, at % view.heads * key_heads / view.heads);
            let start = view.window.map_or(0, |window| (position + 1).saturating_sub(window));
            law::attend(
                query,
                &Sight {
                    positions: start..position + 1,
                    cap: view.cap,
                    sink: view.sinks.map(|sinks| sinks[at % view.heads]),
                },
                |position, column| cache.key(head, position, column),
                |position, column| cache.value(head, position, column),
                out,
            );
        }
        Self { view, cache, queries, expected }
    }

    /// The queries in sequences of these many tokens, in order.
    fn check(&self, cpu: &Cpu, counts: impl Iterator<Item = usize>) {
        let row = self.view.heads * self.cache.width();
        let mut out = vec![f32::NAN; self.queries.len()];
        let (mut queries, mut rest, mut first) = (self.queries.as_slice(), out.as_mut_slice(), 0);
        let mut sequences = Vec::new();
        for count in counts {
            let numbers = queries.len().min(count * row);
            let (mine, others) = queries.split_at(numbers);
            let (to, others_to) = rest.split_at_mut(numbers);
            sequences.push(Attention { queries: mine, cache: &self.cache, first, out: to });
            (queries, rest) = (others, others_to);
            first += numbers / row;
        }
        cpu.attend(&self.view, &mut sequences);
        let same = out.iter().zip(&self.expected).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "{:?}, {} × {}", self.view, cpu.isa(), cpu.threads());
    }
}

#[test]
fn it_is_the_definition_in_one_pass_step_by_step_and_in_pieces() {
    let plain = |heads| View { heads, window: None, cap: None, sinks: None };
    let worlds = [
        World::new(1, plain(9), 3, 32, 530),
        World::new(2, plain(4), 4, 80, 40),
        World::new(3, plain(8), 1, 48, 300),
        World::new(4, View { window: Some(100), ..plain(4) }, 2, 16, 620),
        World::new(5, View { window: Some(700), ..plain(5) }, 1, 16, 300),
        World::new(7, View { sinks: Some(&[0.5, -30.0, 3.0, 60.0]), ..plain(4) }, 2, 16, 300),
        World::new(6, View { cap: Some(2.0), ..plain(2) }, 2, 48, 270),
    ];
    for isa in Isa::here() {
        for (threads, world) in [1, 2, 3, 1, 3, 2].into_iter().zip(&worlds) {
            let cpu = Cpu::with(isa, threads);
            let positions = world.cache.len();
            world.check(&cpu, [positions].into_iter());
            world.check(&cpu, std::iter::repeat_n(1, positions));
            world.check(&cpu, std::iter::repeat_n(7, positions.div_ceil(7)));
        }
    }
}

#[test]
fn a_fork_and_what_was_truncated_keep_their_own() {
    let mut random = Random::new(9);
    let mut cache = Cache::new(2, 32);
    let rows = random.normals(600 * 64);
    cache.extend(&rows, &rows);
    let mut fork = cache.clone();
    fork.truncate(300);
    let others = random.normals(10 * 64);
    fork.extend(&others, &others);
    assert_eq!((cache.len(), fork.len()), (600, 310));
    for (position, column) in [(0, 0), (299, 31), (300, 0), (309, 5)] {
        let at = position * 64 + 32 + column;
        assert_eq!(cache.key(1, position, column), law::f16(law::keep(rows[at])));
        let own = if position < 300 { rows[at] } else { others[at - 300 * 64] };
        assert_eq!(fork.value(1, position, column), law::f16(law::keep(own)));
        assert_eq!(fork.key(1, position, column), law::f16(law::keep(own)));
    }
}
