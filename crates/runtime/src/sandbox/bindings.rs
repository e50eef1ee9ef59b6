//! The host's side of the interfaces that runners are written against.
//!
//! **Invariant:** the world here does not name `wasi:nn`: `wasmtime-wasi-nn` provides that, and a second copy of its types
//! would not be the same types.
#![allow(missing_docs, unreachable_pub, reason = "written by a macro")]

wasmtime::component::bindgen!({
    path: "wit",
    inline: "
        package assay:host;
        world guest {
            import assay:runner/session@2.0.0;
            import assay:runner/text@2.0.0;
            export assay:runner/running@2.0.0;
        }
    ",
    world: "assay:host/guest",
});
