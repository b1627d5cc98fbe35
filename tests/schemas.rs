//! Entities in several schemas of the database, by `schema_name`: tables of one name in two of them, foreign keys
//! between them, and tenants over all of them.

use migration::{
    Error, Project, TENANCY,
    config::DatabaseArgs,
    db::{Absent, Database},
    diff::Renames,
    generate::{Answers, propose},
    plan::{Operation, PlannedMigration},
    runner::{Command, Down},
    schema::Schema,
};
use sea_orm::{ActiveModelTrait as _, ConnectionTrait as _, EntityTrait as _, Set, prelude::Uuid};
use tenantry::{Application, ValidateOptions};
use tenantry_entity::{SampleCode, TableDef, Tenancy, TenantScope, tables};

use tenantry_seeder::{
    Draw, Options, Preset, SampleTable, Samples, Seeder, Set as SampleRows, Spec, Tenant,
};

use crate::support::{Engine, TestDb, texts};

mod account {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "accounts", schema_name = "billing")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        #[sea_orm(unique, comment = "As on invoices")]
        pub title: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The invoices of accounts.
mod billed {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "documents", schema_name = "billing")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false, unique_key = "number")]
        pub account_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        #[sea_orm(unique_key = "number", extra = "CHECK (number > 0)")]
        pub number: i32,
        #[sea_orm(indexed)]
        pub of: Option<Uuid>,
        #[sea_orm(belongs_to, from = "account_id", to = "id", on_delete = "Cascade")]
        pub account: HasOne<super::account::Entity>,
        #[sea_orm(
            belongs_to,
            relation_enum = "Document",
            from = "(account_id, of)",
            to = "(account_id, id)"
        )]
        pub document: HasOne<super::document::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}

    tenantry_entity::tenant_scoped!(AccountId);
}

/// A table of the same name, which entities that name no schema have.
mod document {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "documents")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub account_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub title: String,
        #[sea_orm(belongs_to, from = "account_id", to = "id", on_delete = "Cascade")]
        pub account: HasOne<super::account::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}

    tenantry_entity::tenant_scoped!(AccountId);
}

/// A schema whose name needs quotes.
mod currency {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "currencies", schema_name = "Of all")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: String,
        #[sea_orm(column_type = "JsonBinary", nullable)]
        pub about: Option<Json>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn all() -> Vec<TableDef> {
    tables![currency::Entity, account::Entity, document::Entity, billed::Entity]
}

const ACCOUNTS: Tenancy =
    Tenancy { root: "billing.accounts", column: "account_id", setting: "app.account", ..TENANCY };

static PROJECT: Project = Project {
    name: "accounts",
    version: "1.0.0",
    tables: all,
    schema_name: None,
    tenancy: Some(ACCOUNTS),
    engines: &[Engine::Postgres],
    migrations: || vec![Box::new(created(&PROJECT))],
    bookkeeping: "seaql_migrations",
    accepted_drift: r#"{ "accepted": [] }"#,
    objects: &[],
    sealed: false,
};

fn created(project: &Project) -> PlannedMigration {
    planned("m1_create", &Schema::default(), &project.schema().unwrap())
}

fn planned(name: &str, from: &Schema, to: &Schema) -> PlannedMigration {
    let proposal = propose(from, to, &Renames::default(), &Answers::default()).unwrap();
    let (up, down) = (proposal.up.operations, proposal.down.operations);
    PlannedMigration { name: name.to_owned(), unless: Vec::new(), up, down }
}

async fn open(project: &'static Project, test: &TestDb) -> Result<Database, Error> {
    let args = DatabaseArgs { database_url: Some(test.url.clone()), ..DatabaseArgs::default() };
    Database::open(project, &args.target(project).unwrap(), Absent::Fail).await
}

/// What `validate` finds, as `table code`.
async fn findings(db: &Database) -> Vec<String> {
    let application = Application::without_samples(db.project);
    let options = ValidateOptions { deep: true };
    let validation = application.validate(db, &options).await.unwrap();
    let matrix = validation.isolation.unwrap();
    assert!(matrix.untested.is_empty() && matrix.attacks() > 20, "{matrix:?}");
    assert!(matrix.attacks[0].tables.contains_key("billing.documents"), "{matrix:?}");
    validation.findings.iter().map(|it| format!("{} {}", it.table, it.code)).collect()
}

const SCHEMAS: &str = "SELECT nspname::text FROM pg_namespace \
                       WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1";

