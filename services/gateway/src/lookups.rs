//! What several routes ask other services for, to fill in their answers.

use std::collections::HashMap;

use amphi_chassis::rpc::Clients;
use amphi_chassis::telemetry::Seldom;
use amphi_chassis::{Kind, Problem};
use amphi_contracts::proto::identity::v1::BatchGetAccountsRequest;
use amphi_contracts::proto::media::v1::{Asset, BatchGetAssetsRequest, GetAssetRequest};
use amphi_contracts::proto::playback::v1::CreateGrantsRequest;

use crate::dto::streams::StreamPaths;

/// Videos in one call of `CreateGrants`.
const GRANTS_PER_CALL: usize = 2_000;

/// Names of accounts by id, in one call. Names are an ornament: without identity there are none.
pub async fn account_names<'a>(
    clients: &Clients,
    ids: impl IntoIterator<Item = &'a String>,
) -> Result<HashMap<String, String>, Problem> {
    let mut account_ids: Vec<String> = ids.into_iter().cloned().collect();
    account_ids.sort_unstable();
    account_ids.dedup();
    if account_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let request = BatchGetAccountsRequest { account_ids };
    let answer = clients
        .as_service()
        .identity()
        .batch_get_accounts(request)
        .await;
    let accounts = or_default_when_away(answer)?.accounts;
    Ok(accounts
        .into_iter()
        .map(|account| (account.id, account.name))
        .collect())
}

/// Assets by video id, without renditions, in one call. Without media the videos are shown as catalog knows them.
pub async fn assets(
    clients: &Clients,
    video_ids: Vec<String>,
) -> Result<HashMap<String, Asset>, Problem> {
    if video_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let request = BatchGetAssetsRequest { video_ids };
    let answer = clients.as_service().media().batch_get_assets(request).await;
    let assets = or_default_when_away(answer)?.assets;
    Ok(assets
        .into_iter()
        .map(|asset| (asset.video_id.clone(), asset))
        .collect())
}

/// The asset of one video; none while nothing was uploaded.
pub async fn asset(clients: &Clients, video_id: &str) -> Result<Option<Asset>, Problem> {
    let request = GetAssetRequest {
        video_id: video_id.to_owned(),
    };
    let answer = clients.as_service().media().get_asset(request).await;
    match answer.map_err(Problem::from) {
        Ok(asset) => Ok(Some(asset.into_inner())),
        Err(problem) if problem.kind == Kind::NotFound || problem.kind.is_away() => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Stream paths of public videos: one call for up to 2,000 of them.
pub async fn stream_paths(clients: &Clients, video_ids: &[String]) -> Result<StreamPaths, Problem> {
    let mut paths = StreamPaths::with_capacity(video_ids.len());
    for chunk in video_ids.chunks(GRANTS_PER_CALL) {
        let request = CreateGrantsRequest {
            video_ids: chunk.to_vec(),
        };
        let answer = clients
            .as_service()
            .playback()
            .create_grants(request)
            .await?;
        let grants = answer.into_inner().grants;
        paths.extend(
            grants
                .into_iter()
                .map(|grant| (grant.video_id, grant.hls_path)),
        );
    }
    Ok(paths)
}

fn or_default_when_away<T: Default>(
    answer: Result<tonic::Response<T>, tonic::Status>,
) -> Result<T, Problem> {
    match answer.map_err(Problem::from) {
        Ok(answer) => Ok(answer.into_inner()),
        Err(problem) if problem.kind.is_away() => {
            static SAID: Seldom = Seldom::new();
            if SAID.may_say() {
                tracing::warn!(code = %problem.code, detail = %problem.detail, "answers go out without what a service adds to them");
            }
            Ok(T::default())
        }
        Err(problem) => Err(problem),
    }
}
