//! When the platform is well again.

use std::time::{Duration, Instant};

use serde_json::json;

use super::people::{create_series, within};
use crate::harness::{Actor, eventually};

/// A probe that takes longer is made anew.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Since everything could be reached again.
pub struct Well {
    /// Until requests of each service are answered as they should be.
    pub requests: Duration,
    /// Until an event goes from its publisher to its consumer.
    pub events: Duration,
}

/// Asks for what each service does; of playback, for a session of the video `watched`.
pub async fn until_all_is_well(ann: &Actor, watched: &str, title: &str) -> Well {
    let mended = Instant::now();
    let title = format!("After {title}");
    let writes = async {
        eventually("a series to be created", || async {
            create_series(ann, &title, None, PROBE_TIMEOUT).await
        })
        .await;
        mended.elapsed()
    };
    let registers = async {
        eventually("somebody to be registered", || async {
            let registering = super::people::register(ann, PROBE_TIMEOUT).await;
            registering.is_registered.then_some(())
        })
        .await;
        mended.elapsed()
    };
    let plays = async {
        let path = format!("/api/v1/videos/{watched}/playback");
        eventually("a session of playback", || async {
            let request = ann.request(reqwest::Method::POST, &path).json(&json!({}));
            let answer = within(PROBE_TIMEOUT, ann.try_send(request)).await?;
            (answer.status == 201).then_some(())
        })
        .await;
        mended.elapsed()
    };
    let events = async {
        let (location, video) = eventually("an upload to be created", || async {
            let creating =
                async { Ok(ann.create_upload(1_000, &[("filename", "probe.mp4")]).await) };
            let answer = within(PROBE_TIMEOUT, creating).await?;
            let is_made = answer.status == 201;
            is_made.then(|| {
                let video = answer.header("amphi-video-id").to_owned();
                (answer.header("location").to_owned(), video)
            })
        })
        .await;
        let uploads = mended.elapsed();
        let path = format!("/api/v1/videos/{video}");
        eventually("a video to be deleted", || async {
            let request = ann.request(reqwest::Method::DELETE, &path);
            let answer = within(PROBE_TIMEOUT, ann.try_send(request)).await?;
            matches!(answer.status.as_u16(), 204 | 404).then_some(())
        })
        .await;
        eventually("the upload to go with its video", || async {
            let asking = async { Ok(ann.upload_head(&location).await) };
            let answer = within(PROBE_TIMEOUT, asking).await?;
            matches!(answer.status.as_u16(), 404 | 410).then_some(())
        })
        .await;
        (uploads, mended.elapsed())
    };
    let (writes, registers, plays, (uploads, events)) =
        tokio::join!(writes, registers, plays, events);
    Well {
        requests: writes.max(registers).max(plays).max(uploads),
        events,
    }
}