#[tokio::test]
async fn tables_of_several_schemas_are_made_attacked_and_taken_away() {
    let test = TestDb::new(Engine::Postgres);
    let db = open(&PROJECT, &test).await.unwrap();
    let up = async || PROJECT.runner(&db).unwrap().up(None).await.unwrap();
    let down = async || PROJECT.runner(&db).unwrap().down(None).await;
    up().await;
    assert_eq!(texts(&db.connection, SCHEMAS).await, ["Of all", "billing", "public"]);
    assert_eq!(findings(&db).await, Vec::<String>::new());
    // Nothing was done, so that nothing is in the way.
    down().await.unwrap();
    assert_eq!(texts(&db.connection, SCHEMAS).await, ["public"]);
    up().await;

    let tenants = [Uuid::now_v7(), Uuid::now_v7()];
    for id in tenants {
        let account = account::ActiveModel { id: Set(id), title: Set(id.to_string()) };
        account.insert(&db.connection).await.unwrap();
        let options = TenantScope::options().tenancy(&ACCOUNTS);
        let scope = options.begin(&db.connection, id).await.unwrap();
        let document =
            document::ActiveModel { id: Set(id), title: Set("a".to_owned()), ..Default::default() };
        let document = scope.insert(document).await.unwrap();
        let billed = billed::ActiveModel {
            id: Set(id),
            number: Set(7),
            of: Set(Some(document.id)),
            ..Default::default()
        };
        scope.insert(billed).await.unwrap();
        assert_eq!(scope.find::<billed::Entity>().all(&scope).await.unwrap().len(), 1);
        scope.commit().await.unwrap();
    }
    assert_eq!(billed::Entity::find().all(&db.connection).await.unwrap().len(), 2);
    assert_eq!(findings(&db).await, Vec::<String>::new());

    // The guard tells the two tables apart.
    let Err(Error::Refused(refused)) = down().await else { panic!("rows would be lost") };
    let lost: Vec<(&str, i64)> =
        refused.losses.iter().map(|it| (it.table.as_str(), it.real_rows)).collect();
    assert_eq!(lost, [("billing.documents", 2), ("documents", 2), ("billing.accounts", 2)]);
    db.connection.execute_unprepared("DELETE FROM billing.accounts").await.unwrap();
    db.connection
        .execute_unprepared("CREATE VIEW billing.numbers AS SELECT number FROM billing.documents")
        .await
        .unwrap();
    let Err(Error::Refused(refused)) = down().await else { panic!("a view reads the table") };
    let view = "the view billing.numbers, which reads billing.documents";
    assert_eq!((refused.losses.len(), refused.by_hand), (0, vec![view.to_owned()]));
    db.connection.execute_unprepared("DROP VIEW billing.numbers").await.unwrap();

    // What else is in a schema, stays in it.
    db.connection.execute_unprepared("CREATE TABLE billing.notes (note text)").await.unwrap();
    down().await.unwrap();
    assert_eq!(texts(&db.connection, SCHEMAS).await, ["billing", "public"]);
    up().await;
    db.close().await;
}

/// What is altered by hand is found under the name with the schema, and mended by what `diff --sql` says.
#[tokio::test]
async fn drift_is_found_and_mended_in_each_schema() {
    let test = TestDb::new(Engine::Postgres);
    let db = open(&PROJECT, &test).await.unwrap();
    PROJECT.runner(&db).unwrap().up(None).await.unwrap();
    db.connection
        .execute_unprepared(
            "ALTER TABLE billing.documents DROP COLUMN of CASCADE, ADD COLUMN extra text; \
             DROP INDEX billing.documents_account_id_number_key; \
             ALTER TABLE billing.documents DISABLE ROW LEVEL SECURITY; \
             ALTER TABLE documents ALTER COLUMN title DROP NOT NULL; \
             DROP TABLE \"Of all\".currencies; \
             REVOKE INSERT ON documents FROM tenantry_app; \
             REVOKE USAGE ON SCHEMA billing FROM tenantry_app",
        )
        .await
        .unwrap();
    let accepted = migration::drift::Accepted::compiled_in(&PROJECT).unwrap();
    let found = async || {
        migration::drift::drift(&PROJECT, &db.connection, db.engine, "tenantry_app", &accepted)
            .await
            .unwrap()
    };
    let drift = found().await;
    let mut said: Vec<String> =
        drift.findings().iter().map(|it| format!("{} {}", it.table, it.code)).collect();
    said.sort();
    assert_eq!(
        said,
        [
            "(database) application-role-usage",
            "Of all.currencies table-missing",
            "billing.documents column-missing",
            "billing.documents column-unexpected",
            "billing.documents row-security-disabled",
            "billing.documents unique-missing",
            "documents column-nullability",
            "documents grant-missing",
        ]
    );
    let sql = migration::drift::mend(&drift, db.engine).await.unwrap();
    db.connection.execute_unprepared(&sql).await.unwrap();
    let drift = found().await;
    assert!(drift.changes.is_empty(), "{:?}", drift.changes);
    let granted = PROJECT.runner(&db).unwrap().grant().await;
    granted.unwrap();
    assert_eq!(findings(&db).await, Vec::<String>::new());
    db.close().await;
}

