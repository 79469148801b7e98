//! OTLP over gRPC.

use amphi_chassis::telemetry::otlp::from_request;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status};

use crate::collector::Collector;

/// The standard service `opentelemetry.proto.collector.trace.v1.TraceService`.
#[must_use]
pub fn server(
    collector: Collector,
    request_bytes_max: usize,
) -> TraceServiceServer<impl TraceService> {
    TraceServiceServer::new(Traces { collector })
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(request_bytes_max)
}

struct Traces {
    collector: Collector,
}

#[tonic::async_trait]
impl TraceService for Traces {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let received = from_request(request.into_inner());
        Ok(Response::new(super::take_in(&self.collector, received)))
    }
}
