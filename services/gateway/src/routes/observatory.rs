//! Traces and the service map. Who may see them is the observatory's to say.

use amphi_chassis::auth::Caller;
use amphi_chassis::http::Json as JsonBody;
use amphi_chassis::rpc::CallContext;
use amphi_chassis::{Kind, Problem, Role};
use amphi_contracts::proto::observatory::v1 as observatory;
use axum::Json;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::Response;
use futures::StreamExt;
use http::{Request, Uri, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use utoipa::IntoParams;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::dto::observatory::{
    ObservedServices, ServiceMap, Trace, TraceSummary, TraceSummaryPage,
};
use crate::extract::ClientIp;
use crate::gateway::Gateway;
use crate::otlp::{self, BrowserTraces};
use crate::query::{FromQuery, Parameters, Query};
use crate::{events, paging};

type JsonObject = serde_json::Map<String, serde_json::Value>;

const WINDOW_DEFAULT_S: u32 = 300;
/// What `since` and `until` take.
const MOMENT: &str = "a moment of RFC 3339 such as `2026-01-31T12:00:00Z`";
/// Of the observatory's answer to a browser's report.
const EXPORT_ANSWER_BYTES_MAX: usize = 16 * 1024;

pub fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(routes!(list_traces))
        .routes(routes!(get_trace))
        .routes(routes!(service_map))
        .routes(routes!(list_services))
        .routes(routes!(take_browser_traces).layer(DefaultBodyLimit::max(otlp::BODY_BYTES_MAX)))
}

pub fn streams() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default().routes(routes!(service_map_live))
}

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
struct TracesQuery {
    #[param(nullable = false)]
    service: Option<String>,
    #[param(nullable = false)]
    operation: Option<String>,
    #[param(nullable = false)]
    min_duration_ms: Option<u64>,
    #[param(nullable = false)]
    since: Option<Timestamp>,
    #[param(nullable = false)]
    until: Option<Timestamp>,
    /// Only traces with an error in them.
    #[param(nullable = false)]
    error: Option<bool>,
    /// 1 to 200; 50 when not given.
    #[param(nullable = false)]
    limit: Option<u32>,
    #[param(nullable = false)]
    cursor: Option<String>,
}

impl FromQuery for TracesQuery {
    fn from_query(parameters: &mut Parameters) -> Result<Self, Problem> {
        Ok(Self {
            service: parameters.text("service")?,
            operation: parameters.text("operation")?,
            min_duration_ms: parameters.parsed("min_duration_ms", "a whole number")?,
            since: parameters.parsed("since", MOMENT)?,
            until: parameters.parsed("until", MOMENT)?,
            error: parameters.parsed("error", "`true` or `false`")?,
            limit: parameters.limit()?,
            cursor: parameters.cursor()?,
        })
    }
}

/// Traces, the newest first
///
/// For administrators.
#[utoipa::path(
    get,
    path = "/api/v1/observatory/traces",
    tag = "observatory",
    params(TracesQuery),
    security(("bearer" = [])),
    responses((status = 200, description = "Traces", body = TraceSummaryPage)),
)]
async fn list_traces(
    State(gateway): State<Gateway>,
    uri: Uri,
    Query(query): Query<TracesQuery>,
) -> Result<Response, Problem> {
    let at_us = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_microsecond);
    let request = observatory::FindTracesRequest {
        service: query.service.unwrap_or_default(),
        operation: query.operation.unwrap_or_default(),
        min_duration_us: query.min_duration_ms.unwrap_or(0).saturating_mul(1000),
        since_us: at_us(query.since),
        until_us: at_us(query.until),
        only_errors: query.error.unwrap_or(false),
        limit: query.limit.unwrap_or(0),
        cursor: query.cursor.unwrap_or_default(),
    };
    let clients = gateway.clients();
    let page = clients
        .observatory()
        .find_traces(request)
        .await?
        .into_inner();
    let items = page
        .traces
        .into_iter()
        .map(TraceSummary::try_from)
        .collect::<Result<_, _>>()?;
    let next_cursor = page.next_cursor;
    let body = TraceSummaryPage::new(items, next_cursor.clone());
    Ok(paging::respond(&uri, &next_cursor, &body))
}

/// One trace with its spans, depth first
#[utoipa::path(
    get,
    path = "/api/v1/observatory/traces/{trace_id}",
    tag = "observatory",
    params(("trace_id" = String, Path, description = "32 lower-case hex digits")),
    security(("bearer" = [])),
    responses((status = 200, description = "The trace", body = Trace)),
)]
async fn get_trace(
    State(gateway): State<Gateway>,
    Path(trace_id): Path<String>,
) -> Result<Json<Trace>, Problem> {
    let request = observatory::GetTraceRequest { trace_id };
    let trace = gateway.clients().observatory().get_trace(request).await?;
    Ok(Json(trace.into_inner().try_into()?))
}

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
struct WindowQuery {
    /// How far back, seconds; 300 when not given.
    #[param(nullable = false)]
    window_s: Option<u32>,
}