/// Rows with json among them, and rows of tables of one name, come back to where they were.
#[tokio::test]
async fn a_backup_knows_the_schemas() {
    let test = TestDb::new(Engine::Postgres);
    let db = open(&PROJECT, &test).await.unwrap();
    let up = async || PROJECT.runner(&db).unwrap().up(None).await.unwrap();
    up().await;
    let id = "01890000-0000-7000-8000-000000000001";
    let rows = format!(
        "INSERT INTO billing.accounts (id, title) VALUES ('{id}', 'a'); \
         INSERT INTO documents (account_id, id, title) VALUES ('{id}', '{id}', 'b'); \
         INSERT INTO billing.documents (account_id, id, number, of) VALUES ('{id}', '{id}', 7, '{id}'); \
         INSERT INTO \"Of all\".currencies (code, about) VALUES ('EUR', '{{\"since\": 1999}}')"
    );
    db.connection.execute_unprepared(&rows).await.unwrap();
    let Err(Error::Refused(refused)) = PROJECT.runner(&db).unwrap().down(None).await else {
        panic!("rows would be lost")
    };
    let file = test.folder().join("rows.jsonl");
    let runner = PROJECT.runner(&db).unwrap().confirm(refused.hash).backup(Some(file.clone()));
    runner.run(&Command::Down(Down { steps: Some(1), to: None })).await.unwrap();
    assert_eq!(texts(&db.connection, SCHEMAS).await, ["public"]);
    up().await;
    let restored = migration::backup::restore(&db, &file).await.unwrap();
    assert_eq!(restored.tables.len(), 4, "{restored:?}");
    let found = "SELECT concat_ws(' ', a.title, d.title, b.number, c.about->>'since') \
                 FROM billing.accounts a, documents d, billing.documents b, \"Of all\".currencies c";
    assert_eq!(texts(&db.connection, found).await, ["a b 7 1999"]);
    db.close().await;
}

#[test]
fn a_schema_comes_before_its_tables_and_goes_after_them() {
    let to = PROJECT.schema().unwrap();
    let made = planned("m", &Schema::default(), &to);
    let kinds = |operations: &[Operation]| -> Vec<String> {
        let schemas = operations.iter().enumerate().filter_map(|(at, operation)| match operation {
            Operation::CreateSchema { name } | Operation::DropSchema { name } => {
                Some(format!("{at} {name}"))
            }
            _ => None,
        });
        schemas.collect()
    };
    assert_eq!(kinds(&made.up), ["0 Of all", "2 billing"]);
    let last = made.down.len();
    assert_eq!(
        kinds(&made.down),
        [format!("{} Of all", last - 2), format!("{} billing", last - 1)]
    );
    let text = to.to_snapshot().unwrap();
    assert_eq!(Schema::from_snapshot(&text).unwrap(), to, "{text}");
}

static MIXED: Project = Project {
    tables: || tables![account::Entity, document::Entity, billed::Entity],
    schema_name: Some("billing"),
    migrations: Vec::new,
    ..PROJECT
};

/// Entities without a schema would be in the one that others name.
#[tokio::test]
async fn what_is_not_known_to_be_another_table_is_refused() {
    let test = TestDb::new(Engine::Postgres);
    let owner = "DO $$ BEGIN EXECUTE format('CREATE SCHEMA billing AUTHORIZATION %I', \
         (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database())); END $$";
    test.damage(owner).await;
    let refused = open(&MIXED, &test).await.err().unwrap();
    assert_eq!(refused.code(), "schema-name-mixed", "{refused}");
    assert!(refused.to_string().contains("documents says none"), "{refused}");
    let everywhere = Project { engines: &Engine::ALL, ..PROJECT };
    let said = everywhere.schema().unwrap_err().to_string();
    for engine in ["SQLite has no schemas", "in one schema on nile", "in one schema on citus"] {
        assert!(said.contains(engine), "{engine}\n{said}");
    }
}

