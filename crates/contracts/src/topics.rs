//! What processes tell each other of, besides events: news that may be lost, for caches and live updates.

/// Told after each commit that may change what public lists show.
pub const CATALOG: &str = "catalog";

/// Told by each process of media for the others, with its own mark and the id of the video whose asset has changed.
pub const ASSETS: &str = "assets";
