//! A developer's way from edited entities to databases on both engines and back: three rounds of
//! edits, each made into a migration by the real program, in a copy of this workspace.

use std::path::Path;

use entity::prelude::*;
use migration::TENANCY;
use migration::schema::{Schema, read};
use serde_json::Value;

use crate::support::{Bin, Engine, TestDb, workspace::Workspace};

/// One round of edits: what is generated, with which options.
struct Round {
    name: &'static str,
    edit: fn(&Workspace),
    options: &'static [&'static str],
}

const ROUNDS: &[Round] = &[
    Round { name: "grow", edit: grow, options: &["--backfill", "templates.language='en'"] },
    Round {
        name: "reshape",
        edit: reshape,
        options: &[
            "--rename-table",
            "parcels=bills",
            "--backfill",
            "companies.domain='none.example'",
        ],
    },
    Round {
        name: "shrink",
        edit: shrink,
        options: &[
            "--allow-data-loss",
            "--allow-weaker-isolation",
            "--backfill",
            "notes.tenant_id=(SELECT id FROM tenants)",
            "--backfill",
            "leads.score=length(score)",
        ],
    },
];

/// Tables and columns added, a type widened, a default and an enum's values changed, an index.
fn grow(workspace: &Workspace) {
    let lead = "entity/src/lead.rs";
    workspace.replace(
        lead,
        "    /// Where the lead works",
        "    /// In a word.\n    pub mood: Option<String>,\n    /// How promising, in \
         words.\n    pub score: Option<String>,\n    /// Where the lead works",
    );
    workspace.replace(
        lead,
        "        Converted,\n    }",
        "        Converted,\n        /// Said no.\n        Lost,\n    }",
    );
    workspace.replace(lead, "'qualified', 'converted')", "'qualified', 'converted', 'lost')");
    workspace.replace(
        lead,
        "tenantry_entity::tenant_scoped!();",
        "tenantry_entity::tenant_scoped!();\n\nimpl tenantry_entity::Table for Entity {\n    fn indexes() -> Vec<sea_orm::sea_query::IndexCreateStatement> {\n\
         use sea_orm::sea_query::{ConditionalStatement as _, Expr, ExprTrait as _, Index, IntoIndexColumn as _};\n\
         vec![\n\
         Index::create().table(Entity).col(Column::TenantId).col(Column::Status).col(Column::Email)\n\
         .and_where(Expr::col(Column::Mood).is_not_null()).take(),\n\
         Index::create().table(Entity).col(Column::TenantId).col(Expr::cust(\"lower(email)\")).take(),\n\
         Index::create().table(Entity).col(Column::TenantId)\n\
         .col(Column::Name.into_index_column().with_operator_class(\"varchar_pattern_ops\")).take(),\n\
         ]\n    }\n}",
    );
    workspace.replace(
        "entity/src/company.rs",
        "    /// Web domain",
        "    /// How many people work there.\n    #[sea_orm(default_value = 0)]\n    pub employees: \
         i32,\n    /// Web domain",
    );
    workspace.replace(
        "entity/src/template.rs",
        "    /// Subject line",
        "    /// Two letters.\n    #[sea_orm(column_type = \"String(StringLen::N(2))\")]\n    pub \
         language: String,\n    /// Subject line",
    );
    workspace.replace(
        "entity/src/campaign.rs",
        "String(StringLen::N(200))",
        "String(StringLen::N(300))",
    );
    workspace.replace("entity/src/domain.rs", "default_value = false", "default_value = true");
    workspace.write("entity/src/parcel.rs", PARCEL);
    workspace.write("entity/src/note.rs", NOTE);
    workspace.replace("entity/src/lib.rs", "\n];", "\n    200 => parcel,\n    201 => note,\n];");
}

const PARCEL: &str = r#"//! `parcels`: what a company owes.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `parcels`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "parcels")]
pub struct Model {
    /// Owning tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who pays.
    pub company_id: Uuid,
    /// Minor units.
    #[sea_orm(extra = "CHECK (amount > 0)")]
    pub amount: i64,
    /// When the row was made.
    #[sea_orm(default_expr = "Expr::current_timestamp()", indexed)]
    pub created_at: DateTimeUtc,

    /// The tenant's parcels go with it.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id", on_delete = "Cascade")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// A company with parcels stays.
    #[sea_orm(belongs_to, from = "(tenant_id, company_id)", to = "(tenant_id, id)")]
    pub company: BelongsTo<super::company::Entity>,
}

