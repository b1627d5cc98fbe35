//! Sample rows in tables with keys of every kind: ids of each type, tables that are told by what they refer to, keys
//! that carry the tenant and keys that do not.

use migration::{
    Project, TENANCY,
    config::DatabaseArgs,
    db::{Absent, Database},
    diff::Renames,
    generate::{Answers, propose},
    plan::PlannedMigration,
    schema::Schema,
};
use sea_orm::{ConnectionTrait as _, prelude::Uuid};
use tenantry::{Application, ValidateOptions};
use tenantry_entity::{IdType, Keys, SampleCode, Scope, TableDef, Tenancy};
use tenantry_seeder::{
    Options, Preset, SampleTable, Samples, Seeder, Set as SampleRows, Spec, Tenant,
};

use crate::support::{Engine, TestDb, texts};

/// A type of ids.
trait Id: Sized {
    const TYPE: IdType;

    fn of_tenant(tenant: &Tenant) -> Self;
    fn of_row<E: SampleCode>(tenant: &Tenant, n: u32) -> Self;

    /// Another one than sample rows have, as SQL.
    fn real(n: i32, engine: Engine) -> String;
}

impl Id for Uuid {
    const TYPE: IdType = IdType::Uuid;

    fn of_tenant(tenant: &Tenant) -> Self {
        tenant.id
    }

    fn of_row<E: SampleCode>(tenant: &Tenant, n: u32) -> Self {
        tenant.row_id::<E>(n, tenant.created())
    }

    fn real(n: i32, engine: Engine) -> String {
        let digits = format!("{n:032x}");
        if engine == Engine::Sqlite { format!("x'{digits}'") } else { format!("'{digits}'") }
    }
}

impl Id for i64 {
    const TYPE: IdType = IdType::BigInteger;

    fn of_tenant(tenant: &Tenant) -> Self {
        tenant.number
    }

    fn of_row<E: SampleCode>(tenant: &Tenant, n: u32) -> Self {
        tenant.row_number::<E>(n)
    }

    fn real(n: i32, _: Engine) -> String {
        n.to_string()
    }
}

impl Id for i32 {
    const TYPE: IdType = IdType::Integer;

    fn of_tenant(tenant: &Tenant) -> Self {
        tenant.integer
    }

    fn of_row<E: SampleCode>(tenant: &Tenant, n: u32) -> Self {
        tenant.row_integer::<E>(n)
    }

    fn real(n: i32, _: Engine) -> String {
        n.to_string()
    }
}

impl Id for String {
    const TYPE: IdType = IdType::Text;

    fn of_tenant(tenant: &Tenant) -> Self {
        tenant.text_id.to_string()
    }

    fn of_row<E: SampleCode>(tenant: &Tenant, n: u32) -> Self {
        tenant.row_text::<E>(n)
    }

    fn real(n: i32, _: Engine) -> String {
        // One that begins like a sample id, and one of its length.
        if n % 2 == 0 { format!("'sample-{n}'") } else { format!("'{n:021}'") }
    }
}

