//! Decodes requests, checks who asks, calls, encodes answers.

mod convert;

use std::sync::Arc;

use amphi_chassis::Problem;
use amphi_chassis::Secret;
use amphi_chassis::auth::{AccountRole, Caller};
use amphi_chassis::db::{Cursor, micros, now_us, page_limit};
use amphi_contracts::AccountId;
use amphi_contracts::proto::identity::v1::identity_service_server::IdentityService;
use amphi_contracts::proto::identity::v1::{
    self as proto, Account, BatchGetAccountsRequest, BatchGetAccountsResponse,
    CreateAccountRequest, GetAccountRequest, GetKeySetRequest, KeySet, ListLoginRecordsRequest,
    ListLoginRecordsResponse, ListRevokedSessionsRequest, ListRevokedSessionsResponse,
    LoginRequest, LogoutRequest, LogoutResponse, RefreshRequest, RegisterRequest, SessionTokens,
};
use tonic::{Request, Response, Status};

use crate::domain::Error;
use crate::keys::KeyKeeper;
use crate::settings::Settings;
use crate::sign_in::{Registration, SignIn};
use crate::store::Store;
use convert::{account_for, malformed_id, origin_of};

const BATCH_MAX: usize = 200;
const REVOCATIONS_MAX: u64 = 10_000;
/// A revocation is dated before it is committed. Asking again for the moments before the last answer catches those that
/// were still on their way; verifiers keep a set, so repetition is harmless.
const REVOCATION_OVERLAP_US: i64 = 15_000_000;

/// The accounts as other services call them.
#[derive(Debug, Clone)]
pub struct IdentityRpc {
    pub store: Store,
    pub sign_in: SignIn,
    pub keys: KeyKeeper,
    pub settings: Arc<Settings>,
}

impl IdentityRpc {
    async fn accounts(
        &self,
        caller: &Caller,
        request: BatchGetAccountsRequest,
    ) -> Result<BatchGetAccountsResponse, Problem> {
        let asked = request.account_ids.len();
        if asked > BATCH_MAX {
            let detail =
                format!("At most {BATCH_MAX} accounts are answered; {asked} were asked for.");
            return Err(Error::Malformed(detail).into());
        }
        let ids = request
            .account_ids
            .iter()
            .map(|id| id.parse())
            .collect::<Result<Vec<AccountId>, _>>()
            .map_err(malformed_id)?;
        let accounts = self.store.accounts(&ids).await?;
        Ok(BatchGetAccountsResponse {
            accounts: accounts
                .into_iter()
                .map(|account| account_for(caller, account))
                .collect(),
        })
    }

    async fn login_records(
        &self,
        caller: &Caller,
        request: ListLoginRecordsRequest,
    ) -> Result<ListLoginRecordsResponse, Problem> {
        let account_id: AccountId = request.account_id.parse().map_err(malformed_id)?;
        check_signed_in(caller)?;
        if !caller.may_act_for(account_id) {
            return Err(Error::NotYours.into());
        }
        let limit = page_limit(request.limit)?;
        let after = Cursor::decode_optional(&request.cursor)?;
        let page = self.store.login_records(account_id, limit, after).await?;
        Ok(ListLoginRecordsResponse {
            next_cursor: page.next_cursor_text(),
            records: page.items.into_iter().map(Into::into).collect(),
        })
    }

    async fn open_account(
        &self,
        caller: &Caller,
        request: CreateAccountRequest,
    ) -> Result<Account, Problem> {
        check_signed_in(caller)?;
        if !caller.is_admin() && !caller.is_service() {
            return Err(Error::AdministratorsOnly.into());
        }
        let role = AccountRole::try_from(request.role())?;
        let registration = Registration {
            email: request.email,
            name: request.name,
            password: Secret::new(request.password),
        };
        let account = self.sign_in.create_account(registration, role).await?;
        Ok(account_for(caller, account))
    }

    async fn end_session(
        &self,
        caller: &Caller,
        request: LogoutRequest,
    ) -> Result<LogoutResponse, Problem> {
        if request.refresh_token.is_empty() {
            self.sign_in.logout(caller.account()?.session_id).await?;
        } else {
            let token = Secret::new(request.refresh_token);
            self.sign_in.logout_by_token(&token).await?;
        }
        Ok(LogoutResponse {})
    }