impl FromQuery for WindowQuery {
    fn from_query(parameters: &mut Parameters) -> Result<Self, Problem> {
        let window_s = parameters.parsed("window_s", "a whole number of seconds")?;
        Ok(Self { window_s })
    }
}

impl WindowQuery {
    fn request(&self) -> observatory::GetServiceMapRequest {
        observatory::GetServiceMapRequest {
            window_s: self.window_s.unwrap_or(WINDOW_DEFAULT_S),
        }
    }
}

/// Who calls whom, and what it costs
///
/// For administrators.
#[utoipa::path(
    get,
    path = "/api/v1/observatory/service-map",
    tag = "observatory",
    params(WindowQuery),
    security(("bearer" = [])),
    responses((status = 200, description = "The map", body = ServiceMap)),
)]
async fn service_map(
    State(gateway): State<Gateway>,
    Query(query): Query<WindowQuery>,
) -> Result<Json<ServiceMap>, Problem> {
    let mut client = gateway.clients().observatory();
    let map = client.get_service_map(query.request()).await?;
    Ok(Json(map.into_inner().try_into()?))
}

/// The service map every two seconds
///
/// Server-sent events named `service-map`. For administrators.
#[utoipa::path(
    get,
    path = "/api/v1/observatory/service-map/live",
    tag = "observatory",
    params(WindowQuery),
    security(("bearer" = [])),
    responses((status = 200, description = "Each event's data is a map", body = ServiceMap, content_type = "text/event-stream")),
)]
async fn service_map_live(
    State(gateway): State<Gateway>,
    caller: Caller,
    client: ClientIp,
    Query(query): Query<WindowQuery>,
) -> Result<Response, Problem> {
    let place = gateway.event_streams().open(&caller, client)?;
    let mut client = gateway.clients().observatory();
    let watch = client.watch_service_map(query.request());
    let maps = CallContext::current()
        .without_deadline()
        .scope(watch)
        .await?;
    let maps = maps.into_inner().map(|map| {
        let map = ServiceMap::try_from(map?)?;
        events::event("service-map", &map)
    });
    Ok(events::respond(&gateway, place, maps))
}

/// The services that spans have come from, with their operations
///
/// For administrators.
#[utoipa::path(
    get,
    path = "/api/v1/observatory/services",
    tag = "observatory",
    security(("bearer" = [])),
    responses((status = 200, description = "Services", body = ObservedServices)),
)]
async fn list_services(State(gateway): State<Gateway>) -> Result<Json<ObservedServices>, Problem> {
    let request = observatory::ListServicesRequest {};
    let services = gateway
        .clients()
        .observatory()
        .list_services(request)
        .await?;
    Ok(Json(services.into_inner().into()))
}

/// Take a browser's spans
///
/// OTLP over HTTP with JSON, at most 256 KiB. The spans count as those of the service `browser`, whatever they say.
#[utoipa::path(
    post,
    path = "/api/v1/observatory/otlp/v1/traces",
    tag = "observatory",
    request_body(content = Object, description = "ExportTraceServiceRequest of opentelemetry-proto"),
    responses((status = 200, description = "Taken", body = Object)),
)]
async fn take_browser_traces(
    State(gateway): State<Gateway>,
    client: ClientIp,
    JsonBody(traces): JsonBody<BrowserTraces>,
) -> Result<Json<JsonObject>, Problem> {
    // A report without spans costs as much as one with a single one.
    let spans = u32::try_from(traces.span_count().max(1)).unwrap_or(u32::MAX);
    let limits = gateway.limits();
    limits.browser_spans(client.network(), spans).await?;
    if traces.span_count() == 0 {
        return Ok(Json(JsonObject::new()));
    }
    let export = serde_json::to_vec(&traces.into_export()?).map_err(Problem::internal)?;
    let request = Request::post("/v1/traces")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(export))
        .map_err(Problem::internal)?;
    let channel = gateway.clients().as_service().http(Role::Observatory);
    let response = channel.call(request).await;
    let status = response.status();
    let answer = http_body_util::Limited::new(response.into_body(), EXPORT_ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(Problem::internal)?
        .to_bytes();
    if !status.is_success() {
        return Err(Problem::new(
            Kind::Unavailable,
            "traces_not_taken",
            format!("The observatory did not take the spans ({status}). Try again later."),
        ));
    }
    // `partialSuccess`, if the observatory says so.
    Ok(Json(serde_json::from_slice(&answer).unwrap_or_default()))
}
