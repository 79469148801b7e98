//! Clips to encode, a runner of whole plans, and questions to ask of the result.

mod clip;
mod encoded;
mod question;

pub use clip::{Clip, tools};
pub use encoded::{Encoded, encode, run_one, small_settings};
pub use question::{
    average_rgb, decodes_cleanly, frame_count, loudness, packet_times, picture_size, same_pictures,
};
