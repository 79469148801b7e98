//! Services made for the tests, and the two ways to wire them.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use amphi_chassis::auth::Caller;
use amphi_chassis::rpc::{CallContext, Clients};
use amphi_chassis::service::{BuildFn, Service, build_fn};
use amphi_chassis::testing::{TestProcess, TestProcessBuilder};
use amphi_chassis::{Problem, Role};
use amphi_contracts::proto::observatory::v1 as observatory;
use amphi_contracts::proto::observatory::v1::observatory_service_server::{
    ObservatoryService, ObservatoryServiceServer,
};
use amphi_contracts::proto::playback::v1 as playback;
use amphi_contracts::proto::playback::v1::playback_service_server::{
    PlaybackService, PlaybackServiceServer,
};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tonic::{Request, Response, Status};

/// What a stand-in knows of a call when it answers.
#[derive(Debug, Clone)]
pub struct Seen {
    pub caller: Caller,
    pub context: CallContext,
}

impl Seen {
    fn of<T>(request: &Request<T>) -> Self {
        Self {
            caller: Caller::of(request).clone(),
            context: CallContext::current(),
        }
    }
}

type Answer = Arc<dyn Fn(Seen) -> BoxFuture<'static, Result<(), Problem>> + Send + Sync>;
type Maps = BoxStream<'static, Result<observatory::ServiceMap, Status>>;
type Watch = Arc<dyn Fn(Seen) -> Maps + Send + Sync>;

/// An observatory whose reading methods answer what the test wants. The trace it knows has the id that was asked for.
#[derive(Clone)]
pub struct Observatory {
    answer: Answer,
    watch: Watch,
}

impl Observatory {
    pub fn answering<F, Fut>(answer: F) -> Self
    where
        F: Fn(Seen) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Problem>> + Send + 'static,
    {
        Self {
            answer: Arc::new(move |seen| Box::pin(answer(seen))),
            watch: Arc::new(|_| Box::pin(futures::stream::pending())),
        }
    }

    pub fn watched_with(watch: impl Fn(Seen) -> Maps + Send + Sync + 'static) -> Self {
        Self {
            watch: Arc::new(watch),
            ..Self::answering(async |_| Ok(()))
        }
    }

    pub fn service(&self) -> Service {
        Service::new(Role::Observatory).grpc(ObservatoryServiceServer::new(self.clone()))
    }
}

#[tonic::async_trait]
impl ObservatoryService for Observatory {
    async fn find_traces(
        &self,
        _: Request<observatory::FindTracesRequest>,
    ) -> Result<Response<observatory::FindTracesResponse>, Status> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn get_trace(
        &self,
        request: Request<observatory::GetTraceRequest>,
    ) -> Result<Response<observatory::Trace>, Status> {
        (self.answer)(Seen::of(&request)).await?;
        Ok(Response::new(observatory::Trace {
            trace_id: request.into_inner().trace_id,
            ..Default::default()
        }))
    }

    async fn list_services(
        &self,
        _: Request<observatory::ListServicesRequest>,
    ) -> Result<Response<observatory::ListServicesResponse>, Status> {
        panic!("the stand-in was asked to panic")
    }

    async fn get_service_map(
        &self,
        _: Request<observatory::GetServiceMapRequest>,
    ) -> Result<Response<observatory::ServiceMap>, Status> {
        Err(Status::unimplemented("not in these tests"))
    }

    type WatchServiceMapStream = Maps;

    async fn watch_service_map(
        &self,
        request: Request<observatory::GetServiceMapRequest>,
    ) -> Result<Response<Maps>, Status> {
        Ok(Response::new((self.watch)(Seen::of(&request))))
    }
}

/// A playback whose `CreateSession` calls the observatory for its caller, and `RevokeSession` on its own account.
struct Playback {
    clients: Clients,
}

/// The role [`Playback`] with its builder.
pub fn playback() -> BuildFn {
    build_fn(|context| {
        let service = Playback {
            clients: context.clients.clone(),
        };
        Box::pin(async move {
            Ok(Service::new(Role::Playback).grpc(PlaybackServiceServer::new(service)))
        })
    })
}

#[tonic::async_trait]
impl PlaybackService for Playback {
    async fn create_session(
        &self,
        request: Request<playback::CreateSessionRequest>,
    ) -> Result<Response<playback::Session>, Status> {
        let trace = get_trace(&self.clients, &request.into_inner().video_id).await?;
        Ok(Response::new(playback::Session {
            session_id: trace.trace_id,
            ..Default::default()
        }))
    }

    async fn revoke_session(
        &self,
        request: Request<playback::RevokeSessionRequest>,
    ) -> Result<Response<playback::RevokeSessionResponse>, Status> {
        get_trace(&self.clients.as_service(), &request.into_inner().session_id).await?;
        Ok(Response::new(playback::RevokeSessionResponse {}))
    }

    async fn create_grants(
        &self,
        _: Request<playback::CreateGrantsRequest>,
    ) -> Result<Response<playback::CreateGrantsResponse>, Status> {
        Err(Problem::unavailable("away", "Not now.").into())
    }

    async fn save_resume_position(
        &self,
        _: Request<playback::SaveResumePositionRequest>,
    ) -> Result<Response<playback::SaveResumePositionResponse>, Status> {
        Err(Status::unimplemented("not in these tests"))
    }
}

pub async fn get_trace(clients: &Clients, id: &str) -> Result<observatory::Trace, Status> {
    let request = observatory::GetTraceRequest {
        trace_id: id.to_owned(),
    };
    let answer = clients.observatory().get_trace(request).await?;
    Ok(answer.into_inner())
}

pub async fn create_session(clients: &Clients, id: &str) -> Result<playback::Session, Status> {
    let request = playback::CreateSessionRequest {
        video_id: id.to_owned(),
    };
    let answer = clients.playback().create_session(request).await?;
    Ok(answer.into_inner())
}

/// How the caller and the observatory are wired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wiring {
    InProcess,
    Apart,
}

impl Wiring {
    pub const BOTH: [Self; 2] = [Self::InProcess, Self::Apart];
}

/// Playback, and the observatory in the same process or in another.
pub struct Pair {
    pub playback: TestProcess,
    pub observatory: Option<TestProcess>,
}

impl Pair {
    pub async fn start(wiring: Wiring, observatory: &Observatory) -> Self {
        Self::start_with(wiring, observatory, |builder| builder).await
    }

    /// `settings` are for both processes.
    pub async fn start_with(
        wiring: Wiring,
        observatory: &Observatory,
        settings: impl Fn(TestProcessBuilder) -> TestProcessBuilder,
    ) -> Self {
        let stand_in = observatory.clone();
        let near = settings(TestProcess::builder()).role(Role::Playback, playback());
        match wiring {
            Wiring::InProcess => Self {
                playback: near.stand_in(move || stand_in.service()).start().await,
                observatory: None,
            },
            Wiring::Apart => {
                let far = settings(TestProcess::builder())
                    .stand_in(move || stand_in.service())
                    .start()
                    .await;
                let near = near.setting("cluster.services.observatory", far.internal_url());
                Self {
                    playback: near.start().await,
                    observatory: Some(far),
                }
            }
        }
    }
}