/// An application: `$module` with ids of `$id`, and the rest as the two macros below say. Lines have the tenant
/// column `$line`, or belong to tenants as `$through` says.
macro_rules! application {
    ($module:ident, $id:ty, $keys:ident, [$($through:expr)?], [$($line:ident)?], { $($entities:tt)* }) => {
        mod $module {
            use super::*;
            use sea_orm::Set;

            $($entities)*

            pub const TENANTS: Tenancy = Tenancy {
                root: "orgs",
                root_key: "id",
                column: "org",
                id: <$id as Id>::TYPE,
                setting: "app.org",
                keys: Keys::$keys,
                tables: &[$(("lines", $through))?],
                random_id_default: false,
                ..TENANCY
            };

            pub static PROJECT: Project = Project {
                name: stringify!($module),
                version: "1.0.0",
                tables: || {
                    let tables = vec![
                        TableDef::plain::<org::Entity>(),
                        TableDef::plain::<tone::Entity>(),
                        TableDef::plain::<post::Entity>(),
                        TableDef::plain::<tag::Entity>(),
                        TableDef::plain::<post_tag::Entity>(),
                        TableDef::plain::<setting::Entity>(),
                        TableDef::plain::<line::Entity>(),
                    ];
                    let mut tables: Vec<TableDef> =
                        (0..).zip(tables).map(|(code, def)| def.with_code(code)).collect();
                    tables.push(TableDef::plain::<draft::Entity>());
                    tables
                },
                schema_name: None,
                tenancy: Some(TENANTS),
                engines: &[Engine::Sqlite, Engine::Postgres],
                migrations: || {
                    let to = PROJECT.schema().unwrap();
                    let nothing = Schema::default();
                    let made = propose(&nothing, &to, &Renames::default(), &Answers::default());
                    let made = made.unwrap();
                    let (up, down) = (made.up.operations, made.down.operations);
                    let name = "m1_create".to_owned();
                    vec![Box::new(PlannedMigration { name, unless: Vec::new(), up, down })]
                },
                bookkeeping: "seaql_migrations",
                accepted_drift: r#"{ "accepted": [] }"#,
                objects: &[],
                sealed: false,
            };

            impl SampleCode for org::Entity { const CODE: u8 = 0; }
            impl SampleCode for tone::Entity { const CODE: u8 = 1; }
            impl SampleCode for post::Entity { const CODE: u8 = 2; }
            impl SampleCode for tag::Entity { const CODE: u8 = 3; }
            impl SampleCode for post_tag::Entity { const CODE: u8 = 4; }
            impl SampleCode for setting::Entity { const CODE: u8 = 5; }
            impl SampleCode for line::Entity { const CODE: u8 = 6; }

            #[derive(Debug)]
            pub struct Rows;

            impl Samples for Rows {
                type Tenant = Box<Tenant>;

                const TENANCY: Tenancy = TENANTS;

                fn tenant(tenant: Tenant) -> Box<Tenant> {
                    Box::new(tenant)
                }

                fn tables() -> Vec<SampleTable<Self>> {
                    type Table = SampleTable<Rows>;
                    vec![
                        Table::of::<org::Entity>(|_| 1, |tenant, _| org::ActiveModel {
                            id: Set(<$id>::of_tenant(tenant)),
                            name: Set(format!("Org {}", tenant.token)),
                        }),
                        Table::of::<tone::Entity>(|_| 1, |tenant, n| tone::ActiveModel {
                            code: Set(tenant.row_text::<tone::Entity>(n)),
                            title: Set("as they sing".to_owned()),
                        }),
                        Table::of::<post::Entity>(|tenant| tenant.size(), |tenant, n| post::ActiveModel {
                            org: Set(<$id>::of_tenant(tenant)),
                            id: Set(<$id>::of_row::<post::Entity>(tenant, n)),
                            title: Set(format!("Post {n} of {}", tenant.token)),
                        }),
                        Table::of::<tag::Entity>(|_| 2, |tenant, n| tag::ActiveModel {
                            org: Set(<$id>::of_tenant(tenant)),
                            id: Set(<$id>::of_row::<tag::Entity>(tenant, n)),
                            title: Set(format!("tag {n} of {}", tenant.token)),
                        }),
                        // Not in the order of its key.
                        Table::of::<post_tag::Entity>(
                            |tenant| tenant.size() * 2,
                            |tenant, n| post_tag::ActiveModel {
                                org: Set(<$id>::of_tenant(tenant)),
                                post_id: Set(<$id>::of_row::<post::Entity>(tenant, n % tenant.size())),
                                tag_id: Set(<$id>::of_row::<tag::Entity>(tenant, n / tenant.size())),
                            },
                        )
                        .fixed(),
                        Table::of::<setting::Entity>(|_| 1, |tenant, _| setting::ActiveModel {
                            org: Set(<$id>::of_tenant(tenant)),
                            greeting: Set(Some(format!("hello {}", tenant.token))),
                        }),
                        Table::of::<line::Entity>(
                            |tenant| tenant.size() * 3,
                            |tenant, n| line::ActiveModel {
                                $($line: Set(<$id>::of_tenant(tenant)),)?
                                post_id: Set(<$id>::of_row::<post::Entity>(tenant, n / 3)),
                                number: Set(i32::try_from(n % 3).unwrap() - 1),
                                words: Set(format!("line {n} of {}", tenant.token)),
                            },
                        )
                        .fixed(),
                        Table::without_rows::<draft::Entity>(),
                    ]
                }
            }

            static SAMPLES: SampleRows<Rows> = SampleRows::new();
            pub static SEEDER: Seeder = Seeder { project: &PROJECT, samples: &SAMPLES };
        }
    };
}

