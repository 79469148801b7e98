//! The store of the tests as a program of its own, for those that are no Rust. It ends when it is killed.
//!
//! ```sh
//! AWS_SECRET_ACCESS_KEY=… s3 ADDRESS FOLDER BUCKET ACCESS_KEY_ID
//! ```

use std::net::TcpListener;
use std::path::Path;

use amphi_chassis::testing::serve_s3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, folder, bucket, key_id] = args.as_slice() else {
        return Err("ADDRESS FOLDER BUCKET ACCESS_KEY_ID are expected".into());
    };
    let secret = std::env::var("AWS_SECRET_ACCESS_KEY")?;
    let listener = TcpListener::bind(address)?;
    let _running = serve_s3(listener, Path::new(folder), bucket, (key_id, &secret));
    loop {
        std::thread::park();
    }
}
