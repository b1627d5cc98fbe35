//! What applications call.

use entity::prelude::*;
use migration::{Error, Migrator, MigratorTrait as _, Runner};
use seeder::{Preset, Spec};
use tenantry::{RollbackOptions, RunOptions, Seeding, ValidateOptions};

use crate::support::{TestDb, migrations, sample_rows};

on_both_engines!(
    the_whole_job_as_functions,
    a_seeded_database_for_a_test,
    the_migrator_is_an_ordinary_one,
    the_migrator_goes_through_the_guard,
    migrations_run_inside_a_callers_transaction,
);

async fn a_seeded_database_for_a_test(test: TestDb) {
    use seeder::testing::seeded_db;
    let server = (test.engine == crate::support::Engine::Postgres)
        .then(|| test.server().url_as("postgres", crate::support::postgres::SECRET));
    let open = async || seeded_db(server.as_deref(), &Preset::Tiny.into()).await.unwrap();
    let first = open().await;
    assert_eq!(Lead::find().count(&first.connection).await.unwrap(), 43);
    // What one does, another does not see.
    Lead::delete_many().exec(&first.connection).await.unwrap();
    let (second, third) = tokio::join!(open(), open());
    for other in [&second, &third] {
        assert_eq!(Lead::find().count(&other.connection).await.unwrap(), 43);
        assert!(!format!("{other:?}").contains("hunter2"));
    }
    let url = second.url().to_owned();
    assert_ne!(url, first.url());
    let args = migration::config::DatabaseArgs { database_url: Some(url), ..Default::default() };
    let is_there = async || {
        migration::db::Database::open(
            &migration::PROJECT,
            &args.target(&migration::PROJECT).unwrap(),
            migration::db::Absent::Fail,
        )
        .await
    };
    let own = is_there().await.unwrap();
    assert!(seeder::verify(&own.connection, &seeder::Options::default()).await.unwrap().is_clean());
    own.close().await;
    second.close().await;
    is_there().await.unwrap_err();
}

async fn the_whole_job_as_functions(test: TestDb) {
    let db = test.open().await;
    let options = RunOptions { spec: Some(Spec::preset(Preset::Tiny)), ..RunOptions::default() };
    let report = tenantry::run(&db, &options).await.unwrap();
    assert_eq!(report.migrated.applied.len(), migrations());
    assert!(
        matches!(report.seeding, Seeding::Done(ref seeded) if seeded.changed() == sample_rows())
    );
    assert!(report.validation.findings.is_empty());
    assert_eq!(report.rows.iter().map(|(_, rows)| rows).sum::<u64>(), sample_rows());
    let tenant = tenant::ActiveModel { name: Set("real".into()), ..ActiveModelBehavior::new() };
    tenant.insert(&db.connection).await.unwrap();
    let refused = tenantry::rollback(&db, &RollbackOptions::default()).await.unwrap_err();
    assert_eq!(refused.exit_code(), 1);
    let Error::Refused(refusal) = refused else { panic!("{refused}") };
    assert_eq!(refusal.losses.len(), 1);
    assert_eq!((refusal.losses[0].table.as_str(), refusal.losses[0].real_rows), ("tenants", 1));
    let options = RollbackOptions { confirm: refusal.hash, ..RollbackOptions::default() };
    assert_eq!(tenantry::rollback(&db, &options).await.unwrap().rolled_back.len(), migrations());
    let validation = tenantry::validate(&db, &ValidateOptions::default()).await.unwrap();
    assert_eq!(validation.findings.len(), 1);
}

async fn the_migrator_is_an_ordinary_one(test: TestDb) {
    let db = test.open().await;
    let conn = &db.connection;
    Migrator::up(conn, Some(5)).await.unwrap();
    assert_eq!(Migrator::get_pending_migrations(conn).await.unwrap().len(), migrations() - 5);
    Migrator::up(conn, None).await.unwrap();
    assert_eq!(Migrator::get_applied_migrations(conn).await.unwrap().len(), migrations());
    Migrator::status(conn).await.unwrap();
    Migrator::down(conn, Some(1)).await.unwrap();
    Migrator::refresh(conn).await.unwrap();
    Migrator::fresh(conn).await.unwrap();
    Migrator::reset(conn).await.unwrap();
    assert_eq!(test.tables().await, Vec::<String>::new());
}

async fn the_migrator_goes_through_the_guard(test: TestDb) {
    let db = test.open().await;
    let conn = &db.connection;
    Migrator::up(conn, None).await.unwrap();
    let tenant = tenant::ActiveModel { name: Set("real".into()), ..ActiveModelBehavior::new() };
    tenant.insert(conn).await.unwrap();
    for error in [
        Migrator::down(conn, None).await.unwrap_err(),
        Migrator::fresh(conn).await.unwrap_err(),
        Migrator::refresh(conn).await.unwrap_err(),
        Migrator::reset(conn).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("tenants: 1 row"), "{error}");
    }
    assert_eq!(Tenant::find().count(conn).await.unwrap(), 1);
    Migrator::down(conn, Some(1)).await.unwrap();
}

async fn migrations_run_inside_a_callers_transaction(test: TestDb) {
    let db = test.open().await;
    let before = test.catalogue_of(&db).await;
    let tx = db.connection.begin().await.unwrap();
    Migrator::up(&tx, None).await.unwrap();
    Runner::new::<Migrator>(&tx).unwrap().down(Some(2)).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(test.catalogue_of(&db).await, before);
}
