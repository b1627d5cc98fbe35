//! Replaying all migrations makes what the entities describe, on both engines; and the comparison
//! that says so sees every kind of difference.

use migration::TENANCY;
use migration::{
    Migrator, MigratorTrait as _,
    diff::{Change, Hazard, diff},
    schema::{
        Action, Check, Column, ColumnType, ForeignKey, Index, IndexPart, Schema, expected, read,
    },
};

use crate::support::{Engine, TestDb, scoped_tables, tables};

on_both_engines!(migrations_make_what_the_entities_describe, names_are_those_of_the_model);

async fn migrations_make_what_the_entities_describe(db: TestDb) {
    let db = db.open().await;
    Migrator::up(&db.connection, None).await.unwrap();
    let neutral = migration::PROJECT.schema().unwrap();
    let live = read(&db.connection, db.engine, TENANCY.application_role)
        .await
        .unwrap()
        .filtered(|name| !migration::PROJECT.is_bookkeeping(name));
    let wanted = expected(&db.connection, db.engine, neutral).await.unwrap();
    assert!(wanted.exact);
    assert_eq!(diff(&live, &wanted.schema), [], "live against entities");
    assert_eq!(diff(&wanted.schema, &live), [], "entities against live");
    assert_eq!(live.tables.len(), tables());
}

async fn names_are_those_of_the_model(db: TestDb) {
    let db = db.open().await;
    Migrator::up(&db.connection, None).await.unwrap();
    let live = read(&db.connection, db.engine, TENANCY.application_role).await.unwrap();
    for (name, table) in migration::PROJECT.schema().unwrap().on(db.engine).tables {
        let live = &live.tables[&name];
        assert_eq!(live.primary_key, table.primary_key, "{name}");
        assert_eq!(live.foreign_keys, table.foreign_keys, "{name}");
        let names = |checks: &[Check]| checks.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&live.checks), names(&table.checks), "{name}");
        let columns = |columns: &[Column]| {
            let by_name = columns.iter().map(|c| (c.name.clone(), (c.ty.clone(), c.nullable)));
            by_name.collect::<std::collections::BTreeMap<_, _>>()
        };
        // A column that was added later comes last, wherever it is in the entity.
        assert_eq!(columns(&live.columns), columns(&table.columns), "{name}");
        let parts = |indexes: &[Index]| {
            indexes.iter().map(|i| (i.name.clone(), i.unique, i.parts.clone())).collect::<Vec<_>>()
        };
        assert_eq!(parts(&live.indexes), parts(&table.indexes), "{name}");
    }
}

/// The rules that design and Nile ask for, as facts about the entities.
#[test]
fn every_tenant_scoped_table_keeps_the_tenancy_rules() {
    let schema = migration::PROJECT.schema().unwrap();
    let mut scoped = 0;
    for table in schema.tables.values().filter(|table| table.column("tenant_id").is_some()) {
        scoped += 1;
        assert_eq!(table.primary_key.as_ref().unwrap().columns, ["tenant_id", "id"]);
        assert!(
            table.foreign_keys.iter().any(|key| key.columns == ["tenant_id"]
                && key.ref_table == "tenants"
                && key.on_delete == Action::Cascade),
            "{}",
            table.name
        );
        for key in &table.foreign_keys {
            assert_ne!(key.on_delete, Action::SetNull, "{}: {key}", table.name);
            let starts = |columns: Vec<&String>| {
                columns.starts_with(&key.columns.iter().collect::<Vec<_>>())
            };
            let covered = starts(table.primary_key.as_ref().unwrap().columns.iter().collect())
                || table.indexes.iter().any(|i| starts(i.parts.iter().map(|p| &p.expr).collect()));
            assert!(covered, "{}: no index for {key}", table.name);
        }
        for index in table.indexes.iter().filter(|index| index.name != "team_members_user_id_idx") {
            assert_eq!(index.parts[0].expr, "tenant_id", "{}", index.name);
        }
    }
    assert_eq!(scoped, scoped_tables());
}