tenantry_entity::active_model_behavior!(created: [created_at]);

"#;

const NOTE: &str = r#"//! `notes`: of no table in particular, for now.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `notes`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "notes")]
pub struct Model {
    /// Time-ordered (v7) id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What it says.
    #[sea_orm(column_type = "Text")]
    pub body: String,
    /// When the row was made.
    #[sea_orm(default_expr = "Expr::current_timestamp()", indexed)]
    pub created_at: DateTimeUtc,
}

tenantry_entity::active_model_behavior!(created: [created_at]);

"#;

/// A table and columns renamed, NULL refused and taken, a foreign key's action, a unique, an
/// integer widened, defaults removed.
fn reshape(workspace: &Workspace) {
    let lead = "entity/src/lead.rs";
    workspace.replace(
        lead,
        "    #[sea_orm(column_type = \"String(StringLen::N(200))\", nullable)]\n    pub company:",
        "    #[sea_orm(column_type = \"String(StringLen::N(200))\", nullable, renamed_from = \
         \"company\")]\n    pub employer:",
    );
    let company = "entity/src/company.rs";
    workspace.replace(
        company,
        "    #[sea_orm(column_type = \"String(StringLen::N(255))\", nullable, indexed)]\n    pub \
         domain: Option<String>,",
        "    #[sea_orm(column_type = \"String(StringLen::N(255))\", indexed)]\n    pub domain: \
         String,",
    );
    workspace.replace(
        company,
        "    #[sea_orm(default_value = 0)]\n    pub employees: i32,",
        "    pub employees: i64,",
    );
    let template = "entity/src/template.rs";
    workspace.replace(
        template,
        "    #[sea_orm(column_type = \"String(StringLen::N(255))\")]\n    pub subject: String,",
        "    #[sea_orm(column_type = \"String(StringLen::N(255))\", nullable)]\n    pub subject: \
         Option<String>,",
    );
    workspace.replace(
        template,
        "    #[sea_orm(primary_key, auto_increment = false)]\n    pub tenant_id",
        "    #[sea_orm(primary_key, auto_increment = false, unique_key = \"tenant_name\")]\n    \
         pub tenant_id",
    );
    workspace.replace(
        template,
        "StringLen::N(100))\", indexed)]",
        "StringLen::N(100))\", unique_key = \"tenant_name\")]",
    );
    workspace.replace(
        "entity/src/campaign.rs",
        "        to = \"(tenant_id, id)\",\n        on_delete = \"Cascade\"",
        "        to = \"(tenant_id, id)\",\n        on_delete = \"Restrict\"",
    );
    workspace.replace("entity/src/parcel.rs", "table_name = \"parcels\"", "table_name = \"bills\"");
}

/// A table and a column dropped, a text narrowed, a text made a number, a check removed, a table
/// that becomes tenant-scoped.
fn shrink(workspace: &Workspace) {
    workspace.replace("entity/src/lib.rs", "    12 => email_service,\n", "");
    workspace.replace(
        "entity/src/prelude.rs",
        "    email_service::{self, Entity as EmailService},\n",
        "",
    );
    workspace.replace(
        "entity/src/tenant.rs",
        "    /// Connected mail providers.\n    #[sea_orm(has_many)]\n    pub email_services: \
         HasMany<super::email_service::Entity>,\n",
        "",
    );
    workspace.replace(
        "entity/src/inbox_message.rs",
        "    /// Subject line, at most 500 characters.\n    #[sea_orm(column_type = \
         \"String(StringLen::N(500))\")]\n    pub subject: String,\n",
        "",
    );
    workspace.replace("entity/src/template.rs", "StringLen::N(100))", "StringLen::N(50))");
    workspace.replace("entity/src/lead.rs", "pub score: Option<String>", "pub score: Option<i32>");
    workspace.replace(
        "entity/src/parcel.rs",
        "    #[sea_orm(extra = \"CHECK (amount > 0)\")]\n",
        "",
    );
    let note = "entity/src/note.rs";
    workspace.replace(
        note,
        "    /// Time-ordered",
        "    /// Owning tenant.\n    #[sea_orm(primary_key, auto_increment = false)]\n    pub \
         tenant_id: Uuid,\n    /// Time-ordered",
    );
    workspace.replace(
        note,
        "    pub created_at: DateTimeUtc,\n",
        "    pub created_at: DateTimeUtc,\n\n    /// The tenant's notes go with it.\n    \
         #[sea_orm(belongs_to, from = \"tenant_id\", to = \"id\", on_delete = \"Cascade\")]\n    \
         pub tenant: BelongsTo<super::tenant::Entity>,\n",
    );
}

