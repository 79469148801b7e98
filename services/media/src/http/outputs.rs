//! `/internal/media/tasks/{task_id}/{folder}/{file}`: what encoders hand in.
//!
//! An output is taken whole, checked against the plan, and recorded once. Who comes with a stale fence is refused; who
//! hands in again what is there already is told that it is there.

use std::sync::Arc;
use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::auth::Caller;
use amphi_chassis::http::limit_idle_time;
use amphi_contracts::TaskId;
use amphi_media_kit::EncodeTask;
use amphi_media_kit::cmaf::{TrackDefaults, parse_init, parse_segment};
use amphi_media_kit::plan::{AUDIO_SAMPLE_RATE_HZ, AUDIO_SAMPLES_PER_UNIT};
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, HeaderName, StatusCode};
use http_body_util::LengthLimitError;

use crate::domain::Error;
use crate::domain::task::Output;
use crate::keys::Place;
use crate::media::Media;
use crate::store::{Recorded, Recording};

/// Who waits longer gives its place to outputs of other videos.
const TURN_WITHIN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);
const AMPHI_FENCE: HeaderName = HeaderName::from_static("amphi-fence");

pub async fn receive(
    State(media): State<Media>,
    Path((task_id, folder, file)): Path<(String, String, String)>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    caller.service()?;
    let task_id: TaskId = task_id.parse().map_err(|_| Error::TaskNotFound)?;
    let fence = fence(&headers)?;
    let task = media.store.task_under_work(task_id, fence).await?;
    let output = Output::of(&task.spec, &folder, &file)?;
    if media.store.is_recorded(task.video_id, &output).await? {
        return Ok(StatusCode::OK);
    }
    // Never closed.
    let _permit = media
        .output_permits
        .acquire()
        .await
        .map_err(Problem::internal)?;
    let bytes = take(&media, body).await?;
    let checked = check(&task.spec, &output, &bytes)?;
    let recording = Recording {
        task_id,
        fence,
        bytes: bytes.len() as u64,
        timing: checked.timing,
        codec: checked.codec,
        output,
    };
    let put = |place: Place| {
        let (blobs, bytes) = (&media.blobs, bytes.clone());
        let key = key_of(place, &recording.output);
        async move {
            blobs.put_bytes(&key, bytes).await.map_err(Problem::from)?;
            Ok(())
        }
        .boxed()
    };
    let turn = media.recording.get_with(task.video_id, Arc::default);
    let _turn = tokio::time::timeout(TURN_WITHIN, turn.lock())
        .await
        .map_err(|_| {
            let detail = "Other outputs of this video are being put away. Try again in a while.";
            Problem::unavailable("service_unavailable", detail).with_retry_after(PAUSE)
        })?;
    Ok(match media.store.record_output(&recording, &put).await? {
        Recorded::Now => {
            metrics::counter!("media_encoded_bytes_total").increment(recording.bytes);
            StatusCode::CREATED
        }
        Recorded::Before => StatusCode::OK,
    })
}

/// The whole body. One that breaks off or falls silent leaves nothing: bytes are put away only when all have come.
async fn take(media: &Media, body: Body) -> Result<Bytes, Problem> {
    let bytes_max = media.settings.output_bytes_max;
    let idle_max = media.settings.upload_idle_timeout;
    to_bytes(limit_idle_time(body, idle_max), bytes_max)
        .await
        .map_err(|error| {
            let is_too_large = std::error::Error::source(&error)
                .is_some_and(|source| source.is::<LengthLimitError>());
            if is_too_large {
                let bytes_max = bytes_max as u64;
                return Error::OutputTooLarge { bytes_max }.into();
            }
            Problem::invalid(
                "output_interrupted",
                format!("The body ended before its time ({error}). Nothing of it was kept: hand it in again."),
            )
        })
}

fn fence(headers: &HeaderMap) -> Result<u64, Problem> {
    let fence = headers
        .get(AMPHI_FENCE)
        .and_then(|value| value.to_str().ok());
    fence.and_then(|text| text.parse().ok()).ok_or_else(|| {
        Problem::invalid(
            "fence_required",
            "Send the fence of the lease with `Amphi-Fence`.",
        )
    })
}

fn key_of(place: Place, output: &Output) -> String {
    match output {
        Output::Init { rendition } => place.init(rendition),
        Output::Segment { rendition, number } => place.segment(rendition, *number),
        Output::Image { file } => place.image(file),
    }
}

#[derive(Debug, Default)]
struct Checked {
    /// Start and duration in ticks.
    timing: Option<(u64, u64)>,
    codec: Option<String>,
}

/// Holds an output against the plan: wherever it was made, it must lie where the manifest will say that it lies.
fn check(spec: &EncodeTask, output: &Output, bytes: &Bytes) -> Result<Checked, Error> {
    let bad = |what: String| Error::BadSegment(what);
    match output {
        Output::Init { rendition } => {
            let init = parse_init(bytes).map_err(|error| bad(error.to_string()))?;
            let timescale = timescale(spec);
            if init.timescale != timescale {
                let found = init.timescale;
                return Err(bad(format!(
                    "{rendition} counts {found} ticks a second, not {timescale}"
                )));
            }
            Ok(Checked {
                codec: Some(init.codec),
                timing: None,
            })
        }
        Output::Segment { rendition, number } => {
            let segment = parse_segment(bytes, TrackDefaults::default())
                .map_err(|error| bad(format!("{rendition}/{number}: {error}")))?;
            let start = start_ticks(spec, *number);
            let end = start_ticks(spec, number.saturating_add(1));
            let duration = segment.duration_ticks;
            let lies_where_planned = segment.base_decode_ticks == start
                && u64::try_from(segment.earliest_presentation_ticks) == Ok(start)
                && duration > 0
                && start.saturating_add(duration) <= end;
            if !lies_where_planned || !segment.starts_with_sync {
                return Err(bad(format!(
                    "{rendition}/{number} lies at {} for {duration} ticks, planned are {start} to {end}",
                    segment.base_decode_ticks
                )));
            }
            Ok(Checked {
                timing: Some((start, duration)),
                codec: None,
            })
        }
        Output::Image { file } => {
            let is_jpeg = bytes.starts_with(b"\xff\xd8\xff");
            let is_vtt = bytes.starts_with(b"WEBVTT");
            if file.ends_with(".jpg") && is_jpeg || file.ends_with(".vtt") && is_vtt {
                return Ok(Checked::default());
            }
            Err(bad(format!("{file} is not what its name says")))
        }
    }
}

fn timescale(spec: &EncodeTask) -> u32 {
    match spec {
        EncodeTask::VideoChunk(chunk) => chunk.input.grid.rate.timescale(),
        EncodeTask::Audio(_) | EncodeTask::Stills(_) => AUDIO_SAMPLE_RATE_HZ,
    }
}

fn start_ticks(spec: &EncodeTask, number: u32) -> u64 {
    match spec {
        EncodeTask::VideoChunk(chunk) => chunk.input.grid.start_ticks(number),
        EncodeTask::Audio(audio) => audio
            .grid
            .first_unit(number)
            .saturating_mul(u64::from(AUDIO_SAMPLES_PER_UNIT)),
        EncodeTask::Stills(_) => 0,
    }
}
