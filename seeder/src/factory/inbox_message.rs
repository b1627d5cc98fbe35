//! Sample rows of `inbox_messages`: answers of leads that were written to.

use entity::{inbox_message::ActiveModel, prelude::*};
use tenantry_seeder::{draw, earlier_parent, parent};

use super::{email_account, lead};
use crate::{
    tenant::Tenant,
    words::{AUTOMATIC, REPLIES, SUBJECTS},
};

/// The lead who wrote message `n`.
fn writer(tenant: &Tenant, n: u32) -> u32 {
    lead::contacted(tenant, parent(n, tenant.counts.inbox_messages, tenant.counts.leads))
}

/// The tenant's message `n`.
#[must_use]
pub fn row(tenant: &Tenant, n: u32) -> ActiveModel {
    let counts = tenant.counts;
    let jitter = draw!(tenant, "inbox_messages.received_at", n);
    // A week after the first leads were imported.
    let received_at = tenant.slot(8 * 24 * 60, n, counts.inbox_messages, jitter);
    let (writer, words) = (writer(tenant, n), draw!(tenant, "inbox_messages.content", n));
    let (first, second) = lead::company(tenant, writer);
    let subject = draw!(tenant, "inbox_messages.subject", n)
        .pick(&SUBJECTS)
        .replace("{{company}}", &[first, " ", second].concat())
        .replace("{{first_name}}", lead::names(tenant, writer).0);
    let (prefix, content) = match words.below(100) {
        ..18 => ("Automatic reply: ", words.again().pick(&AUTOMATIC)),
        _ => ("Re: ", words.again().pick(&REPLIES)),
    };
    let mailbox = earlier_parent(n, counts.inbox_messages, counts.email_accounts);
    ActiveModel {
        tenant_id: Set(tenant.id),
        id: Set(tenant.row_id::<InboxMessage>(n, received_at)),
        from_email: Set(lead::email(tenant, writer)),
        to_email: Set(email_account::email(tenant, mailbox)),
        subject: Set(tenant.text([prefix, &subject].concat(), 500)),
        content: Set(tenant.text(content.to_owned(), 20_000)),
        received_at: Set(received_at),
    }
}
