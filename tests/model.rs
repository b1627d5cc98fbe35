//! What the entities may not ask for is one sentence, before a file is written; what they may is made.

use entity::Engine;
use migration::TENANCY;
use migration::{
    diff::diff,
    schema::{Schema, ddl, expected, read},
};
use sea_orm::ConnectionTrait as _;

use crate::support::TestDb;

/// An entity of a shared table, in a module of its own.
macro_rules! model {
    ($module:ident, $table:literal, { $($field:tt)* }) => {
        model!($module, $table, { $($field)* }, vec![]);
    };
    ($module:ident, $table:literal, { $($field:tt)* }, $indexes:expr) => {
        mod $module {
            use sea_orm::entity::prelude::*;
            #[allow(unused_imports, reason = "not every entity has such an index")]
            use sea_orm::sea_query::{
                ConditionalStatement as _, ExprTrait as _, Index, IndexCreateStatement,
                IndexType, IntoIndexColumn as _,
            };

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: Uuid,
                $($field)*
            }

            #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
            impl entity::Table for Entity {
                fn indexes() -> Vec<IndexCreateStatement> {
                    $indexes
                }
            }
        }
    };
}

model!(long_column, "notes", {
    #[sea_orm(column_name = "a_name_that_is_longer_than_what_the_server_keeps_of_it_and_so_is_cut_off_")]
    pub body: String,
});
model!(long_table, "a_table_whose_name_is_longer_than_what_the_server_keeps_and_so_cut", {});
model!(one_name, "people", { pub email: String, pub gone: bool, pub away: bool, }, vec![
    Index::create().unique().table(Entity).col(Column::Email).and_where(Expr::col(Column::Gone).eq(false)).take(),
    Index::create().unique().table(Entity).col(Column::Email).and_where(Expr::col(Column::Away).eq(false)).take(),
]);
model!(by_case, "people", {
    pub name: String,
    #[sea_orm(column_name = "Name")]
    pub other: String,
});
model!(upper, "People", {});
model!(lower, "people", {});
model!(index_like_table, "people", { pub name: String, }, vec![
    Index::create().name("notes").table(Entity).col(Column::Name).take(),
]);
model!(notes, "notes", {});
model!(index_like_key, "people", { pub name: String, }, vec![
    Index::create().name("notes_pkey").table(Entity).col(Column::Name).take(),
]);
model!(not_a_check, "people", {
    #[sea_orm(extra = "CHECK (score > 0) ON UPDATE CURRENT_TIMESTAMP")]
    pub score: i32,
});
model!(half_a_check, "people", {
    #[sea_orm(extra = "CHECK (score > 0")]
    pub score: i32,
});
model!(checks_that_meet, "people", {
    #[sea_orm(extra = "CHECK (score > 0) CHECK (score < 9)")]
    pub score: i32,
    #[sea_orm(extra = "CHECK (score_check1 > 0)", column_name = "score_check1")]
    pub other: i32,
});
model!(descending_class, "people", { pub name: String, }, vec![
    Index::create().table(Entity)
        .col((Column::Name, sea_orm::sea_query::IndexOrder::Desc).into_index_column().with_operator_class("varchar_pattern_ops"))
        .take(),
]);
model!(concurrent, "people", { pub name: String, }, vec![
    Index::create().concurrently().table(Entity).col(Column::Name).take(),
]);
model!(ordered_hash, "people", { pub name: String, }, vec![
    Index::create().table(Entity).index_type(IndexType::Hash)
        .col((Column::Name, sea_orm::sea_query::IndexOrder::Desc))
        .take(),
]);
model!(unique_hash, "people", { pub name: String, }, vec![
    Index::create().unique().table(Entity).index_type(IndexType::Hash).col(Column::Name).take(),
]);
model!(wide_hash, "people", { pub name: String, pub email: String, }, vec![
    Index::create().table(Entity).index_type(IndexType::Hash).col(Column::Name).col(Column::Email).take(),
]);
model!(including_gin, "people", { pub name: String, }, vec![
    Index::create().table(Entity).index_type(IndexType::Custom("gin".into()))
        .col(Expr::cust("to_tsvector('simple', name)"))
        .include(Column::Name)
        .take(),
]);

mod emptied {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "people")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub note_id: Uuid,
        #[sea_orm(belongs_to, from = "note_id", to = "id", on_delete = "SetNull")]
        pub note: BelongsTo<entity::tenant::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
    impl entity::Table for Entity {}
}

/// A foreign key within the tenant, which would lose the tenant with what it refers to.
mod emptied_tenant {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "people")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub referred_by: Option<Uuid>,
        #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
        pub tenant: BelongsTo<entity::tenant::Entity>,
        #[sea_orm(
            self_ref,
            relation_enum = "Referrer",
            from = "(tenant_id, referred_by)",
            to = "(tenant_id, id)",
            on_delete = "SetNull"
        )]
        pub referrer: HasOne<Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
    impl entity::Table for Entity {}
}

/// The definitions of entities.
macro_rules! defs {
    ($($entity:ty),+) => {
        tenantry_entity::tables![$($entity),+]
    };
}

