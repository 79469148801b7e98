//! The contracts between services: messages, clients and servers generated from `proto/`, typed ids, and the events.
//!
//! This crate knows no behaviour. What is here may be relied on by other processes and other releases, so it changes by
//! addition alone.

#![allow(missing_debug_implementations)]

pub mod events;
mod id;
pub mod topics;

pub use id::{
    AccountId, EpisodeId, EventId, IdError, PlaybackSessionId, SeriesId, SessionId, TaskId,
    UploadId, VideoId,
};

/// The compiled protocol files, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! package {
    ($($name:ident),+ $(,)?) => {$(
        #[allow(clippy::all, clippy::unwrap_used)]
        pub mod $name {
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/amphi.", stringify!($name), ".v1.rs"));
            }
        }
    )+};
}

/// The generated code, one module per package of `proto/amphi`.
pub mod proto {
    package!(catalog, events, identity, media, observatory, playback);
}
