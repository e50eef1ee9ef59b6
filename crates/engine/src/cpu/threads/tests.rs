//! What the threads are asked: each piece once, a panic that stays its own, callers that wait for each other.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{Gate, Threads};

#[test]
fn every_piece_is_done_once_however_many_works_follow_each_other() {
    for threads in [1, 2, 5] {
        let pool = Threads::new(threads);
        for pieces in (0..400).map(|round| round % 23) {
            let done: Vec<AtomicUsize> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
            pool.run(pieces, &|piece| {
                done[piece].fetch_add(1, Ordering::Relaxed);
            });
            assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == 1));
        }
    }
}

#[test]
fn a_piece_that_panics_ends_its_work_and_no_other() {
    let pool = Threads::new(3);
    for bad in [0, 7, 19] {
        let work = catch_unwind(AssertUnwindSafe(|| {
            pool.run(20, &|piece| assert_ne!(piece, bad, "meant to be"));
        }));
        assert!(work.is_err());
        let done = AtomicUsize::new(0);
        pool.run(20, &|_| {
            done.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(done.into_inner(), 20);
    }
}

#[test]
fn works_of_several_callers_wait_for_each_other() {
    let (pool, done) = (Threads::new(2), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    pool.run(5, &|_| {
                        done.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
        }
    });
    assert_eq!(done.into_inner(), 4 * 50 * 5);
}

#[test]
fn who_comes_when_a_work_is_over_does_not_begin_with_it_and_is_not_waited_for() {
    let gate = Gate::default();
    assert_eq!((gate.is_open(0), gate.enter(0)), (false, None), "there is no work yet");
    gate.open();
    assert_eq!((gate.is_open(0), gate.enter(0)), (true, Some(1)));
    assert_eq!((gate.is_open(1), gate.enter(1)), (false, None), "nobody begins twice");
    assert_eq!((gate.close(), gate.is_open(0), gate.enter(0)), (1, false, None));
    gate.open();
    assert_eq!((gate.close(), gate.enter(1)), (0, None), "whoever calls did all of it");
}