/// One small difference of each kind: found, named, and nothing else reported; and backwards.
#[test]
fn the_comparison_sees_every_kind_of_difference() {
    type Edit = (&'static str, fn(&mut Schema), fn(&Change) -> bool, Hazard);
    fn campaigns(schema: &mut Schema) -> &mut migration::schema::Table {
        schema.tables.get_mut("campaigns").unwrap()
    }
    fn status(schema: &mut Schema) -> &mut Column {
        campaigns(schema).columns.iter_mut().find(|column| column.name == "status").unwrap()
    }
    let edits: &[Edit] = &[
        (
            "table gone",
            |s| drop(s.tables.remove("templates")),
            |c| matches!(c, Change::DropTable { table } if table.name == "templates"),
            Hazard::LosesData,
        ),
        (
            "column gone",
            |s| campaigns(s).columns.retain(|c| c.name != "name"),
            |c| matches!(c, Change::DropColumn { column, .. } if column.name == "name"),
            Hazard::LosesData,
        ),
        (
            "column new",
            |s| campaigns(s).columns.push(Column::new("x", ColumnType::Text, true)),
            |c| matches!(c, Change::AddColumn { .. }),
            Hazard::Safe,
        ),
        (
            "type",
            |s| status(s).ty = ColumnType::Varchar(Some(9)),
            |c| matches!(c, Change::AlterType { .. }),
            Hazard::Checked,
        ),
        (
            "nullable",
            |s| status(s).nullable = true,
            |c| matches!(c, Change::AlterNullable { .. }),
            Hazard::Safe,
        ),
        (
            "default",
            |s| status(s).default = Some("'paused'".into()),
            |c| matches!(c, Change::AlterDefault { .. }),
            Hazard::Safe,
        ),
        (
            "primary key",
            |s| campaigns(s).primary_key.as_mut().unwrap().columns.reverse(),
            |c| matches!(c, Change::AlterPrimaryKey { .. }),
            Hazard::BlocksWrites,
        ),
        (
            "foreign key gone",
            |s| campaigns(s).foreign_keys.truncate(1),
            |c| matches!(c, Change::DropForeignKey { .. }),
            Hazard::Safe,
        ),
        (
            "foreign key new",
            |s| {
                let key = ForeignKey {
                    name: None,
                    columns: vec!["name".into()],
                    ref_table: "users".into(),
                    ref_columns: vec!["email".into()],
                    on_delete: Action::NoAction,
                    on_update: Action::NoAction,
                    options: Vec::new(),
                };
                campaigns(s).foreign_keys.push(key)
            },
            |c| matches!(c, Change::AddForeignKey { .. }),
            Hazard::BlocksWrites,
        ),
        (
            "action",
            |s| campaigns(s).foreign_keys[0].on_delete = Action::Restrict,
            |c| matches!(c, Change::AlterForeignKey { .. }),
            Hazard::BlocksWrites,
        ),
        (
            "index gone",
            |s| drop(campaigns(s).indexes.remove(0)),
            |c| matches!(c, Change::DropIndex { .. }),
            Hazard::Safe,
        ),
        (
            "index unique",
            |s| campaigns(s).indexes[0].unique = true,
            |c| matches!(c, Change::AlterIndex { .. }),
            Hazard::BlocksWrites,
        ),
        (
            "index order",
            |s| campaigns(s).indexes[0].parts[1].descending = true,
            |c| matches!(c, Change::AlterIndex { .. }),
            Hazard::BlocksWrites,
        ),
        (
            "index column",
            |s| campaigns(s).indexes[0].parts.push(IndexPart::new("id")),
            |c| matches!(c, Change::AlterIndex { .. }),
            Hazard::BlocksWrites,
        ),
        (
            "predicate",
            |s| campaigns(s).indexes[0].predicate = Some("name IS NULL".into()),
            |c| matches!(c, Change::AlterIndex { .. }),
            Hazard::BlocksWrites,
        ),
        (
            "check gone",
            |s| campaigns(s).checks.clear(),
            |c| matches!(c, Change::DropCheck { .. }),
            Hazard::Safe,
        ),
        (
            "check",
            |s| campaigns(s).checks[0].expr = "status IN ('draft')".into(),
            |c| matches!(c, Change::AlterCheck { .. }),
            Hazard::BlocksWrites,
        ),
        (
            "check new",
            |s| campaigns(s).checks.push(Check { name: None, expr: "name <> ''".into() }),
            |c| matches!(c, Change::AddCheck { .. }),
            Hazard::BlocksWrites,
        ),
    ];
    let base = migration::PROJECT.schema().unwrap();
    assert_eq!(diff(&base, &base), []);
    for (name, edit, is_it, hazard) in edits {
        let mut edited = base.clone();
        edit(&mut edited);
        let changes = diff(&base, &edited);
        assert_eq!(changes.len(), 1, "{name}: {changes:?}");
        assert!(is_it(&changes[0]), "{name}: {changes:?}");
        assert_eq!(changes[0].hazard(), *hazard, "{name}");
        assert_eq!(diff(&edited, &base).len(), 1, "{name}, backwards");
    }
}

#[test]
fn a_schema_survives_being_written_down() {
    let schema = migration::PROJECT.schema().unwrap();
    assert_eq!(Schema::from_snapshot(&schema.to_snapshot().unwrap()).unwrap(), schema);
    let mut on_one_node = schema.clone();
    for table in on_one_node.tables.values_mut() {
        assert!(table.distribution.take().is_some());
    }
    assert_eq!(schema.on(Engine::Postgres), on_one_node);
}
