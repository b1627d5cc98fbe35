//! The service itself: what it answers, and for whom.

use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, Query, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use entity::{prelude::*, scope::ScopeOptions};
use sea_orm::SqlErr;
use serde::{Deserialize, Serialize};

/// The header that names the tenant. In a service for the world it would come from the session of
/// whoever has signed in, after a look at `team_members`.
pub(crate) const TENANT_HEADER: &str = "x-tenant-id";

#[derive(Clone)]
struct App {
    db: DatabaseConnection,
    scopes: ScopeOptions,
}

/// All routes, with scopes that begin as these options say.
pub(crate) fn router(db: DatabaseConnection, scopes: ScopeOptions) -> Router {
    Router::new()
        .route("/tenants", post(sign_up))
        .route("/companies", get(list_companies).post(create_company))
        .route("/leads", get(list_leads).post(create_lead))
        .route("/leads/{id}/status", post(move_lead))
        .route("/campaigns", get(list_campaigns).post(create_campaign))
        .route("/campaigns/{id}/status", post(move_campaign))
        .with_state(App { db, scopes })
}

/// Begins a scope for the tenant of the request. A handler that takes this works for that tenant
/// and no other, and what it does not commit is undone.
struct ForTenant(TenantScope);

impl FromRequestParts<App> for ForTenant {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let refused = |what| {
            Failure::new(StatusCode::UNAUTHORIZED, format!("the header {TENANT_HEADER} {what}"))
        };
        let header = parts.headers.get(TENANT_HEADER).ok_or_else(|| refused("is missing"))?;
        let tenant = header.to_str().ok().and_then(|text| text.parse::<Uuid>().ok());
        let tenant = tenant.ok_or_else(|| refused("is no UUID"))?;
        Ok(Self(app.scopes.begin(&app.db, tenant).await?))
    }
}

/// What goes wrong, for whoever asked: never what the database said.
#[derive(Debug)]
struct Failure {
    status: StatusCode,
    error: String,
}

impl Failure {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into() }
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => {
                Self::new(StatusCode::CONFLICT, "there is one already")
            }
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "it refers to something that is not there",
            ),
            _ => {
                tracing::error!(%error, "the database failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong")
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: String,
        }
        (self.status, Json(Body { error: self.error })).into_response()
    }
}

type Answer<T> = Result<(StatusCode, Json<T>), Failure>;

#[derive(Deserialize)]
struct NewTenant {
    name: String,
    owner: Person,
}

#[derive(Deserialize)]
struct Person {
    email: String,
    name: String,
}

/// Signing up happens outside a scope: there is no tenant yet, and no scope may write `tenants` and
/// `users`.
async fn sign_up(State(app): State<App>, Json(new): Json<NewTenant>) -> Answer<tenant::Model> {
    let (tenant_id, user_id) = (Uuid::now_v7(), Uuid::now_v7());
    let tenant = tenant::ActiveModel {
        id: Set(tenant_id),
        name: Set(new.name),
        ..ActiveModelBehavior::new()
    };
    let user = user::ActiveModel {
        id: Set(user_id),
        email: Set(new.owner.email.clone()),
        name: Set(Some(new.owner.name.clone())),
        ..ActiveModelBehavior::new()
    };
    let owner = team_member::ActiveModel {
        tenant_id: Set(tenant_id),
        user_id: Set(user_id),
        email: Set(new.owner.email),
        name: Set(new.owner.name),
        role: Set(team_member::Role::Owner),
        ..ActiveModelBehavior::new()
    };
    let tenant = if app.scopes.engine_of(&app.db).await?.capability().writes_across_tenants {
        let tx = app.db.begin().await?;
        user.insert(&tx).await?;
        let tenant = tenant.insert(&tx).await?;
        owner.insert(&tx).await?;
        tx.commit().await?;
        tenant
    } else {
        // A transaction on Nile is about one tenant, or about what is shared. The user comes first:
        // the one step that another request may have taken before.
        user.insert(&app.db).await?;
        let tenant = tenant.insert(&app.db).await?;
        let scope = app.scopes.begin(&app.db, tenant_id).await?;
        scope.insert(owner).await?;
        scope.commit().await?;
        tenant
    };
    Ok((StatusCode::CREATED, Json(tenant)))
}