/// The tables whose keys are the same in both shapes.
macro_rules! entity {
    ($module:ident, $table:literal, { $($fields:tt)* }) => {
        #[allow(dead_code, reason = "nothing is done with rows of some of them here")]
        pub mod $module {
            use sea_orm::entity::prelude::*;

            #[sea_orm::model]
            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                $($fields)*
            }

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

macro_rules! single {
    ($module:ident, $id:ty) => {
        application!($module, $id, Single, [Scope::Through("post_id")], [], {
            entity!(org, "orgs", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: $id,
                pub name: String,
            });
            entity!(tone, "tones", {
                #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(21))")]
                pub code: String,
                pub title: String,
            });
            entity!(post, "posts", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: $id,
                pub org: $id,
                #[sea_orm(unique)]
                pub title: String,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
            });
            entity!(tag, "tags", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: $id,
                pub org: $id,
                pub title: String,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
            });
            entity!(post_tag, "post_tags", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub post_id: $id,
                #[sea_orm(primary_key, auto_increment = false)]
                pub tag_id: $id,
                pub org: $id,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
                #[sea_orm(belongs_to, from = "post_id", to = "id", on_delete = "Cascade")]
                pub post: HasOne<super::post::Entity>,
                #[sea_orm(belongs_to, from = "tag_id", to = "id", on_delete = "Cascade")]
                pub tag: HasOne<super::tag::Entity>,
            });
            entity!(setting, "settings", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub org: $id,
                pub greeting: Option<String>,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
            });
            entity!(line, "lines", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub post_id: $id,
                #[sea_orm(primary_key, auto_increment = false)]
                pub number: i32,
                pub words: String,
                #[sea_orm(belongs_to, from = "post_id", to = "id", on_delete = "Cascade")]
                pub post: HasOne<super::post::Entity>,
            });
            entity!(draft, "drafts", {
                #[sea_orm(primary_key)]
                pub id: i16,
                pub org: $id,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
            });
        });
    };
}

macro_rules! composite {
    ($module:ident, $id:ty) => {
        application!($module, $id, Composite, [], [org], {
            entity!(org, "orgs", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: $id,
                pub name: String,
            });
            entity!(tone, "tones", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub code: String,
                pub title: String,
            });
            entity!(post, "posts", {
                #[sea_orm(primary_key, auto_increment = false, unique_key = "tenant_title")]
                pub org: $id,
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: $id,
                #[sea_orm(unique_key = "tenant_title")]
                pub title: String,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
            });
            entity!(tag, "tags", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub org: $id,
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: $id,
                pub title: String,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
            });
            entity!(post_tag, "post_tags", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub org: $id,
                #[sea_orm(primary_key, auto_increment = false)]
                pub post_id: $id,
                #[sea_orm(primary_key, auto_increment = false)]
                pub tag_id: $id,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
                #[sea_orm(belongs_to, from = "(org, post_id)", to = "(org, id)", on_delete = "Cascade")]
                pub post: HasOne<super::post::Entity>,
                #[sea_orm(belongs_to, from = "(org, tag_id)", to = "(org, id)", on_delete = "Cascade")]
                pub tag: HasOne<super::tag::Entity>,
            });
            entity!(setting, "settings", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub org: $id,
                pub greeting: Option<String>,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
            });
            entity!(line, "lines", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub org: $id,
                #[sea_orm(primary_key, auto_increment = false)]
                pub post_id: $id,
                #[sea_orm(primary_key, auto_increment = false)]
                pub number: i32,
                pub words: String,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
                #[sea_orm(belongs_to, from = "(org, post_id)", to = "(org, id)", on_delete = "Cascade")]
                pub post: HasOne<super::post::Entity>,
            });
            entity!(draft, "drafts", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub org: $id,
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: i16,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
            });
        });
    };
}

single!(single_uuid, Uuid);
single!(single_bigint, i64);
single!(single_integer, i32);
single!(single_text, String);
composite!(composite_uuid, Uuid);
composite!(composite_integer, i32);
composite!(composite_text, String);

async fn open(project: &'static Project, db: &TestDb) -> Database {
    let args = DatabaseArgs { database_url: Some(db.url.clone()), ..DatabaseArgs::default() };
    Database::open(project, &args.target(project).unwrap(), Absent::Create).await.unwrap()
}

async fn findings(db: &Database) -> Vec<String> {
    let application = Application::without_samples(db.project);
    let validation = application.validate(db, &ValidateOptions::default()).await.unwrap();
    let found = validation.findings.iter().filter(|it| it.code != "reference-can-cross");
    found.map(|it| format!("{} {}", it.table, it.code)).collect()
}

