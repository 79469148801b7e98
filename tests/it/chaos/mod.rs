//! Lines to engines and between roles fail, and servers go and come back, while people work: nothing is lost, nothing doubled,
//! nothing stuck.
//!
//! Here in short form: every line and every kind of fault, some at the same time. `bench/chaos` lets each fault happen at each
//! place by itself, again and again, and reports how long it takes until all is well again.

mod faults;
mod people;
mod wellness;
mod world;

use std::time::{Duration, Instant};

use self::faults::Fault::{self, Cut, Delayed, Killed, Refused, Silent, Stopped};
use self::people::Crowd;
use self::world::World;

/// How often each fault comes at each place, one after the other; unset for the short form.
const ROUNDS: &str = "AMPHI_CHAOS_ROUNDS";
/// How long a fault lasts. Longer than the platform's patience with a single call to an engine.
const FAULT: Duration = Duration::from_secs(6);

/// What fails at the same time, and how.
type Step = Vec<(&'static str, Fault)>;

/// Where everything is kept by a server.
fn short_form() -> Vec<Step> {
    vec![
        vec![("postgres", Silent), ("redis", Stopped)],
        vec![("mariadb", Refused), ("media", Cut)],
        vec![("rabbitmq", Killed), ("playback", Delayed)],
        vec![("s3", Stopped), ("identity", Refused)],
        vec![("postgres", Killed), ("s3", Delayed)],
        vec![("catalog", Silent), ("rabbitmq", Cut)],
        vec![("mariadb", Stopped), ("redis", Silent)],
    ]
}

/// Where Kafka carries the events, and nothing else is kept by a server.
fn short_form_of_kafka() -> Vec<Step> {
    vec![
        vec![("kafka", Silent)],
        vec![("kafka", Killed), ("media", Refused)],
        vec![("kafka", Cut), ("catalog", Silent)],
        vec![("kafka", Refused), ("playback", Cut)],
    ]
}

fn long_form(world: &World, rounds: usize) -> Vec<Step> {
    let round: Vec<Step> = world
        .places()
        .flat_map(|place| place.faults().map(|fault| vec![(place.name, fault)]))
        .collect();
    let length = round.len() * rounds;
    round.into_iter().cycle().take(length).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_and_servers_fail_and_nothing_is_lost_doubled_or_stuck() {
    nothing_is_lost_doubled_or_stuck(World::on_servers().await, short_form()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_fails_and_nothing_is_lost_doubled_or_stuck() {
    nothing_is_lost_doubled_or_stuck(World::on_kafka().await, short_form_of_kafka()).await;
}

async fn nothing_is_lost_doubled_or_stuck(mut world: World, short_form: Vec<Step>) {
    let steps = match std::env::var(ROUNDS) {
        Ok(rounds) => long_form(&world, rounds.parse().unwrap()),
        Err(_) => short_form,
    };
    let crowd = Crowd::begins(&world.platform).await;
    let ann = crowd.ann.clone();
    let mut videos = Vec::new();

    for (number, step) in steps.iter().enumerate() {
        let name = step
            .iter()
            .map(|(place, fault)| format!("{place} {fault:?}"))
            .collect::<Vec<_>>()
            .join(" + ");
        let title = format!("{number}: {name}");
        for (place, fault) in step {
            world.begin(place, *fault).await;
        }
        let began = Instant::now();
        let uploading = async {
            let id = people::upload_stubbornly(&ann, &title).await;
            (id, began.elapsed())
        };
        let mending = async {
            tokio::time::sleep(FAULT).await;
            for (place, fault) in step {
                world.mend(place, *fault).await;
            }
            wellness::until_all_is_well(&ann, &crowd.watched, &title).await
        };
        let ((video, uploaded_after), well) = tokio::join!(uploading, mending);
        println!(
            "{name}: requests well after {} ms, events after {} ms; uploaded after {} ms",
            well.requests.as_millis(),
            well.events.as_millis(),
            uploaded_after.as_millis()
        );
        videos.push((title, video));
    }

    crowd.ends(&videos).await;
    world.ends_empty(&ann).await;
}
