//! What playback does, whoever asks: sessions, grants, positions, and letting tokens in.

use std::sync::{Arc, Mutex, PoisonError};

use amphi_chassis::auth::Caller;
use amphi_chassis::db::{micros, now_us};
use amphi_chassis::delivery::Delivery;
use amphi_chassis::rpc::Clients;
use amphi_chassis::{Kind, Problem};
use amphi_contracts::proto::{catalog::v1 as catalog, media::v1 as media};
use amphi_contracts::{AccountId, PlaybackSessionId, VideoId};

use crate::domain::token::Claims;
use crate::domain::{Error, Session};
use crate::keys::KeyRing;
use crate::presentations::Presentations;
use crate::settings::Settings;
use crate::states::SessionStates;
use crate::store::Store;

/// Videos in one call of `CreateGrants`.
pub const GRANTS_MAX: usize = 2_000;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Playback {
    pub(crate) store: Store,
    pub(crate) states: SessionStates,
    pub(crate) keys: KeyRing,
    pub(crate) presentations: Presentations,
    pub(crate) settings: Arc<Settings>,
    pub(crate) clients: Clients,
    /// The session that grants share while it is young: a list that many read costs one row a minute, and its addresses
    /// stay the same for that long.
    shared_grant: Arc<Mutex<Option<Session>>>,
}

/// A session as its viewer gets it.
#[derive(Debug, Clone)]
pub struct Started {
    pub session: Session,
    pub paths: Paths,
    pub resume_position_ms: u64,
    pub poster_path: Option<String>,
    pub storyboard_path: Option<String>,
}

/// Where the manifests of a video are, below the public origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    pub hls: String,
    pub dash: String,
}

impl Playback {
    #[must_use]
    pub fn new(
        store: Store,
        keys: KeyRing,
        clients: Clients,
        delivery: Delivery,
        settings: Settings,
    ) -> Self {
        Self {
            states: SessionStates::new(store.clone(), settings.session_state_max_age),
            presentations: Presentations::new(clients.as_service(), delivery, &settings),
            store,
            keys,
            clients,
            settings: Arc::new(settings),
            shared_grant: Arc::default(),
        }
    }

    /// Opens a session for a video that the caller may see and that plays.
    ///
    /// # Errors
    /// Not found, as catalog says; `video_not_viewable` with the state; or another service does not answer.
    pub async fn start(&self, caller: &Caller, video_id: VideoId) -> Result<Started, Error> {
        // Whatever becomes of the video while others are asked is told after this moment.
        let created_at_us = now_us();
        let account_id = caller.account_id();
        // Catalog alone decides; the rest is asked meanwhile, since it nearly always says yes.
        let (video, asset, shown, resume) = tokio::join!(
            self.visible_video(video_id),
            self.find_asset(video_id),
            self.presentations.find(video_id),
            self.resume_position(account_id, video_id),
        );
        let video = video?;
        let asset = asset?;
        let shown = shown?;
        let plays = shown.is_some_and(|presentation| presentation.is_playable());
        let Some(asset) = asset.filter(|_| plays) else {
            return Err(Error::NotViewable {
                state: state_name(video.state()),
            });
        };
        let session = Session {
            id: PlaybackSessionId::generate(),
            account_id,
            sign_in_id: caller.account().ok().map(|claims| claims.session_id),
            video_id: Some(video_id),
            sees_private: sees_private(caller, &video)?,
            created_at_us,
            expires_at_us: created_at_us.saturating_add(micros(self.settings.session_lifetime)),
            revoked_at_us: None,
        };
        self.store.insert_session(&session).await?;
        metrics::counter!("amphi.playback.sessions.created", "kind" => "session").increment(1);
        Ok(Started {
            paths: self.paths(&session, video_id),
            session,
            resume_position_ms: resume?.unwrap_or(0),
            poster_path: asset.poster_path.or(video.poster_path),
            storyboard_path: asset.storyboard_path,
        })
    }

    /// Signs paths of public videos, without asking anybody.
    ///
    /// # Errors
    /// The caller is no service, or asks for too many.
    pub async fn grant(
        &self,
        caller: &Caller,
        video_ids: &[VideoId],
    ) -> Result<(Session, Vec<Paths>), Error> {
        caller.service()?;
        if video_ids.len() > GRANTS_MAX {
            return Err(Error::TooManyVideos {
                asked: video_ids.len(),
                max: GRANTS_MAX,
            });
        }
        let session = self.grant_session().await?;
        let paths = video_ids
            .iter()
            .map(|video_id| self.paths(&session, *video_id))
            .collect();
        Ok((session, paths))
    }

