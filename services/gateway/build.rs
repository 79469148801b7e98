//! Makes sure that there is a web app to embed: the built one, or a page that says how to build it.

use std::path::PathBuf;
use std::{env, fs, io};

/// What stands in for the web app when only the Rust part is built.
const PLACEHOLDER: &str = r#"<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="amphi-web" content="not-built">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Amphi: web app not built</title>
  </head>
  <body>
    <h1>The web app is not in this build</h1>
    <p>The server runs; the API is at <a href="/api/openapi.json">/api/openapi.json</a>.</p>
    <p>To have the web app: <code>cd web &amp;&amp; npm ci &amp;&amp; npm run build</code>, then build the server again, or <code>make run</code>, which does both.</p>
  </body>
</html>
"#;

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let dist = PathBuf::from(root).join("../../web/dist");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", dist.display());
    let index = dist.join("index.html");
    if !index.exists() {
        fs::create_dir_all(&dist)?;
        fs::write(index, PLACEHOLDER)?;
    }
    Ok(())
}