#[derive(Deserialize)]
struct NewCompany {
    name: String,
}

async fn list_companies(ForTenant(scope): ForTenant) -> Answer<Vec<company::Model>> {
    let companies = scope.find::<Company>().order_by_asc(company::COLUMN.id).all(&scope).await?;
    scope.commit().await?;
    Ok((StatusCode::OK, Json(companies)))
}

async fn create_company(
    ForTenant(scope): ForTenant,
    Json(new): Json<NewCompany>,
) -> Answer<company::Model> {
    let company = company::ActiveModel { name: Set(new.name), ..ActiveModelBehavior::new() };
    let company = scope.insert(company).await?;
    scope.commit().await?;
    Ok((StatusCode::CREATED, Json(company)))
}

#[derive(Deserialize)]
struct LeadFilter {
    status: Option<lead::Status>,
}

#[derive(Deserialize)]
struct NewLead {
    email: String,
    name: Option<String>,
    company: Option<String>,
}

#[derive(Deserialize)]
struct MoveTo<T> {
    status: T,
}

async fn list_leads(
    ForTenant(scope): ForTenant,
    Query(filter): Query<LeadFilter>,
) -> Answer<Vec<lead::Model>> {
    let mut leads = scope.find::<Lead>().order_by_asc(lead::COLUMN.id);
    if let Some(status) = filter.status {
        leads = leads.filter(lead::COLUMN.status.eq(status));
    }
    let leads = leads.all(&scope).await?;
    scope.commit().await?;
    Ok((StatusCode::OK, Json(leads)))
}

async fn create_lead(ForTenant(scope): ForTenant, Json(new): Json<NewLead>) -> Answer<lead::Model> {
    let lead = lead::ActiveModel {
        email: Set(new.email),
        name: Set(new.name),
        company: Set(new.company),
        ..ActiveModelBehavior::new()
    };
    let lead = scope.insert(lead).await?;
    scope.commit().await?;
    Ok((StatusCode::CREATED, Json(lead)))
}

async fn move_lead(
    ForTenant(scope): ForTenant,
    Path(id): Path<Uuid>,
    Json(to): Json<MoveTo<lead::Status>>,
) -> Answer<lead::Model> {
    let lead = scope.find_by_id::<Lead>(id).one(&scope).await?.ok_or_else(not_there)?;
    let mut lead = lead.into_active_model();
    lead.status = Set(to.status);
    let lead = scope.update(lead).await?;
    scope.commit().await?;
    Ok((StatusCode::OK, Json(lead)))
}

#[derive(Deserialize)]
struct NewCampaign {
    company_id: Uuid,
    name: String,
}

async fn list_campaigns(ForTenant(scope): ForTenant) -> Answer<Vec<campaign::Model>> {
    let campaigns = scope.find::<Campaign>().order_by_asc(campaign::COLUMN.id).all(&scope).await?;
    scope.commit().await?;
    Ok((StatusCode::OK, Json(campaigns)))
}

async fn create_campaign(
    ForTenant(scope): ForTenant,
    Json(new): Json<NewCampaign>,
) -> Answer<campaign::Model> {
    // Another tenant's company is not there: the foreign key carries the tenant.
    let campaign = campaign::ActiveModel {
        company_id: Set(new.company_id),
        name: Set(new.name),
        ..ActiveModelBehavior::new()
    };
    let campaign = scope.insert(campaign).await?;
    scope.commit().await?;
    Ok((StatusCode::CREATED, Json(campaign)))
}

async fn move_campaign(
    ForTenant(scope): ForTenant,
    Path(id): Path<Uuid>,
    Json(to): Json<MoveTo<campaign::Status>>,
) -> Answer<campaign::Model> {
    let campaign = scope.find_by_id::<Campaign>(id).one(&scope).await?.ok_or_else(not_there)?;
    let mut campaign = campaign.into_active_model();
    campaign.status = Set(to.status);
    let campaign = scope.update(campaign).await?;
    scope.commit().await?;
    Ok((StatusCode::OK, Json(campaign)))
}

fn not_there() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "there is none")
}
