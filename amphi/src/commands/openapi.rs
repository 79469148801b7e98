//! `amphi openapi`

use anyhow::Context as _;

use super::Exit;

pub fn run() -> anyhow::Result<Exit> {
    let document = amphi_gateway::openapi()
        .to_pretty_json()
        .context("the OpenAPI document cannot be written")?;
    println!("{document}");
    Ok(Exit::Done)
}
