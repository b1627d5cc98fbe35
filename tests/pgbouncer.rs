//! Tenant scopes through a PgBouncer in transaction mode, where two clients use one connection to
//! the server in turn.

use entity::prelude::*;
use futures_util::future::join_all;
use sea_orm::{ConnectOptions, Database, DbBackend, Statement};

use crate::support::{Engine, TestDb, pgbouncer::PgBouncer};

async fn clients(url: &str, count: u32) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(count).min_connections(count);
    Database::connect(options).await.unwrap()
}

async fn two_tenants(db: &TestDb) -> [Uuid; 2] {
    db.migration(&["up"]).ok();
    let direct = Database::connect(&db.url).await.unwrap();
    let mut ids = [Uuid::nil(); 2];
    for id in &mut ids {
        let row = tenant::ActiveModel { name: Set("T".to_owned()), ..ActiveModelBehavior::new() };
        *id = row.insert(&direct).await.unwrap().id;
    }
    direct.close().await.unwrap();
    ids
}

/// A hundred scopes of two tenants over six clients and two connections, ended in every way: none
/// sees a foreign row, nothing is left on the connections, and what was committed is there.
#[tokio::test]
async fn scopes_share_two_connections() {
    let db = TestDb::new(Engine::Postgres);
    let tenants = two_tenants(&db).await;
    let bouncer = PgBouncer::before(&db, 2);
    let pool = clients(&bouncer.url, 6).await;
    let options = TenantScope::options().unnamed_statements();
    let work = (0..100).map(async |number: usize| {
        let tenant = tenants[number % 2];
        let scope = options.begin(&pool, tenant).await.unwrap();
        let email = format!("{number}@example.com");
        let lead = lead::ActiveModel { email: Set(email), ..ActiveModelBehavior::new() };
        scope.insert(lead).await.unwrap();
        // Without a filter: what the policies alone show.
        let seen = Lead::find().all(&scope).await.unwrap();
        assert!(seen.iter().all(|lead| lead.tenant_id == tenant));
        match number % 4 {
            0 | 1 => scope.commit().await.unwrap(),
            2 => scope.rollback().await.unwrap(),
            _ => drop(scope),
        }
    });
    join_all(work).await;
    assert_eq!(db.number("SELECT count(*) FROM leads").await, 50);
    // The next session on either connection has no tenant, and the rights of the login.
    let sql = "SELECT coalesce(current_setting('nile.tenant_id', true), '') || current_user";
    let stmt = Statement::from_string(DbBackend::Postgres, sql);
    for _ in 0..20 {
        let rows = sea_orm::sqlx::raw_sql(sea_orm::sqlx::AssertSqlSafe(stmt.sql.clone()))
            .fetch_one(pool.get_postgres_connection_pool())
            .await
            .unwrap();
        let left: String = sea_orm::sqlx::Row::get(&rows, 0);
        assert_eq!(left, db.server().name);
    }
    pool.close().await.unwrap();
}

/// Why the option is there: with named statements, the second client on a connection fails.
#[tokio::test]
async fn named_statements_collide() {
    let db = TestDb::new(Engine::Postgres);
    let tenants = two_tenants(&db).await;
    let bouncer = PgBouncer::before(&db, 1);
    let (one, two) = (clients(&bouncer.url, 1).await, clients(&bouncer.url, 1).await);
    let mut outcomes = Vec::new();
    for pool in [&one, &two] {
        let scope = TenantScope::begin(pool, tenants[0]).await.unwrap();
        outcomes.push(scope.find::<Lead>().all(&scope).await.map(|leads| leads.len()));
    }
    assert_eq!(outcomes[0], Ok(0));
    match &outcomes[1] {
        Ok(0) => assert!(PgBouncer::tracks_statements()),
        other => {
            let error = format!("{other:?}");
            assert!(error.contains("already exists"), "{error}");
            assert!(!PgBouncer::tracks_statements());
        }
    }
}
