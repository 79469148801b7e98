//! Videos: catalog's metadata with media's progress and the owner's name.

use amphi_chassis::Problem;
use amphi_chassis::auth::Caller;
use amphi_chassis::http::Json;
use amphi_chassis::rpc::Clients;
use amphi_contracts::VideoId;
use amphi_contracts::proto::catalog::v1 as catalog;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::cache::Answer;
use crate::dto::accounts::Owner;
use crate::dto::videos::{CreateVideoRequest, UpdateVideoRequest, Video, VideoPage};
use crate::extract::{Id, header_text};
use crate::gateway::Gateway;
use crate::query::{FromQuery, Parameters, Query};
use crate::{etag, lookups, paging};

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longer than any key that catalog takes: it is the one to refuse it.
pub(super) const IDEMPOTENCY_KEY_CHARS_MAX: usize = 1024;

pub fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(routes!(list_videos, create_video))
        .routes(routes!(get_video, update_video, delete_video))
}

#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(rename_all = "snake_case")]
enum WhoseVideos {
    Me,
}

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
struct VideosQuery {
    /// 1 to 200; 50 when not given.
    #[param(nullable = false)]
    limit: Option<u32>,
    #[param(nullable = false)]
    cursor: Option<String>,
    /// `me` lists one's own in every state, instead of the public ones that play.
    #[param(inline, nullable = false)]
    owner: Option<WhoseVideos>,
}

impl FromQuery for VideosQuery {
    fn from_query(parameters: &mut Parameters) -> Result<Self, Problem> {
        Ok(Self {
            limit: parameters.limit()?,
            cursor: parameters.cursor()?,
            owner: parameters.one_of("owner", &[("me", WhoseVideos::Me)])?,
        })
    }
}

/// Public videos that play, or one's own; the newest first
#[utoipa::path(
    get,
    path = "/api/v1/videos",
    tag = "videos",
    params(VideosQuery),
    security((), ("bearer" = [])),
    responses((status = 200, description = "Videos", body = VideoPage)),
)]
async fn list_videos(
    State(gateway): State<Gateway>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
    Query(query): Query<VideosQuery>,
) -> Result<Response, Problem> {
    let owner_id = match query.owner {
        Some(WhoseVideos::Me) => Some(caller.account()?.account_id.to_string()),
        None => None,
    };
    let is_for_all = owner_id.is_none();
    let request = catalog::ListVideosRequest {
        owner_id,
        limit: query.limit.unwrap_or(0),
        cursor: query.cursor.unwrap_or_default(),
    };
    if is_for_all {
        let nobody = gateway.clients().with_token(None);
        let address = paging::address(&uri);
        let making = list(&nobody, &uri, request);
        return gateway.cache().answer(&headers, address, making).await;
    }
    let page = list(gateway.clients(), &uri, request).await?;
    Ok(page.uncached())
}

async fn list(
    clients: &Clients,
    uri: &Uri,
    request: catalog::ListVideosRequest,
) -> Result<Answer, Problem> {
    let page = clients.catalog().list_videos(request).await?.into_inner();
    let items = compose_all(clients, page.videos).await?;
    let link = paging::next_link(uri, &page.next_cursor);
    Answer::page(link, &VideoPage::new(items, page.next_cursor))
}

/// Create a draft
///
/// Upload its file to `/uploads` with `video_id` in the metadata.
#[utoipa::path(
    post,
    path = "/api/v1/videos",
    tag = "videos",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same draft")),
    request_body = CreateVideoRequest,
    security(("bearer" = [])),
    responses((status = 201, description = "The draft", body = Video)),
)]
async fn create_video(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(request): Json<CreateVideoRequest>,
) -> Result<Response, Problem> {
    let visibility = request
        .visibility
        .map_or(catalog::Visibility::Unspecified, Into::into);
    let request = catalog::CreateVideoRequest {
        title: request.title,
        description: request.description,
        visibility: visibility.into(),
        idempotency_key: header_text(&headers, &IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_CHARS_MAX),
    };
    let clients = gateway.clients();
    let video = clients.catalog().create_video(request).await?.into_inner();
    let video = compose(clients, video).await?;
    let location = format!("/api/v1/videos/{}", video.id);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        axum::Json(video),
    )
        .into_response())
}

