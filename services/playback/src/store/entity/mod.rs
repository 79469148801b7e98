//! The rows of the playback database.

pub mod ended_sign_in;
pub mod resume_position;
pub mod session;
pub mod signing_key;
pub mod video_lock;