static SEEDED: Project = Project {
    name: "seeded",
    tables: || {
        vec![
            TableDef::plain::<account::Entity>().with_code(0),
            TableDef::plain::<document::Entity>().with_code(1),
            TableDef::plain::<billed::Entity>().with_code(2),
        ]
    },
    migrations: || vec![Box::new(created(&SEEDED))],
    ..PROJECT
};

impl SampleCode for account::Entity {
    const CODE: u8 = 0;
}

impl SampleCode for document::Entity {
    const CODE: u8 = 1;
}

impl SampleCode for billed::Entity {
    const CODE: u8 = 2;
}

#[derive(Debug)]
struct Accounts;

impl Samples for Accounts {
    type Tenant = Box<Tenant>;

    const TENANCY: Tenancy = ACCOUNTS;

    fn tenant(tenant: Tenant) -> Box<Tenant> {
        Box::new(tenant)
    }

    fn tables() -> Vec<SampleTable<Self>> {
        type Table = SampleTable<Accounts>;
        vec![
            Table::of::<account::Entity>(
                |_| 1,
                |tenant, _| account::ActiveModel {
                    id: Set(tenant.id),
                    title: Set(format!("Account {}", tenant.token)),
                },
            ),
            Table::of::<document::Entity>(
                |tenant| tenant.size(),
                |tenant, n| document::ActiveModel {
                    account_id: Set(tenant.id),
                    id: Set(document_id(tenant, n)),
                    title: Set(format!("Document {n} of {}", tenant.token)),
                },
            ),
            Table::of::<billed::Entity>(
                |tenant| tenant.size(),
                |tenant, n| billed::ActiveModel {
                    account_id: Set(tenant.id),
                    id: Set(tenant.row_id::<billed::Entity>(n, tenant.created())),
                    number: Set(i32::try_from(n).unwrap() + 1),
                    of: Set(Some(document_id(tenant, n))),
                },
            ),
        ]
    }
}

fn document_id(tenant: &Tenant, n: u32) -> Uuid {
    tenant.row_id::<document::Entity>(n, tenant.slot(5, n, tenant.size(), Draw::FIRST))
}

static SAMPLES: SampleRows<Accounts> = SampleRows::new();
static SEEDER: Seeder = Seeder { project: &SEEDED, samples: &SAMPLES };

/// Sample rows in tables of one name, with and without their indexes at first, which go without consent.
#[tokio::test]
async fn sample_rows_go_into_each_schema() {
    for bulk in [false, true] {
        let test = TestDb::new(Engine::Postgres);
        let db = open(&SEEDED, &test).await.unwrap();
        SEEDED.runner(&db).unwrap().up(None).await.unwrap();
        let spec = Some(Spec::preset(Preset::Tiny));
        let options = || Options { spec: spec.clone(), bulk, ..Options::default() };
        let seeded = SEEDER.seed(&db.connection, &options()).await.unwrap();
        assert!(seeded.tables.iter().all(|it| it.changed > 0), "{seeded:?}");
        let names: Vec<&str> = seeded.tables.iter().map(|it| it.table).collect();
        assert_eq!(names, ["billing.accounts", "documents", "billing.documents"]);
        let again = SEEDER.seed(&db.connection, &Options::default()).await.unwrap();
        assert_eq!(again.changed(), 0);
        let verified = SEEDER.verify(&db.connection, &Options::default()).await.unwrap();
        assert!(verified.is_clean() && verified.rows() > 10, "{verified:?}");
        assert_eq!(findings(&db).await, Vec::<String>::new());
        let edit = "UPDATE billing.documents SET number = number + 1000 WHERE number = 1";
        db.connection.execute_unprepared(edit).await.unwrap();
        assert!(SEEDED.runner(&db).unwrap().down(None).await.is_err(), "a row was edited");
        SEEDER.repair(&db.connection, &Options::default()).await.unwrap();
        SEEDED.runner(&db).unwrap().down(None).await.unwrap();
        assert_eq!(texts(&db.connection, SCHEMAS).await, ["public"]);
        db.close().await;
    }
}
