//! Every setting refuses what cannot work, before anything is started with it.

use std::collections::BTreeMap;

use crate::harness::amphi;

/// A value that each setting refuses, and words that say what it takes. Settings that are true or false need none.
const REFUSED: &[(&str, &str, &str)] = &[
    ("server.data_dir", "", "a name or a path"),
    ("server.listen", "here", "an IP address with a port"),
    (
        "server.internal_listen",
        "localhost",
        "an IP address with a port",
    ),
    (
        "server.public_url",
        "https://a.example/path",
        "without a path",
    ),
    ("server.drain_ms", "-1", "from 0 to 86400000"),
    (
        "server.shutdown_timeout_ms",
        "86400001",
        "from 0 to 86400000",
    ),
    ("cluster.secret", "short", "at least 32 characters"),
    (
        "cluster.services.identity",
        "10.0.0.1:1",
        "http://10.0.0.5:7000",
    ),
    (
        "cluster.services.catalog",
        "https://10.0.0.1:1",
        "which needs `internal_tls.kind`",
    ),
    ("cluster.services.media", "http://a/b", "without a path"),
    (
        "cluster.services.encoder",
        "http://",
        "http://10.0.0.5:7000",
    ),
    (
        "cluster.services.playback",
        "ftp://a:1",
        "http://10.0.0.5:7000",
    ),
    (
        "cluster.services.observatory",
        "eureka+http://a:1",
        "eureka+http://registry:7000/eureka",
    ),
    ("internal_tls.kind", "tls", "expected `off` or `mutual`"),
    ("internal_tls.ca", "-----BEGIN", "the path of a file"),
    (
        "internal_tls.certificate",
        "-----BEGIN",
        "the path of a file",
    ),
    ("internal_tls.key", "-----BEGIN", "the path of a file"),
    ("internal_tls.name", "10.0.0.1", "a DNS name"),
    ("internal_tls.reload_interval_ms", "0", "from 100 to"),
    ("database.url", "oracle://h/{service}", "postgres://"),
    ("database.max_connections", "0", "from 1 to"),
    ("database.statement_timeout_ms", "0", "from 1 to"),
    ("blobs.kind", "ftp", "expected `local` or `s3`"),
    ("blobs.dir", "", "a name or a path"),
    ("blobs.s3.bucket", "my bucket", "the name of a bucket"),
    ("blobs.s3.prefix", "/media/", "joined by `/`"),
    ("blobs.s3.endpoint", "s3.example.org", "https://"),
    ("blobs.s3.region", "eu central", "without spaces"),
    ("blobs.s3.access_key_id", "a key", "without spaces"),
    (
        "blobs.s3.access_key_secret",
        "a secret",
        "not of the expected form",
    ),
    ("blobs.s3.connect_timeout_ms", "0", "from 10 to"),
    ("blobs.s3.timeout_ms", "0", "from 10 to"),
    ("blobs.s3.retries_max", "-1", "from 0 to 100"),
    ("delivery.kind", "torrent", "`presigned`"),
    ("delivery.address_lifetime_s", "0", "from 10 to 604800"),
    (
        "delivery.presigned.endpoint",
        "https://s3.example.org/bucket",
        "without a path",
    ),
    (
        "delivery.cloudfront.url",
        "cdn.example.org",
        "https://media.example.org",
    ),
    ("delivery.cloudfront.key_pair_id", "K 1", "without spaces"),
    (
        "delivery.cloudfront.private_key",
        "hunter2",
        "RSA of 2048 bits or ECDSA on P-256",
    ),
    (
        "delivery.cloudfront.cookie_domain",
        "https://example.org",
        "a domain such as example.org",
    ),
    ("bus.kind", "nats", "`local`, `rabbitmq`, `kafka`"),
    ("bus.url", "http://127.0.0.1", "amqp://"),
    ("bus.url", "kafka://broker", "host:port"),
    ("bus.prefix", "a b", "letters, digits"),
    ("bus.prefetch", "65536", "from 1 to 65535"),
    ("bus.attempts_max", "0", "from 1 to"),
    ("bus.kafka.partitions", "0", "from 1 to 1000"),
    ("bus.kafka.replication_factor", "10", "from 0 to 9"),
    ("bus.kafka.retention_s", "604801", "from 3600 to 604800"),
    ("bus.kafka.ca_file", "ca.pem", "begins with a slash"),
    ("auth.revocations_max_age_s", "4", "from 5 to 3600"),
    ("shared.url", "http://127.0.0.1", "rediss://"),
    ("shared.prefix", "a b", "letters, digits"),
    ("shared.timeout_ms", "0", "from 1 to 10000"),
    ("shared.retry_ms", "9", "from 10 to 600000"),
    ("log.format", "xml", "expected one of"),
    ("log.filter", "a=b=c", "levels such as"),
    ("telemetry.sample_ratio", "1.5", "from 0 to 1"),
    ("telemetry.spans_waiting_max", "0", "from 1 to"),
    ("telemetry.export_batch_spans_max", "0", "from 1 to"),
    ("telemetry.export_interval_ms", "-5", "from 0 to"),
    ("telemetry.export_timeout_ms", "0", "from 10 to"),
    ("rpc.timeout_ms", "0", "from 10 to"),
    ("rpc.connect_timeout_ms", "0", "from 10 to"),
    ("rpc.retries_max", "101", "from 0 to 100"),
    ("rpc.retry_budget_percent", "101", "from 0 to 100"),
    ("rpc.retry_budget_min_per_s", "-1", "from 0 to"),
    ("rpc.discovery_interval_ms", "0", "from 100 to"),
    ("rpc.lease_s", "1", "from 3 to 3600"),
    ("rpc.ejection_failures", "0", "from 1 to"),
    ("rpc.ejection_ms", "0", "from 10 to"),
    ("rpc.breaker_failure_percent", "101", "from 0 to 100"),
    ("rpc.breaker_calls_min", "0", "from 1 to"),
    ("rpc.breaker_open_ms", "0", "from 10 to"),
    ("rpc.message_bytes_max", "0", "from 1024 to"),
    ("rpc.concurrency_max", "0", "from 1 to"),
    ("fault.delay_ms.gateway", "-1", "from 0 to"),
    ("fault.delay_ms.identity", "-1", "from 0 to"),
    ("fault.delay_ms.catalog", "600001", "from 0 to 600000"),
    ("fault.delay_ms.media", "-1", "from 0 to"),
    ("fault.delay_ms.encoder", "-1", "from 0 to"),
    ("fault.delay_ms.playback", "-1", "from 0 to"),
    ("fault.delay_ms.observatory", "-1", "from 0 to"),
    ("fault.delay_ms.registry", "-1", "from 0 to"),
    ("identity.default_role", "king", "expected one of"),
    ("identity.access_token_lifetime_s", "3601", "from 1 to 3600"),
    ("identity.refresh_token_lifetime_s", "0", "from 1 to"),
    ("identity.session_lifetime_s", "0", "from 1 to"),
    ("identity.refresh_grace_s", "3601", "from 0 to 3600"),
    ("identity.signing_key_period_s", "0", "from 1 to"),
    ("identity.login_record_lifetime_s", "0", "from 1 to"),
    ("identity.throttle.window_s", "0", "from 1 to"),
    (
        "identity.throttle.failures_per_account_and_network_max",
        "0",
        "from 1 to",
    ),
    (
        "identity.throttle.failures_per_account_max",
        "0",
        "from 1 to",
    ),
    (
        "identity.throttle.failures_per_network_max",
        "0",
        "from 1 to",
    ),
    ("identity.argon2.memory_kib", "1", "from 64 to"),
    ("identity.argon2.iterations", "0", "from 1 to"),
    ("identity.argon2.lanes", "0", "from 1 to"),
    ("identity.argon2.concurrency", "1025", "from 0 to 1024"),
    ("identity.argon2.waiting_max", "-1", "from 0 to"),
    ("catalog.default_visibility", "secret", "expected one of"),
    ("catalog.episodes_per_series_max", "0", "from 1 to"),
    ("catalog.idempotency_key_lifetime_s", "0", "from 1 to"),
    ("media.upload_bytes_max", "0", "from 1 to"),
    ("media.uploads_open_max", "0", "from 1 to"),
    ("media.upload_expiry_s", "0", "from 1 to"),
    ("media.upload_idle_timeout_ms", "0", "from 10 to"),
    ("media.upload_checkpoint_bytes", "0", "from 1 to"),
    ("media.upload_checkpoint_ms", "0", "from 1 to"),
    ("media.disk_reserve_bytes", "-1", "from 0 to"),
    ("media.ffmpeg", "", "a name or a path"),
    ("media.ffprobe", " ", "a name or a path"),
    ("media.inspections_at_once", "0", "from 1 to"),
    ("media.lease_ms", "1", "from 100 to"),
    ("media.task_failures_max", "0", "from 1 to"),
    ("media.task_lost_leases_max", "0", "from 1 to"),
    ("media.task_retry_pause_ms", "-1", "from 0 to"),
    ("media.output_bytes_max", "1000", "from 65536 to"),
    ("media.outputs_at_once", "0", "from 1 to"),
    ("media.sweep_interval_s", "0", "from 1 to"),
    ("media.orphan_age_s", "-1", "from 0 to"),
    ("media.limits.streams_max", "0", "from 1 to"),
    ("media.limits.pixels_max", "0", "from 1 to"),
    ("media.limits.side_max", "0", "from 1 to"),
    ("media.limits.duration_ms_max", "0", "from 1 to"),
    ("media.limits.frames_max", "0", "from 1 to"),
    ("media.limits.frame_rate_max", "0", "from 1 to"),
    ("media.encode.segment_ms", "0", "from 500 to 30000"),
    ("media.encode.segments_per_chunk", "0", "from 1 to"),
    ("media.encode.preset", "zippy", "`veryfast`"),
    ("media.encode.crf", "900", "from 0 to 51"),
    ("media.encode.frame_rate_max", "0", "from 1 to"),
    ("media.encode.audio_tracks_max", "65", "from 0 to 64"),
    (
        "media.encode.audio_bit_rate_bps",
        "1",
        "from 16000 to 512000",
    ),
    ("media.encode.duration_ms_max", "0", "from 1 to"),
    ("encoder.concurrency", "0", "from 1 to"),
    ("encoder.threads", "-1", "from 0 to"),
    ("encoder.ffmpeg", "", "a name or a path"),
    ("encoder.ffprobe", "", "a name or a path"),
    ("encoder.work_dir", "", "a name or a path"),
    ("encoder.wait_ms", "-1", "from 0 to"),
    ("encoder.report_ms", "0", "from 10 to"),
    ("encoder.handins_at_once", "0", "from 1 to"),
    ("encoder.wall_time_s", "0", "from 1 to"),
    ("encoder.cpu_time_s", "0", "from 1 to"),
    ("encoder.memory_bytes", "1000000", "from 268435456 to"),
    ("encoder.output_bytes", "0", "from 1048576 to"),
    ("encoder.niceness", "200", "from 0 to 19"),
    ("playback.session_lifetime_s", "0", "from 1 to"),
    ("playback.grant_reuse_s", "-1", "from 0 to"),
    ("playback.session_state_max_age_ms", "-1", "from 0 to"),
    ("playback.live_manifest_max_age_ms", "-1", "from 0 to"),
    ("playback.complete_manifest_max_age_s", "-1", "from 0 to"),
    ("playback.manifest_cache_bytes", "-1", "from 0 to"),
    ("playback.key_rotation_s", "0", "from 1 to"),
    ("playback.resume_kept_s", "0", "from 1 to"),
    ("playback.sweep_interval_s", "0", "from 1 to"),
    (
        "gateway.cors_origins",
        "app.example.org",
        "an origin such as",
    ),
    ("gateway.trusted_proxies", "10.0.0.5,proxy", "a network"),
    ("gateway.body_bytes_max", "0", "from 1 to"),
    ("gateway.request_timeout_ms", "0", "from 10 to"),
    ("gateway.stream_idle_timeout_ms", "0", "from 10 to"),
    ("gateway.concurrency_max", "0", "from 1 to"),
    ("gateway.event_streams_max", "0", "from 1 to"),
    ("gateway.event_heartbeat_ms", "0", "from 10 to"),
    ("gateway.auth_attempts_per_minute", "-1", "from 0 to"),
    ("gateway.event_streams_per_caller_max", "0", "from 1 to"),
    ("gateway.refreshes_per_minute", "-1", "from 0 to"),
    (
        "gateway.refreshes_per_address_per_minute",
        "-1",
        "from 0 to",
    ),
    ("gateway.cache_ttl_ms", "-1", "from 0 to 60000"),
    ("gateway.cache_bytes", "0", "from 65536 to"),
    ("gateway.browser_spans_per_minute", "-1", "from 0 to"),
    ("observatory.spans_max", "0", "from 1 to"),
    ("observatory.bytes_max", "0", "from 1024 to"),
    ("observatory.spans_per_trace_max", "0", "from 1 to"),
    ("observatory.request_bytes_max", "0", "from 1 to"),
    ("registry.password", "short", "not of the expected form"),
    (
        "registry.peers",
        "http://a:1/eureka,http://b:1",
        "http://registry:7000/eureka",
    ),
    (
        "registry.peers",
        "http://anybody:password@registry:7000/eureka",
        "leave them out",
    ),
    ("registry.empty_start_wait_ms", "-1", "from 0 to"),
    ("registry.instances_max", "0", "from 1 to"),
    ("registry.body_bytes_max", "0", "from 1024 to"),
    ("registry.eviction_interval_ms", "0", "from 10 to"),
    ("registry.preservation_percent", "101", "from 0 to 100"),
    ("registry.preservation_instances_min", "-1", "from 0 to"),
];

