//! The entities are what the design says, and their rows survive the way to the database and back.

use std::collections::BTreeSet;

use entity::{prelude::*, sample_id::is_sample, tenancy::TableDef};
use migration::{
    Migrator, MigratorTrait as _,
    schema::{Schema, ddl},
};
use sea_orm::{ActiveEnum, Iterable};
use serde_json::json;

use crate::support::{Engine, TestDb, tables};

on_both_engines!(
    active_models_make_ids_and_keep_timestamps,
    rows_survive_the_way_to_the_database_and_back,
    rows_inserted_by_hand_get_defaults_that_can_be_read,
    relations_load_both_ways,
    an_enum_value_that_is_none_is_refused,
    a_row_cannot_point_at_another_tenants_row,
);

/// The DDL of each entity, on both engines. A misspelt column attribute is silently ignored by
/// SeaORM; here it shows.
#[test]
fn ddl_is_pinned() {
    let schema = migration::PROJECT.schema().unwrap();
    for (name, table) in &schema.tables {
        let alone = Schema { tables: [(name.clone(), table.clone())].into(), ..Schema::default() };
        let text: Vec<String> = [Engine::Sqlite, Engine::Postgres]
            .into_iter()
            .flat_map(|engine| {
                let statements = ddl::create(&alone, engine);
                std::iter::once(format!("-- {engine}"))
                    .chain(statements.into_iter().map(|sql| format!("{sql};")))
            })
            .collect();
        insta::assert_snapshot!(format!("ddl__{name}"), text.join("\n"));
    }
}

#[test]
fn checks_list_exactly_the_values_of_their_enums() {
    fn values<E: ActiveEnum<Value = String> + Iterable>() -> Vec<String> {
        E::iter().map(|variant| variant.to_value()).collect()
    }
    let expected = [
        ("campaigns", "status", values::<campaign::Status>()),
        ("leads", "status", values::<lead::Status>()),
        ("payments", "status", values::<payment::Status>()),
        ("team_members", "role", values::<team_member::Role>()),
        ("team_members", "status", values::<team_member::Status>()),
    ];
    let schema = migration::PROJECT.schema().unwrap();
    let mut found = Vec::new();
    for table in schema.tables.values() {
        for check in table.checks.iter().filter(|check| check.expr.contains(" IN (")) {
            let (column, list) = check.expr.split_once(" IN ").unwrap();
            let list: Vec<String> = list
                .trim_matches(['(', ')'])
                .split(", ")
                .map(|value| value.trim_matches('\'').to_owned())
                .collect();
            found.push((table.name.as_str(), column, list));
        }
    }
    for entry in &expected {
        assert!(
            found.iter().any(|f| (f.0, f.1, &f.2) == (entry.0, entry.1, &entry.2)),
            "{entry:?} in {found:?}"
        );
    }
    assert!(found.len() >= expected.len(), "{found:?}");
}

#[test]
fn the_list_has_all_tables_in_foreign_key_order() {
    let schema = migration::PROJECT.schema().unwrap();
    let mut seen = BTreeSet::new();
    for def in entity::all() {
        for key in &schema.tables[def.name].foreign_keys {
            assert!(seen.contains(key.ref_table.as_str()), "{} before {}", def.name, key.ref_table);
        }
        let scope = match def.name {
            "tenants" => Scope::Root,
            "users" => Scope::Shared,
            _ => Scope::Tenant,
        };
        assert_eq!(def.scope(&migration::TENANCY), scope, "{}", def.name);
        seen.insert(def.name);
    }
    assert_eq!(seen.len(), tables());
}

#[test]
fn credentials_are_neither_debugged_nor_serialised() {
    let config = email_service::Config(json!({ "api_key": "sesame" }));
    let model = email_service::Model {
        tenant_id: Uuid::nil(),
        id: Uuid::nil(),
        provider: "relay".into(),
        config: config.clone(),
        created_at: chrono::DateTime::UNIX_EPOCH,
    };
    let active: email_service::ActiveModel = model.clone().into();
    for text in [
        format!("{model:?}"),
        format!("{model:#?}"),
        format!("{active:?}"),
        format!("{:?}", email_service::ModelEx::from(model.clone())),
        serde_json::to_string(&model).unwrap(),
        serde_json::to_string(&email_service::ModelEx::from(model.clone())).unwrap(),
    ] {
        assert!(!text.contains("sesame"), "{text}");
        assert!(text.contains("relay"), "{text}");
    }
    assert_eq!(model.config, config, "the code that signs in can read it");
}

