//! The rules: pure functions over finished spans, without clocks, locks or I/O.

pub mod calls;
pub mod critical_path;
pub mod fault;
pub mod histogram;
pub mod self_time;
pub mod service_map;
pub mod skew;
pub mod trace;
pub mod tree;
