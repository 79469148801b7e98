//! The manifests over real segments, read by somebody else's player.

use amphi_media_kit::cmaf::TrackInfo;
use amphi_media_kit::presentation::{
    MANIFEST, MASTER_PLAYLIST, MEDIA_PLAYLIST, Presentation, Segment, Track, TrackKind,
};
use amphi_media_kit::{dash, hls};

use crate::support::*;

fn presentation(encoded: &Encoded) -> Presentation {
    let tracks = encoded.inits.values().map(|init| {
        let kind = match init.info.track {
            TrackInfo::Video { width, height } => TrackKind::Video {
                width,
                height,
                frame_rate: encoded.plan.video.as_ref().unwrap().grid.rate,
            },
            TrackInfo::Audio {
                channels,
                sample_rate_hz,
            } => TrackKind::Audio {
                language: "ko".to_owned(),
                name: "ko".to_owned(),
                default: true,
                channels,
                sample_rate_hz,
            },
        };
        let segments = encoded.segments[&init.rendition]
            .iter()
            .map(|segment| Segment {
                number: segment.number,
                start_ticks: segment.start_ticks,
                duration_ticks: segment.duration_ticks,
                bytes: segment.bytes,
            });
        Track {
            id: init.rendition.clone(),
            codec: init.info.codec.clone(),
            bit_rate_max_bps: 128_000,
            timescale: init.info.timescale,
            kind,
            segments: segments.collect(),
        }
    });
    Presentation {
        complete: true,
        segment_ms: encoded.plan.segment_ms,
        expected_duration_ms: encoded.plan.duration_ms,
        started_unix_ms: 0,
        tracks: tracks.collect(),
    }
}

#[tokio::test]
async fn another_player_finds_every_picture_through_both_manifests() {
    let clip = Clip::numbered_film("film.mp4", "640x360", "25", "5");
    let encoded = encode(&clip).await;
    let presentation = presentation(&encoded).playable().unwrap();
    let file = |name: &str| encoded.folder.join(name);
    std::fs::write(file(MASTER_PLAYLIST), hls::master_playlist(&presentation)).unwrap();
    std::fs::write(file(MANIFEST), dash::manifest(&presentation, 0)).unwrap();
    for track in &presentation.tracks {
        let playlist = hls::media_playlist(&presentation, track);
        std::fs::write(file(&track.id).join(MEDIA_PLAYLIST), playlist).unwrap();
    }
    for manifest in [MASTER_PLAYLIST, MANIFEST] {
        decodes_cleanly(&file(manifest));
        same_pictures(&clip.path, &file(manifest));
        let seconds = loudness(&file(manifest)).len() as f64 / 48_000.0;
        assert!((seconds - 5.0).abs() < 0.050, "{manifest}: {seconds}");
    }
}
