//! `amphi upload`

mod display;
mod unfinished;

use std::path::PathBuf;
use std::time::Duration;

use amphi_chassis::Secret;
use anyhow::{Context as _, bail};

use super::input::read_secret;
use super::{Exit, Interrupted, WrongUsage};
use crate::cli::{Credentials, Upload};
use crate::client::{
    Client, ClientError, NewUpload, Patience, UploadedVideo, Video, wait_for_state,
};
use display::Display;
use unfinished::{UnfinishedUploads, fingerprint};

/// What is uploaded, how, and by whom.
struct Task {
    args: Upload,
    file: PathBuf,
    size_bytes: u64,
    client: Client,
}

pub async fn run(args: Upload) -> anyhow::Result<Exit> {
    let file = args
        .file
        .canonicalize()
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let metadata = std::fs::metadata(&file)?;
    if !metadata.is_file() {
        bail!("{} is not a file", file.display());
    }
    if metadata.len() == 0 {
        bail!("{} is empty: there is nothing to upload", file.display());
    }
    let memory = UnfinishedUploads::open();
    let key = fingerprint(&args.url, &file, &metadata);
    let client = sign_in(Client::new(&args.url)?, &args).await?;
    let task = Task {
        args,
        file,
        size_bytes: metadata.len(),
        client,
    };

    let upload = match task.begun_before(memory.recall(&key)).await? {
        Some(upload) => upload,
        None => task.begin().await?,
    };
    memory.remember(&key, &upload);
    let outcome = task.finish(&upload).await;
    let is_over = outcome
        .as_ref()
        .err()
        .is_none_or(ClientError::ends_the_upload);
    if is_over {
        memory.forget(&key);
    }
    let state = outcome.map_err(|error| {
        let error = anyhow::Error::new(error);
        if is_over {
            error
        } else {
            error.context(Interrupted)
        }
    })?;
    task.report(&upload.video_id, &state)
}

async fn sign_in(client: Client, args: &Upload) -> anyhow::Result<Client> {
    let Credentials {
        token,
        email,
        password_file,
    } = &args.credentials;
    if let Some(token) = token {
        return Ok(client.with_token(Secret::new(token.clone())).await?);
    }
    let Some(email) = email else {
        let missing = "who uploads? Give --email and --password-file (or AMPHI_EMAIL and AMPHI_PASSWORD), or --token";
        bail!(WrongUsage(missing.to_owned()));
    };
    let password = match (password_file, std::env::var("AMPHI_PASSWORD")) {
        (Some(file), _) => read_secret(file)?,
        (None, Ok(password)) => Secret::new(password),
        (None, Err(_)) => {
            let missing =
                format!("the password of {email}? Give --password-file FILE, or AMPHI_PASSWORD");
            bail!(WrongUsage(missing))
        }
    };
    client
        .login(email, &password)
        .await
        .with_context(|| format!("cannot sign in as {email} at {}", args.url))
}

impl Task {
    fn patience(&self) -> Patience {
        Patience::new(Duration::from_secs(self.args.give_up_after))
    }

    /// What an earlier run has left, if the platform still has it.
    async fn begun_before(
        &self,
        upload: Option<UploadedVideo>,
    ) -> Result<Option<UploadedVideo>, ClientError> {
        let Some(upload) = upload else {
            return Ok(None);
        };
        let mut display = Display::sending(self.size_bytes, self.args.json);
        let offset = self
            .client
            .upload_offset(&upload.upload_url, self.patience(), |error| {
                display.waiting(error);
            })
            .await?;
        display.finish();
        Ok(offset.is_some().then_some(upload))
    }

    async fn begin(&self) -> Result<UploadedVideo, ClientError> {
        let filename = self.args.file.file_name().unwrap_or_default();
        let new = NewUpload {
            filename: &filename.to_string_lossy(),
            title: self.args.title.as_deref(),
            description: self.args.description.as_deref(),
            visibility: Some(self.args.visibility.as_str()),
            video_id: None,
        };
        let mut display = Display::sending(self.size_bytes, self.args.json);
        self.client
            .create_upload(self.size_bytes, &new, self.patience(), |error| {
                display.waiting(error);
            })
            .await
    }

    /// Sends what is missing and waits until the video plays; returns its state.
    async fn finish(&self, upload: &UploadedVideo) -> Result<String, ClientError> {
        let is_silent = self.args.json;
        let mut display = Display::sending(self.size_bytes, is_silent);
        self.client
            .send_file(upload, &self.file, self.patience(), |sending| {
                display.show_sending(&sending);
            })
            .await?;
        display.finish();
        if self.args.no_wait {
            return Ok("uploaded".to_owned());
        }
        let mut display = Display::encoding(is_silent);
        let Video { state, .. } = wait_for_state(
            &self.client,
            &upload.video_id,
            &["viewable", "ready"],
            self.patience(),
            |watching| display.show_watching(&watching),
        )
        .await?;
        display.finish();
        Ok(state)
    }

    fn report(&self, video_id: &str, state: &str) -> anyhow::Result<Exit> {
        let watch_url = self.client.watch_url(video_id);
        if self.args.json {
            let object =
                serde_json::json!({ "video_id": video_id, "state": state, "watch_url": watch_url });
            println!("{}", serde_json::to_string(&object)?);
        } else {
            println!("{watch_url}");
        }
        Ok(Exit::Done)
    }
}
