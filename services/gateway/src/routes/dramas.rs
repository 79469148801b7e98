//! The lists that have stream addresses in them, as bare JSON; browsers that navigate there get the web app.

use amphi_chassis::Problem;
use amphi_chassis::auth::Caller;
use amphi_chassis::rpc::Clients;
use amphi_contracts::SeriesId;
use amphi_contracts::proto::catalog::v1 as catalog;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Uri, header};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::cache::Answer;
use crate::dto::streams::{Drama, PublicVideo, is_public_and_plays};
use crate::extract::Id;
use crate::gateway::Gateway;
use crate::query::{FromQuery, Parameters, Query};
use crate::{lookups, negotiation, paging, web};

/// The bare lists have no page size of their own: they hold what one page may.
const LIST_LIMIT: u32 = 200;

pub fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(routes!(list_dramas))
        .routes(routes!(get_drama))
        .routes(routes!(list_public_videos))
}

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
struct StreamsQuery {
    /// 1 to 200; 200 when not given.
    #[param(nullable = false)]
    limit: Option<u32>,
    /// Of the `Link` header.
    #[param(nullable = false)]
    cursor: Option<String>,
}

impl FromQuery for StreamsQuery {
    fn from_query(parameters: &mut Parameters) -> Result<Self, Problem> {
        Ok(Self {
            limit: parameters.limit()?,
            cursor: parameters.cursor()?,
        })
    }
}

/// All dramas with their episodes and stream addresses
#[utoipa::path(
    get,
    path = "/dramas",
    tag = "streams",
    params(StreamsQuery),
    security((), ("bearer" = [])),
    responses((status = 200, description = "Dramas, or the web app for `Accept: text/html`", body = Vec<Drama>)),
)]
async fn list_dramas(
    State(gateway): State<Gateway>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
    query: Result<Query<StreamsQuery>, Problem>,
) -> Result<Response, Problem> {
    if negotiation::prefers_html(&headers) {
        return web::index(gateway.web_files(), &headers).await;
    }
    // The page may be navigated to with a query of its own.
    let Query(query) = query?;
    let request = catalog::ListSeriesRequest {
        kind: catalog::SeriesKind::Drama.into(),
        limit: query.limit.unwrap_or(LIST_LIMIT),
        cursor: query.cursor.unwrap_or_default(),
    };
    // Who has signed in sees one's own private episodes as well.
    if caller == Caller::Anonymous {
        let nobody = gateway.clients().with_token(None);
        let making = dramas(&nobody, &uri, request);
        let answer = gateway
            .cache()
            .answer(&headers, paging::address(&uri), making);
        return Ok(varying(answer.await?));
    }
    let dramas = dramas(gateway.clients(), &uri, request).await?;
    Ok(varying(dramas.uncached()))
}

async fn dramas(
    clients: &Clients,
    uri: &Uri,
    request: catalog::ListSeriesRequest,
) -> Result<Answer, Problem> {
    let page = clients.catalog().list_series(request).await?.into_inner();
    let streams = lookups::stream_paths(clients, &public_videos(&page.series)?).await?;
    let dramas: Vec<Drama> = page
        .series
        .into_iter()
        .map(|series| Drama::compose(series, &streams))
        .collect::<Result<_, _>>()?;
    Answer::page(paging::next_link(uri, &page.next_cursor), &dramas)
}

/// One drama with its episodes and stream addresses
#[utoipa::path(
    get,
    path = "/dramas/{id}",
    tag = "streams",
    params(("id" = uuid::Uuid, Path)),
    security((), ("bearer" = [])),
    responses((status = 200, description = "The drama, or the web app for `Accept: text/html`", body = Drama)),
)]
async fn get_drama(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    id: Result<Id<SeriesId>, Problem>,
) -> Result<Response, Problem> {
    if negotiation::prefers_html(&headers) {
        return web::index(gateway.web_files(), &headers).await;
    }
    let Id(id) = id?;
    let clients = gateway.clients();
    let request = catalog::GetSeriesRequest {
        series_id: id.to_string(),
    };
    let series = clients.catalog().get_series(request).await?.into_inner();
    if series.kind() != catalog::SeriesKind::Drama {
        return Err(Problem::not_found(
            "drama_not_found",
            "There is no such drama.",
        ));
    }
    let playing = public_videos(std::slice::from_ref(&series))?;
    let streams = lookups::stream_paths(clients, &playing).await?;
    let drama = Drama::compose(series, &streams)?;
    Ok(varying(Json(drama).into_response()))
}

/// Public videos that play, with their stream addresses
#[utoipa::path(
    get,
    path = "/videos",
    tag = "streams",
    params(StreamsQuery),
    responses((status = 200, description = "Videos, or the web app for `Accept: text/html`", body = Vec<PublicVideo>)),
)]
async fn list_public_videos(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    uri: Uri,
    query: Result<Query<StreamsQuery>, Problem>,
) -> Result<Response, Problem> {
    if negotiation::prefers_html(&headers) {
        return web::index(gateway.web_files(), &headers).await;
    }
    // The page may be navigated to with a query of its own.
    let Query(query) = query?;
    let request = catalog::ListVideosRequest {
        owner_id: None,
        limit: query.limit.unwrap_or(LIST_LIMIT),
        cursor: query.cursor.unwrap_or_default(),
    };
    let nobody = gateway.clients().with_token(None);
    let making = public_videos_that_play(&nobody, &uri, request);
    let answer = gateway
        .cache()
        .answer(&headers, paging::address(&uri), making);
    Ok(varying(answer.await?))
}

async fn public_videos_that_play(
    clients: &Clients,
    uri: &Uri,
    request: catalog::ListVideosRequest,
) -> Result<Answer, Problem> {
    let page = clients.catalog().list_videos(request).await?.into_inner();
    let mut playing = Vec::with_capacity(page.videos.len());
    for video in page.videos {
        if is_public_and_plays(&video)? {
            playing.push(video);
        }
    }
    let ids: Vec<String> = playing.iter().map(|video| video.id.clone()).collect();
    let streams = lookups::stream_paths(clients, &ids).await?;
    let videos: Vec<PublicVideo> = playing
        .into_iter()
        .map(|video| PublicVideo::compose(video, &streams))
        .collect();
    Answer::page(paging::next_link(uri, &page.next_cursor), &videos)
}

/// The ids of the episodes' videos that a stream may be signed for.
fn public_videos(series: &[catalog::Series]) -> Result<Vec<String>, Problem> {
    let mut ids = Vec::new();
    let episodes = series.iter().flat_map(|series| &series.episodes);
    for video in episodes.filter_map(|episode| episode.video.as_ref()) {
        if is_public_and_plays(video)? {
            ids.push(video.id.clone());
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// The same address has a page as well.
fn varying(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}
