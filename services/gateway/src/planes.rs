//! Byte planes of other roles on the public address: uploads and pictures of media, streams of playback. Bytes pass through
//! in both directions as they come.

use std::net::SocketAddr;

use amphi_chassis::Role;
use amphi_chassis::http::limit_idle_time;
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::response::Response;
use axum::routing::any;

use crate::gateway::Gateway;

/// tus uploads. Media bounds them.
pub fn uploads() -> Router<Gateway> {
    Router::new()
        .route("/uploads", any(to_media))
        .route("/uploads/{*path}", any(to_media))
        .layer(DefaultBodyLimit::disable())
}

/// Pictures, manifests and segments.
pub fn downloads() -> Router<Gateway> {
    Router::new()
        .route("/images/{*path}", any(to_media))
        .route("/play/{*path}", any(to_playback))
}

async fn to_media(State(gateway): State<Gateway>, request: Request) -> Response {
    forward(&gateway, Role::Media, request).await
}

async fn to_playback(State(gateway): State<Gateway>, request: Request) -> Response {
    forward(&gateway, Role::Playback, request).await
}

async fn forward(gateway: &Gateway, role: Role, request: Request) -> Response {
    let idle = gateway.settings().stream_idle_timeout;
    let request = without_route(request).map(|body| limit_idle_time(body, idle));
    let response = gateway.clients().http(role).call(request).await;
    response.map(|body| limit_idle_time(body, idle))
}

/// The request as it came, without what our own route has noted on it: in one process the router of the other role would
/// take our path parameters for its own.
fn without_route(mut request: Request) -> Request {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .copied();
    request.extensions_mut().clear();
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer);
    }
    request
}
