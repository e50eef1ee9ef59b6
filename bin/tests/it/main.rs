//! `assay` as people and programs meet it: what it prints, how it fails, what it leaves behind.

mod assay;
mod demo;
mod docs;
mod errors;
mod help;
mod joins;
mod kills;
mod receipts;
mod town;
