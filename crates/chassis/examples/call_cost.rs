//! What a call between services costs: `cargo run --release -p amphi-chassis --example call_cost`.
//!
//! Prints microseconds per call, one after the other: the generated client on the generated server and nothing between,
//! then through the client and server stacks with their spans recorded, in process and over loopback.

// The layers of a call nest more deeply than the compiler expects.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use amphi_chassis::Role;
use amphi_chassis::auth::AccountRole;
use amphi_chassis::rpc::{CallContext, Clients};
use amphi_chassis::service::Service;
use amphi_chassis::testing::TestProcess;
use amphi_contracts::AccountId;
use amphi_contracts::proto::playback::v1::playback_service_client::PlaybackServiceClient;
use amphi_contracts::proto::playback::v1::playback_service_server::{
    PlaybackService, PlaybackServiceServer,
};
use amphi_contracts::proto::playback::v1::{
    CreateGrantsRequest, CreateGrantsResponse, CreateSessionRequest, RevokeSessionRequest,
    RevokeSessionResponse, SaveResumePositionRequest, SaveResumePositionResponse, Session,
};
use tonic::{Request, Response, Status};

const ROUNDS: u32 = 50_000;

struct Playback;

#[tonic::async_trait]
impl PlaybackService for Playback {
    async fn create_session(
        &self,
        request: Request<CreateSessionRequest>,
    ) -> Result<Response<Session>, Status> {
        Ok(Response::new(Session {
            session_id: request.into_inner().video_id,
            ..Session::default()
        }))
    }

    async fn revoke_session(
        &self,
        _: Request<RevokeSessionRequest>,
    ) -> Result<Response<RevokeSessionResponse>, Status> {
        Ok(Response::new(RevokeSessionResponse {}))
    }

    async fn create_grants(
        &self,
        _: Request<CreateGrantsRequest>,
    ) -> Result<Response<CreateGrantsResponse>, Status> {
        Ok(Response::new(CreateGrantsResponse::default()))
    }

    async fn save_resume_position(
        &self,
        _: Request<SaveResumePositionRequest>,
    ) -> Result<Response<SaveResumePositionResponse>, Status> {
        Ok(Response::new(SaveResumePositionResponse {}))
    }
}

#[tokio::main]
async fn main() {
    let near = TestProcess::builder()
        .stand_in(|| Service::new(Role::Playback).grpc(PlaybackServiceServer::new(Playback)))
        .start()
        .await;
    let far = TestProcess::builder()
        .setting(
            "cluster.services.playback",
            format!("http://{}", near.internal()),
        )
        .start()
        .await;

    let bare = PlaybackServiceClient::new(PlaybackServiceServer::new(Playback));
    print("generated client and server alone", async || {
        bare.clone().create_session(request()).await.unwrap();
    })
    .await;
    print("in process, as nobody", async || {
        call(&near.anonymous()).await;
    })
    .await;
    let viewer = near.account(AccountId::generate(), AccountRole::Viewer);
    print("in process, as an account", async || call(&viewer).await).await;
    let context = CallContext::current();
    print("in process, within a request", async || {
        context.clone().scope(call(&viewer)).await;
    })
    .await;
    let remote = far.anonymous();
    print("over loopback, as nobody", async || call(&remote).await).await;
}

fn request() -> CreateSessionRequest {
    CreateSessionRequest {
        video_id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
    }
}

async fn call(clients: &Clients) {
    clients.playback().create_session(request()).await.unwrap();
}

async fn print(what: &str, call: impl AsyncFn()) {
    for _ in 0..ROUNDS / 10 {
        call().await;
    }
    let started = Instant::now();
    for _ in 0..ROUNDS {
        call().await;
    }
    let micros = started.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS);
    println!("{what:<36} {micros:>7.2} µs");
}
