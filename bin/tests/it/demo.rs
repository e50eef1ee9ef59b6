//! The demonstration, from end to end.
