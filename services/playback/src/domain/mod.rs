//! What a playback session is and when it may be used.

pub mod resource;
pub mod session;
pub mod token;

mod error;

pub use error::Error;
pub use resource::Resource;
pub use session::{Ended, Session, VideoLock};
