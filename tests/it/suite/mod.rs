//! What the platform does, whatever it stands on: each test runs on every ground.

mod accounts;
mod deleting;
mod dramas;
mod playing;
mod tracing;

/// Runs each named scenario in every cell of {one process, roles apart} × {SQLite, PostgreSQL, MariaDB}, and on the engines of
/// an installation that has outgrown one machine.
macro_rules! in_every_cell {
    ($($scenario:ident),+ $(,)?) => {
        in_every_cell!(@cell one_process_on_sqlite, Ground::one_process(), $($scenario),+);
        in_every_cell!(@cell one_process_on_postgres, Ground::one_process().on(Engine::Postgres), $($scenario),+);
        in_every_cell!(@cell one_process_on_mariadb, Ground::one_process().on(Engine::MySql), $($scenario),+);
        in_every_cell!(
            @cell roles_apart_on_sqlite_with_registry,
            Ground::roles_apart().with_registry(),
            $($scenario),+
        );
        in_every_cell!(
            @cell roles_apart_on_postgres_over_mutual_tls,
            Ground::roles_apart().on(Engine::Postgres).with_mutual_tls(),
            $($scenario),+
        );
        in_every_cell!(@cell roles_apart_on_mariadb, Ground::roles_apart().on(Engine::MySql), $($scenario),+);
        in_every_cell!(
            @cell roles_apart_on_postgres_with_rabbitmq_and_s3,
            Ground::roles_apart().on(Engine::Postgres).with_rabbitmq().with_s3(),
            $($scenario),+
        );
        in_every_cell!(
            @cell roles_apart_on_postgres_with_kafka_and_s3,
            Ground::roles_apart().on(Engine::Postgres).with_kafka().with_s3(),
            $($scenario),+
        );
    };
    (@cell $cell:ident, $ground:expr, $($scenario:ident),+) => {
        mod $cell {
            #[allow(unused_imports)]
            use amphi_chassis::testing::Engine;

            use crate::harness::Ground;
            $(
                #[tokio::test]
                async fn $scenario() {
                    super::$scenario($ground).await;
                }
            )+
        }
    };
}
pub(crate) use in_every_cell;
