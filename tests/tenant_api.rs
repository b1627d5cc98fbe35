//! The example application: requests of two tenants at once, and neither sees the other's.

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use entity::TenantScope;
use sea_orm::{ConnectOptions, Database};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    scope::Cancelled,
    support::{Engine, TestDb, nile::StandIn},
};

#[path = "../examples/tenant_api/app.rs"]
pub(crate) mod app;

on_both_engines!(two_tenants_at_once, what_is_cut_off_shows_no_other_tenant, what_is_wrong_is_said);

async fn service(db: &TestDb) -> Router {
    db.migration(&["up"]).ok();
    let mut options = ConnectOptions::new(&db.url);
    options.max_connections(if db.engine == Engine::Sqlite { 1 } else { 4 });
    app::router(Database::connect(options).await.unwrap(), TenantScope::options())
}

async fn call(
    app: &Router,
    method: &str,
    path: &str,
    tenant: Option<&str>,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(tenant) = tenant {
        request = request.header(app::TENANT_HEADER, tenant);
    }
    let request = match body {
        Some(body) => {
            request.header("content-type", "application/json").body(Body::from(body.to_string()))
        }
        None => request.body(Body::empty()),
    };
    let response = app.clone().oneshot(request.unwrap()).await.unwrap();
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn sign_up(app: &Router, name: &str) -> String {
    let owner = json!({"email": format!("{name}@example.com"), "name": name});
    let body = json!({"name": name, "owner": owner});
    let (status, tenant) = call(app, "POST", "/tenants", None, Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{tenant}");
    tenant["id"].as_str().unwrap().to_owned()
}

/// Everything that one tenant does, many times; fails if it ever sees a row of another tenant.
async fn work(app: Router, tenant: String, other: String) -> Vec<String> {
    let own = |rows: &Value| {
        let rows = rows.as_array().unwrap();
        assert!(rows.iter().all(|row| row["tenant_id"] == *tenant), "{rows:?}");
        rows.len()
    };
    let me = Some(tenant.as_str());
    let company = json!({"name": "Harbor Robotics"});
    let (_, company) = call(&app, "POST", "/companies", me, Some(company)).await;
    let mut leads = Vec::new();
    for number in 0..25 {
        let lead = json!({"email": format!("{number}@example.org")});
        let (status, lead) = call(&app, "POST", "/leads", me, Some(lead)).await;
        assert_eq!(status, StatusCode::CREATED, "{lead}");
        assert_eq!(lead["tenant_id"], *tenant);
        let id = lead["id"].as_str().unwrap().to_owned();
        let path = format!("/leads/{id}/status");
        let to = json!({"status": "contacted"});
        let (status, lead) = call(&app, "POST", &path, me, Some(to.clone())).await;
        assert_eq!((status, &lead["status"]), (StatusCode::OK, &json!("contacted")));
        // The other one knows the id, and it is of no use.
        let (status, _) = call(&app, "POST", &path, Some(&other), Some(to)).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let campaign = json!({"company_id": company["id"], "name": "Spring"});
        let (status, _) = call(&app, "POST", "/campaigns", me, Some(campaign.clone())).await;
        assert_eq!(status, StatusCode::CREATED);
        let (status, _) = call(&app, "POST", "/campaigns", Some(&other), Some(campaign)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "another tenant's company");
        leads.push(id);
        let (_, listed) = call(&app, "GET", "/leads?status=contacted", me, None).await;
        assert_eq!(own(&listed), leads.len());
        let (_, listed) = call(&app, "GET", "/campaigns", me, None).await;
        assert_eq!(own(&listed), leads.len());
        let (_, listed) = call(&app, "GET", "/companies", me, None).await;
        assert_eq!(own(&listed), 1);
    }
    leads
}

async fn two_tenants_at_once(db: TestDb) {
    both_at_once(&db).await;
}

/// The same code, unchanged, where every statement has to be one that Nile takes.
#[tokio::test]
async fn two_tenants_at_once_on_nile() {
    let nile = StandIn::new();
    both_at_once(&nile.db).await;
    nile.assert_nothing_refused();
}

pub async fn both_at_once(db: &TestDb) {
    let app = service(db).await;
    let (a, b) = (sign_up(&app, "ada").await, sign_up(&app, "grace").await);
    let first = tokio::spawn(work(app.clone(), a.clone(), b.clone()));
    let second = tokio::spawn(work(app.clone(), b.clone(), a.clone()));
    let (of_a, of_b) = (first.await.unwrap(), second.await.unwrap());
    assert!(of_a.iter().all(|id| !of_b.contains(id)));
    assert_eq!(db.number("SELECT count(*) FROM leads").await, 50);
}

/// Requests of two tenants at once, of which every third is cut off somewhere: whatever is answered is the own
/// tenant's. Returns how many were answered.
pub async fn cut_off_at_random(app: &Router, tenants: [String; 2]) -> usize {
    let mut random = fastrand::Rng::with_seed(7);
    let requests: Vec<_> = (0..600_usize)
        .map(|number| {
            let (app, tenant) = (app.clone(), tenants[number % 2].clone());
            let polls = if number % 3 == 0 { random.u32(1..400) } else { u32::MAX };
            let request = async move {
                let lead = json!({"email": format!("load-{number}@example.org")});
                let (method, body) =
                    if number % 4 < 2 { ("POST", Some(lead)) } else { ("GET", None) };
                let (status, rows) = call(&app, method, "/leads", Some(&tenant), body).await;
                assert!(status.is_success(), "{status} {rows}");
                let rows = rows.as_array().cloned().unwrap_or_else(|| vec![rows]);
                assert!(!rows.is_empty() && rows.iter().all(|row| row["tenant_id"] == *tenant));
            };
            tokio::spawn(Cancelled { future: Box::pin(request), polls })
        })
        .collect();
    let mut answered = 0;
    for request in requests {
        answered += usize::from(request.await.unwrap().is_some());
    }
    answered
}

async fn what_is_cut_off_shows_no_other_tenant(db: TestDb) {
    let app = service(&db).await;
    let tenants = [sign_up(&app, "ada").await, sign_up(&app, "grace").await];
    for tenant in &tenants {
        let lead = json!({"email": "first@example.org"});
        call(&app, "POST", "/leads", Some(tenant), Some(lead)).await;
    }
    assert!(cut_off_at_random(&app, tenants).await >= 400);
}

async fn what_is_wrong_is_said(db: TestDb) {
    let app = service(&db).await;
    let tenant = sign_up(&app, "ada").await;
    let unknown = uuid::Uuid::now_v7().to_string();
    let lead = || Some(json!({"email": "x@example.org"}));
    for (tenant, status) in [
        (None, StatusCode::UNAUTHORIZED),
        (Some("' OR true --"), StatusCode::UNAUTHORIZED),
        (Some(unknown.as_str()), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let (got, body) = call(&app, "POST", "/leads", tenant, lead()).await;
        assert_eq!(got, status, "{tenant:?}: {body}");
        assert!(body["error"].as_str().is_some_and(|text| !text.contains("SQL")), "{body}");
    }
    let owner = json!({"email": "ada@example.com", "name": "Ada"});
    let again = json!({"name": "Again", "owner": owner});
    let (status, _) = call(&app, "POST", "/tenants", None, Some(again)).await;
    assert_eq!(status, StatusCode::CONFLICT, "the same e-mail address");
    let (status, _) = call(
        &app,
        "POST",
        &format!("/leads/{unknown}/status"),
        Some(&tenant),
        Some(json!({"status": "new"})),
    )
    .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(db.number("SELECT count(*) FROM tenants").await, 1);
}