#[test]
fn a_unique_without_the_tenant_is_an_error_of_the_model() {
    mod leaky {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "leaky")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub tenant_id: Uuid,
            #[sea_orm(primary_key, auto_increment = false)]
            pub id: Uuid,
            #[sea_orm(unique)]
            pub name: String,
        }

        impl ActiveModelBehavior for ActiveModel {}
        impl entity::Table for Entity {}
    }
    let error = Schema::from_tables(&[TableDef::of::<leaky::Entity>()], Some(migration::TENANCY))
        .unwrap_err()
        .to_string();
    assert!(error.contains("leaky") && error.contains("unique_key = \"tenant_name\""), "{error}");
}

async fn active_models_make_ids_and_keep_timestamps(db: TestDb) {
    let db = db.open().await;
    let conn = &db.connection;
    Migrator::up(conn, None).await.unwrap();
    let before = chrono::Utc::now() - chrono::Duration::milliseconds(1);
    let tenant = tenant::ActiveModel { name: Set("T".into()), ..ActiveModelBehavior::new() }
        .insert(conn)
        .await
        .unwrap();
    assert_eq!(tenant.id.get_version_num(), 7);
    assert!(!is_sample(tenant.id));
    assert!(tenant.created >= before.naive_utc() && tenant.created == tenant.updated);
    let lead = lead::ActiveModel {
        tenant_id: Set(tenant.id),
        email: Set("a@example.com".into()),
        status: Set(lead::Status::New),
        ..ActiveModelBehavior::new()
    };
    let lead = lead.insert(conn).await.unwrap();
    assert!(lead.created_at >= before && lead.created_at == lead.updated_at);
    let mut change = lead.clone().into_active_model();
    change.status = Set(lead::Status::Contacted);
    let changed = change.update(conn).await.unwrap();
    assert_eq!(changed.created_at, lead.created_at);
    assert!(changed.updated_at > lead.updated_at);
    let read = Lead::find_by_id((tenant.id, lead.id)).one(conn).await.unwrap().unwrap();
    assert_eq!(read, changed, "what was saved is what is read");
    let pinned = chrono::DateTime::UNIX_EPOCH;
    let old = lead::ActiveModel {
        tenant_id: Set(tenant.id),
        email: Set("b@example.com".into()),
        created_at: Set(pinned),
        ..ActiveModelBehavior::new()
    };
    assert_eq!(old.insert(conn).await.unwrap().created_at, pinned, "a given time stays");
}

async fn rows_survive_the_way_to_the_database_and_back(db: TestDb) {
    let db = db.open().await;
    let conn = &db.connection;
    Migrator::up(conn, None).await.unwrap();
    let user =
        user::ActiveModel { email: Set("ü@example.com".into()), ..ActiveModelBehavior::new() };
    let user = user.insert(conn).await.unwrap();
    let tenant = tenant::ActiveModel {
        name: Set("Ünï 'quoted\" \\ 😀".into()),
        slug: Set(Some("s".into())),
        ..ActiveModelBehavior::new()
    };
    let tenant = tenant.insert(conn).await.unwrap();
    let member = team_member::ActiveModel {
        tenant_id: Set(tenant.id),
        user_id: Set(user.id),
        email: Set("m@example.com".into()),
        name: Set("M".into()),
        role: Set(team_member::Role::Viewer),
        permissions: Set(team_member::Permissions(vec!["a".into(), "b\"c".into()])),
        metadata: Set(Some(json!({ "n": [1, 2.5, null, "x"] }))),
        two_factor_enabled: Set(true),
        ..ActiveModelBehavior::new()
    };
    let member = member.insert(conn).await.unwrap();
    let read = TeamMember::find_by_id((tenant.id, member.id)).one(conn).await.unwrap().unwrap();
    assert_eq!(read, member);
    assert_eq!(read.status, team_member::Status::Active, "the database's default");
    let text = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<team_member::Model>(&text).unwrap(), read);
    let tenant_again = Tenant::find_by_slug("s".to_owned()).one(conn).await.unwrap().unwrap();
    assert_eq!(tenant_again, tenant);
}

