//! The caller's own account.

use amphi_chassis::Problem;
use amphi_chassis::auth::Caller;
use amphi_contracts::proto::identity::v1 as identity;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::Uri;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::dto::accounts::{Account, LoginRecord, LoginRecordPage};
use crate::gateway::Gateway;
use crate::paging;
use crate::query::{FromQuery, Parameters, Query};

pub fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(routes!(me))
        .routes(routes!(list_logins))
}

/// The signed-in account
#[utoipa::path(
    get,
    path = "/api/v1/me",
    tag = "auth",
    security(("bearer" = [])),
    responses((status = 200, description = "The account", body = Account)),
)]
async fn me(State(gateway): State<Gateway>, caller: Caller) -> Result<Json<Account>, Problem> {
    let request = identity::GetAccountRequest {
        account_id: caller.account()?.account_id.to_string(),
    };
    let account = gateway.clients().identity().get_account(request).await?;
    Ok(Json(account.into_inner().try_into()?))
}

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
struct LoginsQuery {
    /// 1 to 200; 50 when not given.
    #[param(nullable = false)]
    limit: Option<u32>,
    #[param(nullable = false)]
    cursor: Option<String>,
}

impl FromQuery for LoginsQuery {
    fn from_query(parameters: &mut Parameters) -> Result<Self, Problem> {
        Ok(Self {
            limit: parameters.limit()?,
            cursor: parameters.cursor()?,
        })
    }
}

/// Attempts to sign in to the account, the newest first
#[utoipa::path(
    get,
    path = "/api/v1/me/logins",
    tag = "auth",
    params(LoginsQuery),
    security(("bearer" = [])),
    responses((status = 200, description = "Attempts", body = LoginRecordPage)),
)]
async fn list_logins(
    State(gateway): State<Gateway>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<LoginsQuery>,
) -> Result<Response, Problem> {
    let request = identity::ListLoginRecordsRequest {
        account_id: caller.account()?.account_id.to_string(),
        limit: query.limit.unwrap_or(0),
        cursor: query.cursor.unwrap_or_default(),
    };
    let page = gateway
        .clients()
        .identity()
        .list_login_records(request)
        .await?
        .into_inner();
    let items = page
        .records
        .into_iter()
        .map(LoginRecord::try_from)
        .collect::<Result<_, _>>()?;
    let next_cursor = page.next_cursor;
    let body = LoginRecordPage::new(items, next_cursor.clone());
    Ok(paging::respond(&uri, &next_cursor, &body))
}
