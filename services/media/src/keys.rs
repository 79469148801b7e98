//! Where the bytes lie in the blob store.

use amphi_contracts::{UploadId, VideoId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

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

/// Where lies what is made of one upload for a video.
///
/// A video that failed may be uploaded anew. Each upload has a place of its own, so that nothing old is met under a new name: not
/// in the store, not in a cache on the way, not by who decided a moment ago what may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub video_id: VideoId,
    /// None for what was made before uploads had places of their own: that lies directly below the video's id.
    pub upload_id: Option<UploadId>,
}

impl Place {
    /// The prefix of its segments.
    #[must_use]
    pub fn media(&self) -> String {
        self.below(MEDIA)
    }

    /// The prefix of its pictures.
    #[must_use]
    pub fn images(&self) -> String {
        self.below(IMAGES)
    }

    #[must_use]
    pub fn rendition(&self, rendition: &str) -> String {
        format!("{}/{rendition}", self.media())
    }

    #[must_use]
    pub fn init(&self, rendition: &str) -> String {
        format!("{}/{INIT_FILE}", self.rendition(rendition))
    }

    #[must_use]
    pub fn segment(&self, rendition: &str, number: u32) -> String {
        format!("{}/{}", self.rendition(rendition), segment_file(number))
    }

    #[must_use]
    pub fn image(&self, file: &str) -> String {
        format!("{}/{file}", self.images())
    }

    /// The place that a key of a segment or a picture, or the source of the upload, belongs to.
    #[must_use]
    pub fn of(key: &str) -> Option<Self> {
        Some(Self {
            video_id: video_of(key)?,
            upload_id: key.split('/').nth(2).and_then(|part| part.parse().ok()),
        })
    }

    fn below(&self, area: &str) -> String {
        let video_id = self.video_id;
        match self.upload_id {
            Some(upload_id) => format!("{area}/{video_id}/{upload_id}"),
            None => format!("{area}/{video_id}"),
        }
    }
}

/// The prefixes below which everything of a video lies.
#[must_use]
pub fn of_video(video_id: VideoId) -> [String; 3] {
    [SOURCES, MEDIA, IMAGES].map(|area| format!("{area}/{video_id}"))
}

/// Whose bytes lie there.
#[must_use]
pub fn video_of(key: &str) -> Option<VideoId> {
    key.split('/').nth(1)?.parse().ok()
}

/// The upload that brought a source.
#[must_use]
pub fn upload_of(source: &str) -> Option<UploadId> {
    source.rsplit('/').next()?.parse().ok()
}

/// When it was made, in seconds since 1970: it is at most as old as its upload or, where the key names none, its video. The last id
/// in the key tells.
#[must_use]
pub fn made_s(key: &str) -> u64 {
    key.rsplit('/')
        .find_map(|part| Uuid::try_parse(part).ok()?.get_timestamp())
        .map_or(0, |time| time.to_unix().0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_tells_the_place_that_it_lies_in() {
        let place = Place {
            video_id: VideoId::generate(),
            upload_id: Some(UploadId::generate()),
        };
        assert_eq!(Place::of(&place.segment("v720", 7)), Some(place));
        assert_eq!(Place::of(&place.image("poster.jpg")), Some(place));
        let source = source(place.video_id, place.upload_id.unwrap());
        assert_eq!(Place::of(&source), Some(place));
        let before = Place {
            upload_id: None,
            ..place
        };
        assert_eq!(Place::of(&before.init("v720")), Some(before));
        assert_eq!(Place::of(&before.image("poster.jpg")), Some(before));
        assert_eq!(Place::of("media/no-video/v720/0.m4s"), None);
    }

    #[test]
    fn what_is_made_is_as_old_as_its_upload() {
        let place = Place {
            video_id: VideoId::generate(),
            upload_id: Some(UploadId::from_uuid(Uuid::now_v7())),
        };
        let made = place.upload_id.unwrap().as_uuid().get_timestamp().unwrap();
        assert_eq!(made_s(&place.segment("v720", 7)), made.to_unix().0);
    }
}
