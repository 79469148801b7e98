//! From what the store shows to what the contract says.

use amphi_contracts::VideoId;
use amphi_contracts::proto::media::v1 as proto;

use crate::domain::asset::state_to_proto;
use crate::store::{AssetView, PresentationView, RenditionView, SegmentView, TrackView};

pub fn asset(view: AssetView) -> proto::Asset {
    proto::Asset {
        video_id: view.video_id.to_string(),
        owner_id: view.owner_id.to_string(),
        state: state_to_proto(view.state).into(),
        state_reason: view.state_reason.unwrap_or_default(),
        progress: view.progress,
        duration_ms: view.duration_ms,
        width: view.width,
        height: view.height,
        poster_path: view.poster_path,
        storyboard_path: view.storyboard_path,
        renditions: view.renditions.into_iter().map(rendition).collect(),
        upload_size_bytes: view.upload_bytes,
        upload_received_bytes: view.received_bytes,
        version: view.version,
    }
}

pub fn presentation(video_id: VideoId, view: PresentationView) -> proto::Presentation {
    proto::Presentation {
        video_id: video_id.to_string(),
        state: state_to_proto(view.state).into(),
        complete: view.is_complete,
        duration_ms: view.duration_ms,
        tracks: view.tracks.into_iter().map(track).collect(),
        available_since_us: view.viewable_at_us.unwrap_or(0),
        blob_prefix: view.place.media(),
        version: view.version,
    }
}

fn track(view: TrackView) -> proto::Track {
    proto::Track {
        timescale: view.rendition.timescale,
        segments: view.segments.into_iter().map(segment).collect(),
        rendition: Some(rendition(view.rendition)),
    }
}

fn segment(view: SegmentView) -> proto::Segment {
    proto::Segment {
        number: view.number,
        start_ticks: view.start_ticks,
        duration_ticks: view.duration_ticks,
        bytes: view.bytes,
    }
}

fn rendition(view: RenditionView) -> proto::Rendition {
    let kind = if view.is_video {
        proto::TrackKind::Video
    } else {
        proto::TrackKind::Audio
    };
    proto::Rendition {
        kind: kind.into(),
        complete: view.segments_total > 0 && view.segments_done >= view.segments_total,
        id: view.id,
        codec: view.codec,
        width: view.width,
        height: view.height,
        frame_rate: view.frame_rate,
        bandwidth_bps: view.bandwidth_bps,
        average_bandwidth_bps: view.average_bandwidth_bps,
        language: view.language,
        name: view.name,
        channels: view.channels,
        sample_rate: view.sample_rate,
        segments_done: view.segments_done,
        segments_total: view.segments_total,
    }
}