/// One video
#[utoipa::path(
    get,
    path = "/api/v1/videos/{id}",
    tag = "videos",
    params(("id" = uuid::Uuid, Path)),
    security((), ("bearer" = [])),
    responses(
        (status = 200, description = "The video", body = Video, headers(("ETag" = String))),
        (status = 304, description = "The client has it already"),
    ),
)]
async fn get_video(
    State(gateway): State<Gateway>,
    Id(id): Id<VideoId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let video = find(gateway.clients(), id).await?;
    etag::respond(&headers, video.version, &video)
}

/// Change a video
#[utoipa::path(
    patch,
    path = "/api/v1/videos/{id}",
    tag = "videos",
    params(
        ("id" = uuid::Uuid, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag it was read with; 412 when it has changed since"),
    ),
    request_body = UpdateVideoRequest,
    security(("bearer" = [])),
    responses((status = 200, description = "The video", body = Video, headers(("ETag" = String)))),
)]
async fn update_video(
    State(gateway): State<Gateway>,
    Id(id): Id<VideoId>,
    headers: HeaderMap,
    Json(request): Json<UpdateVideoRequest>,
) -> Result<Response, Problem> {
    let visibility = request.visibility.map(catalog::Visibility::from);
    let request = catalog::UpdateVideoRequest {
        video_id: id.to_string(),
        title: request.title,
        description: request.description,
        visibility: visibility.map(Into::into),
        expected_version: etag::expected_version(&headers)?,
    };
    let clients = gateway.clients();
    let video = clients.catalog().update_video(request).await?.into_inner();
    gateway.cache().changed().await;
    let video = compose(clients, video).await?;
    let tag = etag::tag_of(video.version, &video)?;
    Ok(([(header::ETAG, tag)], axum::Json(video)).into_response())
}

/// Delete a video with all its media
#[utoipa::path(
    delete,
    path = "/api/v1/videos/{id}",
    tag = "videos",
    params(("id" = uuid::Uuid, Path)),
    security(("bearer" = [])),
    responses((status = 204, description = "Deleted")),
)]
async fn delete_video(
    State(gateway): State<Gateway>,
    Id(id): Id<VideoId>,
) -> Result<StatusCode, Problem> {
    let request = catalog::DeleteVideoRequest {
        video_id: id.to_string(),
    };
    gateway.clients().catalog().delete_video(request).await?;
    gateway.cache().changed().await;
    Ok(StatusCode::NO_CONTENT)
}

/// The video as the caller of this request sees it: three calls.
pub(super) async fn find(clients: &Clients, id: VideoId) -> Result<Video, Problem> {
    let request = catalog::GetVideoRequest {
        video_id: id.to_string(),
    };
    let video = clients.catalog().get_video(request).await?.into_inner();
    compose(clients, video).await
}

async fn compose(clients: &Clients, video: catalog::Video) -> Result<Video, Problem> {
    let (asset, names) = tokio::try_join!(
        lookups::asset(clients, &video.id),
        lookups::account_names(clients, [&video.owner_id]),
    )?;
    let owner = Owner::named(&video.owner_id, &names);
    Video::compose(video, asset, owner)
}

/// Two calls for any number of videos.
async fn compose_all(
    clients: &Clients,
    videos: Vec<catalog::Video>,
) -> Result<Vec<Video>, Problem> {
    let ids = videos.iter().map(|video| video.id.clone()).collect();
    let (mut assets, names) = tokio::try_join!(
        lookups::assets(clients, ids),
        lookups::account_names(clients, videos.iter().map(|video| &video.owner_id)),
    )?;
    videos
        .into_iter()
        .map(|video| {
            let owner = Owner::named(&video.owner_id, &names);
            let asset = assets.remove(&video.id);
            Video::compose(video, asset, owner)
        })
        .collect()
}
