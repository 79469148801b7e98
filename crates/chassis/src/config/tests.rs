#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::*;

/// A small world beside the real defaults, which the chassis' own sections come from.
fn defaults() -> String {
    format!(
        r#"{DEFAULTS}
[sample]
name = "default"
count = 3
ratio = 0.5
on = true
list = ["a"]
api_token = ""
link = ""

[sample.inner]
depth = 1
"#
    )
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    name: String,
    count: u8,
    ratio: f64,
    on: bool,
    list: Vec<String>,
    api_token: String,
    link: String,
    inner: BTreeMap<String, i64>,
}

fn env(pairs: &[(&str, &str)]) -> Sources {
    let env = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Sources {
        env: env.collect(),
        ..Sources::default()
    }
}

fn file(text: &str) -> (tempfile::NamedTempFile, Sources) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let sources = Sources {
        file: Some(file.path().to_owned()),
        ..Sources::default()
    };
    (file, sources)
}

fn load(sources: Sources) -> Result<Config, ConfigError> {
    Config::load_over(&defaults(), sources)
}

fn sample(sources: Sources) -> Sample {
    load(sources).unwrap().section("sample").unwrap()
}

fn refusal(sources: Sources) -> String {
    load(sources).unwrap_err().to_string()
}

enum Said {
    File(&'static str),
    Env(&'static str, &'static str),
    Flag(&'static str, toml::Value),
}

fn refusal_of(said: Said) -> String {
    match said {
        Said::File(text) => {
            let (_file, sources) = file(text);
            refusal(sources)
        }
        Said::Env(name, value) => refusal(env(&[(name, value)])),
        Said::Flag(key, value) => refusal(Sources::default().with_flag(key, value)),
    }
}

#[test]
fn the_defaults_are_a_valid_configuration() {
    let config = Config::load(Sources::default()).unwrap();
    assert_eq!(config.dump(true), "");
    assert!(config.warnings().is_empty());
    assert_eq!(config.server.listen.port(), 8080);
    assert_eq!(config.rpc.timeout, Duration::from_secs(10));
    assert_eq!(config.log.format, LogFormat::Auto);
    assert_eq!(config.server.public_url, None);
    assert!(
        Role::ALL
            .iter()
            .all(|role| config.fault.delay(*role).is_none())
    );
}

#[test]
fn every_default_has_a_comment_before_it() {
    let mut documented = false;
    for line in DEFAULTS.lines() {
        let is_key = line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains(" = ");
        match line {
            "" => documented = false,
            line if line.starts_with('#') || line.starts_with('[') => documented = true,
            line if is_key => assert!(documented, "no comment above: {line}"),
            _ => {}
        }
    }
}

#[test]
fn each_layer_overrides_the_ones_before_it() {
    let (_file, mut sources) = file("[sample]\nname = \"file\"\ncount = 4\nratio = 1\n");
    sources.env = env(&[("AMPHI_SAMPLE__NAME", "env"), ("AMPHI_SAMPLE__COUNT", "5")]).env;
    let sources = sources.with_flag("sample.name", "flag");
    let expected = Sample {
        name: "flag".to_owned(),
        count: 5,
        ratio: 1.0,
        on: true,
        list: vec!["a".to_owned()],
        api_token: String::new(),
        link: String::new(),
        inner: BTreeMap::from([("depth".to_owned(), 1)]),
    };
    assert_eq!(sample(sources), expected);
}

#[test]
fn text_from_the_environment_takes_the_type_of_its_key() {
    let loaded = sample(env(&[
        ("AMPHI_SAMPLE__NAME", "7"),
        ("AMPHI_SAMPLE__COUNT", " 7 "),
        ("AMPHI_SAMPLE__RATIO", "1"),
        ("AMPHI_SAMPLE__ON", "false"),
        ("AMPHI_SAMPLE__LIST", "x, y,"),
        ("AMPHI_SAMPLE__INNER__DEPTH", "-2"),
    ]));
    assert_eq!(
        (loaded.name.as_str(), loaded.count, loaded.ratio),
        ("7", 7, 1.0)
    );
    assert_eq!((loaded.on, loaded.inner["depth"]), (false, -2));
    assert_eq!(loaded.list, ["x", "y"]);
    let toml_list = sample(env(&[("AMPHI_SAMPLE__LIST", r#"["a,b", "c"]"#)]));
    assert_eq!(toml_list.list, ["a,b", "c"]);
}

#[test]
fn a_refusal_names_the_key_the_origin_and_the_cure() {
    use Said::{Env, File, Flag};
    let cases = [
        // What is not a setting.
        (
            File("[server]\nlistn = 3"),
            ["2: there is no setting `server.listn`", "`server.listen`"],
        ),
        (
            File("[sevrer]\nlisten = 3"),
            ["`sevrer.listen`", "mean `server.listen`"],
        ),
        (
            File("\nlisten = 3"),
            ["2: there is no setting `listen`", "mean `server.listen`"],
        ),
        (
            File("[zzz]\nqqq = 1"),
            ["`zzz.qqq`", "`amphi config dump` lists all"],
        ),
        (File("[zzz]"), ["`zzz`", "1:"]),
        (
            Env("AMPHI_SERVER__LISTN", "x"),
            [
                "environment variable AMPHI_SERVER__LISTN",
                "mean `AMPHI_SERVER__LISTEN`",
            ],
        ),
        (
            Flag("server.lisen", "x".into()),
            ["command line", "mean `server.listen`"],
        ),
        // What is of another type.
        (
            File("[sample]\n\ncount = \"many\""),
            ["3: `sample.count` must be a whole number", "text in quotes"],
        ),
        (
            File("[sample]\ncount = 1.5"),
            ["`sample.count` must be a whole number", "a fraction"],
        ),
        (
            File("[sample]\nname = 1"),
            ["`sample.name` must be text in quotes", "a whole number"],
        ),
        (
            File("sample = 1"),
            ["`sample` must be a table", "a whole number"],
        ),
        (File("[sample.count]\nx = 1"), ["`sample.count`", "a table"]),
        (
            Env("AMPHI_SAMPLE__COUNT", "many"),
            ["AMPHI_SAMPLE__COUNT", "a whole number"],
        ),
        (
            Env("AMPHI_SAMPLE__ON", "yes"),
            ["AMPHI_SAMPLE__ON", "true or false"],
        ),
        (
            Flag("sample.count", 1.5.into()),
            ["command line", "a whole number"],
        ),
        // What is of the right type but means nothing.
        (
            Env("AMPHI_SERVER__LISTEN", "here"),
            ["AMPHI_SERVER__LISTEN", "an IP address with a port"],
        ),
        (
            File("[telemetry]\nsample_ratio = 2"),
            ["2: `telemetry.sample_ratio`", "from 0 to 1"],
        ),
        (
            File("[rpc]\ntimeout_ms = -1"),
            ["2: `rpc.timeout_ms`", "invalid value"],
        ),
        (
            File("[database]\nmax_connections = 0"),
            ["`database.max_connections`", "from 1 to"],
        ),
        (
            File("[log]\nformat = \"xml\""),
            ["`log.format`", "unknown variant `xml`"],
        ),
        (
            File("[log]\nfilter = \"a=b=c\""),
            ["`log.filter`", "levels such as"],
        ),
        (
            File("[database]\nurl = \"oracle://{service}\""),
            ["`database.url`", "postgres://"],
        ),
        (
            File("[database]\nurl = \"sqlite:one.db\""),
            ["`database.url`", "{service}"],
        ),
        (
            File("[cluster.services]\ncatalog = \"10.0.0.1:1\""),
            ["`cluster.services", "http://10.0.0.5"],
        ),
        (
            File("[cluster.services]\nmedia = \"http://a/b\""),
            ["`cluster.services", "without a path"],
        ),
        (
            File("[server]\npublic_url = \"ftp://a\""),
            ["`server.public_url`", "https://"],
        ),
        (
            Env("AMPHI_CLUSTER__SECRET", "short"),
            ["`cluster.secret`", "at least 32"],
        ),
        // What cannot be read at all.
        (File("[server\n"), ["1: not valid TOML", "not valid TOML"]),
        (
            File("[server]\nlisten = 'a'\nlisten = 'b'"),
            ["3: not valid TOML", "duplicate key"],
        ),
        (
            Env("AMPHI_CLUSTER__SECRET_FILE", "/nowhere/secret"),
            ["/nowhere/secret", "AMPHI_CLUSTER__SECRET_FILE"],
        ),
    ];
    for (said, expected) in cases {
        let message = refusal_of(said);
        for part in expected {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let message = refusal(Sources {
        file: Some("/nowhere/amphi.toml".into()),
        ..Sources::default()
    });
    assert!(
        message.contains("cannot read the file /nowhere/amphi.toml"),
        "{message}"
    );
}

#[test]
fn all_errors_are_told_at_once() {
    let (_file, mut sources) = file("[server]\nlistn = 1\ndrain_ms = \"x\"\n");
    sources.env = env(&[("AMPHI_NO__SUCH", "1")]).env;
    let message = refusal(sources);
    assert_eq!(message.lines().count(), 3, "{message}");
}

#[test]
fn a_text_can_be_read_from_a_file_that_a_variable_names() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), format!("{}\n", "s".repeat(40))).unwrap();
    let path = secret.path().to_str().unwrap();
    let config = load(env(&[("AMPHI_CLUSTER__SECRET_FILE", path)])).unwrap();
    assert_eq!(config.cluster.secret.expose(), &"s".repeat(40));
    assert!(
        config
            .dump(true)
            .contains("(from AMPHI_CLUSTER__SECRET_FILE)")
    );

    let number = env(&[("AMPHI_SAMPLE__COUNT_FILE", path)]);
    assert!(refusal(number).contains("no setting `AMPHI_SAMPLE__COUNT_FILE`"));

    let twice = env(&[
        ("AMPHI_CLUSTER__SECRET_FILE", path),
        ("AMPHI_CLUSTER__SECRET", "x"),
    ]);
    assert!(refusal(twice).contains("set twice"));

    std::fs::write(secret.path(), vec![b'x'; 100_000]).unwrap();
    let message = refusal(env(&[("AMPHI_CLUSTER__SECRET_FILE", path)]));
    assert!(message.contains("too many"), "{message}");
}

#[test]
fn variables_that_are_no_settings_are_told_apart() {
    let config = load(env(&[
        ("AMPHI_TEST_SEED__X", "1"),
        ("AMPHI_PORT", "tcp://10.0.0.1:8080"),
        ("AMPHI_GATEWAY_SERVICE_HOST", "10.0.0.1"),
        ("AMPHI_SERVER_LISTEN", "0.0.0.0:80"),
        ("HOME", "/root"),
    ]))
    .unwrap();
    let [warning] = config.warnings() else {
        panic!("{:?}", config.warnings())
    };
    assert!(warning.contains("AMPHI_SERVER__LISTEN"), "{warning}");
}

#[test]
fn no_secret_is_shown() {
    let secret = "correct-horse-battery-staple-0123456789";
    let url = format!("postgres://amphi:{secret}@db/amphi_{{service}}");
    let config = load(env(&[
        ("AMPHI_CLUSTER__SECRET", secret),
        ("AMPHI_SAMPLE__API_TOKEN", secret),
        ("AMPHI_DATABASE__URL", &url),
    ]))
    .unwrap();
    for shown in [config.dump(true), config.dump(false), format!("{config:?}")] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let diff = config.dump(true);
    assert!(
        diff.contains("url = \"postgres://amphi:[redacted]@db/amphi_{service}\""),
        "{diff}"
    );
    assert!(
        diff.contains("secret = \"[redacted]\" # environment variable AMPHI_CLUSTER__SECRET"),
        "{diff}"
    );

    let bad_url = format!("oracle://amphi:{secret}@db/");
    let (_bad_file, bad_syntax) = file(&format!("[cluster]\nsecret = \"{secret}\n"));
    let (_other_file, bad_type) = file(&format!("[cluster]\nsecret = [\"{secret}\"]\n"));
    for sources in [
        env(&[("AMPHI_DATABASE__URL", &bad_url)]),
        bad_syntax,
        bad_type,
    ] {
        assert!(!refusal(sources).contains(secret));
    }
}

#[test]
fn passwords_in_urls_are_hidden_and_nothing_else() {
    let cases = [
        ("postgres://u:p@h/d", "postgres://u:[redacted]@h/d"),
        ("postgres://u:p/w@x@h/d", "postgres://u:[redacted]@h/d"),
        ("mysql://u@h/d", "mysql://u@h/d"),
        ("http://h:80/a", "http://h:80/a"),
        ("sqlite:{data_dir}/x@y", "sqlite:{data_dir}/x@y"),
        ("plain text", "plain text"),
    ];
    for (text, shown) in cases {
        assert_eq!(dump::without_password(text), shown);
    }
}

#[test]
fn names_that_hold_secrets_are_known() {
    for key in [
        "cluster.secret",
        "a.api_token",
        "smtp.password",
        "x.client_secret",
    ] {
        assert!(dump::is_secret(key), "{key}");
    }
    for key in [
        "identity.access_token_ttl_s",
        "a.secretary",
        "a.tokens",
        "secret.name",
    ] {
        assert!(!dump::is_secret(key), "{key}");
    }
}

#[test]
fn a_dump_can_be_loaded_again_and_names_origins() {
    let config = load(env(&[("AMPHI_SAMPLE__COUNT", "9")]).with_flag("sample.name", "x")).unwrap();
    let diff = config.dump(true);
    assert!(
        diff.contains("count = 9 # environment variable AMPHI_SAMPLE__COUNT"),
        "{diff}"
    );
    assert!(diff.contains("name = \"x\" # command line"), "{diff}");
    let (_file, sources) = file(&config.dump(false));
    assert_eq!(sample(sources).count, 9);
}

#[test]
fn a_value_equal_to_its_default_is_no_difference() {
    let config = load(env(&[("AMPHI_SAMPLE__COUNT", "3")])).unwrap();
    assert_eq!(config.dump(true), "");
}

#[test]
fn placeholders_are_filled_in() {
    let config = load(
        env(&[("AMPHI_DATABASE__URL", "postgres://h/amphi_{service}")])
            .with_flag("server.data_dir", "/srv/amphi"),
    )
    .unwrap();
    assert_eq!(
        config.database_url(Role::Catalog).expose(),
        "postgres://h/amphi_catalog"
    );
    assert_eq!(config.blobs_dir(), PathBuf::from("/srv/amphi/blobs"));
    assert_eq!(
        config.cluster_secret_file(),
        PathBuf::from("/srv/amphi/cluster.secret")
    );
    let config = load(Sources::default().with_flag("server.data_dir", "d")).unwrap();
    assert_eq!(
        config.database_url(Role::Media).expose(),
        "sqlite:d/db/media.sqlite"
    );
}

#[test]
fn only_an_embedded_database_is_a_file() {
    for (url, file) in [
        ("sqlite:{data_dir}/{service}.db", Some("/d/media.db")),
        ("sqlite:///x/{service}.db?mode=rwc", Some("/x/media.db")),
        ("postgres://h/amphi_{service}", None),
    ] {
        let config = load(env(&[("AMPHI_DATABASE__URL", url)]).with_flag("server.data_dir", "/d"));
        let found = config.unwrap().database_file(Role::Media);
        assert_eq!(found.as_deref(), file.map(Path::new), "{url}");
    }
}

#[test]
fn addresses_of_roles_elsewhere_are_lists() {
    let config = load(env(&[(
        "AMPHI_CLUSTER__SERVICES__CATALOG",
        "http://a:1/, http://b:2, dns+http://catalog.amphi.svc:7000",
    )]))
    .unwrap();
    let addresses = config.cluster.services.addresses(Role::Catalog);
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "http://a:1",
            "http://b:2",
            "dns+http://catalog.amphi.svc:7000"
        ]
    );
    assert_eq!(
        addresses[2].url().as_deref(),
        Some("http://catalog.amphi.svc:7000")
    );
    assert!(config.cluster.services.addresses(Role::Media).is_empty());
}

#[test]
fn an_address_that_is_none_is_refused_with_an_example() {
    for (address, example) in [
        ("catalog:7000", "http://10.0.0.5:7000"),
        ("dns+http://catalog", "dns+http://catalog:7000"),
        (
            "eureka+http://registry:7000",
            "eureka+http://registry:7000/eureka",
        ),
        ("dns+http://catalog:7000/path", "dns+http://catalog:7000"),
        ("dns+ftp://catalog:7000", "dns+http://catalog:7000"),
    ] {
        let error = load(env(&[("AMPHI_CLUSTER__SERVICES__CATALOG", address)])).unwrap_err();
        assert!(error.to_string().contains(example), "{error}");
    }
}

#[test]
fn addresses_over_tls_need_tls_and_the_other_way_round() {
    let tls = [
        ("AMPHI_INTERNAL_TLS__KIND", "mutual"),
        ("AMPHI_INTERNAL_TLS__CA", "ca.pem"),
        ("AMPHI_INTERNAL_TLS__CERTIFICATE", "certificate.pem"),
        ("AMPHI_INTERNAL_TLS__KEY", "key.pem"),
        ("AMPHI_SERVER__INTERNAL_LISTEN", "10.0.0.2:7000"),
    ];
    for (address, needs_tls) in [
        ("http://a:1", Some(false)),
        ("https://a:1", Some(true)),
        ("dns+http://a:1", Some(false)),
        ("dns+https://a:1", Some(true)),
        ("eureka+http://a:1/eureka", Some(false)),
        ("eureka+https://a:1/eureka", Some(true)),
        // A registry of others is told where processes are, and not trusted with who they are.
        ("eureka+http://u:p@a:1/eureka", None),
    ] {
        let at = ("AMPHI_CLUSTER__SERVICES__CATALOG", address);
        let over_tls = load(env(&[&tls[..], &[at]].concat()));
        assert_eq!(over_tls.is_ok(), needs_tls != Some(false), "{address}");
        let plain = load(env(&[at, tls[4]]));
        assert_eq!(plain.is_ok(), needs_tls != Some(true), "{address}");
        if let Ok(config) = over_tls {
            let shown = config.cluster.services.addresses(Role::Catalog)[0].to_string();
            assert_eq!(shown, address.replace("u:p@", ""));
        }
    }
}

#[test]
fn what_is_probably_not_meant_is_warned_of() {
    let config = load(env(&[
        ("AMPHI_FAULT__DELAY_MS__CATALOG", "300"),
        ("AMPHI_SERVER__INTERNAL_LISTEN", "0.0.0.0:7000"),
    ]))
    .unwrap();
    assert_eq!(
        config.fault.delay(Role::Catalog),
        Some(Duration::from_millis(300))
    );
    assert_eq!(config.warnings().len(), 2, "{:?}", config.warnings());

    let apart = ("AMPHI_CLUSTER__SERVICES__CATALOG", "http://127.0.0.1:9000");
    let config = load(env(&[apart])).unwrap();
    let [warning] = config.warnings() else {
        panic!("{:?}", config.warnings())
    };
    assert!(warning.contains("cluster.secret"), "{warning}");
    let secret = (
        "AMPHI_CLUSTER__SECRET",
        "0123456789012345678901234567890123456789",
    );
    assert!(load(env(&[apart, secret])).unwrap().warnings().is_empty());
}

#[test]
fn a_sections_own_refusal_names_key_and_origin() {
    let config = load(env(&[("AMPHI_SAMPLE__COUNT", "300")])).unwrap();
    let message = config.section::<Sample>("sample").unwrap_err().to_string();
    assert!(
        message.contains("AMPHI_SAMPLE__COUNT: `sample.count`"),
        "{message}"
    );
    let message = config.section::<Sample>("nothing").unwrap_err().to_string();
    assert!(message.contains("no section `nothing`"), "{message}");
}

#[test]
fn an_element_of_a_list_is_from_where_its_list_was_said() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Numbers {
        list: Vec<std::net::IpAddr>,
    }
    let config = load(env(&[("AMPHI_SAMPLE__LIST", "10.0.0.5,there")])).unwrap();
    let message = config.section::<Numbers>("sample").unwrap_err().to_string();
    assert!(
        message.starts_with("environment variable AMPHI_SAMPLE__LIST: `sample.list[1]`"),
        "{message}"
    );
}
