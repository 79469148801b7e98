//! Registering, signing in, staying signed in, signing out.

use std::sync::Arc;

use amphi_chassis::Secret;
use amphi_chassis::auth::{AccessTokenClaims, AccountRole, TokenVerifier};
use amphi_chassis::db::{micros, now_us};
use amphi_contracts::{AccountId, SessionId};

use crate::domain::password::is_plausible;
use crate::domain::{
    Account, ClientOrigin, DisplayName, Email, Error, LoginOutcome, Password, RefreshToken,
    Violations,
};
use crate::hasher::{Hasher, Verification};
use crate::login_throttle::{Attempt, LoginThrottle};
use crate::settings::Settings;
use crate::signer::Signer;
use crate::store::{
    Credentials, Exchange, ExchangeRules, NewAccount, NewLoginRecord, NewSession, Store,
};
use crate::turns::Turns;

/// What somebody fills in to have an account.
#[derive(Debug, Clone)]
pub struct Registration {
    pub email: String,
    pub name: String,
    pub password: Secret<String>,
}

/// A signed-in account with the tokens that prove it.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub account: Account,
    pub access_token: Secret<String>,
    pub access_expires_in_s: u32,
    pub refresh_token: Secret<String>,
    pub refresh_expires_in_s: u32,
}

/// The door to the accounts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SignIn {
    store: Store,
    hasher: Hasher,
    signer: Signer,
    verifier: TokenVerifier,
    settings: Arc<Settings>,
    throttle: LoginThrottle,
    turns: Arc<Turns>,
}

impl SignIn {
    #[must_use]
    pub fn new(
        store: Store,
        hasher: Hasher,
        signer: Signer,
        verifier: TokenVerifier,
        settings: Arc<Settings>,
    ) -> Self {
        Self {
            throttle: LoginThrottle::new(store.clone(), settings.throttle),
            store,
            hasher,
            signer,
            verifier,
            settings,
            turns: Arc::default(),
        }
    }

    /// Opens an account for whoever asks, and signs in.
    pub async fn register(
        &self,
        registration: Registration,
        origin: &ClientOrigin,
    ) -> Result<SignedIn, Error> {
        if !self.settings.registration_open {
            return Err(Error::RegistrationClosed);
        }
        let new = self
            .prepare(registration, self.settings.default_role)
            .await?;
        let account = new.account.clone();
        let session = self.new_session(account.id, account.created_at_us)?;
        let record = succeeded(&account, origin, account.created_at_us);
        self.store
            .open_account(&new, Some((&session, &record)))
            .await?;
        tracing::info!(account_id = %account.id, "account registered");
        self.signed_in(
            account,
            session.id,
            &session.token,
            session.token_expires_at_us,
        )
    }

    /// Opens an account for somebody else, without signing in.
    pub async fn create_account(
        &self,
        registration: Registration,
        role: AccountRole,
    ) -> Result<Account, Error> {
        let new = self.prepare(registration, role).await?;
        self.store.open_account(&new, None).await?;
        tracing::info!(account_id = %new.account.id, %role, "account created");
        Ok(new.account)
    }

    /// Signs in with email address and password.
    pub async fn login(
        &self,
        email: &str,
        password: Secret<String>,
        origin: &ClientOrigin,
    ) -> Result<SignedIn, Error> {
        let email = Email::parse(email).map_err(|_| Error::InvalidCredentials)?;
        let attempt = Attempt::new(&email, origin);
        let _turn = self.turns.take(attempt.account_from_network()).await;
        let credentials = self.store.credentials(&email).await?;
        self.throttle.admit(&attempt, credentials.as_ref()).await?;
        let verification = if is_plausible(&password) {
            let stored = credentials
                .as_ref()
                .map(|known| known.password_hash.clone());
            self.hasher.verify(password.clone(), stored).await?
        } else {
            Verification::Wrong
        };
        let now_us = now_us();
        let (Some(credentials), Verification::Right | Verification::RightButOutdated) =
            (&credentials, verification)
        else {
            self.throttle
                .count_failure(&attempt, credentials.as_ref(), now_us)
                .await?;
            return Err(Error::InvalidCredentials);
        };
        if verification == Verification::RightButOutdated {
            self.rehash(credentials, password).await?;
        }
        let account = credentials.account.clone();
        let session = self.new_session(account.id, now_us)?;
        let record = succeeded(&account, origin, now_us);
        self.store
            .open_session(&session, &record, attempt.account_from_network())
            .await?;
        self.signed_in(
            account,
            session.id,
            &session.token,
            session.token_expires_at_us,
        )
    }

