//! The calls across the sandbox's edge, generated from the WIT.

#![allow(unsafe_code, missing_docs, clippy::all, reason = "generated")]

wit_bindgen::generate!({
    path: "../wit",
    world: "runner",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "__export_runner",
});
