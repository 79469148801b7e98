//! Dramas and courses, and their episodes.

use amphi_chassis::Problem;
use amphi_chassis::auth::Caller;
use amphi_chassis::http::Json;
use amphi_chassis::rpc::Clients;
use amphi_contracts::SeriesId;
use amphi_contracts::proto::catalog::v1 as catalog;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri, header};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::videos::{IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_CHARS_MAX};
use crate::cache::Answer;
use crate::dto::series::{
    CreateEpisodeRequest, CreateSeriesRequest, Episode, Series, SeriesKind, SeriesPage,
};
use crate::extract::{Id, header_text};
use crate::gateway::Gateway;
use crate::query::{FromQuery, Parameters, Query};
use crate::{etag, lookups, paging};

pub fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(routes!(list_series, create_series))
        .routes(routes!(get_series))
        .routes(routes!(add_episode))
}

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
struct SeriesQuery {
    /// Both kinds when not given.
    #[param(nullable = false)]
    kind: Option<SeriesKind>,
    /// 1 to 200; 50 when not given.
    #[param(nullable = false)]
    limit: Option<u32>,
    #[param(nullable = false)]
    cursor: Option<String>,
}

impl FromQuery for SeriesQuery {
    fn from_query(parameters: &mut Parameters) -> Result<Self, Problem> {
        let kinds = [("drama", SeriesKind::Drama), ("course", SeriesKind::Course)];
        Ok(Self {
            kind: parameters.one_of("kind", &kinds)?,
            limit: parameters.limit()?,
            cursor: parameters.cursor()?,
        })
    }
}

/// Dramas and courses with their episodes, the newest first
#[utoipa::path(
    get,
    path = "/api/v1/series",
    tag = "series",
    params(SeriesQuery),
    security((), ("bearer" = [])),
    responses((status = 200, description = "Series", body = SeriesPage)),
)]
async fn list_series(
    State(gateway): State<Gateway>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
    Query(query): Query<SeriesQuery>,
) -> Result<Response, Problem> {
    let kind = query
        .kind
        .map_or(catalog::SeriesKind::Unspecified, Into::into);
    let request = catalog::ListSeriesRequest {
        kind: kind.into(),
        limit: query.limit.unwrap_or(0),
        cursor: query.cursor.unwrap_or_default(),
    };
    // Who has signed in sees one's own private episodes as well.
    if caller == Caller::Anonymous {
        let nobody = gateway.clients().with_token(None);
        let making = list(&nobody, &uri, request);
        let address = paging::address(&uri);
        return gateway.cache().answer(&headers, address, making).await;
    }
    let page = list(gateway.clients(), &uri, request).await?;
    Ok(page.uncached())
}

async fn list(
    clients: &Clients,
    uri: &Uri,
    request: catalog::ListSeriesRequest,
) -> Result<Answer, Problem> {
    let page = clients.catalog().list_series(request).await?.into_inner();
    let owners = page.series.iter().map(|series| &series.owner_id);
    let names = lookups::account_names(clients, owners).await?;
    let items = page
        .series
        .into_iter()
        .map(|series| Series::compose(series, &names))
        .collect::<Result<_, _>>()?;
    let link = paging::next_link(uri, &page.next_cursor);
    Answer::page(link, &SeriesPage::new(items, page.next_cursor))
}

/// Create a drama or a course
#[utoipa::path(
    post,
    path = "/api/v1/series",
    tag = "series",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same series")),
    request_body = CreateSeriesRequest,
    security(("bearer" = [])),
    responses((status = 201, description = "The series, without episodes", body = Series)),
)]
async fn create_series(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(request): Json<CreateSeriesRequest>,
) -> Result<Response, Problem> {
    let request = catalog::CreateSeriesRequest {
        kind: catalog::SeriesKind::from(request.kind).into(),
        title: request.title,
        description: request.description,
        idempotency_key: header_text(&headers, &IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_CHARS_MAX),
    };
    let clients = gateway.clients();
    let series = clients.catalog().create_series(request).await?.into_inner();
    gateway.cache().changed().await;
    let names = lookups::account_names(clients, [&series.owner_id]).await?;
    let series = Series::compose(series, &names)?;
    let location = format!("/api/v1/series/{}", series.id);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        axum::Json(series),
    )
        .into_response())
}

/// One drama or course with its episodes
#[utoipa::path(
    get,
    path = "/api/v1/series/{id}",
    tag = "series",
    params(("id" = uuid::Uuid, Path)),
    security((), ("bearer" = [])),
    responses(
        (status = 200, description = "The series", body = Series, headers(("ETag" = String))),
        (status = 304, description = "The client has it already"),
    ),
)]
async fn get_series(
    State(gateway): State<Gateway>,
    Id(id): Id<SeriesId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let clients = gateway.clients();
    let request = catalog::GetSeriesRequest {
        series_id: id.to_string(),
    };
    let series = clients.catalog().get_series(request).await?.into_inner();
    let names = lookups::account_names(clients, [&series.owner_id]).await?;
    // A series has no version of its own: its tag is that of what is shown.
    etag::respond(&headers, 0, &Series::compose(series, &names)?)
}

/// Add an episode
#[utoipa::path(
    post,
    path = "/api/v1/series/{id}/episodes",
    tag = "series",
    params(("id" = uuid::Uuid, Path)),
    request_body = CreateEpisodeRequest,
    security(("bearer" = [])),
    responses((status = 201, description = "The episode", body = Episode)),
)]
async fn add_episode(
    State(gateway): State<Gateway>,
    Id(id): Id<SeriesId>,
    Json(request): Json<CreateEpisodeRequest>,
) -> Result<(StatusCode, axum::Json<Episode>), Problem> {
    let request = catalog::AddEpisodeRequest {
        series_id: id.to_string(),
        number: request.number.unwrap_or(0),
        title: request.title,
        video_id: request.video_id.to_string(),
    };
    let episode = gateway.clients().catalog().add_episode(request).await?;
    gateway.cache().changed().await;
    let episode = Episode::try_from(episode.into_inner())?;
    Ok((StatusCode::CREATED, axum::Json(episode)))
}
