//! Sample rows of `templates`: sequences of three mails each.

use entity::{prelude::*, template::ActiveModel};
use tenantry_seeder::draw;

use crate::{
    tenant::Tenant,
    words::{CLOSINGS, MIDDLES, OPENINGS, SUBJECTS, TOPICS},
};

/// Characters of a text without a limit of its own, where every text is as long as it may be.
const LONG: usize = 20_000;

/// The tenant's template `n`.
#[must_use]
pub fn row(tenant: &Tenant, n: u32) -> ActiveModel {
    let jitter = draw!(tenant, "templates.created_at", n);
    let created_at = tenant.slot(30 * 60, n, tenant.counts.templates, jitter);
    let topic = draw!(tenant, "templates.name", n / 3).pick(&TOPICS);
    let subject = draw!(tenant, "templates.subject", n).pick(&SUBJECTS);
    let words = draw!(tenant, "templates.content", n);
    let (opening, middle) = (words.pick(&OPENINGS), words.again().pick(&MIDDLES));
    let closing = words.again().again().pick(&CLOSINGS);
    let content = format!(
        "Hi {{{{first_name}}}},\n\n{opening}\n\n{middle}\n\n{closing}\n\nBest wishes,\n{{{{sender}}}}\n\
         {}, reference {}",
        tenant.name, tenant.token
    );
    ActiveModel {
        tenant_id: Set(tenant.id),
        id: Set(tenant.row_id::<Template>(n, created_at)),
        name: Set(tenant.text(format!("{topic}, step {}", n % 3 + 1), 100)),
        subject: Set(tenant.text(subject.to_owned(), 255)),
        content: Set(tenant.text(content, LONG)),
        created_at: Set(created_at),
        updated_at: Set(created_at),
    }
}
