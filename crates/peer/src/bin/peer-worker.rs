//! A program that is nothing but a worker, for the tests of this crate.

fn main() {
    assay_runtime::worker::main()
}