    /// Ends a session. Its paths are refused from then on, here at once.
    ///
    /// # Errors
    /// There is no such session, or it is another account's.
    pub async fn revoke(&self, caller: &Caller, id: PlaybackSessionId) -> Result<(), Error> {
        if *caller == Caller::Anonymous {
            caller.account()?;
        }
        let session = self.store.find_session(id).await?;
        let may_revoke = |session: &Session| match session.account_id {
            Some(owner) => caller.may_act_for(owner),
            None => caller.is_admin() || caller.is_service(),
        };
        if !session.as_ref().is_some_and(may_revoke) {
            return Err(Error::NoSuchSession);
        }
        self.store.revoke_session(id).await?;
        self.states.revoked(id);
        let mut shared = self.lock_shared_grant();
        if shared.as_ref().is_some_and(|grant| grant.id == id) {
            *shared = None;
        }
        Ok(())
    }

    /// Remembers where the caller's account stopped.
    ///
    /// # Errors
    /// The caller has no account or may not see the video.
    pub async fn save_resume_position(
        &self,
        caller: &Caller,
        video_id: VideoId,
        position_ms: u64,
    ) -> Result<(), Error> {
        let account_id = caller.account()?.account_id;
        let video = self.visible_video(video_id).await?;
        let position_ms = position_ms.min(video.duration_ms.unwrap_or(u64::MAX));
        self.store
            .save_resume_position(account_id, video_id, position_ms)
            .await?;
        Ok(())
    }

    /// What a token in a path allows.
    ///
    /// # Errors
    /// The token is not ours, has expired, or its session was ended.
    pub async fn admit(&self, token: &str) -> Result<Claims, Error> {
        let claims = self.keys.verify(token).await?;
        if i64::from(claims.expires_at_s) * 1_000_000 <= now_us() {
            return Err(Error::TokenExpired);
        }
        self.states
            .check(claims.session_id, claims.video_id)
            .await?;
        Ok(claims)
    }

    fn paths(&self, session: &Session, video_id: VideoId) -> Paths {
        let token = self.keys.sign(&Claims {
            video_id,
            session_id: session.id,
            expires_at_s: u32::try_from(session.expires_at_us / 1_000_000).unwrap_or(u32::MAX),
        });
        Paths {
            hls: format!("/play/{token}/master.m3u8"),
            dash: format!("/play/{token}/manifest.mpd"),
        }
    }

    async fn grant_session(&self) -> Result<Session, Error> {
        let now_us = now_us();
        let young_us = now_us.saturating_sub(micros(self.settings.grant_reuse));
        if let Some(shared) = self.lock_shared_grant().clone()
            && shared.created_at_us > young_us
        {
            return Ok(shared);
        }
        let session = Session {
            id: PlaybackSessionId::generate(),
            account_id: None,
            sign_in_id: None,
            video_id: None,
            sees_private: false,
            created_at_us: now_us,
            expires_at_us: now_us.saturating_add(micros(self.settings.session_lifetime)),
            revoked_at_us: None,
        };
        self.store.insert_session(&session).await?;
        metrics::counter!("amphi.playback.sessions.created", "kind" => "grant").increment(1);
        *self.lock_shared_grant() = Some(session.clone());
        Ok(session)
    }

    fn lock_shared_grant(&self) -> std::sync::MutexGuard<'_, Option<Session>> {
        self.shared_grant
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The video as catalog shows it to the caller of this request.
    async fn visible_video(&self, video_id: VideoId) -> Result<catalog::Video, Error> {
        let request = catalog::GetVideoRequest {
            video_id: video_id.to_string(),
        };
        let video = self.clients.catalog().get_video(request).await?;
        Ok(video.into_inner())
    }

    async fn find_asset(&self, video_id: VideoId) -> Result<Option<media::Asset>, Error> {
        let request = media::GetAssetRequest {
            video_id: video_id.to_string(),
        };
        let asset = self.clients.as_service().media().get_asset(request).await;
        match asset.map_err(Problem::from) {
            Ok(asset) => Ok(Some(asset.into_inner())),
            Err(problem) if problem.kind == Kind::NotFound => Ok(None),
            Err(problem) => Err(problem.into()),
        }
    }

    async fn resume_position(
        &self,
        account_id: Option<AccountId>,
        video_id: VideoId,
    ) -> Result<Option<u64>, Error> {
        let Some(account_id) = account_id else {
            return Ok(None);
        };
        Ok(self.store.resume_position(account_id, video_id).await?)
    }
}

fn sees_private(caller: &Caller, video: &catalog::Video) -> Result<bool, Error> {
    Ok(caller.may_act_for(video.owner_id.parse::<AccountId>()?))
}

const fn state_name(state: catalog::VideoState) -> &'static str {
    match state {
        catalog::VideoState::Unspecified => "unknown",
        catalog::VideoState::Draft => "draft",
        catalog::VideoState::Uploading => "uploading",
        catalog::VideoState::Inspecting => "inspecting",
        catalog::VideoState::Encoding => "encoding",
        catalog::VideoState::Viewable => "viewable",
        catalog::VideoState::Ready => "ready",
        catalog::VideoState::Failed => "failed",
    }
}
