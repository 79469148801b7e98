//! Pure media: what a source holds, which renditions to make of it, the command lines that make them, the CMAF they
//! are cut into, and the HLS and DASH manifests over it.
//!
//! No network, no database. The only I/O is [`run`], which starts ffmpeg and ffprobe as bounded children.
//!
//! The walk through the crate: [`sniff`] decides from the first bytes which demuxer may see a file, [`probe`] reads what is in it,
//! [`ladder`] and [`plan`] turn that into self-contained tasks, [`ffmpeg`] turns a task into an argument list, [`run`] runs it and
//! cuts its output with [`cmaf`] into segments, and [`hls`] and [`dash`] write manifests over a [`presentation`].
//!
//! Two grids carry the whole crate. Pictures lie on a grid of constant frame rate ([`FrameRate`]), counted from the start of the
//! source; segment *k* holds exactly the pictures whose time lies in `[k·segment, (k+1)·segment)`. Audio lies on the grid of AAC
//! access units (1024 samples at 48 kHz) in the same way. Every segment's number, start and duration thus follow from the plan alone,
//! so that any encoder can make any chunk and the results fit together.

pub mod cmaf;
pub mod dash;
pub mod ffmpeg;
pub mod frame_rate;
pub mod hls;
pub mod ladder;
pub mod plan;
pub mod presentation;
pub mod probe;
pub mod run;
pub mod sniff;
pub mod stills;

pub use frame_rate::FrameRate;
pub use plan::{EncodePlan, EncodeSettings, EncodeTask};
pub use presentation::Presentation;
pub use probe::{Limits, SourceInfo};
pub use sniff::Container;