#[test]
fn what_no_engine_takes_is_named() {
    let cases = [
        (defs![long_column::Entity], "the name of the column a_name_that_is_longer_than_what"),
        (defs![long_table::Entity], "the name of the table a_table_whose_name_is_longer"),
        (
            defs![one_name::Entity],
            "the index unique (email) where away = false of people would both be called people_email_key",
        ),
        (defs![by_case::Entity], "people: the columns name and Name differ by case only"),
        (
            defs![upper::Entity, lower::Entity],
            "the table People and the table people would be called People and people, which are the same \
             on SQLite",
        ),
        (
            defs![notes::Entity, index_like_table::Entity],
            "the table notes and the index (name) of people would both be called notes",
        ),
        (
            defs![notes::Entity, index_like_key::Entity],
            "the primary key of notes and the index (name) of people would both be called notes_pkey",
        ),
        (defs![not_a_check::Entity], "`extra` of score has ON: it may be CHECK (…), "),
        (defs![half_a_check::Entity], "`extra` of score has CHECK without (…): it may be"),
        (defs![descending_class::Entity], "an index that cannot be read: "),
        (defs![concurrent::Entity], "an index with more than the model carries: "),
        (
            defs![ordered_hash::Entity],
            "people: an index of the method hash has no order: people_name_idx",
        ),
        (
            defs![unique_hash::Entity],
            "people: an index of the method hash is never unique: people_name_key",
        ),
        (defs![wide_hash::Entity], "people: an index of the method hash takes one column"),
        (defs![including_gin::Entity], "people: an index of the method gin includes no other"),
        (
            defs![entity::tenant::Entity, emptied::Entity],
            "people: `on_delete` of the foreign key (note_id) would set note_id to NULL",
        ),
        (
            defs![entity::tenant::Entity, emptied_tenant::Entity],
            "people: `on_delete` of the foreign key (tenant_id, referred_by) would set tenant_id to NULL",
        ),
    ];
    for (defs, said) in cases {
        let error = match Schema::from_tables(&defs, Some(migration::TENANCY)) {
            Err(error) => error.to_string(),
            // PostgreSQL tells names apart by case.
            Ok(schema) => schema.refused_by(Engine::Sqlite).join("\n"),
        };
        assert!(error.contains(said), "{said}: {error}");
    }
}

model!(several_checks, "people", {
    #[sea_orm(extra = "CHECK (score > 0)  CHECK(score < (10)) check (score <> 5)")]
    pub score: i32,
    #[sea_orm(extra = "CHECK (mood NOT IN (')', '(', 'é) CHECK ('))\n CHECK\n(mood <> \
                       'two\nlines')", column_type = "Text")]
    pub mood: String,
});
model!(operator_classes, "people", { pub name: String, pub email: String, }, vec![
    Index::create().table(Entity)
        .col(Column::Name.into_index_column().with_operator_class("varchar_pattern_ops"))
        .take(),
    Index::create().name("people_lower").table(Entity)
        .col(Expr::cust("lower(email)").into_index_column().with_operator_class("text_pattern_ops"))
        .col(Column::Name)
        .take(),
]);
model!(methods, "people", { pub name: String, #[sea_orm(column_name = "order")] pub place: i32, }, vec![
    Index::create().table(Entity).index_type(IndexType::Hash).col(Expr::cust("lower(name)")).take(),
    Index::create().table(Entity).index_type(IndexType::Custom("brin".into()))
        .col(Expr::cust("upper(name)"))
        .col(Column::Place)
        .take(),
    Index::create().table(Entity).col(Column::Name).include(Column::Place).take(),
    Index::create().table(Entity).col(Column::Place).take(),
]);

#[test]
fn several_checks_of_a_column_are_several() {
    let schema =
        Schema::from_tables(&defs![several_checks::Entity], Some(migration::TENANCY)).unwrap();
    let checks = &schema.tables["people"].checks;
    let named: Vec<(&str, &str)> =
        checks.iter().map(|it| (it.name.as_deref().unwrap(), it.expr.as_str())).collect();
    assert_eq!(
        named,
        [
            ("people_mood_check", "mood NOT IN (')', '(', 'é) CHECK (')"),
            ("people_mood_check1", "mood <> 'two\nlines'"),
            ("people_score_check", "score > 0"),
            ("people_score_check1", "score < (10)"),
            ("people_score_check2", "score <> 5"),
        ]
    );
    let error = Schema::from_tables(&defs![checks_that_meet::Entity], Some(migration::TENANCY));
    assert!(error.is_ok(), "they are named apart: {error:?}");
}

/// How many parts of indexes have an operator class of their own.
fn classes(schema: &Schema) -> usize {
    let parts = schema.tables["people"].indexes.iter().flat_map(|index| &index.parts);
    parts.filter(|part| part.operator_class.is_some()).count()
}

/// What the model carries, the databases have, and nothing more.
async fn made_as_described(engine: Engine) {
    let all =
        [defs![several_checks::Entity], defs![operator_classes::Entity], defs![methods::Entity]];
    for defs in all {
        let db = TestDb::new(engine);
        let open = db.open().await;
        let schema = Schema::from_tables(&defs, Some(migration::TENANCY)).unwrap();
        let asked_for = classes(&schema);
        for sql in ddl::create(&schema.clone().on(engine), engine) {
            if !sql.starts_with("GRANT ") && !sql.starts_with("REVOKE ") {
                open.connection.execute_unprepared(&sql).await.unwrap();
            }
        }
        let live = read(&open.connection, engine, TENANCY.application_role).await.unwrap();
        let mut wanted = expected(&open.connection, engine, schema).await.unwrap().schema;
        for table in wanted.tables.values_mut() {
            table.grants.clear();
        }
        assert_eq!(diff(&live, &wanted), []);
        assert_eq!(classes(&live), if engine == Engine::Sqlite { 0 } else { asked_for });
        open.close().await;
    }
}

#[tokio::test]
async fn made_as_described_on_sqlite() {
    made_as_described(Engine::Sqlite).await;
}

#[tokio::test]
async fn made_as_described_on_postgres() {
    made_as_described(Engine::Postgres).await;
}
