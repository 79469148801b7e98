//! What it costs to believe a token: `cargo run --release -p amphi-chassis --example token_cost`.
//!
//! Prints microseconds per check, medians of several runs: an access token whose signature is checked anew, one that was
//! checked before, and a service's own token.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use amphi_chassis::auth::{AccountRole, ServiceTokens, Settings, TokenVerifier};
use amphi_chassis::shared::Shared;
use amphi_chassis::testing::TestKeys;
use amphi_chassis::{Role, Secret};
use amphi_contracts::AccountId;

const TOKENS: u32 = 2_000;
const RUNS: usize = 11;

#[tokio::main]
async fn main() {
    let keys = TestKeys::generate();
    let services = ServiceTokens::new(&Secret::new("a secret of 32 characters, or more".into()));
    let service_token = services.token_for(Role::Gateway);
    let tokens: Vec<String> = (0..TOKENS)
        .map(|_| keys.token(AccountId::generate(), AccountRole::Viewer))
        .collect();

    let settings = Settings {
        revocations_max_age: Duration::from_secs(60),
    };
    let (mut anew, mut known, mut service) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let verifier =
            TokenVerifier::new(keys.clone(), services.clone(), Shared::default(), &settings);
        // Fetches the keys, which no check pays for afterwards.
        let first = keys.token(AccountId::generate(), AccountRole::Viewer);
        verifier.verify(&first).await.unwrap();
        anew.push(micros_per_check(&verifier, tokens.iter().map(String::as_str)).await);
        known.push(micros_per_check(&verifier, tokens.iter().map(String::as_str)).await);
        let same = (0..TOKENS).map(|_| &*service_token);
        service.push(micros_per_check(&verifier, same).await);
    }
    println!("access token, signature checked {:>8.2} µs", median(anew));
    println!("access token, known             {:>8.2} µs", median(known));
    println!(
        "service's token                 {:>8.2} µs",
        median(service)
    );
}

async fn micros_per_check<'t>(
    verifier: &TokenVerifier,
    tokens: impl ExactSizeIterator<Item = &'t str>,
) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let count = tokens.len() as f64;
    let started = Instant::now();
    for token in tokens {
        black_box(verifier.verify(token).await.unwrap());
    }
    started.elapsed().as_secs_f64() * 1e6 / count
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