/// Seeded, seeded again, mended, and taken away, beside rows of a real tenant that are left alone.
async fn there_and_back<I: Id>(seeder: Seeder) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for bulk in [false, true] {
            if engine == Engine::Sqlite && bulk {
                continue;
            }
            let test = TestDb::new(engine);
            let db = open(seeder.project, &test).await;
            let run = async |sql: &str| {
                let done = db.connection.execute_unprepared(sql).await;
                done.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
            };
            seeder.project.runner(&db).unwrap().up(None).await.unwrap();
            // Tenants with everything that breaks programs have the highest numbers.
            let spec = Some(Spec { edge: true, ..Spec::preset(Preset::Tiny) });
            let options = Options { spec, bulk, ..Options::default() };
            let inserted = seeder.seed(&db.connection, &options).await.unwrap();
            let empty: Vec<&str> =
                inserted.tables.iter().filter(|it| it.changed == 0).map(|it| it.table).collect();
            assert_eq!(empty, ["drafts"]);
            let again = seeder.seed(&db.connection, &Options::default()).await.unwrap();
            assert_eq!(again.changed(), 0);
            let real = [41, 42, 43].map(|n| I::real(n, engine));
            let [org, post, tag] = &real;
            let line = |org: &str, post: &str| match seeder.project.tenants().unwrap().keys {
                Keys::Single => {
                    format!("INSERT INTO lines (post_id, number, words) VALUES ({post}, 1, 'real')")
                }
                Keys::Composite => format!(
                    "INSERT INTO lines (org, post_id, number, words) VALUES ({org}, {post}, 1, 'real')"
                ),
            };
            for sql in [
                format!("INSERT INTO orgs (id, name) VALUES ({org}, 'real')"),
                format!("INSERT INTO posts (org, id, title) VALUES ({org}, {post}, 'real')"),
                format!("INSERT INTO tags (org, id, title) VALUES ({org}, {tag}, 'real')"),
                format!(
                    "INSERT INTO post_tags (org, post_id, tag_id) VALUES ({org}, {post}, {tag})"
                ),
                format!("INSERT INTO settings (org, greeting) VALUES ({org}, 'real')"),
                line(org, post),
                format!("INSERT INTO drafts (id, org) VALUES (1, {org})"),
            ] {
                run(&sql).await;
            }
            let as_made = async || {
                let verified = seeder.verify(&db.connection, &Options::default()).await.unwrap();
                (verified.rows(), verified.differences.iter().map(ToString::to_string).collect())
            };
            let (rows, differences): (u64, Vec<String>) = as_made().await;
            assert_eq!((rows, differences.len()), (inserted.changed(), 0), "{differences:?}");
            assert_eq!(findings(&db).await, Vec::<String>::new(), "{engine}");

            let real_too = |table: &str, column: &str| {
                format!(
                    "UPDATE {table} SET {column} = {column} || '!' WHERE {column} NOT LIKE 'x%'"
                )
            };
            let edits = [
                real_too("lines", "words"),
                real_too("posts", "title"),
                real_too("settings", "greeting"),
                format!("DELETE FROM post_tags WHERE org <> {org}"),
            ];
            let mut edited = 0;
            for sql in &edits {
                edited += run(sql).await;
            }
            let (_, differences): (u64, Vec<String>) = as_made().await;
            assert!(differences.len() >= 4, "{differences:#?}");
            assert!(
                seeder.clean(&db.connection, &Options::default()).await.is_err(),
                "it was edited"
            );
            let mended = seeder.repair(&db.connection, &Options::default()).await.unwrap();
            // Three of the edits were of real rows.
            let mended: u64 = mended.tables.iter().map(|it| it.changed + it.updated).sum();
            assert_eq!(mended, edited - 3);
            let (_, differences): (u64, Vec<String>) = as_made().await;
            assert_eq!(differences, Vec::<String>::new());

            let cleaned = seeder.clean(&db.connection, &Options::default()).await.unwrap();
            assert_eq!(cleaned.changed(), rows);
            let left = "SELECT (SELECT count(*) FROM orgs) || ' ' || (SELECT count(*) FROM tones) || ' ' || \
                        (SELECT count(*) FROM post_tags) || ' ' || (SELECT count(*) FROM lines) || ' ' || \
                        (SELECT count(*) FROM settings) || ' ' || (SELECT greeting FROM settings)";
            assert_eq!(texts(&db.connection, left).await, ["1 0 1 1 1 real!"]);
            db.close().await;
        }
    }
}

#[tokio::test]
async fn ids_of_uuid() {
    there_and_back::<Uuid>(single_uuid::SEEDER).await;
}

#[tokio::test]
async fn ids_of_bigint() {
    there_and_back::<i64>(single_bigint::SEEDER).await;
}

#[tokio::test]
async fn ids_of_integer() {
    there_and_back::<i32>(single_integer::SEEDER).await;
}

#[tokio::test]
async fn ids_of_text() {
    there_and_back::<String>(single_text::SEEDER).await;
}

#[tokio::test]
async fn keys_of_the_tenant_and_uuid() {
    there_and_back::<Uuid>(composite_uuid::SEEDER).await;
}

#[tokio::test]
async fn keys_of_the_tenant_and_integer() {
    there_and_back::<i32>(composite_integer::SEEDER).await;
}

#[tokio::test]
async fn keys_of_the_tenant_and_text() {
    there_and_back::<String>(composite_text::SEEDER).await;
}