/// A key that signs nothing but in this test.
const P256: &str = "-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWw3mW2kWXZZ3++kl\n\
XACb38BZijiULFcC3IqCrMzUBN2hRANCAARiEzhsjhf4MWvACHcwSAzRSgYnWuJF\n\
vTfmlGBlKIM7VR7SXmrk+++w05qEYgGnePd7q6ytPTBZQQCsnFgVIHca\n\
-----END PRIVATE KEY-----";

/// Settings that are each fine, and together are not; and words of the reason.
const CONTRADICTIONS: &[(&[(&str, &str)], &str)] = &[
    (
        &[("encoder.wait_ms", "20000")],
        "`rpc.timeout_ms`, which is 10000",
    ),
    (&[("rpc.timeout_ms", "5000")], "`encoder.wait_ms` is 8000"),
    (
        &[("encoder.report_ms", "30000")],
        "`media.lease_ms`, which is 30000",
    ),
    (&[("rpc.connect_timeout_ms", "20000")], "`rpc.timeout_ms`"),
    (
        &[("telemetry.spans_waiting_max", "100")],
        "a batch never fills",
    ),
    (&[("internal_tls.kind", "mutual")], "`internal_tls.ca` must"),
    (
        &[
            ("cluster.services.catalog", "dns+http://catalog:7000"),
            ("internal_tls.kind", "mutual"),
            ("internal_tls.ca", "ca.pem"),
            ("internal_tls.certificate", "certificate.pem"),
            ("internal_tls.key", "key.pem"),
        ],
        "write https://",
    ),
    (
        &[
            ("server.internal_listen", "127.0.0.1:7000"),
            (
                "cluster.services.catalog",
                "eureka+http://10.0.0.9:7000/eureka",
            ),
        ],
        "by one id",
    ),
    (
        &[("registry.peers", "https://10.0.0.6:9000/eureka")],
        "which needs `internal_tls.kind`",
    ),
    (&[("blobs.kind", "s3")], "`blobs.s3.bucket`"),
    (
        &[
            ("blobs.s3.endpoint", "http://minio:9000"),
            ("blobs.kind", "s3"),
            ("blobs.s3.bucket", "amphi"),
        ],
        "`blobs.s3.allow_http`",
    ),
    (
        &[
            ("blobs.s3.access_key_secret", "hunter2"),
            ("blobs.kind", "s3"),
            ("blobs.s3.bucket", "amphi"),
        ],
        "`blobs.s3.access_key_id` belongs to it",
    ),
    (&[("delivery.kind", "presigned")], "`blobs.kind`"),
    (
        &[
            ("delivery.presigned.endpoint", "http://media.example.org"),
            ("delivery.kind", "presigned"),
            ("blobs.kind", "s3"),
            ("blobs.s3.bucket", "amphi"),
        ],
        "`blobs.s3.allow_http`",
    ),
    (
        &[("delivery.kind", "cloudfront")],
        "`url` and `key_pair_id` and `private_key`",
    ),
    (
        &[
            ("delivery.cloudfront.cookie_domain", "example.org"),
            ("delivery.kind", "cloudfront"),
            ("delivery.cloudfront.url", "https://cdn.notexample.org"),
            ("delivery.cloudfront.key_pair_id", "K1"),
            ("delivery.cloudfront.private_key", P256),
        ],
        "not below example.org",
    ),
    (
        &[
            ("delivery.cloudfront.cookie_domain", "example.org"),
            ("delivery.kind", "cloudfront"),
            ("delivery.cloudfront.url", "https://cdn.example.org"),
            ("delivery.cloudfront.key_pair_id", "K1"),
            ("delivery.cloudfront.private_key", P256),
            ("server.public_url", "http://tv.example.org"),
        ],
        "no secure cookie",
    ),
    (
        &[("identity.refresh_token_lifetime_s", "900")],
        "`identity.access_token_lifetime_s` is 900",
    ),
    (
        &[("identity.session_lifetime_s", "60")],
        "before it can be renewed",
    ),
    (
        &[("identity.signing_key_period_s", "900")],
        "outlive what it signed",
    ),
    (
        &[("identity.throttle.failures_per_account_max", "10")],
        "lock an account for everybody",
    ),
    (
        &[("media.limits.duration_ms_max", "50000000")],
        "would be cut off",
    ),
    (
        &[("playback.session_lifetime_s", "60")],
        "`playback.grant_reuse_s` is 60",
    ),
    (
        &[("observatory.spans_max", "4999")],
        "one trace would not fit",
    ),
];

