//! `kill -9` in the middle of a job, one point for each role.