#[tokio::test]
async fn edits_become_migrations_that_go_there_and_back() {
    let workspace = Workspace::new("edited", &[]);
    let generate = |options: &[&str]| {
        let program = workspace.keep("migration");
        // From a folder inside the workspace, as a developer would.
        Bin::at(&program, &workspace.root().join("entity/src")).args(&["generate"]).args(options)
    };
    let build = || workspace.cargo(&["build", "--quiet", "--offline", "--package", "migration"]);
    let mut sentences = Vec::new();
    for round in ROUNDS {
        (round.edit)(&workspace);
        build();
        let before = workspace.read("migration/schema.json");
        // Without the answers, nothing is written that loses data.
        let check = generate(&["--check", "--json"]).run();
        assert!(check.code == 1 || round.name == "reshape", "{check:?}");
        if round.options.contains(&"--allow-data-loss") {
            let answered: Vec<&str> =
                round.options.iter().copied().filter(|o| *o != "--allow-data-loss").collect();
            let refused = generate(&[round.name]).args(&answered).run().expect_code(1);
            for lost in ["email_services", "inbox_messages.subject"] {
                assert!(refused.stderr.contains(lost), "{lost} in {refused:?}");
            }
            let answered: Vec<&str> =
                round.options.iter().copied().filter(|o| !o.contains("isolation")).collect();
            let refused = generate(&[round.name]).args(&answered).run().expect_code(1);
            assert!(refused.stderr.contains("tenants would be less isolated"), "{refused:?}");
            assert_eq!(workspace.read("migration/schema.json"), before, "nothing was written");
        }
        let options = [&[round.name, "--json"], round.options].concat();
        let report = generate(&options).run().ok().json();
        assert_eq!(report["written"], true);
        for change in report["changes"].as_array().unwrap() {
            sentences.push(change["change"].as_str().unwrap().to_owned());
        }
        assert_ne!(workspace.read("migration/schema.json"), before);
    }
    // Each round was compared with what those before it had written; this compares with the last.
    build();
    generate(&["--check"]).run().ok();
    let nothing = generate(&["nothing"]).run().ok();
    assert!(nothing.stdout.contains("nothing to do"), "{nothing:?}");
    sentences.sort();
    sentences.dedup();
    assert!(sentences.len() >= 16, "kinds of change: {sentences:?}");
    workspace.cargo(&["fmt", "--package", "migration", "--check"]);

    let program = workspace.keep("migration");
    for engine in [Engine::Sqlite, Engine::Postgres] {
        there_and_back(&program, &TestDb::new(engine)).await;
    }
    if let Some(db) = TestDb::on_citus("edits_become_migrations_that_go_there_and_back") {
        there_and_back(&program, &db).await;
    }
}

/// Applies the three migrations to a database with rows in it, and rolls them back.
async fn there_and_back(program: &Path, db: &TestDb) {
    let run =
        |args: &[&str]| Bin::at(program, db.folder()).env("DATABASE_URL", &db.url).args(args).run();
    // The thirteen tables, with rows, by the program of this workspace.
    db.migration(&["up"]).ok();
    insert_rows(db).await;
    let before = (structure(db).await, rows(db).await);

    // What goes forward loses a column and a table.
    let refused = run(&["up"]).expect_code(1);
    let lost: Vec<&str> = refused.error().lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(lost.len(), 1, "{refused:?}");
    assert!(lost[0].starts_with("  inbox_messages: 1 row"), "{refused:?}");
    let up = run(&["up", "--confirm", &refused.hash()]).ok();
    assert!(up.stdout.contains("3 migrations applied"), "{up:?}");
    let differences = run(&["diff", "--json"]);
    assert_eq!(differences.json()["findings"], Value::Array(Vec::new()), "{differences:?}");
    assert_eq!(differences.code, 0);

    // Values are where they belong.
    let count = async |sql: &str| db.number(&format!("SELECT count(*) FROM {sql}")).await;
    assert_eq!(count("leads WHERE employer = 'Acme'").await, 1);
    assert_eq!(count("companies WHERE domain = 'none.example' AND employees = 0").await, 1);
    assert_eq!(count("templates WHERE language = 'en' AND name = 'Hello'").await, 1);
    assert_eq!(count("campaigns WHERE name = 'Spring'").await, 1, "its company was recreated");
    db.execute("UPDATE companies SET employees = 5000000000").await;
    assert_eq!(count("companies WHERE employees = 5000000000").await, 1);

    // Rolling back is refused while it would lose real rows, and says which.
    db.execute("UPDATE companies SET employees = 5").await;
    let refused = run(&["down", "-n", "3"]).expect_code(1);
    for table in ["leads", "companies", "templates"] {
        assert!(refused.stderr.contains(table), "{table} in {refused:?}");
    }
    run(&["down", "-n", "3", "--confirm", &refused.hash()]).ok();
    assert_eq!(structure(db).await, before.0, "the schema of before");
    let mut wanted = before.1;
    // What was dropped cannot come back; what refused NULL has a value now.
    wanted = wanted
        .replace("subject=Re: hello", "subject=")
        .replace("domain=NULL", "domain=none.example");
    assert_eq!(rows(db).await, wanted, "the rows of before");
}

