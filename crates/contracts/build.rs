use std::path::PathBuf;

const PROTOS: [&str; 6] = [
    "amphi/events/v1/events.proto",
    "amphi/identity/v1/identity.proto",
    "amphi/catalog/v1/catalog.proto",
    "amphi/media/v1/media.proto",
    "amphi/playback/v1/playback.proto",
    "amphi/observatory/v1/observatory.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let descriptors = protox::compile(PROTOS, [&root])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        out.join("descriptors.bin"),
        prost::Message::encode_to_vec(&descriptors),
    )?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