fn variable(key: &str) -> String {
    format!("AMPHI_{}", key.to_uppercase().replace('.', "__"))
}

/// What `amphi config check` says of the settings; it must find fault.
fn complaint(settings: &[(&str, &str)]) -> String {
    let output = amphi()
        .args(["config", "check"])
        .envs(settings.iter().map(|(key, value)| (variable(key), value)))
        .output()
        .unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{settings:?}: {complaint}");
    complaint
}

fn defaults() -> BTreeMap<String, toml::Value> {
    fn flatten(prefix: &str, table: toml::Table, into: &mut BTreeMap<String, toml::Value>) {
        for (name, value) in table {
            match value {
                toml::Value::Table(inner) => flatten(&format!("{prefix}{name}."), inner, into),
                value => {
                    into.insert(format!("{prefix}{name}"), value);
                }
            }
        }
    }
    let mut settings = BTreeMap::new();
    let table = toml::from_str(amphi_chassis::config::DEFAULTS).unwrap();
    flatten("", table, &mut settings);
    settings
}

#[test]
fn every_setting_has_a_value_that_it_refuses() {
    let refused: Vec<&str> = REFUSED.iter().map(|(key, ..)| *key).collect();
    let missing: Vec<String> = defaults()
        .into_iter()
        .filter(|(key, value)| !value.is_bool() && !refused.contains(&key.as_str()))
        .map(|(key, _)| key)
        .collect();
    assert!(missing.is_empty(), "say what these refuse: {missing:#?}");
}

