//! A program that is nothing but a worker, for tests and benchmarks of this crate.

fn main() {
    assay_runtime::worker::main()
}
