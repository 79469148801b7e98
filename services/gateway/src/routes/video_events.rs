//! A video's way to ready, live.

use std::time::Duration;

use amphi_chassis::auth::Caller;
use amphi_chassis::rpc::{CallContext, Clients};
use amphi_chassis::telemetry::{self, unrecorded};
use amphi_chassis::{Kind, Problem};
use amphi_contracts::VideoId;
use amphi_contracts::proto::catalog::v1::GetVideoRequest;
use amphi_contracts::proto::media::v1::{Asset, GetAssetRequest};
use axum::extract::State;
use axum::response::Response;
use futures::{FutureExt, Stream, StreamExt, stream};
use serde::Serialize;
use tonic::Streaming;
use tracing::Instrument;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::videos;
use crate::dto::videos::Video;
use crate::events;
use crate::extract::{ClientIp, Id};
use crate::gateway::Gateway;

/// No client needs to see more changes of a progress bar.
const INTERVAL_MIN: Duration = Duration::from_millis(200);
/// How often it is looked whether the upload of a draft has begun: soon at first, then less and less often.
const DRAFT_PAUSE_MIN: Duration = Duration::from_secs(1);
const DRAFT_PAUSE_MAX: Duration = Duration::from_secs(8);

pub fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default().routes(routes!(video_events))
}

/// The video now and at each change, until it is ready or failed
///
/// Server-sent events named `video`, with a comment now and then when nothing changes. When the video is deleted, or not to
/// be seen by the caller any more, an event named `gone` with its id ends them.
#[utoipa::path(
    get,
    path = "/api/v1/videos/{id}/events",
    tag = "videos",
    params(("id" = uuid::Uuid, Path)),
    security((), ("bearer" = [])),
    responses((status = 200, description = "Each event's data is a video", body = Video, content_type = "text/event-stream")),
)]
async fn video_events(
    State(gateway): State<Gateway>,
    caller: Caller,
    client: ClientIp,
    Id(id): Id<VideoId>,
) -> Result<Response, Problem> {
    let place = gateway.event_streams().open(&caller, client)?;
    // The first one now, so that a refusal is a proper answer.
    let first = videos::find(gateway.clients(), id).await?;
    let updates = updates(gateway.clients().clone(), id, first).map(move |update| match update? {
        Update::Changed(video) => events::event("video", &video),
        Update::Gone => events::event("gone", &Gone { id }),
    });
    Ok(events::respond(&gateway, place, updates))
}

#[derive(Debug, Serialize)]
struct Gone {
    id: VideoId,
}

enum Update {
    Changed(Box<Video>),
    /// Nothing follows.
    Gone,
}

struct Watch {
    clients: Clients,
    id: VideoId,
    /// Of the request that opened the stream, which is over.
    context: CallContext,
    traceparent: Option<String>,
    assets: Option<Streaming<Asset>>,
    /// What was sent last; nothing yet at the start.
    sent: Option<Video>,
    is_gone: bool,
}

fn updates(
    clients: Clients,
    id: VideoId,
    first: Video,
) -> impl Stream<Item = Result<Update, Problem>> + Send + 'static {
    let watch = Watch {
        clients,
        id,
        context: CallContext::current().without_deadline(),
        traceparent: telemetry::current_traceparent(),
        assets: None,
        sent: None,
        is_gone: false,
    };
    let mut first = Some(first);
    stream::try_unfold(watch, move |mut watch| {
        let first = first.take();
        async move {
            if watch.has_ended() {
                return Ok(None);
            }
            let next = match first {
                Some(first) => Ok(first),
                None => watch.next_change().await,
            };
            let update = match next {
                Ok(video) => {
                    watch.sent = Some(video.clone());
                    Update::Changed(Box::new(video))
                }
                Err(problem) if problem.kind == Kind::NotFound => {
                    watch.is_gone = true;
                    Update::Gone
                }
                Err(problem) => return Err(problem),
            };
            Ok(Some((update, watch)))
        }
    })
}

impl Watch {
    fn has_ended(&self) -> bool {
        let is_final = |sent: &Video| sent.state.is_final();
        self.is_gone || self.sent.as_ref().is_some_and(is_final)
    }

    /// # Errors
    /// Of kind [`Kind::NotFound`] when the video is gone.
    async fn next_change(&mut self) -> Result<Video, Problem> {
        loop {
            tokio::time::sleep(INTERVAL_MIN).await;
            self.asset_changed().await?;
            let span = tracing::info_span!(
                parent: None,
                "video update",
                service = "gateway",
                traceparent = self.traceparent,
            );
            let find = videos::find(&self.clients, self.id).instrument(span);
            let video = self.context.clone().scope(find).await?;
            if self.sent.as_ref() != Some(&video) {
                return Ok(video);
            }
        }
    }

    /// Waits until the asset has changed; of several changes at once only the last counts.
    async fn asset_changed(&mut self) -> Result<(), Problem> {
        let mut assets = match self.assets.take() {
            Some(assets) => assets,
            None => self.watch_asset().await?,
        };
        let Some(change) = assets.next().await else {
            // Media has told of the last change; what it was is asked for next.
            return Ok(());
        };
        change?;
        while let Some(Some(change)) = assets.next().now_or_never() {
            change?;
        }
        self.assets = Some(assets);
        Ok(())
    }

    /// Media's updates; for a draft, once its upload has begun.
    async fn watch_asset(&self) -> Result<Streaming<Asset>, Problem> {
        let mut pause = DRAFT_PAUSE_MIN;
        loop {
            // Not recorded: most of the time there is nothing to tell, and a draft may be watched for hours.
            if let Some(assets) = self.assets_if_any().instrument(unrecorded()).await? {
                return Ok(assets);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(DRAFT_PAUSE_MAX);
            let check = self.check_is_there().instrument(unrecorded());
            self.context.clone().scope(check).await?;
        }
    }

    async fn assets_if_any(&self) -> Result<Option<Streaming<Asset>>, Problem> {
        let request = GetAssetRequest {
            video_id: self.id.to_string(),
        };
        let watched = self.clients.as_service().media().watch_asset(request).await;
        match watched.map_err(Problem::from) {
            Ok(assets) => Ok(Some(assets.into_inner())),
            Err(problem) if problem.kind == Kind::NotFound => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Media has nothing of a draft and nothing of what is deleted: catalog knows which it is.
    async fn check_is_there(&self) -> Result<(), Problem> {
        let request = GetVideoRequest {
            video_id: self.id.to_string(),
        };
        self.clients.catalog().get_video(request).await?;
        Ok(())
    }
}
