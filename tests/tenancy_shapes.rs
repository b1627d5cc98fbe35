//! Tenancy under other names and in other shapes: keys of every type, primary keys of one column, rows of no tenant,
//! rows that belong to a tenant through their parent.

use migration::{
    MigrationTrait, Project, TENANCY,
    db::Database,
    diff::Renames,
    generate::{Answers, propose},
    plan::PlannedMigration,
    schema::Schema,
};
use sea_orm::{ActiveModelTrait as _, ConnectionTrait as _, EntityTrait, Set};
use tenantry::{Application, ValidateOptions};
use tenantry_entity::{
    IdType, Keys, Scope, TableDef, Tenancy, TenantId, TenantScope, TenantScoped, tables,
};

use crate::support::{Engine, TestDb, texts};

/// Organizations with keys that count by themselves, and references without the tenant.
mod organizations {
    use super::*;

    pub mod organization {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "organizations")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub title: String,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod project {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "projects")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            #[sea_orm(indexed)]
            pub organization_id: i64,
            #[sea_orm(unique)]
            pub code: String,
            #[sea_orm(belongs_to, from = "organization_id", to = "id", on_delete = "Cascade")]
            pub organization: HasOne<super::organization::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}

        tenantry_entity::tenant_scoped!(OrganizationId);
    }

    pub mod task {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "tasks")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub organization_id: i64,
            pub project_id: i64,
            pub plan_id: Option<i32>,
            pub currency: Option<String>,
            pub mood: Mood,
            #[sea_orm(belongs_to, from = "organization_id", to = "id", on_delete = "Cascade")]
            pub organization: HasOne<super::organization::Entity>,
            #[sea_orm(belongs_to, from = "project_id", to = "id", on_delete = "Cascade")]
            pub project: HasOne<super::project::Entity>,
            #[sea_orm(belongs_to, from = "plan_id", to = "id")]
            pub plan: HasOne<super::plan::Entity>,
            #[sea_orm(belongs_to, from = "currency", to = "code")]
            pub currency_of: HasOne<super::currency::Entity>,
        }

        #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
        #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "task_mood")]
        pub enum Mood {
            #[sea_orm(string_value = "glad")]
            Glad,
            #[sea_orm(string_value = "sad")]
            Sad,
        }

        impl ActiveModelBehavior for ActiveModel {}

        tenantry_entity::tenant_scoped!(OrganizationId);
    }

    /// Rows belong to the tenant of the task, and their remarks to the tenant of the note.
    pub mod note {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "notes")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub task_id: i64,
            pub body: String,
            #[sea_orm(belongs_to, from = "task_id", to = "id", on_delete = "Cascade")]
            pub task: HasOne<super::task::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod remark {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "remarks")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub note_id: i64,
            pub body: String,
            #[sea_orm(belongs_to, from = "note_id", to = "id", on_delete = "Cascade")]
            pub note: HasOne<super::note::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    /// Some are every tenant's.
    pub mod plan {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "plans")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i32,
            pub organization_id: Option<i64>,
            pub title: String,
            #[sea_orm(belongs_to, from = "organization_id", to = "id", on_delete = "Cascade")]
            pub organization: HasOne<super::organization::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}

        tenantry_entity::tenant_scoped!(OrganizationId);
    }

    pub mod currency {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "currencies")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub code: String,
            /// Who brought it in, on purpose for all.
            pub organization_id: Option<i64>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub const TENANCY: Tenancy = Tenancy {
        root: "organizations",
        column: "organization_id",
        id: IdType::BigInteger,
        setting: "app.organization_id",
        keys: Keys::Single,
        tables: &[
            ("notes", Scope::Through("task_id")),
            ("remarks", Scope::Through("note_id")),
            ("plans", Scope::OptionalTenant),
            ("currencies", Scope::Shared),
        ],
        ..super::TENANCY
    };

    pub fn tables() -> Vec<TableDef> {
        tables![
            organization::Entity,
            currency::Entity,
            plan::Entity,
            project::Entity,
            task::Entity,
            note::Entity,
            remark::Entity
        ]
    }
}

/// Accounts that are known by a name.
mod accounts {
    use super::*;

