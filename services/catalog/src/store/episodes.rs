use std::collections::HashMap;

use amphi_chassis::auth::Caller;
use amphi_chassis::db::{Txn, now_us};
use amphi_contracts::{AccountId, EpisodeId, SeriesId, VideoId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult,
    JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, RelationTrait, SqlErr,
};
use uuid::Uuid;

use super::Store;
use super::entities::{episode, series, video};
use super::videos::{lock, read};
use crate::domain::access::{self, Sight};
use crate::domain::{Episode, EpisodeNumber, Error, Title, Video, Visibility};

/// A video to be shown as an episode.
#[derive(Debug, Clone)]
pub struct NewEpisode {
    pub series_id: SeriesId,
    pub video_id: VideoId,
    pub number: EpisodeNumber,
    pub title: Title,
}

impl Store {
    /// Adds an episode on the caller's behalf, who must be allowed to change both the series and the video.
    pub async fn add_episode(
        &self,
        caller: &Caller,
        new: &NewEpisode,
        episodes_max: u32,
    ) -> Result<Episode, Error> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    // The video first, as when it is deleted: two that lock in different orders block each other.
                    let video = lock(txn, new.video_id).await?.ok_or(Error::VideoNotFound)?;
                    access::check_may_change(caller, &video)?;
                    // Locked, so that of two episodes added at once the second sees the first one's number.
                    let series = series::Entity::find_by_id(new.series_id.as_uuid())
                        .lock_exclusive()
                        .one(txn)
                        .await?
                        .ok_or(Error::SeriesNotFound)?;
                    if !caller.may_act_for(AccountId::from_uuid(series.owner_id)) {
                        return Err(Error::NotYourSeries);
                    }
                    insert(txn, new, video, episodes_max).await
                })
            })
            .await
    }
}

async fn insert(
    txn: &Txn<'_>,
    new: &NewEpisode,
    video: Video,
    episodes_max: u32,
) -> Result<Episode, Error> {
    let of_series =
        || episode::Entity::find().filter(episode::Column::SeriesId.eq(new.series_id.as_uuid()));
    let shown = of_series().filter(episode::Column::VideoId.eq(new.video_id.as_uuid()));
    if shown.count(txn).await? > 0 {
        return Err(Error::VideoInSeriesAlready);
    }
    if of_series().count(txn).await? >= u64::from(episodes_max) {
        return Err(Error::SeriesFull(episodes_max));
    }
    let highest = of_series()
        .order_by_desc(episode::Column::Number)
        .one(txn)
        .await?
        .map(|row| read(row.number))
        .transpose()?;
    let number = new
        .number
        .after(highest)
        .map_err(|violation| Error::Invalid(vec![violation]))?;
    let id = EpisodeId::generate();
    let row = episode::ActiveModel {
        id: Set(id.as_uuid()),
        series_id: Set(new.series_id.as_uuid()),
        number: Set(number.into()),
        title: Set(new.title.as_str().to_owned()),
        video_id: Set(new.video_id.as_uuid()),
        created_at_us: Set(now_us()),
    };
    match episode::Entity::insert(row)
        .exec_without_returning(txn)
        .await
    {
        Ok(_) => Ok(Episode {
            id,
            number,
            title: new.title.as_str().to_owned(),
            video: Video {
                description: String::new(),
                ..video
            },
        }),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Err(Error::EpisodeNumberTaken(number))
        }
        Err(error) => Err(error.into()),
    }
}

/// An episode and its video in one row. The description of the video is left out: a page has hundreds of them, and nobody
/// shows them.
#[derive(Debug, FromQueryResult)]
struct EpisodeRow {
    episode_id: Uuid,
    series_id: Uuid,
    number: i64,
    episode_title: String,
    video_id: Uuid,
    owner_id: Uuid,
    title: String,
    visibility: String,
    state: String,
    state_reason: Option<String>,
    duration_ms: Option<i64>,
    width: Option<i64>,
    height: Option<i64>,
    poster_path: Option<String>,
    version: i64,
    created_at_us: i64,
    updated_at_us: i64,
}

/// The episodes of all these series that may be listed, by number, in one query.
pub(super) async fn episodes_by_series(
    connection: &impl ConnectionTrait,
    series_ids: &[Uuid],
    sight: Sight,
) -> Result<HashMap<Uuid, Vec<Episode>>, Error> {
    if series_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = episode::Entity::find()
        .select_only()
        .column_as(episode::Column::Id, "episode_id")
        .column(episode::Column::SeriesId)
        .column(episode::Column::Number)
        .column_as(episode::Column::Title, "episode_title")
        .column_as(video::Column::Id, "video_id")
        .columns([
            video::Column::OwnerId,
            video::Column::Title,
            video::Column::Visibility,
            video::Column::State,
            video::Column::StateReason,
            video::Column::DurationMs,
            video::Column::Width,
            video::Column::Height,
            video::Column::PosterPath,
            video::Column::Version,
            video::Column::CreatedAtUs,
            video::Column::UpdatedAtUs,
        ])
        .join(JoinType::InnerJoin, episode::Relation::Video.def())
        .filter(episode::Column::SeriesId.is_in(series_ids.iter().copied()))
        .filter(listed_in(sight))
        .order_by_asc(episode::Column::SeriesId)
        .order_by_asc(episode::Column::Number)
        .into_model::<EpisodeRow>()
        .all(connection)
        .await?;
    let mut by_series: HashMap<Uuid, Vec<Episode>> = HashMap::new();
    for row in rows {
        by_series
            .entry(row.series_id)
            .or_default()
            .push(episode_of(row)?);
    }
    Ok(by_series)
}

/// The videos that a list may show: public ones, and besides them the account's own.
///
/// Narrower than [`Sight::includes`], which is for who has a video's address. On YouTube an unlisted video in a public
/// playlist is to be found by everybody, but there a playlist may be unlisted as well. Series have no visibility of their own
/// and all of them are listed, so that an unlisted episode shown here would be a listed video. An owner
/// who makes an episode unlisted wants it out of sight, except for those who are given its address.
fn listed_in(sight: Sight) -> Condition {
    let public = video::Column::Visibility.eq(Visibility::Public.as_str());
    match sight {
        Sight::Everything => Condition::all(),
        Sight::Shared => Condition::all().add(public),
        Sight::OwnAndShared(account_id) => Condition::any()
            .add(public)
            .add(video::Column::OwnerId.eq(account_id.as_uuid())),
    }
}

fn episode_of(row: EpisodeRow) -> Result<Episode, Error> {
    Ok(Episode {
        id: EpisodeId::from_uuid(row.episode_id),
        number: read(row.number)?,
        title: row.episode_title,
        video: Video {
            id: VideoId::from_uuid(row.video_id),
            owner_id: AccountId::from_uuid(row.owner_id),
            title: row.title,
            description: String::new(),
            visibility: row.visibility.parse()?,
            state: row.state.parse()?,
            state_reason: row.state_reason,
            duration_ms: row.duration_ms.map(read).transpose()?,
            width: row.width.map(read).transpose()?,
            height: row.height.map(read).transpose()?,
            poster_path: row.poster_path,
            created_at_us: row.created_at_us,
            updated_at_us: row.updated_at_us,
            version: read(row.version)?,
        },
    })
}
