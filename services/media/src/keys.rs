//! Where the bytes lie in the blob store.

use amphi_contracts::{UploadId, VideoId};

use crate::domain::task::{INIT_FILE, segment_file};

/// Sources, unfinished and complete.
pub const SOURCES: &str = "sources";
/// Segments.
pub const MEDIA: &str = "media";
/// Posters and storyboards.
pub const IMAGES: &str = "images";

#[must_use]
pub fn source(video_id: VideoId, upload_id: UploadId) -> String {
    format!("{SOURCES}/{video_id}/{upload_id}")
}

/// The prefix of all segments of a video.
#[must_use]
pub fn media(video_id: VideoId) -> String {
    format!("{MEDIA}/{video_id}")
}

#[must_use]
pub fn init(video_id: VideoId, rendition: &str) -> String {
    format!("{MEDIA}/{video_id}/{rendition}/{INIT_FILE}")
}

#[must_use]
pub fn segment(video_id: VideoId, rendition: &str, number: u32) -> String {
    format!("{MEDIA}/{video_id}/{rendition}/{}", segment_file(number))
}

#[must_use]
pub fn image(video_id: VideoId, file: &str) -> String {
    format!("{IMAGES}/{video_id}/{file}")
}

/// The prefix of all pictures of a video.
#[must_use]
pub fn images(video_id: VideoId) -> String {
    format!("{IMAGES}/{video_id}")
}

/// The prefixes below which everything of a video lies.
#[must_use]
pub fn of_video(video_id: VideoId) -> [String; 3] {
    [SOURCES, MEDIA, IMAGES].map(|area| format!("{area}/{video_id}"))
}