    /// Exchanges a refresh token for a new pair of tokens.
    pub async fn refresh(
        &self,
        refresh_token: &Secret<String>,
        origin: &ClientOrigin,
    ) -> Result<SignedIn, Error> {
        let token =
            RefreshToken::parse(refresh_token.expose()).ok_or(Error::InvalidRefreshToken)?;
        let rules = ExchangeRules {
            grace: self.settings.refresh_grace,
            token_lifetime_us: micros(self.settings.refresh_token_lifetime),
        };
        match self.store.exchange(&token, rules, origin, now_us()).await? {
            Exchange::Continued {
                account,
                session_id,
                successor,
                successor_expires_at_us,
            } => self.signed_in(account, session_id, &successor, successor_expires_at_us),
            Exchange::Reused { session_id } => {
                self.verifier.revoke(session_id).await;
                tracing::warn!(%session_id, "a refresh token was used twice; its session is revoked");
                Err(Error::RefreshTokenReused)
            }
            Exchange::Ended => Err(Error::InvalidRefreshToken),
        }
    }

    /// Ends the session of a refresh token. One that is unknown or ended is no error: the wish is fulfilled.
    pub async fn logout_by_token(&self, refresh_token: &Secret<String>) -> Result<(), Error> {
        let Some(token) = RefreshToken::parse(refresh_token.expose()) else {
            return Ok(());
        };
        if let Some(session_id) = self.store.revoke_by_token(&token, now_us()).await? {
            self.verifier.revoke(session_id).await;
        }
        Ok(())
    }

    /// Ends a session.
    pub async fn logout(&self, session_id: SessionId) -> Result<(), Error> {
        self.store.revoke(session_id, now_us()).await?;
        self.verifier.revoke(session_id).await;
        Ok(())
    }

    async fn prepare(
        &self,
        registration: Registration,
        role: AccountRole,
    ) -> Result<NewAccount, Error> {
        let mut violations = Violations::default();
        let email = violations.note(Email::parse(&registration.email));
        let name = violations.note(DisplayName::parse(&registration.name));
        let password = Password::choose(registration.password, email.as_ref(), name.as_ref());
        let (Some(password), Some(email), Some(name)) = (violations.note(password), email, name)
        else {
            return Err(violations.into_error());
        };
        // Spares a hash; the unique index decides.
        if self.store.email_is_taken(&email).await? {
            return Err(Error::EmailTaken);
        }
        let password_hash = self.hasher.hash(password.into_secret()).await?;
        Ok(NewAccount {
            account: Account {
                id: AccountId::generate(),
                email: email.as_str().to_owned(),
                name: name.as_str().to_owned(),
                role,
                created_at_us: now_us(),
            },
            email_key: email.key(),
            password_hash,
        })
    }

    async fn rehash(
        &self,
        credentials: &Credentials,
        password: Secret<String>,
    ) -> Result<(), Error> {
        let new = self.hasher.hash(password).await?;
        self.store
            .replace_password_hash(credentials.account.id, &credentials.password_hash, &new)
            .await
    }

    fn new_session(&self, account_id: AccountId, now_us: i64) -> Result<NewSession, Error> {
        let expires_at_us = now_us.saturating_add(micros(self.settings.session_lifetime));
        let token_expires_at_us = now_us
            .saturating_add(micros(self.settings.refresh_token_lifetime))
            .min(expires_at_us);
        Ok(NewSession {
            id: SessionId::generate(),
            account_id,
            token: RefreshToken::generate()?,
            opened_at_us: now_us,
            token_expires_at_us,
            expires_at_us,
        })
    }

    fn signed_in(
        &self,
        account: Account,
        session_id: SessionId,
        refresh_token: &RefreshToken,
        refresh_expires_at_us: i64,
    ) -> Result<SignedIn, Error> {
        let now_us = now_us();
        let lifetime = self.settings.access_token_lifetime;
        let claims = AccessTokenClaims::new(
            account.id,
            session_id,
            account.role,
            now_us / 1_000_000,
            lifetime,
        );
        let refresh_left_s = refresh_expires_at_us.saturating_sub(now_us).max(0) / 1_000_000;
        Ok(SignedIn {
            access_token: self.signer.sign(&claims)?,
            access_expires_in_s: u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX),
            refresh_token: refresh_token.to_text(),
            refresh_expires_in_s: u32::try_from(refresh_left_s).unwrap_or(u32::MAX),
            account,
        })
    }
}

fn succeeded(account: &Account, origin: &ClientOrigin, now_us: i64) -> NewLoginRecord {
    NewLoginRecord::new(account.id, LoginOutcome::Succeeded, origin, now_us)
}