    pub mod account {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "Account")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub slug: String,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod item {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "items")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub id: Uuid,
            #[sea_orm(column_name = "Account", column_type = "String(StringLen::N(40))")]
            pub account: String,
            pub name: String,
            pub inside: Option<Uuid>,
            #[sea_orm(belongs_to, from = "account", to = "slug", on_delete = "Cascade")]
            pub owner: HasOne<super::account::Entity>,
            #[sea_orm(self_ref, relation_enum = "Inside", from = "inside", to = "id")]
            pub outer: HasOne<Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}

        tenantry_entity::tenant_scoped!(Account);
    }

    pub const TENANCY: Tenancy = Tenancy {
        root: "Account",
        root_key: "slug",
        column: "Account",
        id: IdType::Text,
        setting: "crm.account",
        keys: Keys::Single,
        ..super::TENANCY
    };

    pub fn tables() -> Vec<TableDef> {
        tables![item::Entity, account::Entity]
    }
}

/// Keys that carry the tenant, of integers, with and without an `id`.
mod shops {
    use super::*;

    pub mod shop {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "shops")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i32,
            #[sea_orm(unique)]
            pub domain: String,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod article {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "articles")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub shop: i32,
            #[sea_orm(primary_key, auto_increment = false)]
            pub number: String,
            #[sea_orm(column_type = "Decimal(Some((12, 2)))")]
            pub price: Decimal,
            #[sea_orm(belongs_to, from = "shop", to = "id", on_delete = "Cascade")]
            pub owner: HasOne<super::shop::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}

        tenantry_entity::tenant_scoped!(Shop, Number);
    }

    pub mod sale {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "sales")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub shop: i32,
            #[sea_orm(primary_key, auto_increment = false)]
            pub id: i64,
            pub article: String,
            #[sea_orm(belongs_to, from = "shop", to = "id", on_delete = "Cascade")]
            pub owner: HasOne<super::shop::Entity>,
            #[sea_orm(
                belongs_to,
                relation_enum = "Article",
                from = "(shop, article)",
                to = "(shop, number)"
            )]
            pub sold: HasOne<super::article::Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}

        tenantry_entity::tenant_scoped!(Shop);
    }

    pub const TENANCY: Tenancy = Tenancy {
        root: "shops",
        column: "shop",
        id: IdType::Integer,
        setting: "shops.current",
        ..super::TENANCY
    };

    pub fn tables() -> Vec<TableDef> {
        tables![shop::Entity, article::Entity, sale::Entity]
    }
}

macro_rules! projects {
    ($($project:ident, $module:ident, $migrations:ident;)*) => {
        $(
            static $project: Project = Project {
                name: stringify!($module),
                version: "1.0.0",
                tables: $module::tables,
                schema_name: None,
                tenancy: Some($module::TENANCY),
                engines: &[Engine::Sqlite, Engine::Postgres],
                migrations: $migrations,
                bookkeeping: "seaql_migrations",
                accepted_drift: r#"{ "accepted": [] }"#,
                objects: &[],
                sealed: false,
            };

            fn $migrations() -> Vec<Box<dyn MigrationTrait>> {
                let to = $project.schema().unwrap();
                let proposal =
                    propose(&Schema::default(), &to, &Renames::default(), &Answers::default());
                let proposal = proposal.unwrap();
                let (up, down) = (proposal.up.operations, proposal.down.operations);
                let name = "m1_create".to_owned();
                vec![Box::new(PlannedMigration { name, unless: Vec::new(), up, down })]
            }
        )*
    };
}

projects! {
    ORGANIZATIONS, organizations, organizations_migrations;
    ACCOUNTS, accounts, accounts_migrations;
    SHOPS, shops, shops_migrations;
}

/// What `validate` finds, as `table code`.
async fn findings(db: &Database) -> Vec<String> {
    let application = Application::without_samples(db.project);
    let validation = application.validate(db, &ValidateOptions::default()).await.unwrap();
    if db.engine != Engine::Sqlite {
        let matrix = validation.isolation.unwrap();
        assert_eq!(matrix.untested, std::collections::BTreeMap::new());
    }
    let mut found: Vec<String> =
        validation.findings.iter().map(|it| format!("{} {}", it.table, it.code)).collect();
    found.sort();
    found
}

/// Up, nothing found but `expected`, what `work` does there, down, and nothing left.
async fn there_and_back(
    project: &'static Project,
    expected: &[&str],
    work: impl AsyncFn(&Database),
) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let test = TestDb::new(engine);
        let db = test.open_as(project).await;
        project.runner(&db).unwrap().up(None).await.unwrap();
        assert_eq!(findings(&db).await, expected, "{engine}");
        work(&db).await;
        assert_eq!(findings(&db).await, expected, "{engine}, with rows");
        project.runner(&db).unwrap().up(None).await.unwrap();
        db.connection.execute_unprepared(&empty(project)).await.unwrap();
        project.runner(&db).unwrap().down(None).await.unwrap();
        db.close().await;
        let left = test.tables().await;
        assert!(left.iter().all(|name| name.starts_with("seaql_")), "{left:?}");
    }
}

