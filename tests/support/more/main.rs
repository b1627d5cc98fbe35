//! The real `migration` with migrations more, for tests: one that makes an index outside of a transaction
//! and one that adds a column; or, where the environment names a file, the one that its change asks for. Where it
//! names one of its programs, the real `migration` or `tenantry` of the same application with sealed scopes.

#![allow(clippy::expect_used, reason = "only tests write the file")]

use std::{env, fs, process::ExitCode};

use migration::{
    Engine, PROJECT, Project,
    diff::Renames,
    generate::{Answers, Proposal, propose},
    plan::PlannedMigration,
    schema::Schema,
};
use sea_orm_migration::MigrationTrait;
use seeder::Seeder;
use tenantry_app::Application;

mod m20270101_000001_index_leads_by_name;
mod m20270101_000002_give_leads_a_token;

static MORE: Project = Project { migrations: all, ..PROJECT };

/// The variable that says which program of the application with sealed scopes this is.
const SEALED: &str = "TENANTRY_TEST_SEALED";

static WITH_SEALS: Project = Project { migrations: all_and_seals, sealed: true, ..PROJECT };
static SEEDER: Seeder = Seeder { project: &WITH_SEALS, ..seeder::SEEDER };
static APP: Application = Application::of(&SEEDER);

fn all_and_seals() -> Vec<Box<dyn MigrationTrait>> {
    let schema = |project: Project| project.schema().expect("the schema of the entities");
    let (from, to) = (schema(PROJECT), schema(WITH_SEALS));
    let proposal = propose(&from, &to, &Renames::default(), &Answers::default());
    let mut all = (PROJECT.migrations)();
    all.push(Box::new(written("m20270101_000003_seal_scopes", proposal.expect("a proposal"))));
    all
}

/// The variable that names the file of a change, as `Changed` in `tests/trials.rs` writes it.
const CHANGE: &str = "TENANTRY_TEST_CHANGE";

fn all() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = (PROJECT.migrations)();
    if let Some(file) = env::var_os(CHANGE) {
        let text = fs::read_to_string(file).expect("the file of a change");
        all.push(Box::new(planned(&serde_json::from_str(&text).expect("JSON"))));
        return all;
    }
    all.push(Box::new(m20270101_000001_index_leads_by_name::Migration));
    all.push(Box::new(m20270101_000002_give_leads_a_token::Migration));
    all
}

/// What `generate` would write for a change.
fn planned(change: &serde_json::Value) -> PlannedMigration {
    let lists = |name: &str| -> Vec<Vec<String>> {
        serde_json::from_value(change[name].clone()).expect("lists of texts")
    };
    let place = |list: &[String]| (list[0].clone(), list[1].clone());
    let mut renames = Renames::default();
    for list in lists("renamed_columns") {
        renames.columns.insert(place(&list), list[2].clone());
    }
    let answers = Answers {
        renamed_tables: lists("renamed_tables").iter().map(|list| place(list)).collect(),
        backfills: lists("backfills").iter().map(|it| (place(it), it[2].clone())).collect(),
        down_backfills: lists("down_backfills")
            .iter()
            .map(|it| (place(it), it[2].clone()))
            .collect(),
    };
    let to = Schema::from_snapshot(change["to"].as_str().expect("a snapshot")).expect("a schema");
    let from = PROJECT.schema().expect("the schema of the entities");
    let proposal = propose(&from, &to, &renames, &answers).expect("a proposal");
    written("m20270101_000001_change", proposal)
}

fn written(name: &str, proposal: Proposal) -> PlannedMigration {
    PlannedMigration {
        name: name.to_owned(),
        unless: Vec::new(),
        up: proposal.up.operations,
        down: proposal.down.operations,
    }
}

/// The variable that says which project without tenants this is the real `migration` of.
const WITHOUT_TENANTS: &str = "TENANTRY_TEST_PROJECT";

static NONE: Project = Project {
    name: "none",
    tables: Vec::new,
    migrations: Vec::new,
    tenancy: None,
    engines: &[Engine::Postgres],
    ..PROJECT
};

static ENDLESS: Project = Project { tables: endless::all, engines: &Engine::ALL, ..NONE };
static PANICS: Project = Project { tables: endless::panics, ..ENDLESS };
static ENDED: Project = Project { tables: endless::ended, ..ENDLESS };

/// Two entities whose relations ask each other for the foreign key, for ever.
mod endless {
    use tenantry_entity::{TableDef, tables};

    pub(crate) fn all() -> Vec<TableDef> {
        tables![left::Entity, right::Entity]
    }

    /// The same without them.
    pub(crate) fn ended() -> Vec<TableDef> {
        let all = all().into_iter();
        let all = all.map(|def| def.without_relations("left_things", &["Others"]));
        all.map(|def| def.without_relations("right_things", &["Others"])).collect()
    }

    pub(crate) fn panics() -> Vec<TableDef> {
        tables![without::Entity]
    }

    /// As the generator of entities leaves a table whose relations it does not know.
    #[allow(clippy::panic, unreachable_pub, reason = "as SeaORM's entities are")]
    mod without {
        use sea_orm::entity::prelude::*;

        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "without")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i32,
        }

        #[derive(Clone, Copy, Debug, EnumIter)]
        pub enum Relation {
            Unknown,
        }

        impl RelationTrait for Relation {
            fn def(&self) -> RelationDef {
                panic!("No RelationDef")
            }
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    macro_rules! side {
        ($name:ident, $table:literal, $other:ident) => {
            #[allow(unreachable_pub, reason = "as SeaORM's entities are")]
            mod $name {
                use sea_orm::entity::prelude::*;

                #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
                #[sea_orm(table_name = $table)]
                pub struct Model {
                    #[sea_orm(primary_key)]
                    pub id: i32,
                }

                #[derive(Clone, Copy, Debug, EnumIter)]
                pub enum Relation {
                    Others,
                }

                impl RelationTrait for Relation {
                    fn def(&self) -> RelationDef {
                        Entity::has_many(super::$other::Entity).into()
                    }
                }

                impl Related<super::$other::Entity> for Entity {
                    fn to() -> RelationDef {
                        Relation::Others.def()
                    }
                }

                impl ActiveModelBehavior for ActiveModel {}
            }
        };
    }

    side!(left, "left_things", right);
    side!(right, "right_things", left);
}

fn main() -> ExitCode {
    if let Ok(which) = env::var(WITHOUT_TENANTS) {
        return migration::cli::main(match which.as_str() {
            "endless" => &ENDLESS,
            "ended" => &ENDED,
            "panics" => &PANICS,
            _ => &NONE,
        });
    }
    match env::var(SEALED).as_deref() {
        Ok("tenantry") => tenantry_app::cli::main(&APP),
        Ok(_) => migration::cli::main(&WITH_SEALS),
        Err(_) => migration::cli::main(&MORE),
    }
}
