//! All routes, and the layers around them in their order.

use std::sync::Arc;

use amphi_chassis::Problem;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::any;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use tokio::sync::Semaphore;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::gateway::Gateway;
use crate::layers::{compression, cors, limits, security};
use crate::{planes, routes, web};

/// The public address. The chassis puts request ids, tracing, a panic guard and authentication around it; within,
/// outermost first:
///
/// 1. security headers: on every answer
/// 2. compression: sees the whole answer, and leaves media, events and parts alone
///
/// Around the API, and not around what lasts (live updates, byte planes) or costs nothing (the web app):
///
/// 3. CORS: outside the limits, so that a page of another origin can read a refusal
/// 4. caching: nobody stores what one account was answered, unless the handler says more
/// 5. shedding: before any work
/// 6. time: of the work alone
/// 7. size of JSON bodies
pub fn router(gateway: Gateway) -> Router {
    let settings = gateway.settings();
    let places = Arc::new(Semaphore::new(settings.concurrency_max as usize));
    let body_bytes_max = settings.body_bytes_max;
    let security_policy = gateway.security_policy().clone();
    let cors = from_fn_with_state(gateway.clone(), cors::allow_origins);

    // Before the layers, which a fallback that is set later would not have.
    let api = Router::<Gateway>::from(routes::api())
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(from_fn_with_state(gateway.clone(), limits::time_out))
        .layer(from_fn_with_state(places, limits::shed))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        ))
        .layer(cors.clone());
    let open_ended = Router::<Gateway>::from(routes::streams())
        .merge(planes::uploads())
        .method_not_allowed_fallback(method_not_allowed)
        .layer(cors);
    Router::new()
        .merge(api)
        .merge(open_ended)
        .merge(planes::downloads())
        .merge(routes::docs())
        .route("/api/{*path}", any(no_such_route))
        .merge(names_of_probes())
        .fallback(web_app)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(gateway)
        .layer(compression::layer())
        .layer(from_fn_with_state(security_policy, security::add_headers))
}

/// What supervisors and collectors ask elsewhere: the web app's page, with its 200, would tell them that all is well.
fn names_of_probes() -> Router<Gateway> {
    ["/healthz", "/livez", "/readyz", "/metrics"]
        .into_iter()
        .fold(Router::new(), |router, path| {
            router.route(path, any(no_probe))
        })
}

async fn no_probe() -> Problem {
    Problem::not_found(
        "no_such_route",
        "Here is /health; /livez, /readyz and /metrics are at the internal port.",
    )
}

async fn no_such_route() -> Problem {
    Problem::not_found(
        "no_such_route",
        "There is nothing at this address. The API is described at /api/openapi.json.",
    )
}

async fn method_not_allowed(method: Method) -> Problem {
    Problem::method_not_allowed(
        "method_not_allowed",
        format!("{method} is not possible here; Allow says what is."),
    )
}

async fn web_app(
    State(gateway): State<Gateway>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    web::serve(gateway.web_files(), &method, uri.path(), &headers).await
}