/// All that the schema model knows; a column that was dropped comes back at the end.
async fn structure(db: &TestDb) -> Schema {
    let db = db.open().await;
    let mut schema = read(&db.connection, db.engine, TENANCY.application_role).await.unwrap();
    for table in schema.tables.values_mut() {
        table.columns.sort_by(|a, b| a.name.cmp(&b.name));
    }
    db.close().await;
    schema
}

async fn insert_rows(db: &TestDb) {
    let db = db.open().await;
    let connection = &db.connection;
    let tenant = tenant::ActiveModel { name: Set("One".to_owned()), ..ActiveModelBehavior::new() };
    let tenant = tenant.insert(connection).await.unwrap().id;
    let company = company::ActiveModel {
        tenant_id: Set(tenant),
        name: Set("Firm".to_owned()),
        ..ActiveModelBehavior::new()
    };
    let company = company.insert(connection).await.unwrap().id;
    let campaign = campaign::ActiveModel {
        tenant_id: Set(tenant),
        company_id: Set(company),
        name: Set("Spring".to_owned()),
        ..ActiveModelBehavior::new()
    };
    campaign.insert(connection).await.unwrap();
    let lead = lead::ActiveModel {
        tenant_id: Set(tenant),
        email: Set("ann@example.com".to_owned()),
        company: Set(Some("Acme".to_owned())),
        ..ActiveModelBehavior::new()
    };
    lead.insert(connection).await.unwrap();
    let template = template::ActiveModel {
        tenant_id: Set(tenant),
        name: Set("Hello".to_owned()),
        subject: Set("Hi".to_owned()),
        content: Set("Text".to_owned()),
        ..ActiveModelBehavior::new()
    };
    template.insert(connection).await.unwrap();
    let message = inbox_message::ActiveModel {
        tenant_id: Set(tenant),
        from_email: Set("bob@example.com".to_owned()),
        to_email: Set("me@example.com".to_owned()),
        subject: Set("Re: hello".to_owned()),
        content: Set("Yes".to_owned()),
        ..ActiveModelBehavior::new()
    };
    message.insert(connection).await.unwrap();
    db.close().await;
}

/// What the rows say, as text.
async fn rows(db: &TestDb) -> String {
    let db = db.open().await;
    let mut text = String::new();
    let say = |name: &str, value: Option<String>| {
        format!("{name}={} ", value.unwrap_or_else(|| "NULL".to_owned()))
    };
    for row in Company::find().all(&db.connection).await.unwrap() {
        let at = row.created_at;
        text += &format!("{} {at} {}\n", row.name, say("domain", row.domain.clone()));
    }
    for row in InboxMessage::find().all(&db.connection).await.unwrap() {
        text += &format!("{} {}\n", row.content, say("subject", Some(row.subject.clone())));
    }
    for row in Campaign::find().all(&db.connection).await.unwrap() {
        text += &format!("{row:?}\n");
    }
    for row in Lead::find().all(&db.connection).await.unwrap() {
        text += &format!("{row:?}\n");
    }
    for row in Template::find().all(&db.connection).await.unwrap() {
        text += &format!("{row:?}\n");
    }
    db.close().await;
    text
}
