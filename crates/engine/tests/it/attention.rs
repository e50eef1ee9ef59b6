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

    /// All queries in sequences of these many tokens, in order.
    fn check(&self, cpu: &Cpu, counts: impl Iterator<Item = usize> + Clone) {
        self.check_from(0, cpu, counts);
    }

    /// Those from a position on, no more than are counted.
    fn check_from(&self, mut first: usize, cpu: &Cpu, counts: impl Iterator<Item = usize> + Clone) {
        let row = self.view.heads * self.cache.width();
        let numbers = first * row..self.queries.len().min((first + counts.clone().sum::<usize>()) * row);
        let (mut queries, expected) = (&self.queries[numbers.clone()], &self.expected[numbers]);
        let mut out = vec![f32::NAN; queries.len()];
        let mut rest = out.as_mut_slice();
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
        let same = out.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits());
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
    let threads = [1, 2, 3, 1, 3, 2, 1];
    for isa in Isa::here() {
        for (threads, world) in threads.into_iter().zip(&worlds) {
            let cpu = Cpu::with(isa, threads);
            let positions = world.cache.len();
            world.check(&cpu, [positions].into_iter());
            world.check(&cpu, std::iter::repeat_n(1, positions));
            world.check(&cpu, std::iter::repeat_n(7, positions.div_ceil(7)));
        }
    }
}

#[test]
fn chunks_that_threads_share_are_joined_in_their_order() {
    let plain = |heads| View { heads, window: None, cap: None, sinks: None };
    let worlds = [
        World::new(11, plain(9), 3, 32, 1040),
        World::new(12, View { window: Some(600), ..plain(4) }, 1, 16, 900),
        World::new(13, View { sinks: Some(&[0.5, -30.0, 3.0, 60.0, 9.0]), ..plain(5) }, 1, 16, 800),
        World::new(14, View { cap: Some(2.0), ..plain(2) }, 1, 48, 800),
    ];
    for isa in Isa::here() {
        for (threads, world) in [2, 3, 2, 4].into_iter().zip(&worlds) {
            let (cpu, last) = (Cpu::with(isa, threads), world.cache.len() - 1);
            for counts in [vec![1], vec![1, 1, 1], vec![2, 1], vec![3]] {
                let first = last + 1 - counts.iter().sum::<usize>();
                world.check_from(first, &cpu, counts.into_iter());
            }
            for first in [512, 700, 767, 768, 769] {
                // One after the other, each with threads of its own.
                world.check_from(first, &cpu, std::iter::once(1));
            }
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