/// Deletes all rows, children first.
fn empty(project: &Project) -> String {
    let schema = project.schema().unwrap();
    let tables = schema.in_foreign_key_order().into_iter().rev();
    let deletes = tables.map(|table| format!("DELETE FROM \"{}\"", table.name));
    deletes.collect::<Vec<_>>().join("; ")
}

async fn scope(db: &Database, tenant: impl Into<TenantId>) -> TenantScope {
    let options = TenantScope::options().tenancy(&db.project.tenants().unwrap());
    options.begin(&db.connection, tenant).await.unwrap()
}

async fn count<E: TenantScoped>(scope: &TenantScope) -> usize {
    scope.find::<E>().all(scope).await.unwrap().len()
}

/// How many rows the tenant sees where nothing but the policies filters.
async fn seen(db: &Database, tenant: impl Into<TenantId>, table: &str) -> i64 {
    let scope = scope(db, tenant).await;
    let sql = format!("SELECT count(*) AS n FROM {table}");
    let stmt = sea_orm::Statement::from_string(db.engine.backend(), sql);
    let row = scope.query_one_raw(stmt).await.unwrap().unwrap();
    let n = row.try_get("", "n").unwrap();
    scope.commit().await.unwrap();
    n
}

#[tokio::test]
async fn keys_of_bigint_with_references_that_can_cross() {
    use organizations::{organization, plan, project, task};
    let expected = ["tasks reference-can-cross", "tasks reference-can-cross"];
    there_and_back(&ORGANIZATIONS, &expected, async |db| {
        let mut ids = Vec::new();
        for title in ["a", "b"] {
            let new =
                organization::ActiveModel { title: Set(title.to_owned()), ..Default::default() };
            ids.push(new.insert(&db.connection).await.unwrap().id);
        }
        let shared = plan::ActiveModel { title: Set("free".to_owned()), ..Default::default() };
        let shared = shared.insert(&db.connection).await.unwrap();
        for id in &ids {
            let scope = scope(db, *id).await;
            let new = project::ActiveModel { code: Set(format!("p{id}")), ..Default::default() };
            let project = scope.insert(new).await.unwrap();
            assert_eq!(project.organization_id, *id);
            let task = task::ActiveModel {
                project_id: Set(project.id),
                plan_id: Set(Some(shared.id)),
                mood: Set(task::Mood::Sad),
                ..Default::default()
            };
            let task = scope.insert(task).await.unwrap();
            let note = format!("INSERT INTO notes (task_id, body) VALUES ({}, 'n')", task.id);
            scope.execute_unprepared(&note).await.unwrap();
            let remark = "INSERT INTO remarks (note_id, body) SELECT max(id), 'r' FROM notes";
            scope.execute_unprepared(remark).await.unwrap();
            let own = plan::ActiveModel { title: Set("own".to_owned()), ..Default::default() };
            scope.insert(own).await.unwrap();
            assert_eq!(count::<task::Entity>(&scope).await, 1);
            scope.commit().await.unwrap();
        }
        if db.engine == Engine::Sqlite {
            return;
        }
        for id in &ids {
            for (table, rows) in [("projects", 1), ("tasks", 1), ("notes", 1), ("remarks", 1)] {
                assert_eq!(seen(db, *id, table).await, rows, "{table}");
            }
            // Its own and the one that every tenant reads.
            assert_eq!(seen(db, *id, "plans").await, 2);
            assert_eq!(seen(db, *id, "organizations").await, 1);
        }
        let scope = scope(db, ids[0]).await;
        let claims = [
            "UPDATE plans SET title = 'mine' WHERE organization_id IS NULL",
            "DELETE FROM plans WHERE organization_id IS NULL",
        ];
        for sql in claims {
            assert_eq!(scope.execute_unprepared(sql).await.unwrap().rows_affected(), 0, "{sql}");
        }
        // What can cross does, as the finding says.
        let across = format!("UPDATE tasks SET project_id = (SELECT {})", "project_id + 1");
        assert_eq!(scope.execute_unprepared(&across).await.unwrap().rows_affected(), 1);
        scope.rollback().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn keys_of_text() {
    use accounts::{account, item};
    there_and_back(&ACCOUNTS, &["items reference-can-cross"], async |db| {
        // What a key may be called.
        let slugs = ["acme", "o'brien", "back\\slash", "ünï \"q\"", "'; RESET ROLE; --"];
        for slug in slugs {
            let new = account::ActiveModel { slug: Set(slug.to_owned()) };
            account::Entity::insert(new).exec(&db.connection).await.unwrap();
            let scope = scope(db, slug).await;
            let id = Set(sea_orm::prelude::Uuid::now_v7());
            let new = item::ActiveModel { id, name: Set("i".to_owned()), ..Default::default() };
            assert_eq!(scope.insert(new).await.unwrap().account, slug);
            assert_eq!(count::<item::Entity>(&scope).await, 1);
            scope.commit().await.unwrap();
        }
        if db.engine != Engine::Sqlite {
            for slug in slugs {
                assert_eq!(seen(db, slug, "items").await, 1, "{slug}");
            }
            assert_eq!(seen(db, "unknown", "items").await, 0);
        }
        for none in ["", "a\0b"] {
            let options = TenantScope::options().tenancy(&accounts::TENANCY);
            assert!(options.begin(&db.connection, none).await.is_err(), "{none:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn composite_keys_of_integers() {
    use shops::{article, sale, shop};
    there_and_back(&SHOPS, &[], async |db| {
        let mut ids = Vec::new();
        for domain in ["a.example", "b.example"] {
            let new = shop::ActiveModel { domain: Set(domain.to_owned()), ..Default::default() };
            ids.push(new.insert(&db.connection).await.unwrap().id);
        }
        for id in &ids {
            let scope = scope(db, *id).await;
            let new = article::ActiveModel {
                number: Set("1".to_owned()),
                price: Set("1.50".parse().unwrap()),
                ..Default::default()
            };
            scope.insert(new).await.unwrap();
            let new = sale::ActiveModel {
                id: Set(1),
                article: Set("1".to_owned()),
                ..Default::default()
            };
            scope.insert(new).await.unwrap();
            let found = scope.find_by_id::<article::Entity>("1").one(&scope).await.unwrap();
            assert_eq!(found.unwrap().shop, *id);
            assert!(scope.delete_by_id::<sale::Entity>(1_i64).await.unwrap());
            scope.commit().await.unwrap();
        }
    })
    .await;
}

/// Each way in which a shape may be weakened, and what the attacks say then.
#[tokio::test]
async fn what_weakens_a_shape_is_found_by_attacking() {
    let test = TestDb::new(Engine::Postgres);
    let db = test.open_as(&ORGANIZATIONS).await;
    ORGANIZATIONS.runner(&db).unwrap().up(None).await.unwrap();
    let application = Application::without_samples(&ORGANIZATIONS);
    let validation = application.validate(&db, &ValidateOptions::default()).await.unwrap();
    insta::assert_snapshot!("shapes_matrix", validation.isolation.unwrap().text());
    let policy = |table: &str, definition: &str| {
        format!(
            "DROP POLICY {table}_tenant_isolation ON {table}; \
             CREATE POLICY {table}_tenant_isolation ON {table} {definition}"
        )
    };
    let any = "USING (true) WITH CHECK (true)";
    let through = "EXISTS (SELECT 1 FROM tasks WHERE tasks.id = notes.task_id)";
    let weakened = [
        (policy("notes", any), "notes isolation-broken"),
        (policy("remarks", any), "remarks isolation-broken"),
        (policy("remarks", "USING (true)"), "remarks isolation-broken"),
        (policy("plans", any), "plans isolation-broken"),
        (policy("tasks", any), "tasks isolation-broken"),
        // The policy of tasks holds for what is asked of it here, too: it is another text only.
        (policy("notes", &format!("USING ({through}) WITH CHECK ({through})")), "notes policy-differs"),
        (
            "DROP POLICY plans_without_tenant ON plans; CREATE POLICY plans_without_tenant ON plans \
             USING (organization_id IS NULL)"
                .to_owned(),
            "plans isolation-broken",
        ),
        ("ALTER TABLE notes DISABLE ROW LEVEL SECURITY".to_owned(), "notes isolation-broken"),
    ];
    db.close().await;
    for (sql, expected) in weakened {
        let test = TestDb::new(Engine::Postgres);
        let db = test.open_as(&ORGANIZATIONS).await;
        ORGANIZATIONS.runner(&db).unwrap().up(None).await.unwrap();
        test.damage(&sql).await;
        let found = findings(&db).await;
        assert!(found.iter().any(|it| it == expected), "{sql}: {found:?}");
        db.close().await;
    }
}

/// What does not fit together is refused, all at once, with what to write.
#[test]
fn what_does_not_fit_is_refused() {
    let with = |tenancy: Tenancy| Project { tenancy: Some(tenancy), ..ORGANIZATIONS };
    let now = organizations::TENANCY;
    let others = &[
        ("notes", Scope::Through("body")),
        ("remarks", Scope::Through("gone")),
        ("plans", Scope::Tenant),
        ("projects", Scope::OptionalTenant),
        ("nowhere", Scope::Shared),
    ];
    let everywhere = Project { engines: &Engine::ALL, ..with(now) };
    let sealed = Project { sealed: true, ..with(now) };
    let composite = Tenancy { keys: Keys::Composite, ..accounts::TENANCY };
    let composite = Project { tenancy: Some(composite), ..ACCOUNTS };
    let cases = [
        (with(Tenancy { tables: others, ..now }), "notes: body must refer to a table of the list"),
        (
            with(Tenancy { tables: others, ..now }),
            "remarks: gone must be a column that is NOT NULL",
        ),
        (with(Tenancy { tables: others, ..now }), "plans: organization_id may be NULL"),
        (
            with(Tenancy { tables: others, ..now }),
            "projects: the tenancy lists it as `Scope::OptionalTenant`",
        ),
        (with(Tenancy { tables: others, ..now }), "nowhere: the tenancy lists it"),
        (
            with(Tenancy { id: IdType::Uuid, ..now }),
            "organizations: id is bigint, and the tenancy says",
        ),
        (with(Tenancy { id: IdType::Uuid, ..now }), "tasks: organization_id is bigint"),
        (with(Tenancy { setting: "organization", ..now }), "has to be two names with a dot"),
        (with(Tenancy { setting: "app.x; RESET ROLE", ..now }), "has to be two names with a dot"),
        (
            with(Tenancy { root_key: "title", ..now }),
            "the primary key of the root table must be title",
        ),
        (
            with(Tenancy { keys: Keys::Composite, ..now }),
            "write `unique_key = \"tenant_code\"` on organization_id and on code",
        ),
        (composite, "items: the primary key must be (Account, id)"),
        (everywhere, "on citus every key has the tenant column"),
        (everywhere, "on nile, tenants are in tenants(id)"),
        (everywhere, "notes: on citus there is no `Through(\"task_id\")`"),
        (everywhere, "projects: id counts by itself, which nile refuses"),
        (everywhere, "leave `Engine::Nile` out of the project's `engines`"),
        (sealed, "`sealed` needs tenants with keys of uuid"),
        (sealed, "plans: `sealed` has no policies for `OptionalTenant`"),
    ];
    for (project, expected) in cases {
        let said = match project.schema() {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

/// Tenants whose tables do not refer to them, as many databases have it.
mod teams {
    use super::*;

    pub mod team {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "teams", comment = "who works together")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub id: Uuid,
            #[sea_orm(comment = "as they call themselves")]
            pub name: String,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    pub mod event {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "a_events")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i32,
            pub team_id: Uuid,
            pub what: String,
        }

        impl ActiveModelBehavior for ActiveModel {}

        tenantry_entity::tenant_scoped!(TeamId);
    }

    pub const TENANCY: Tenancy = Tenancy {
        root: "teams",
        column: "team_id",
        setting: "app.team",
        keys: Keys::Single,
        random_id_default: false,
        ..super::TENANCY
    };

    pub fn tables() -> Vec<TableDef> {
        tables![event::Entity, team::Entity]
    }
}

projects! { TEAMS, teams, teams_migrations; }

#[tokio::test]
async fn a_tenant_column_need_not_refer_to_anything() {
    use teams::{event, team};
    there_and_back(&TEAMS, &[], async |db| {
        let ids = [sea_orm::prelude::Uuid::now_v7(), sea_orm::prelude::Uuid::now_v7()];
        for id in ids {
            let new = team::ActiveModel { id: Set(id), name: Set("t".to_owned()) };
            team::Entity::insert(new).exec(&db.connection).await.unwrap();
            let scope = scope(db, id).await;
            let new = event::ActiveModel { what: Set("w".to_owned()), ..Default::default() };
            assert_eq!(scope.insert(new).await.unwrap().team_id, id);
            scope.commit().await.unwrap();
        }
        if db.engine != Engine::Sqlite {
            assert_eq!(seen(db, ids[0], "a_events").await, 1);
            let default = "SELECT count(*) FROM information_schema.columns WHERE column_default \
                           LIKE '%gen_random_uuid%' AND table_name = 'teams'";
            let stmt = sea_orm::Statement::from_string(db.engine.backend(), default);
            let row = db.connection.query_one_raw(stmt).await.unwrap().unwrap();
            assert_eq!(row.try_get::<i64>("", "count").unwrap(), 0, "no default was asked for");
            let said = "SELECT obj_description('teams'::regclass) || ': ' || \
                        col_description('teams'::regclass, 2)";
            let said = texts(&db.connection, said).await;
            assert_eq!(said, ["who works together: as they call themselves"]);
        }
    })
    .await;
}
