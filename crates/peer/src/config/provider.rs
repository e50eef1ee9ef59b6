//! When an owner wants its machine for itself, as the home's file says it, key by key.
//!
//! **Invariant:** nothing is decided here.

use assay_market::owner::OwnerRules;

use super::section::section;

section!(optional "provider" OwnerRules {
    programs AtOnce: "Programs, by their names; while one of them runs no jobs are taken on, and what runs is given up.",
    idle_min AtOnce: "How long nobody must have used the machine before jobs are taken on; none for however short.",
    mains_only AtOnce: "No jobs while the machine runs on its battery.",
    temperature_max AtOnce: "Degrees Celsius of the processor or a card above which no jobs are taken on; none for however hot.",
    card_others_max AtOnce: "Bytes of a graphics card's memory that other programs may use while jobs are taken on; none for however much.",
    hours AtOnce: "When jobs are taken on, by the machine's own clock; none for always. What runs when they end is seen through.",
    settle AtOnce: "How long a rule must have been kept before jobs are taken on again.",
});
