//! Sample rows of `inbox_messages`: answers of leads who have been contacted.

use entity::{inbox_message::ActiveModel, lead::Status, prelude::*};

use super::{
    email_account, lead, parent, pick, tenant,
    words::{REPLIES, SUBJECTS},
};
use crate::{ids::id as sample, plan::TenantPlan};

/// The lead who wrote message `n`: the tenant's contacted leads in turn.
fn writer(plan: &TenantPlan, n: u32) -> u32 {
    let contacted: Vec<u32> =
        (0..plan.counts.leads).filter(|lead| lead::status(*lead) != Status::New).collect();
    if contacted.is_empty() { 0 } else { pick(&contacted, n) }
}

/// The tenant's message `n`.
#[must_use]
pub fn row(plan: &TenantPlan, n: u32) -> ActiveModel {
    // After the last lead was made and the first campaigns have been sent.
    let received_at = plan.at(24 * 9 + n * 5, 17 * (n % 3));
    let writer = writer(plan, n);
    let subject = pick(&SUBJECTS, n)
        .replace("{{company}}", &lead::company(plan, writer))
        .replace("{{first_name}}", lead::given_name(plan, writer));
    ActiveModel {
        tenant_id: Set(tenant::id(plan)),
        id: Set(sample::<InboxMessage>(plan.ordinal, n, received_at)),
        from_email: Set(lead::email(plan, writer)),
        to_email: Set(email_account::email(plan, parent(n, plan.counts.email_accounts))),
        subject: Set(format!("Re: {subject}")),
        content: Set(pick(&REPLIES, n).to_owned()),
        received_at: Set(received_at),
    }
}
