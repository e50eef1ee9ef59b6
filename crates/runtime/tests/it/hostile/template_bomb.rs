//! Models of language whose chat template never ends, or grows, or nests without end.

use assay_runtime::outcome::RunFailure;

use super::{altered, failure, generator};
use crate::world::{Job, World};

const BOMBS: [&str; 5] = [
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "{% set ns = namespace(x='xxxxxxxx') %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% macro again(n) %}{{ again(n + 1) }}{% endmacro %}{{ again(0) }}",
    "{% set ns = namespace(x=[]) %}{% for i in range(80) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x | tojson }}",
    "{% set ns = namespace(x=1) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
];

pub(super) fn jobs(world: &World) -> Vec<Job> {
    let runner = generator(world);
    BOMBS.map(|bomb| world.job_on(&runner, &altered("tokenizer.chat_template", bomb))).into()
}

#[test]
fn a_template_bomb_ends_within_the_bounds_of_its_runner() {
    let world = World::new();
    for (job, bomb) in jobs(&world).iter().zip(BOMBS) {
        let failure = failure(&world, job);
        let RunFailure::BadInput(why) = &failure else { panic!("{bomb}: {failure:?}") };
        assert!(why.starts_with("the chat template does not take this: "), "{bomb}: {why}");
    }
}
