use std::sync::Arc;

use amphi_chassis::Problem;
use amphi_chassis::auth::{AccountRole, Caller};
use amphi_chassis::db::{Cursor, page_limit};
use amphi_contracts::proto::catalog::v1::{
    AddEpisodeRequest, CreateSeriesRequest, Episode, GetSeriesRequest, ListSeriesRequest,
    ListSeriesResponse, Series,
};

use super::convert::{kind_of, malformed_id};
use crate::domain::access::Sight;
use crate::domain::idempotency::Fingerprint;
use crate::domain::series::NewSeries;
use crate::domain::{Description, EpisodeNumber, Error, IdempotencyKey, Title, Violations};
use crate::settings::Settings;
use crate::store::{NewEpisode, Once, Store};

/// The calls about series and their episodes.
#[derive(Debug, Clone)]
pub(super) struct SeriesCalls {
    pub store: Store,
    pub settings: Arc<Settings>,
}

impl SeriesCalls {
    pub(super) async fn create_series(
        &self,
        caller: &Caller,
        request: CreateSeriesRequest,
    ) -> Result<Series, Problem> {
        let owner_id = caller.at_least(AccountRole::Creator)?.account_id;
        let new = new_series(&request)?;
        let key = IdempotencyKey::parse(&request.idempotency_key)?;
        let once = key.map(|key| Once {
            key,
            fingerprint: Fingerprint::of_series(&new),
        });
        let created = self
            .store
            .create_series(owner_id, &new, once.as_ref())
            .await?;
        if once.is_none() {
            return Ok(created.into());
        }
        // Repeated, it may have got episodes meanwhile.
        let series = self.store.series(created.id, Sight::of(caller)).await?;
        Ok(series.ok_or(Error::SeriesNotFound)?.into())
    }

    pub(super) async fn get_series(
        &self,
        caller: &Caller,
        request: GetSeriesRequest,
    ) -> Result<Series, Problem> {
        let id = request.series_id.parse().map_err(malformed_id)?;
        let series = self.store.series(id, Sight::of(caller)).await?;
        Ok(series.ok_or(Error::SeriesNotFound)?.into())
    }

    pub(super) async fn list_series(
        &self,
        caller: &Caller,
        request: ListSeriesRequest,
    ) -> Result<ListSeriesResponse, Problem> {
        let limit = page_limit(request.limit)?;
        let after = Cursor::decode_optional(&request.cursor)?;
        let kind = kind_of(request.kind)?;
        let page = self
            .store
            .series_page(kind, Sight::of(caller), limit, after)
            .await?;
        Ok(ListSeriesResponse {
            next_cursor: page.next_cursor_text(),
            series: page.items.into_iter().map(Into::into).collect(),
        })
    }

    pub(super) async fn add_episode(
        &self,
        caller: &Caller,
        request: AddEpisodeRequest,
    ) -> Result<Episode, Problem> {
        caller.at_least(AccountRole::Creator)?;
        let new = new_episode(&request)?;
        let episodes_max = self.settings.episodes_per_series_max;
        let episode = self.store.add_episode(caller, &new, episodes_max).await?;
        Ok(episode.into())
    }
}

fn new_series(request: &CreateSeriesRequest) -> Result<NewSeries, Error> {
    let kind = kind_of(request.kind)?
        .ok_or_else(|| Error::Malformed("The kind must be `drama` or `course`.".to_owned()))?;
    let mut violations = Violations::default();
    let title = violations.note(Title::parse(&request.title));
    let description = violations.note(Description::parse(&request.description));
    match (title, description) {
        (Some(title), Some(description)) => Ok(NewSeries {
            kind,
            title,
            description,
        }),
        _ => Err(violations.into_error()),
    }
}

fn new_episode(request: &AddEpisodeRequest) -> Result<NewEpisode, Error> {
    let series_id = request.series_id.parse().map_err(malformed_id)?;
    let video_id = request.video_id.parse().map_err(malformed_id)?;
    let mut violations = Violations::default();
    let title = violations.note(Title::parse(&request.title));
    let number = violations.note(EpisodeNumber::requested(request.number));
    match (title, number) {
        (Some(title), Some(number)) => Ok(NewEpisode {
            series_id,
            video_id,
            number,
            title,
        }),
        _ => Err(violations.into_error()),
    }
}
