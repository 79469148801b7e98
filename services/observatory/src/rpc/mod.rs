//! The gRPC service: reads what the collector knows.

mod convert;

use std::pin::Pin;
use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::auth::{AccountRole, Caller};
use amphi_chassis::db::{Cursor, page_limit};
use amphi_chassis::telemetry::TraceId;
use amphi_contracts::proto::observatory::v1::observatory_service_server::{
    ObservatoryService, ObservatoryServiceServer,
};
use amphi_contracts::proto::observatory::v1::{
    FindTracesRequest, FindTracesResponse, GetServiceMapRequest, GetTraceRequest,
    ListServicesRequest, ListServicesResponse, ServiceMap, Trace,
};
use futures::{Stream, StreamExt};
use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::wrappers::IntervalStream;
use tonic::{Request, Response, Status};

use crate::collector::Collector;
use crate::domain::service_map::{SLOT, WINDOW_MAX};

const WATCH_INTERVAL: Duration = Duration::from_secs(2);

const WINDOW_DEFAULT: Duration = Duration::from_secs(300);

/// The platform's own service.
#[must_use]
pub fn server(collector: Collector) -> ObservatoryServiceServer<impl ObservatoryService> {
    ObservatoryServiceServer::new(Handlers { collector })
}

struct Handlers {
    collector: Collector,
}

/// All traffic of the platform is for those who run it.
fn require_operator(caller: &Caller) -> Result<(), Problem> {
    if caller.is_service() {
        return Ok(());
    }
    caller.at_least(AccountRole::Admin).map(|_| ())
}

/// One trace is for whoever is signed in and knows its id, which is as good as unguessable.
fn require_sign_in(caller: &Caller) -> Result<(), Problem> {
    if caller.is_service() {
        return Ok(());
    }
    caller.account().map(|_| ())
}

#[tonic::async_trait]
impl ObservatoryService for Handlers {
    async fn find_traces(
        &self,
        request: Request<FindTracesRequest>,
    ) -> Result<Response<FindTracesResponse>, Status> {
        require_operator(Caller::of(&request))?;
        let request = request.into_inner();
        let limit = page_limit(request.limit)?;
        let after = Cursor::decode_optional(&request.cursor)?.map(convert::position);
        let query = convert::query(request)?;
        // One more tells whether there is a next page.
        let found = self.collector.find(&query, after, limit as usize + 1);
        Ok(Response::new(convert::page(found, limit as usize)))
    }

    async fn get_trace(
        &self,
        request: Request<GetTraceRequest>,
    ) -> Result<Response<Trace>, Status> {
        require_sign_in(Caller::of(&request))?;
        let text = request.into_inner().trace_id;
        let id: TraceId = text.parse().map_err(|error| {
            Problem::invalid("invalid_trace_id", format!("This is no trace id: {error}."))
        })?;
        let trace = self.collector.trace(id).ok_or_else(|| {
            Problem::not_found(
                "trace_not_found",
                "No span of this trace is here. Its spans may still be on their way, or have made room for newer ones.",
            )
        })?;
        Ok(Response::new(convert::trace(id, trace)))
    }

    async fn list_services(
        &self,
        request: Request<ListServicesRequest>,
    ) -> Result<Response<ListServicesResponse>, Status> {
        require_operator(Caller::of(&request))?;
        Ok(Response::new(convert::services(self.collector.services())))
    }

    async fn get_service_map(
        &self,
        request: Request<GetServiceMapRequest>,
    ) -> Result<Response<ServiceMap>, Status> {
        require_operator(Caller::of(&request))?;
        let window = window(request.into_inner().window_s)?;
        let map = self.collector.service_map(window);
        Ok(Response::new(convert::service_map(window, map)))
    }

    type WatchServiceMapStream = Pin<Box<dyn Stream<Item = Result<ServiceMap, Status>> + Send>>;

    async fn watch_service_map(
        &self,
        request: Request<GetServiceMapRequest>,
    ) -> Result<Response<Self::WatchServiceMapStream>, Status> {
        require_operator(Caller::of(&request))?;
        let window = window(request.into_inner().window_s)?;
        let collector = self.collector.clone();
        let mut ticks = interval(WATCH_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let maps = IntervalStream::new(ticks)
            .map(move |_| Ok(convert::service_map(window, collector.service_map(window))));
        Ok(Response::new(Box::pin(maps)))
    }
}

/// 0 asks for five minutes.
fn window(window_s: u32) -> Result<Duration, Problem> {
    let window = match window_s {
        0 => WINDOW_DEFAULT,
        seconds => Duration::from_secs(seconds.into()),
    };
    if (SLOT..=WINDOW_MAX).contains(&window) {
        return Ok(window);
    }
    Err(Problem::invalid(
        "invalid_window",
        format!(
            "The window is from {} to {} seconds; {window_s} were asked for.",
            SLOT.as_secs(),
            WINDOW_MAX.as_secs()
        ),
    ))
}
