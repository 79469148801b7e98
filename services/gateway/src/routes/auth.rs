//! Registering, signing in and out, and new tokens for old.

use amphi_chassis::auth::Caller;
use amphi_chassis::http::{Json, OptionalJson};
use amphi_chassis::{Kind, Problem};
use amphi_contracts::proto::identity::v1 as identity;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::dto::accounts::{AuthSession, LoginRequest, RefreshRequest, RegisterRequest};
use crate::extract::{ClientIp, header_text};
use crate::gateway::Gateway;

/// Holds the refresh token where scripts cannot read it.
const REFRESH_COOKIE: &str = "amphi_refresh";
/// The only paths that the cookie is sent to.
const REFRESH_COOKIE_PATH: &str = "/api/v1/auth";
const USER_AGENT_CHARS_MAX: usize = 256;

pub fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
}

/// Open an account and sign in
#[utoipa::path(
    post,
    path = "/api/v1/auth/register",
    tag = "auth",
    request_body = RegisterRequest,
    responses((status = 201, description = "Signed in", body = AuthSession)),
)]
async fn register(
    State(gateway): State<Gateway>,
    client: ClientIp,
    headers: HeaderMap,
    Json(request): Json<RegisterRequest>,
) -> Result<Response, Problem> {
    gateway.limits().attempt(client.network()).await?;
    let request = identity::RegisterRequest {
        email: request.email,
        name: request.name,
        password: request.password,
        client: Some(client_info(client, &headers)),
    };
    let tokens = gateway.clients().identity().register(request).await?;
    signed_in(&gateway, StatusCode::CREATED, tokens.into_inner())
}

/// Sign in
#[utoipa::path(
    post,
    path = "/api/v1/auth/login",
    tag = "auth",
    request_body = LoginRequest,
    responses((status = 200, description = "Signed in", body = AuthSession)),
)]
async fn login(
    State(gateway): State<Gateway>,
    client: ClientIp,
    headers: HeaderMap,
    Json(request): Json<LoginRequest>,
) -> Result<Response, Problem> {
    gateway.limits().attempt(client.network()).await?;
    let request = identity::LoginRequest {
        email: request.email,
        password: request.password,
        client: Some(client_info(client, &headers)),
    };
    let tokens = gateway.clients().identity().login(request).await?;
    signed_in(&gateway, StatusCode::OK, tokens.into_inner())
}

/// Exchange a refresh token for new tokens
///
/// The token comes from the body, or from the cookie when the body has none. It is good for one use.
#[utoipa::path(
    post,
    path = "/api/v1/auth/refresh",
    tag = "auth",
    request_body = Option<RefreshRequest>,
    responses((status = 200, description = "New tokens", body = AuthSession)),
)]
async fn refresh(
    State(gateway): State<Gateway>,
    client: ClientIp,
    headers: HeaderMap,
    jar: CookieJar,
    OptionalJson(request): OptionalJson<RefreshRequest>,
) -> Result<Response, Problem> {
    let limits = gateway.limits();
    limits.refresh_from(client.network()).await?;
    let Some(refresh_token) = refresh_token(request, &jar) else {
        return Err(Problem::unauthenticated(
            "refresh_token_missing",
            "Give the refresh token in the body or in the cookie, or sign in.",
        ));
    };
    limits.refresh_with(&refresh_token).await?;
    let request = identity::RefreshRequest {
        refresh_token,
        client: Some(client_info(client, &headers)),
    };
    let refreshed = gateway
        .clients()
        .with_token(None)
        .identity()
        .refresh(request)
        .await;
    match refreshed.map_err(Problem::from) {
        Ok(tokens) => signed_in(&gateway, StatusCode::OK, tokens.into_inner()),
        // A browser would send the spent cookie for ever.
        Err(problem) if problem.kind == Kind::Unauthenticated => {
            Ok(([(header::SET_COOKIE, removed_cookie(&gateway)?)], problem).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// Sign out
///
/// Ends the session of the refresh token, or else of the access token. Its playback ends as well.
#[utoipa::path(
    post,
    path = "/api/v1/auth/logout",
    tag = "auth",
    request_body = Option<RefreshRequest>,
    responses((status = 204, description = "Signed out")),
)]
async fn logout(
    State(gateway): State<Gateway>,
    caller: Caller,
    jar: CookieJar,
    OptionalJson(request): OptionalJson<RefreshRequest>,
) -> Result<Response, Problem> {
    let refresh_token = refresh_token(request, &jar);
    if refresh_token.is_some() || caller != Caller::Anonymous {
        let request = identity::LogoutRequest {
            refresh_token: refresh_token.unwrap_or_default(),
        };
        gateway.clients().identity().logout(request).await?;
    }
    if let Caller::Account(claims) = &caller {
        gateway.verifier().revoke_locally(claims.session_id);
    }
    let removed = [(header::SET_COOKIE, removed_cookie(&gateway)?)];
    Ok((StatusCode::NO_CONTENT, removed).into_response())
}

fn signed_in(
    gateway: &Gateway,
    status: StatusCode,
    tokens: identity::SessionTokens,
) -> Result<Response, Problem> {
    let cookie = cookie(gateway, &tokens.refresh_token, tokens.refresh_expires_in_s)?;
    let session = AuthSession::try_from(tokens)?;
    let headers = [
        (header::SET_COOKIE, cookie),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((status, headers, axum::Json(session)).into_response())
}

fn removed_cookie(gateway: &Gateway) -> Result<HeaderValue, Problem> {
    cookie(gateway, "", 0)
}

fn cookie(gateway: &Gateway, token: &str, lifetime_s: u32) -> Result<HeaderValue, Problem> {
    let secure = if gateway.is_https() { "; Secure" } else { "" };
    let text = format!(
        "{REFRESH_COOKIE}={token}; Path={REFRESH_COOKIE_PATH}; Max-Age={lifetime_s}; HttpOnly; SameSite=Strict{secure}"
    );
    let mut value = HeaderValue::from_str(&text).map_err(Problem::internal)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The token of the body, or else of the cookie.
fn refresh_token(request: RefreshRequest, jar: &CookieJar) -> Option<String> {
    let cookie = || {
        jar.get(REFRESH_COOKIE)
            .map(|cookie| cookie.value().to_owned())
    };
    request
        .refresh_token
        .or_else(cookie)
        .filter(|token| !token.is_empty())
}

fn client_info(client: ClientIp, headers: &HeaderMap) -> identity::ClientInfo {
    identity::ClientInfo {
        ip: client.0.to_canonical().to_string(),
        user_agent: header_text(headers, &header::USER_AGENT, USER_AGENT_CHARS_MAX),
    }
}
