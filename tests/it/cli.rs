//! The command line as a newcomer and as a script use it.

use std::process::Output;

use amphi_chassis::testing::{TestRedis, TestTlsFiles, free_address};

use crate::harness::{Errand, Node, Platform, amphi, clips, stream, variable};

fn run(args: &[&str]) -> Output {
    amphi().args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_teaches() {
    for args in [
        &["--help"][..],
        &["serve", "--help"],
        &["upload", "--help"],
        &["config", "--help"],
        &["admin", "create-user", "--help"],
        &["events", "--help"],
        &["events", "replay", "--help"],
        &["blobs", "--help"],
        &["blobs", "gc", "--help"],
        &["doctor", "--help"],
        &["health", "--help"],
    ] {
        let output = run(args);
        assert!(output.status.success());
        insta::assert_snapshot!(format!("help {}", args.join(" ")), text(&output.stdout));
    }
}

#[test]
fn help_shows_no_flag_that_does_nothing() {
    for command in ["upload", "openapi", "completions"] {
        let help = text(&run(&[command, "--help"]).stdout);
        assert!(
            !help.contains("--data") && !help.contains("--config"),
            "{help}"
        );
    }
    for command in [
        "serve", "config", "migrate", "admin", "events", "blobs", "doctor", "health",
    ] {
        let help = text(&run(&[command, "--help"]).stdout);
        assert!(
            help.contains("--data") && help.contains("--config"),
            "{help}"
        );
    }
}

#[test]
fn a_supervisor_is_told_whether_the_process_here_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let certificates = TestTlsFiles::any();
    let settings: Vec<(String, String)> = certificates
        .settings()
        .into_iter()
        .map(|(key, value)| (variable(key), value))
        .collect();
    for env in [&[][..], &settings] {
        let address = free_address().to_string();
        let health = || {
            let mut command = amphi();
            command.args(["health", "--data", data, "--internal-listen", &address]);
            Errand::run(command.envs(env.iter().cloned()))
        };
        let output = health();
        assert_eq!(output.status.code(), Some(3));
        let error = text(&output.stderr);
        assert!(
            error.contains(&address) && error.contains("refused"),
            "{error}"
        );

        let args = ["--roles", "observatory", "--internal-listen", &address];
        let _node = Node::serve(folder.path(), &args, env);
        let output = health();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "ready\n");
    }
}

#[test]
fn a_wrong_setting_is_refused_with_the_nearest_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("amphi.toml");
    std::fs::write(&file, "[server]\nlitsen = \"127.0.0.1:9000\"\n").unwrap();
    let output = run(&["config", "check", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    let error = text(&output.stderr);
    assert!(
        error.contains("server.litsen") && error.contains("server.listen"),
        "{error}"
    );
    assert!(error.contains("amphi.toml"), "{error}");
}

#[test]
fn the_dump_shows_what_differs_and_hides_secrets() {
    let output = amphi()
        .args(["config", "dump", "--diff"])
        .env("AMPHI_SERVER__LISTEN", "127.0.0.1:9999")
        .env(
            "AMPHI_CLUSTER__SECRET",
            "hunter2hunter2hunter2hunter2hunter2",
        )
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let dump = text(&output.stdout);
    assert!(dump.contains("127.0.0.1:9999"), "{dump}");
    assert!(!dump.contains("hunter2"), "{dump}");
    assert!(!dump.contains("max_connections"), "{dump}");
}

#[tokio::test]
async fn a_wrong_password_of_redis_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = format!("redis://nobody:hunter2@{}", TestRedis::create().address());
    let mut command = amphi();
    command
        .args(["serve", "--data", folder.path().to_str().unwrap()])
        .args(["--listen", "127.0.0.1:0"])
        .args(["--internal-listen", "127.0.0.1:0"])
        .env("AMPHI_SHARED__URL", nobody);
    let (status, _, error) = Errand::start(&mut command).ended().await;
    assert!(!status.success());
    assert!(error.contains("Check user, password"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_command_line_that_does_not_say_enough_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("talk.mp4");
    std::fs::write(&file, "x").unwrap();
    let file = file.to_str().unwrap();
    let ann = ["--email", "ann@example.org"];
    for (args, words) in [
        (&["upload", file][..], "who uploads?"),
        (&["upload", file, ann[0], ann[1]], "--password-file"),
        (
            &["serve", "--demo", "--roles", "media"],
            "leave --roles out",
        ),
        (&["serve", "--roles", "butler"], "butler"),
    ] {
        let output = run(args);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success());
        assert!(text(&output.stdout).contains("amphi"));
    }
}

#[tokio::test]
async fn upload_prints_a_watch_url_that_plays() {
    let platform = Platform::simple();
    let ann = platform.creator().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("talk.mp4");
    std::fs::write(&file, clips::small()).unwrap();
    let (url, email) = (platform.url().to_owned(), ann.email.clone().unwrap());
    let state = folder.path().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        amphi()
            .args([
                "upload",
                file.to_str().unwrap(),
                "--title",
                "A talk",
                "--json",
            ])
            .args(["--url", &url])
            .env("AMPHI_EMAIL", email)
            .env("AMPHI_PASSWORD", "correct horse battery")
            .env("XDG_STATE_HOME", state)
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let id = report["video_id"].as_str().unwrap();
    assert_eq!(
        report["watch_url"],
        format!("{}/watch/{id}", platform.url())
    );
    let session = ann.play(id).await;
    let fetched =
        stream::fetch_hls(&ann, session["hls_url"].as_str().unwrap(), folder.path()).await;
    assert!(!fetched.is_empty());
}

#[tokio::test]
async fn it_stops_in_peace_when_asked() {
    let data = tempfile::tempdir().unwrap();
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--internal-listen",
        "127.0.0.1:0",
    ];
    let node = crate::harness::Node::serve(data.path(), &args, &[]);
    let ready = reqwest::get(format!("{}/readyz", node.internal))
        .await
        .unwrap();
    assert_eq!(ready.status(), 200);
    let stopped = tokio::task::spawn_blocking(move || node.stop())
        .await
        .unwrap();
    assert!(stopped);
}