#[test]
fn a_value_that_cannot_work_is_refused_with_key_value_origin_and_cure() {
    for (key, value, cure) in REFUSED {
        let complaint = complaint(&[(key, value)]);
        // Which one of a list is wrong is said as well.
        let is_named = complaint.contains(&format!("`{key}")) && complaint.contains(&variable(key));
        assert!(is_named && complaint.contains(cure), "{key}: {complaint}");
        let may_hold_a_password = [
            "cluster.secret",
            "database.url",
            "bus.url",
            "blobs.s3.access_key_secret",
            "delivery.cloudfront.private_key",
            "shared.url",
            "registry.password",
            "internal_tls.ca",
            "internal_tls.certificate",
            "internal_tls.key",
        ];
        let may_be_shown = !may_hold_a_password.contains(key) && !value.contains(":password@");
        assert!(
            !complaint.contains("anybody:password@"),
            "{key}: {complaint}"
        );
        let part = value.rsplit(',').next().unwrap();
        assert!(
            !may_be_shown || complaint.contains(part),
            "{key}: {complaint}"
        );
        assert!(!complaint.contains("default:"), "{key}: {complaint}");
        assert_eq!(complaint.lines().count(), 1, "{key}: {complaint}");
    }
}

#[test]
fn settings_that_defeat_each_other_are_refused() {
    for (settings, reason) in CONTRADICTIONS {
        let complaint = complaint(settings);
        let (key, _) = settings[0];
        assert!(
            complaint.contains(&variable(key)),
            "{settings:?}: {complaint}"
        );
        assert!(complaint.contains(reason), "{settings:?}: {complaint}");
    }
}

#[test]
fn a_process_refuses_to_start_with_what_the_check_refuses() {
    let data = tempfile::tempdir().unwrap();
    for (key, value) in [("encoder.wait_ms", "20000"), ("media.encode.crf", "900")] {
        let output = amphi()
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--internal-listen",
                "127.0.0.1:0",
            ])
            .args(["--data", data.path().to_str().unwrap()])
            .env(variable(key), value)
            .output()
            .unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.contains(&variable(key)), "{complaint}");
    }
}
