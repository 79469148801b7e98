//! Encoders: in the house's own process, or in one elsewhere that shares nothing with it but the network.

use amphi_chassis::Role;
use amphi_chassis::service::build_fn;
use amphi_chassis::testing::{TestProcess, TestProcessBuilder};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::House;

fn with_encoder(builder: TestProcessBuilder) -> TestProcessBuilder {
    let build = build_fn(|context| Box::pin(amphi_encoder::build(context)));
    builder.role(Role::Encoder, build)
}

/// A house whose process encodes, too.
pub async fn encoding_house(settings: &[(&str, toml::Value)]) -> House {
    House::with_roles(settings, with_encoder).await
}

/// An encoder in a process of its own, as far as one process can hold another: its own runtime, data and connections.
#[derive(Debug)]
pub struct Elsewhere {
    media: String,
    work_folder: TempDir,
    runtime: Runtime,
    process: TestProcess,
}

impl Elsewhere {
    pub async fn start(house: &House) -> Self {
        let media = format!("http://{}", house.process().internal());
        Self::start_in(media, tempfile::tempdir().unwrap()).await
    }

    async fn start_in(media: String, work_folder: TempDir) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let builder = with_encoder(TestProcess::builder())
            .setting("cluster.services.media", media.as_str())
            .setting("encoder.report_ms", 200)
            .setting("encoder.work_dir", work_folder.path().to_str().unwrap());
        let process = runtime.spawn(builder.start()).await.unwrap();
        Self {
            media,
            work_folder,
            runtime,
            process,
        }
    }

    /// Ends it in the middle of whatever it does, without a word to anybody.
    pub async fn kill(self) -> (String, TempDir) {
        let Self {
            media,
            work_folder,
            runtime,
            process,
        } = self;
        tokio::task::spawn_blocking(move || {
            runtime.shutdown_timeout(std::time::Duration::from_secs(10));
            drop(process);
        })
        .await
        .unwrap();
        (media, work_folder)
    }

    pub async fn kill_and_start_again(self) -> Self {
        let (media, work_folder) = self.kill().await;
        Self::start_in(media, work_folder).await
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(self) {
        self.runtime.spawn(self.process.stop()).await.unwrap();
        self.runtime.shutdown_background();
    }
}
