//! Sample rows in tables with keys of every kind: ids of each type, tables that are told by what they refer to, keys
//! that carry the tenant and keys that do not.

use migration::{
    Project, TENANCY,
    db::Database,
    diff::Renames,
    generate::{Answers, propose},
    plan::PlannedMigration,
    schema::Schema,
};
use sea_orm::{ConnectionTrait as _, prelude::Uuid};
use tenantry::{Application, ValidateOptions};
use tenantry_entity::{IdType, Keys, SampleCode, Scope, Tenancy, tables, tenancy::NO_TENANCY};
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
        tenant.row_integer(n)
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
                root: "Orgs",
                root_key: "id",
                column: "group",
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
                    tables![
                        0 => org::Entity,
                        1 => tone::Entity,
                        2 => post::Entity,
                        3 => tag::Entity,
                        4 => post_tag::Entity,
                        5 => setting::Entity,
                        6 => line::Entity,
                        // Without sample rows.
                        draft::Entity,
                    ]
                },
                schema_name: None,
                tenancy: Some(TENANTS),
                engines: &[Engine::Sqlite, Engine::Postgres],
                migrations: || vec![Box::new(created(&PROJECT))],
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
            entity!(org, "Orgs", {
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
                #[sea_orm(column_name = "group")]
                pub org: $id,
                #[sea_orm(unique)]
                pub title: String,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
            });
            entity!(tag, "tags", {
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: $id,
                #[sea_orm(column_name = "group")]
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
                #[sea_orm(column_name = "group")]
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
                #[sea_orm(column_name = "group")]
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
                #[sea_orm(column_name = "group")]
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
            entity!(org, "Orgs", {
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
                #[sea_orm(column_name = "group")]
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
                #[sea_orm(column_name = "group")]
                pub org: $id,
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: $id,
                pub title: String,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
            });
            entity!(post_tag, "post_tags", {
                #[sea_orm(primary_key, auto_increment = false)]
                #[sea_orm(column_name = "group")]
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
                #[sea_orm(column_name = "group")]
                pub org: $id,
                pub greeting: Option<String>,
                #[sea_orm(belongs_to, from = "org", to = "id", on_delete = "Cascade")]
                pub owner: HasOne<super::org::Entity>,
            });
            entity!(line, "lines", {
                #[sea_orm(primary_key, auto_increment = false)]
                #[sea_orm(column_name = "group")]
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
                #[sea_orm(column_name = "group")]
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

/// What `generate` would write.
fn created(project: &Project) -> PlannedMigration {
    let to = project.schema().unwrap();
    let made = propose(&Schema::default(), &to, &Renames::default(), &Answers::default()).unwrap();
    let (up, down) = (made.up.operations, made.down.operations);
    PlannedMigration { name: "m1_create".to_owned(), unless: Vec::new(), up, down }
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
            let db = test.open_as(seeder.project).await;
            let run = async |sql: &str| {
                let done = db.connection.execute_unprepared(sql).await;
                done.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
            };
            seeder.project.runner(&db).unwrap().up(None).await.unwrap();
            // Tenants with everything that breaks programs have the highest numbers.
            let spec = Some(Spec { edge: true, ..Spec::preset(Preset::Tiny) });
            let options = Options { spec, bulk, ..Options::default() };
            let inserted = seeder.seed(&db.connection, &options).await.unwrap();
            assert!(inserted.tables.iter().all(|it| it.changed > 0), "{inserted:?}");
            let again = seeder.seed(&db.connection, &Options::default()).await.unwrap();
            assert_eq!(again.changed(), 0);
            let real = [41, 42, 43].map(|n| I::real(n, engine));
            let [org, post, tag] = &real;
            let line = |org: &str, post: &str| match seeder.project.tenants().unwrap().keys {
                Keys::Single => {
                    format!("INSERT INTO lines (post_id, number, words) VALUES ({post}, 1, 'real')")
                }
                Keys::Composite => format!(
                    "INSERT INTO lines (\"group\", post_id, number, words) VALUES ({org}, {post}, 1, 'real')"
                ),
            };
            for sql in [
                format!("INSERT INTO \"Orgs\" (id, name) VALUES ({org}, 'real')"),
                format!("INSERT INTO posts (\"group\", id, title) VALUES ({org}, {post}, 'real')"),
                format!("INSERT INTO tags (\"group\", id, title) VALUES ({org}, {tag}, 'real')"),
                format!(
                    "INSERT INTO post_tags (\"group\", post_id, tag_id) VALUES ({org}, {post}, {tag})"
                ),
                format!("INSERT INTO settings (\"group\", greeting) VALUES ({org}, 'real')"),
                line(org, post),
                format!("INSERT INTO drafts (id, \"group\") VALUES (1, {org})"),
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
                format!("DELETE FROM post_tags WHERE \"group\" <> {org}"),
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
            let left = "SELECT (SELECT count(*) FROM \"Orgs\") || ' ' || (SELECT count(*) FROM tones) || ' ' || \
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

/// No tenants, although a table and a column are called so. Sets have parts instead, each with an author.
mod library {
    use sea_orm::Set;

    use super::*;

    entity!(author, "tenants", {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(unique)]
        pub name: String,
    });
    entity!(book, "books", {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub tenant_id: i32,
        pub title: String,
        #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
        pub author: HasOne<super::author::Entity>,
    });
    entity!(shelf, "shelves", {
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: String,
    });
    entity!(placed, "placed", {
        #[sea_orm(primary_key, auto_increment = false)]
        pub book_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub shelf: String,
        #[sea_orm(belongs_to, from = "book_id", to = "id", on_delete = "Cascade")]
        pub book: HasOne<super::book::Entity>,
        #[sea_orm(belongs_to, from = "shelf", to = "code")]
        pub of: HasOne<super::shelf::Entity>,
    });

    pub static PROJECT: Project = Project {
        name: "library",
        version: "1.0.0",
        tables: || {
            tables![
                0 => author::Entity,
                1 => book::Entity,
                2 => shelf::Entity,
                3 => placed::Entity,
            ]
        },
        schema_name: None,
        tenancy: None,
        engines: &[Engine::Sqlite, Engine::Postgres],
        migrations: || vec![Box::new(created(&PROJECT))],
        bookkeeping: "seaql_migrations",
        accepted_drift: r#"{ "accepted": [] }"#,
        objects: &[],
        sealed: false,
    };

    /// As if the entity was in another crate.
    const SHELVES: u8 = 2;

    impl SampleCode for author::Entity {
        const CODE: u8 = 0;
    }

    impl SampleCode for book::Entity {
        const CODE: u8 = 1;
    }

    impl SampleCode for placed::Entity {
        const CODE: u8 = 3;
    }

    #[derive(Debug)]
    pub struct Rows;

    impl Samples for Rows {
        type Tenant = Box<Tenant>;

        const TENANCY: Tenancy = NO_TENANCY;

        fn tenant(part: Tenant) -> Box<Tenant> {
            Box::new(part)
        }

        fn tables() -> Vec<SampleTable<Self>> {
            type Table = SampleTable<Rows>;
            vec![
                Table::of::<author::Entity>(
                    |_| 1,
                    |part, n| author::ActiveModel {
                        id: Set(part.row_integer(n)),
                        name: Set(format!("Author {}", part.token)),
                    },
                ),
                Table::of::<book::Entity>(
                    |part| part.size(),
                    |part, n| book::ActiveModel {
                        id: Set(part.row_number::<book::Entity>(n)),
                        tenant_id: Set(part.row_integer(0)),
                        title: Set(format!("Book {n} of {}", part.token)),
                    },
                ),
                Table::coded::<shelf::Entity>(
                    SHELVES,
                    |_| 2,
                    |part, n| shelf::ActiveModel { code: Set(part.text_with(SHELVES, n)) },
                ),
                Table::of::<placed::Entity>(
                    |part| part.size(),
                    |part, n| placed::ActiveModel {
                        book_id: Set(part.row_number::<book::Entity>(n)),
                        shelf: Set(part.text_with(SHELVES, n % 2)),
                    },
                )
                .fixed(),
            ]
        }
    }

    static SAMPLES: SampleRows<Rows> = SampleRows::new();
    pub static SEEDER: Seeder = Seeder { project: &PROJECT, samples: &SAMPLES };
}

#[tokio::test]
async fn an_application_without_tenants_has_sample_rows() {
    let ways =
        [(Engine::Sqlite, false, 6), (Engine::Postgres, false, 3_000), (Engine::Postgres, true, 6)];
    for (engine, bulk, size) in ways {
        let seeder = library::SEEDER;
        let test = TestDb::new(engine);
        let db = test.open_as(seeder.project).await;
        let run = async |sql: &str| {
            let done = db.connection.execute_unprepared(sql).await;
            done.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
        };
        let plain = Options::default;
        seeder.project.runner(&db).unwrap().up(None).await.unwrap();
        run("INSERT INTO tenants (id, name) VALUES (1, 'real')").await;
        run("INSERT INTO shelves (code) VALUES ('sample')").await;
        let refused = seeder.seed(&db.connection, &plain()).await.unwrap_err().to_string();
        assert!(refused.contains("there are rows in 2 of the tables that the seeder"), "{refused}");
        run("DELETE FROM tenants").await;
        run("DELETE FROM shelves").await;

        let spec = Some(Spec { size, ..Spec::preset(Preset::Tiny) });
        let options = Options { spec, bulk, ..plain() };
        let inserted = seeder.seed(&db.connection, &options).await.unwrap();
        assert!(inserted.tables.iter().all(|it| it.changed > 0), "{inserted:?}");
        assert_eq!(seeder.seed(&db.connection, &plain()).await.unwrap().changed(), 0);
        let more = Some(Spec { tenants: 3, size, ..Spec::preset(Preset::Tiny) });
        let more = Options { spec: more, ..plain() };
        let grown =
            inserted.changed() + seeder.seed(&db.connection, &more).await.unwrap().changed();
        let verified = seeder.verify(&db.connection, &plain()).await.unwrap();
        assert_eq!((verified.is_clean(), verified.rows()), (true, grown), "{verified:?}");
        assert_eq!(findings(&db).await, Vec::<String>::new(), "{engine}");

        // What a kill leaves: some rows of a part, the last ones not.
        run("INSERT INTO tenants (id, name) VALUES (1, 'real')").await;
        run("INSERT INTO books (id, tenant_id, title) VALUES (1, 1, 'real')").await;
        run("INSERT INTO placed (book_id, shelf) SELECT 1, min(code) FROM shelves").await;
        let last = run(
            "DELETE FROM placed WHERE book_id IN (SELECT max(book_id) FROM placed WHERE book_id < 0)",
        );
        assert_eq!(last.await, 1);
        run("UPDATE books SET title = title || '!' WHERE id < 0").await;
        let verified = seeder.verify(&db.connection, &plain()).await.unwrap();
        assert_eq!(verified.differences.len(), 2, "{verified:?}");
        let alongside = Options { alongside: true, ..plain() };
        assert_eq!(seeder.seed(&db.connection, &alongside).await.unwrap().changed(), 1);
        assert!(seeder.clean(&db.connection, &plain()).await.is_err(), "it was edited");
        seeder.repair(&db.connection, &alongside).await.unwrap();
        // A real book stands on a shelf of the samples.
        let refused = seeder.clean(&db.connection, &plain()).await.unwrap_err().to_string();
        assert!(refused.contains("in placed"), "{refused}");
        run("DELETE FROM placed WHERE book_id = 1").await;
        assert_eq!(seeder.clean(&db.connection, &plain()).await.unwrap().changed(), grown);
        let left = "SELECT (SELECT count(*) FROM tenants) || ' ' || (SELECT count(*) FROM books) || ' ' || \
                    (SELECT count(*) FROM shelves) || ' ' || (SELECT count(*) FROM placed)";
        assert_eq!(texts(&db.connection, left).await, ["1 1 0 0"]);
        db.close().await;
    }
}
