use std::sync::Arc;

use amphi_chassis::Problem;
use amphi_chassis::auth::{AccountRole, Caller};
use amphi_chassis::db::{Cursor, page_limit};
use amphi_contracts::AccountId;
use amphi_contracts::proto::catalog::v1::{
    CreateVideoRequest, DeleteVideoRequest, DeleteVideoResponse, GetVideoRequest,
    ListVideosRequest, ListVideosResponse, UpdateVideoRequest, Video,
};

use super::convert::{malformed_id, visibility_of};
use crate::domain::access::check_may_see;
use crate::domain::idempotency::Fingerprint;
use crate::domain::video::{NewVideo, VideoChanges};
use crate::domain::{Description, Error, IdempotencyKey, Title, Violations};
use crate::settings::Settings;
use crate::store::{Once, Store};

/// The calls about videos.
#[derive(Debug, Clone)]
pub(super) struct VideoCalls {
    pub store: Store,
    pub settings: Arc<Settings>,
}

impl VideoCalls {
    pub(super) async fn create_video(
        &self,
        caller: &Caller,
        request: CreateVideoRequest,
    ) -> Result<Video, Problem> {
        let owner_id = caller.at_least(AccountRole::Creator)?.account_id;
        let new = self.new_video(&request)?;
        let key = IdempotencyKey::parse(&request.idempotency_key)?;
        let once = key.map(|key| Once {
            key,
            fingerprint: Fingerprint::of_video(&new),
        });
        let video = self
            .store
            .create_video(owner_id, &new, once.as_ref())
            .await?;
        Ok(video.into())
    }

    fn new_video(&self, request: &CreateVideoRequest) -> Result<NewVideo, Error> {
        let mut violations = Violations::default();
        let title = violations.note(Title::parse(&request.title));
        let description = violations.note(Description::parse(&request.description));
        let visibility = visibility_of(request.visibility)?;
        match (title, description) {
            (Some(title), Some(description)) => Ok(NewVideo {
                title,
                description,
                visibility: visibility.unwrap_or(self.settings.default_visibility),
            }),
            _ => Err(violations.into_error()),
        }
    }

    pub(super) async fn get_video(
        &self,
        caller: &Caller,
        request: GetVideoRequest,
    ) -> Result<Video, Problem> {
        let id = request.video_id.parse().map_err(malformed_id)?;
        let video = self.store.video(id).await?.ok_or(Error::VideoNotFound)?;
        check_may_see(caller, &video)?;
        Ok(video.into())
    }

    pub(super) async fn list_videos(
        &self,
        caller: &Caller,
        request: ListVideosRequest,
    ) -> Result<ListVideosResponse, Problem> {
        let limit = page_limit(request.limit)?;
        let after = Cursor::decode_optional(&request.cursor)?;
        let page = match &request.owner_id {
            None => self.store.listed_videos(limit, after).await?,
            Some(owner_id) => {
                let owner_id: AccountId = owner_id.parse().map_err(malformed_id)?;
                check_signed_in(caller)?;
                if !caller.may_act_for(owner_id) {
                    return Err(Error::NotYourList.into());
                }
                self.store.videos_of(owner_id, limit, after).await?
            }
        };
        Ok(ListVideosResponse {
            next_cursor: page.next_cursor_text(),
            videos: page.items.into_iter().map(Into::into).collect(),
        })
    }

    pub(super) async fn update_video(
        &self,
        caller: &Caller,
        request: UpdateVideoRequest,
    ) -> Result<Video, Problem> {
        let id = request.video_id.parse().map_err(malformed_id)?;
        check_signed_in(caller)?;
        let changes = video_changes(&request)?;
        let video = self
            .store
            .update_video(caller, id, request.expected_version, &changes)
            .await?;
        Ok(video.into())
    }

    pub(super) async fn delete_video(
        &self,
        caller: &Caller,
        request: DeleteVideoRequest,
    ) -> Result<DeleteVideoResponse, Problem> {
        let id = request.video_id.parse().map_err(malformed_id)?;
        check_signed_in(caller)?;
        self.store.delete_video(caller, id).await?;
        Ok(DeleteVideoResponse {})
    }
}

/// Refuses whoever is neither an account nor a service.
fn check_signed_in(caller: &Caller) -> Result<(), Problem> {
    if !caller.is_service() {
        caller.account()?;
    }
    Ok(())
}

fn video_changes(request: &UpdateVideoRequest) -> Result<VideoChanges, Error> {
    let mut violations = Violations::default();
    let title = request.title.as_deref().map(Title::parse);
    let description = request.description.as_deref().map(Description::parse);
    let visibility = request.visibility.map(visibility_of).transpose()?.flatten();
    let title = violations.note(title.transpose());
    let description = violations.note(description.transpose());
    match (title, description) {
        (Some(title), Some(description)) => Ok(VideoChanges {
            title,
            description,
            visibility,
        }),
        _ => Err(violations.into_error()),
    }
}
