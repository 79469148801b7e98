use std::collections::HashMap;

use amphi_chassis::db::{Cursor, Page, now_us, older_than};
use amphi_contracts::{AccountId, SeriesId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::Store;
use super::entities::{episode, series};
use super::episodes::episodes_by_series;
use super::idempotency::{self, Once};
use crate::domain::access::Sight;
use crate::domain::page_budget::{fitting_episodes, fitting_texts};
use crate::domain::series::NewSeries;
use crate::domain::{Error, Series, SeriesKind};

impl Store {
    /// Makes a series; with an idempotency key that was used before, answers what it made then.
    pub async fn create_series(
        &self,
        owner_id: AccountId,
        new: &NewSeries,
        once: Option<&Once>,
    ) -> Result<Series, Error> {
        match self.create_series_once(owner_id, new, once).await {
            Err(Error::IdempotencyRace) => self.create_series_once(owner_id, new, once).await,
            created => created,
        }
    }

    async fn create_series_once(
        &self,
        owner_id: AccountId,
        new: &NewSeries,
        once: Option<&Once>,
    ) -> Result<Series, Error> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    let id = SeriesId::generate();
                    if let Some(once) = once
                        && let Some(earlier) =
                            idempotency::claim(txn, owner_id, once, id.as_uuid()).await?
                    {
                        let row = series::Entity::find_by_id(earlier).one(txn).await?;
                        return series_of(row.ok_or(Error::CreatedAndDeleted)?);
                    }
                    let row = series::Model {
                        id: id.as_uuid(),
                        owner_id: owner_id.as_uuid(),
                        kind: new.kind.as_str().to_owned(),
                        title: new.title.as_str().to_owned(),
                        description: new.description.as_str().to_owned(),
                        created_at_us: now_us(),
                    };
                    series::Entity::insert(row.clone().into_active_model())
                        .exec_without_returning(txn)
                        .await?;
                    series_of(row)
                })
            })
            .await
    }

    /// A series with the episodes in sight, in two queries.
    pub async fn series(&self, id: SeriesId, sight: Sight) -> Result<Option<Series>, Error> {
        let connection = self.db.read();
        let Some(row) = series::Entity::find_by_id(id.as_uuid())
            .one(connection)
            .await?
        else {
            return Ok(None);
        };
        let mut episodes = episodes_by_series(connection, &[row.id], sight).await?;
        let mut found = series_of(row)?;
        found.episodes = episodes.remove(&id.as_uuid()).unwrap_or_default();
        Ok(Some(found))
    }

    /// One page of series, the newest first, each with the episodes in sight: three queries, however many there are.
    ///
    /// A page is shorter than its limit when more would not fit into one answer.
    pub async fn series_page(
        &self,
        kind: Option<SeriesKind>,
        sight: Sight,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<Page<Series>, Error> {
        let connection = self.db.read();
        let (created_at, id) = (series::Column::CreatedAtUs, series::Column::Id);
        let mut query = series::Entity::find()
            .order_by_desc(created_at)
            .order_by_desc(id)
            .limit(u64::from(limit) + 1);
        if let Some(kind) = kind {
            query = query.filter(series::Column::Kind.eq(kind.as_str()));
        }
        if let Some(cursor) = after {
            query = query.filter(older_than(created_at, id, &cursor));
        }
        let rows = query.all(connection).await?;
        let counts = episode_counts(connection, &rows).await?;
        let limit = limit
            .min(fitting_texts(rows.iter().map(|row| row.description.len())))
            .min(fitting_episodes(
                rows.iter()
                    .map(|row| counts.get(&row.id).copied().unwrap_or(0)),
            ));
        let page = Page::from_rows(rows, limit, |row| Cursor {
            time_us: row.created_at_us,
            id: row.id,
        });
        let ids: Vec<Uuid> = page.items.iter().map(|row| row.id).collect();
        let mut episodes = episodes_by_series(connection, &ids, sight).await?;
        let items = page
            .items
            .into_iter()
            .map(|row| {
                let mut found = series_of(row)?;
                found.episodes = episodes.remove(&found.id.as_uuid()).unwrap_or_default();
                Ok(found)
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Page {
            items,
            next_cursor: page.next_cursor,
        })
    }
}

async fn episode_counts(
    connection: &impl ConnectionTrait,
    rows: &[series::Model],
) -> Result<HashMap<Uuid, u64>, Error> {
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let counts: Vec<(Uuid, i64)> = episode::Entity::find()
        .select_only()
        .column(episode::Column::SeriesId)
        .column_as(episode::Column::Id.count(), "episodes")
        .filter(episode::Column::SeriesId.is_in(rows.iter().map(|row| row.id)))
        .group_by(episode::Column::SeriesId)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(counts
        .into_iter()
        .map(|(id, count)| (id, u64::try_from(count).unwrap_or(0)))
        .collect())
}

pub(super) fn series_of(row: series::Model) -> Result<Series, Error> {
    Ok(Series {
        id: SeriesId::from_uuid(row.id),
        owner_id: AccountId::from_uuid(row.owner_id),
        kind: row.kind.parse()?,
        title: row.title,
        description: row.description,
        created_at_us: row.created_at_us,
        episodes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use amphi_chassis::testing::{Statements, on_each_engine};

    use super::*;
    use crate::Migrator;
    use crate::domain::VideoState;
    use crate::store::entities::video;

    fn drama(number: i64) -> series::Model {
        series::Model {
            id: Uuid::now_v7(),
            owner_id: Uuid::nil(),
            kind: SeriesKind::Drama.as_str().to_owned(),
            title: format!("Drama {number}"),
            description: "What it is about".to_owned(),
            created_at_us: number,
        }
    }

    fn ready_video() -> video::Model {
        video::Model {
            id: Uuid::now_v7(),
            owner_id: Uuid::nil(),
            title: "Some video".to_owned(),
            description: "What it is about".to_owned(),
            visibility: "public".to_owned(),
            state: VideoState::Ready.as_str().to_owned(),
            state_reason: None,
            listed: true,
            duration_ms: Some(1_000),
            width: Some(1920),
            height: Some(1080),
            poster_path: None,
            asset_version: 1,
            version: 2,
            created_at_us: 0,
            updated_at_us: 0,
        }
    }

    /// In one transaction, since each one waits for the disk.
    async fn make_dramas(store: &Store, numbers: std::ops::Range<i64>, episodes: i64) {
        let dramas: Vec<_> = numbers.map(drama).collect();
        let videos: Vec<_> = std::iter::repeat_with(ready_video)
            .take(dramas.len() * episodes as usize)
            .collect();
        let of_all = dramas
            .iter()
            .flat_map(|drama| (1..=episodes).map(|number| (drama.id, number)));
        let shown: Vec<_> = of_all
            .zip(&videos)
            .map(|((series_id, number), video)| episode::Model {
                id: Uuid::now_v7(),
                series_id,
                number,
                title: format!("Episode {number}"),
                video_id: video.id,
                created_at_us: 0,
            })
            .collect();
        let (dramas, videos, shown) = (&dramas, &videos, &shown);
        store
            .db
            .write(|txn| {
                Box::pin(async move {
                    let rows = dramas
                        .iter()
                        .cloned()
                        .map(IntoActiveModel::into_active_model);
                    series::Entity::insert_many(rows)
                        .exec_without_returning(txn)
                        .await?;
                    let rows = videos
                        .iter()
                        .cloned()
                        .map(IntoActiveModel::into_active_model);
                    video::Entity::insert_many(rows)
                        .exec_without_returning(txn)
                        .await?;
                    let rows = shown
                        .iter()
                        .cloned()
                        .map(IntoActiveModel::into_active_model);
                    episode::Entity::insert_many(rows)
                        .exec_without_returning(txn)
                        .await?;
                    Ok::<_, Error>(())
                })
            })
            .await
            .unwrap();
    }

    async fn list(store: &Store, limit: u32, after: Option<Cursor>) -> Page<Series> {
        store
            .series_page(Some(SeriesKind::Drama), Sight::Shared, limit, after)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn fifty_dramas_of_twelve_episodes_cost_as_many_statements_as_one() {
        on_each_engine(async |databases| {
            let store = Store::new(
                databases
                    .connect::<Migrator>(amphi_chassis::Role::Catalog)
                    .await,
            );
            let mut costs = Vec::new();
            for (range, dramas) in [(0..1, 1), (1..50, 50)] {
                make_dramas(&store, range, 12).await;
                let (page, statements) = Statements::of(list(&store, 200, None)).await;
                assert_eq!(page.items.len(), dramas);
                assert!(page.items.iter().all(|drama| drama.episodes.len() == 12));
                assert_eq!(page.next_cursor, None);
                costs.push(statements.texts().len());
            }
            assert_eq!(
                costs,
                [3, 3],
                "series, numbers of episodes, episodes with their videos"
            );
        })
        .await;
    }

    #[tokio::test]
    async fn a_page_with_too_many_episodes_for_one_answer_is_cut_and_goes_on() {
        on_each_engine(async |databases| {
            let store = Store::new(
                databases
                    .connect::<Migrator>(amphi_chassis::Role::Catalog)
                    .await,
            );
            for number in 0..4 {
                make_dramas(&store, number..number + 1, 600).await;
            }
            let mut pages = Vec::new();
            let mut after = None;
            loop {
                let page = list(&store, 50, after).await;
                let titles: Vec<_> = page.items.iter().map(|drama| drama.title.clone()).collect();
                assert!(page.items.iter().all(|drama| drama.episodes.len() == 600));
                pages.push(titles);
                after = page.next_cursor;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(pages, [["Drama 3", "Drama 2"], ["Drama 1", "Drama 0"]]);
        })
        .await;
    }

    #[tokio::test]
    async fn no_list_reads_a_whole_table_or_sorts_one() {
        on_each_engine(async |databases| {
            let store = Store::new(
                databases
                    .connect::<Migrator>(amphi_chassis::Role::Catalog)
                    .await,
            );
            make_dramas(&store, 0..3, 2).await;
            let owner = AccountId::generate();
            let after = Some(Cursor {
                time_us: 2,
                id: Uuid::now_v7(),
            });
            let lists = async {
                for after in [None, after] {
                    for kind in [None, Some(SeriesKind::Drama)] {
                        store
                            .series_page(kind, Sight::Shared, 50, after)
                            .await
                            .unwrap();
                    }
                    store.listed_videos(50, after).await.unwrap();
                    store.videos_of(owner, 50, after).await.unwrap();
                }
            };
            let ((), statements) = Statements::of(lists).await;
            assert!(statements.texts().len() >= 8, "{statements:?}");
            let complaints = statements.without_index(store.db()).await;
            assert!(complaints.is_empty(), "{complaints:#?}");
        })
        .await;
    }
}
