//! SQLite's tables are recreated with all that is on them and all that refers to them, or not at
//! all.

use migration::{
    Error, Migrator, MigratorTrait as _, Runner,
    lock::{self, Patience, Purpose},
    schema::{Column, ColumnType, read},
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr,
    sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::support::{Engine, TestDb, number, random_schema::Pair, texts};

/// The thirteen migrations, and one for which `companies` has to be recreated.
/// How many migrations the application has.
fn ours() -> u32 {
    u32::try_from(crate::support::migrations()).unwrap()
}

pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let from = migration::PROJECT.schema().unwrap();
    let mut to = from.clone();
    let companies = to.tables.get_mut("companies").unwrap();
    let is_domain = |column: &&mut Column| column.name == "domain";
    companies.columns.iter_mut().find(is_domain).unwrap().ty = ColumnType::Text;
    let mut all = Migrator::migrations();
    all.push(Box::new(Pair::plain(&from, &to).migration("m3_domain_is_text")));
    all
}

fn runner(db: &DatabaseConnection) -> Runner<'_> {
    Runner::of(db, migrations(), "seaql_migrations").unwrap()
}

/// A company with a campaign, which would go with it.
const ROWS: &str = "INSERT INTO tenants (id, name) VALUES (x'01', 'one'); \
     INSERT INTO companies (tenant_id, id, name, domain) VALUES (x'01', x'02', 'a', 'b.example'); \
     INSERT INTO campaigns (tenant_id, id, company_id, name) VALUES (x'01', x'03', x'02', 'c')";

async fn check_rows(db: &DatabaseConnection) {
    assert_eq!(number(db, "SELECT count(*) FROM companies WHERE domain = 'b.example'").await, 1);
    assert_eq!(number(db, "SELECT count(*) FROM campaigns").await, 1);
    assert_eq!(number(db, "PRAGMA foreign_keys").await, 1, "they are on again");
}

#[tokio::test]
async fn what_is_on_a_table_and_what_refers_to_it_stays() {
    let db = TestDb::new(Engine::Sqlite);
    let db = db.open().await;
    let connection = &db.connection;
    runner(connection).up(Some(ours())).await.unwrap();
    connection.execute_unprepared(ROWS).await.unwrap();
    let by_hand = "CREATE INDEX by_hand ON companies (name, domain); \
         CREATE TABLE log (text text); \
         CREATE TRIGGER noted AFTER UPDATE ON companies BEGIN INSERT INTO log VALUES (new.name); END; \
         CREATE VIEW named AS SELECT name FROM companies";
    connection.execute_unprepared(by_hand).await.unwrap();
    let objects = "SELECT type || ' ' || name FROM sqlite_schema ORDER BY 1";
    let before = texts(connection, objects).await;

    let outcome = runner(connection).up(None).await.unwrap();
    assert_eq!(outcome.applied, ["m3_domain_is_text"]);
    check_rows(connection).await;
    assert_eq!(texts(connection, objects).await, before);
    connection.execute_unprepared("UPDATE companies SET name = 'z'").await.unwrap();
    assert_eq!(texts(connection, "SELECT text FROM log").await, ["z"]);
    assert_eq!(texts(connection, "SELECT name FROM named").await, ["z"]);
    let schema = read(connection, Engine::Sqlite, "").await.unwrap();
    assert_eq!(schema.tables["companies"].column("domain").unwrap().ty, ColumnType::Text);
    // The keys that refer to it hold again.
    let orphan = "DELETE FROM companies";
    connection.execute_unprepared(orphan).await.unwrap();
    assert_eq!(number(connection, "SELECT count(*) FROM campaigns").await, 0, "they cascade");
    db.close().await;
}

#[tokio::test]
async fn a_database_in_memory_can_be_migrated_too() {
    let named: SqliteConnectOptions = "sqlite::memory:".parse().unwrap();
    for options in [SqliteConnectOptions::new().in_memory(true), named] {
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        let db = DatabaseConnection::from(pool);
        runner(&db).up(Some(ours())).await.unwrap();
        db.execute_unprepared(ROWS).await.unwrap();
        runner(&db).up(None).await.unwrap();
        check_rows(&db).await;
        db.close().await.unwrap();
    }
}

/// Inside a transaction, foreign keys cannot be switched off any more.
#[tokio::test]
async fn a_callers_own_transaction_with_foreign_keys_on_is_refused() {
    let db = TestDb::new(Engine::Sqlite);
    let db = db.open().await;
    runner(&db.connection).up(Some(ours())).await.unwrap();
    db.connection.execute_unprepared(ROWS).await.unwrap();
    let patience = Patience::default();
    let locked = lock::begin(&db.connection, Engine::Sqlite, Purpose::Migrate, &patience);
    let tx = locked.await.unwrap().tx;
    let refused = Runner::of(&tx, migrations(), "seaql_migrations").unwrap().up(None).await;
    let error = refused.unwrap_err().to_string();
    assert!(
        error.contains("foreign keys are on") && error.contains("nothing was changed"),
        "{error}"
    );
    tx.commit().await.unwrap();
    check_rows(&db.connection).await;
    db.close().await;
}

/// Deletes a company while foreign keys are off, because another migration of the batch needs that.
struct Deletes;

impl MigrationName for Deletes {
    fn name(&self) -> &'static str {
        "m4_deletes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Deletes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DELETE FROM companies").await.map(|_| ())
    }
}

#[tokio::test]
async fn rows_that_would_refer_to_nothing_undo_it_all() {
    let db = TestDb::new(Engine::Sqlite);
    let db = db.open().await;
    runner(&db.connection).up(Some(ours())).await.unwrap();
    db.connection.execute_unprepared(ROWS).await.unwrap();
    let mut all = migrations();
    all.push(Box::new(Deletes));
    let runner_of_all = Runner::of(&db.connection, all, "seaql_migrations").unwrap();
    let Err(Error::Refused(refusal)) = runner_of_all.up(None).await else { panic!("unasked") };
    let failed = runner_of_all.confirm(refusal.hash).up(None).await;
    let Err(Error::Unusable(error)) = failed else { panic!("{failed:?}") };
    assert!(error.contains("1 row of campaigns would refer to nothing in companies"), "{error}");
    check_rows(&db.connection).await;
    let status = runner(&db.connection).status().await.unwrap();
    assert_eq!(
        status.iter().filter(|entry| entry.applied_at.is_some()).count(),
        crate::support::migrations()
    );
    db.close().await;
}

/// What is rolled back first is another table when it is recreated.
#[tokio::test]
async fn a_table_that_is_recreated_on_the_way_back_up_has_lost_its_rows() {
    use migration::runner::Command;
    let db = TestDb::new(Engine::Sqlite);
    let db = db.open().await;
    runner(&db.connection).up(None).await.unwrap();
    db.connection.execute_unprepared(ROWS).await.unwrap();
    for command in [Command::Refresh, Command::Redo(ours() + 1), Command::Fresh, Command::Reset] {
        let Err(Error::Refused(refusal)) = runner(&db.connection).run(&command).await else {
            panic!("{command:?} asked for no consent")
        };
        let tables: Vec<&str> = refusal.losses.iter().map(|loss| loss.table.as_str()).collect();
        assert!(tables.contains(&"companies"), "{command:?}: {tables:?}");
        check_rows(&db.connection).await;
    }
    // The last one alone recreates the table, with all of its rows.
    runner(&db.connection).run(&Command::Redo(1)).await.unwrap();
    check_rows(&db.connection).await;
    db.close().await;
}