    async fn revoked_sessions(
        &self,
        since_us: i64,
    ) -> Result<ListRevokedSessionsResponse, Problem> {
        let now_us = now_us();
        let oldest_us = now_us.saturating_sub(micros(self.settings.revocation_memory()));
        let since_us = since_us.max(oldest_us);
        let revoked = self.store.revoked_since(since_us, REVOCATIONS_MAX).await?;
        let has_more = revoked.len() as u64 == REVOCATIONS_MAX;
        let as_of_us = match revoked.last() {
            Some((_, last_us)) if has_more => *last_us,
            _ => now_us.saturating_sub(REVOCATION_OVERLAP_US),
        };
        Ok(ListRevokedSessionsResponse {
            session_ids: revoked.iter().map(|(id, _)| id.to_string()).collect(),
            as_of_us,
            has_more,
        })
    }
}

/// Refuses whoever is neither an account nor a service.
fn check_signed_in(caller: &Caller) -> Result<(), Problem> {
    if !caller.is_service() {
        caller.account()?;
    }
    Ok(())
}

#[async_trait::async_trait]
impl IdentityService for IdentityRpc {
    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<SessionTokens>, Status> {
        let request = request.into_inner();
        let origin = origin_of(request.client);
        let registration = Registration {
            email: request.email,
            name: request.name,
            password: Secret::new(request.password),
        };
        let signed_in = self.sign_in.register(registration, &origin).await;
        Ok(Response::new(signed_in.map_err(Problem::from)?.into()))
    }

    async fn login(
        &self,
        request: Request<LoginRequest>,
    ) -> Result<Response<SessionTokens>, Status> {
        let request = request.into_inner();
        let origin = origin_of(request.client);
        let password = Secret::new(request.password);
        let signed_in = self.sign_in.login(&request.email, password, &origin).await;
        Ok(Response::new(signed_in.map_err(Problem::from)?.into()))
    }

    async fn refresh(
        &self,
        request: Request<RefreshRequest>,
    ) -> Result<Response<SessionTokens>, Status> {
        let request = request.into_inner();
        let origin = origin_of(request.client);
        let token = Secret::new(request.refresh_token);
        let signed_in = self.sign_in.refresh(&token, &origin).await;
        Ok(Response::new(signed_in.map_err(Problem::from)?.into()))
    }

    async fn logout(
        &self,
        request: Request<LogoutRequest>,
    ) -> Result<Response<LogoutResponse>, Status> {
        let caller = Caller::of(&request).clone();
        Ok(Response::new(
            self.end_session(&caller, request.into_inner()).await?,
        ))
    }

    async fn get_account(
        &self,
        request: Request<GetAccountRequest>,
    ) -> Result<Response<Account>, Status> {
        let caller = Caller::of(&request).clone();
        let request = BatchGetAccountsRequest {
            account_ids: vec![request.into_inner().account_id],
        };
        let mut found = self.accounts(&caller, request).await?.accounts;
        let account = found
            .pop()
            .ok_or(Error::AccountNotFound)
            .map_err(Problem::from)?;
        Ok(Response::new(account))
    }

    async fn batch_get_accounts(
        &self,
        request: Request<BatchGetAccountsRequest>,
    ) -> Result<Response<BatchGetAccountsResponse>, Status> {
        let caller = Caller::of(&request).clone();
        Ok(Response::new(
            self.accounts(&caller, request.into_inner()).await?,
        ))
    }

    async fn list_login_records(
        &self,
        request: Request<ListLoginRecordsRequest>,
    ) -> Result<Response<ListLoginRecordsResponse>, Status> {
        let caller = Caller::of(&request).clone();
        Ok(Response::new(
            self.login_records(&caller, request.into_inner()).await?,
        ))
    }

    async fn create_account(
        &self,
        request: Request<CreateAccountRequest>,
    ) -> Result<Response<Account>, Status> {
        let caller = Caller::of(&request).clone();
        Ok(Response::new(
            self.open_account(&caller, request.into_inner()).await?,
        ))
    }

    async fn get_key_set(&self, _: Request<GetKeySetRequest>) -> Result<Response<KeySet>, Status> {
        let jwks = self.keys.published().await.map_err(Problem::from)?;
        Ok(Response::new(proto::KeySet { jwks }))
    }

    async fn list_revoked_sessions(
        &self,
        request: Request<ListRevokedSessionsRequest>,
    ) -> Result<Response<ListRevokedSessionsResponse>, Status> {
        Caller::of(&request).service()?;
        let since_us = request.into_inner().since_us;
        Ok(Response::new(self.revoked_sessions(since_us).await?))
    }
}
