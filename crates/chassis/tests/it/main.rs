//! The chassis as the services use it: real databases, files, sockets and processes of one's own.

mod auth;
mod blobs;
mod blobs_partial;
mod blobs_s3;
mod bus;
mod bus_kafka;
mod database;
mod database_connect;
mod database_contention;
mod delivery;
mod event_harness;
mod events;
mod http;
mod internal_tls;
mod job_harness;
mod jobs;
mod jobs_failures;
mod lifecycle;
mod listening;
mod outbox;
mod outbox_failures;
mod peers;
mod rpc;
mod shared;
mod stand_ins;
mod support;