#[test]
fn a_port_that_is_taken_is_said_in_words() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let output = amphi()
        .args([
            "serve",
            "--listen",
            &address,
            "--internal-listen",
            "127.0.0.1:0",
        ])
        .args(["--data", data.path().to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.contains(&address) && error.contains("--listen"),
        "{error}"
    );
}

fn create_user(data: &str, email: &str, more: &[&str]) -> Output {
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "correct horse battery").unwrap();
    amphi()
        .args(["admin", "create-user", "--data", data, "--email", email])
        .args(["--password-file", password.path().to_str().unwrap()])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn an_account_is_not_opened_where_there_is_no_platform() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("elsewhere");
    let data = data.to_str().unwrap();
    let output = create_user(data, "ann@example.org", &[]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    for part in [data, "--data", "--create"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(
        !std::path::Path::new(data).exists(),
        "it was made after all"
    );

    let output = create_user(data, "ann@example.org", &["--create"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains(data), "{said}");

    // From then on there is one.
    let output = create_user(data, "bob@example.org", &["--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["kept_in"], data);
}

fn serve(data: &std::path::Path, more: &[&str]) -> Output {
    amphi()
        .args(["serve", "--internal-listen", "127.0.0.1:0"])
        .args(["--data", data.to_str().unwrap()])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn a_process_that_finds_its_port_taken_leaves_nothing_behind() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let output = serve(&data, &["--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!data.exists(), "it began before it knew that it cannot");
}

#[test]
fn a_data_folder_that_cannot_be_used_is_said_to_be_that() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::write(&data, "a file").unwrap();
    let output = serve(&data, &["--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    for part in ["the data folder", data.to_str().unwrap(), "--data"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn a_second_platform_on_the_same_data_is_told_who_uses_it() {
    let data = tempfile::tempdir().unwrap();
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--internal-listen",
        "127.0.0.1:0",
    ];
    let first = crate::harness::Node::serve(data.path(), &args, &[]);
    let output = serve(data.path(), &["--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    let who = format!("another Amphi (process {})", first.pid());
    assert!(error.contains(&who), "{error}");
    assert!(error.contains(data.path().to_str().unwrap()), "{error}");
    let doctor = run(&["doctor", "--data", data.path().to_str().unwrap()]);
    let said = text(&doctor.stdout);
    assert!(said.contains(&who), "{said}");
}

#[test]
fn a_missing_configuration_file_is_said_once() {
    let output = run(&["config", "dump", "--config", "/nowhere/amphi.toml"]);
    let error = text(&output.stderr);
    assert!(error.contains("/nowhere/amphi.toml"), "{error}");
    assert_eq!(error.matches("No such file").count(), 1, "{error}");
}

#[test]
fn a_role_without_a_database_has_nothing_to_migrate() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path().to_str().unwrap();
    let output = run(&["migrate", "--roles", "gateway,catalog", "--data", data]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("gateway: keeps no database"), "{said}");
    assert!(
        said.contains("catalog: ") && said.contains(" applied"),
        "{said}"
    );
}