async fn rows_inserted_by_hand_get_defaults_that_can_be_read(db: TestDb) {
    let test = db;
    let db = test.open().await;
    let conn = &db.connection;
    Migrator::up(conn, None).await.unwrap();
    // SQLite has no function that makes a UUID.
    let (columns, value) = match test.engine {
        Engine::Sqlite => ("id, ", "x'0199aaaa00007000a000000000000001', "),
        _ => ("", ""),
    };
    conn.execute_unprepared(&format!(
        "INSERT INTO tenants ({columns} name) VALUES ({value} 'by hand')"
    ))
    .await
    .unwrap();
    conn.execute_unprepared(&format!(
        "INSERT INTO leads ({columns} tenant_id, email) SELECT {value} id, 'a@example.com' FROM tenants"
    ))
    .await
    .unwrap();
    let tenant = Tenant::find().one(conn).await.unwrap().unwrap();
    let lead = Lead::find().one(conn).await.unwrap().unwrap();
    let age = chrono::Utc::now() - lead.created_at;
    assert!(age.num_minutes().abs() < 5, "{}", lead.created_at);
    assert!((chrono::Utc::now().naive_utc() - tenant.created).num_hours().abs() < 25);
    assert_eq!(lead.status, lead::Status::New);
    // Written by the application, it sorts beside what the database wrote.
    let later = lead::ActiveModel {
        tenant_id: Set(tenant.id),
        email: Set("later@example.com".into()),
        created_at: Set(lead.created_at + chrono::Duration::milliseconds(1)),
        ..ActiveModelBehavior::new()
    };
    later.insert(conn).await.unwrap();
    let ordered = Lead::find().order_by_asc(lead::Column::CreatedAt).all(conn).await.unwrap();
    assert_eq!(ordered[1].email, "later@example.com");
}

async fn relations_load_both_ways(db: TestDb) {
    let db = db.open().await;
    let conn = &db.connection;
    tenantry::run(&db, &tenantry::RunOptions::default()).await.unwrap();
    // has_one and has_many, through the loader
    let company = Company::load()
        .with(CompanySettings)
        .with(Campaign)
        .order_by_asc(company::COLUMN.id)
        .one(conn)
        .await
        .unwrap()
        .unwrap();
    let settings = company.settings.as_ref().expect("has_one is loaded");
    assert_eq!((settings.tenant_id, settings.company_id), (company.tenant_id, company.id));
    assert!(!company.campaigns.is_empty());
    assert!(
        company
            .campaigns
            .iter()
            .all(|c| (c.tenant_id, c.company_id) == (company.tenant_id, company.id))
    );
    // belongs_to, composite
    let (payment, member) =
        Payment::find().find_also_related(TeamMember).one(conn).await.unwrap().unwrap();
    let member = member.expect("a payment's member");
    assert_eq!((member.tenant_id, member.user_id), (payment.tenant_id, payment.user_id));
    // users and tenants through team_members, both ways
    let tenants = Tenant::find().order_by_asc(tenant::COLUMN.created).all(conn).await.unwrap();
    let users = tenants[0].find_related(User).all(conn).await.unwrap();
    let seats = tenants[0].find_related(TeamMember).all(conn).await.unwrap();
    assert_eq!(users.len(), seats.len());
    let mut several = 0;
    for user in &users {
        let theirs = user.find_related(Tenant).all(conn).await.unwrap();
        assert!(theirs.iter().any(|tenant| tenant.id == tenants[0].id));
        several += usize::from(theirs.len() > 1);
    }
    assert!(several > 0, "a user has seats in several tenants");
}

async fn an_enum_value_that_is_none_is_refused(db: TestDb) {
    let test = db;
    let db = test.open().await;
    tenantry::run(&db, &tenantry::RunOptions::default()).await.unwrap();
    for (sql, check) in [
        ("UPDATE leads SET status = 'lost'", "leads_status_check"),
        ("UPDATE payments SET currency = 'usd'", "payments_currency_check"),
        ("UPDATE payments SET currency = 'US'", "payments_currency_check"),
        ("UPDATE payments SET amount = 0", "payments_amount_check"),
    ] {
        let error = db.connection.execute_unprepared(sql).await.unwrap_err().to_string();
        assert!(error.contains(check), "{sql}: {error}");
    }
}

async fn a_row_cannot_point_at_another_tenants_row(db: TestDb) {
    let db = db.open().await;
    let conn = &db.connection;
    tenantry::run(&db, &tenantry::RunOptions::default()).await.unwrap();
    let companies = Company::find().all(conn).await.unwrap();
    let mine = &companies[0];
    let other = companies.iter().find(|company| company.tenant_id != mine.tenant_id).unwrap();
    let campaign = |tenant_id, company_id| campaign::ActiveModel {
        tenant_id: Set(tenant_id),
        company_id: Set(company_id),
        name: Set("C".into()),
        ..ActiveModelBehavior::new()
    };
    let error = campaign(mine.tenant_id, other.id).insert(conn).await.unwrap_err().to_string();
    assert!(error.to_lowercase().contains("foreign key"), "{error}");
    campaign(mine.tenant_id, mine.id).insert(conn).await.unwrap();
}
