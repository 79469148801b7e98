//! The stream of an asset's changes.

use std::time::Duration;

use amphi_chassis::Problem;
use amphi_contracts::proto::media::v1 as proto;
use futures::Stream;
use futures::stream::unfold;
use tonic::Status;

use super::convert;
use crate::domain::Error;
use crate::domain::asset::is_final;
use crate::media::Media;
use crate::store::AssetView;
use crate::watch::ChangesOf;

/// A change made by another process is seen after at most so long.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(3);
/// Segments come in bursts; people look at one number.
const PAUSE_BETWEEN: Duration = Duration::from_millis(100);

enum Next {
    Show(AssetView),
    WaitAfter(AssetView),
    End,
}

/// The asset as it is, and again after each change, until nothing will happen any more or it is gone. When the process
/// stops, the server stack ends the stream.
pub fn stream(
    media: Media,
    changes: ChangesOf,
    now: AssetView,
) -> impl Stream<Item = Result<proto::Asset, Status>> + Send {
    unfold(
        (media, changes, Next::Show(now)),
        |(media, mut changes, next)| async move {
            let shown = match next {
                Next::End => return None,
                Next::Show(asset) => asset,
                Next::WaitAfter(last) => match changed(&media, &mut changes, &last).await {
                    Ok(Some(asset)) => asset,
                    Ok(None) => return None,
                    Err(error) => {
                        let status = Status::from(Problem::from(error));
                        return Some((Err(status), (media, changes, Next::End)));
                    }
                },
            };
            let after = if is_final(shown.state) {
                Next::End
            } else {
                Next::WaitAfter(shown.clone())
            };
            Some((Ok(convert::asset(shown)), (media, changes, after)))
        },
    )
}

/// The asset once its version is another than the last one's; `None` when it is gone.
async fn changed(
    media: &Media,
    changes: &mut ChangesOf,
    last: &AssetView,
) -> Result<Option<AssetView>, Error> {
    loop {
        tokio::time::sleep(PAUSE_BETWEEN).await;
        // Running out of time only means to look without being told.
        let _ = tokio::time::timeout(LOOK_AT_LEAST_EVERY, changes.of(last.video_id)).await;
        match media.store.asset(last.video_id).await? {
            None => return Ok(None),
            Some(asset) if asset.version != last.version => return Ok(Some(asset)),
            Some(_) => {}
        }
    }
}
