//! What is drawn once for each tenant: its name, and how many rows it has of each kind.

use std::ops::Deref;

use tenantry_seeder::{Edge, draw};

use crate::words;

/// How many rows a tenant has of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each counts the rows of the table of its name")]
pub struct Counts {
    /// Users who signed up for this tenant; they may have seats in others, too.
    pub users: u32,
    pub team_members: u32,
    pub companies: u32,
    pub payments: u32,
    pub domains: u32,
    pub company_settings: u32,
    pub email_accounts: u32,
    pub leads: u32,
    pub campaigns: u32,
    pub templates: u32,
    pub inbox_messages: u32,
    pub email_services: u32,
}

/// A sample tenant of the thirteen tables.
#[derive(Clone, Debug)]
pub struct Tenant {
    tenant: tenantry_seeder::Tenant,
    /// How many rows of each kind.
    pub counts: Counts,
}

impl Deref for Tenant {
    type Target = tenantry_seeder::Tenant;

    fn deref(&self) -> &Self::Target {
        &self.tenant
    }
}

const DAY: i64 = 24 * 60 * 60;

impl Tenant {
    pub(crate) fn of(mut tenant: tenantry_seeder::Tenant) -> Self {
        let name = draw!(tenant, "tenants.name", 0);
        let (first, second) =
            (name.pick(&words::AGENCY_FIRST), name.again().pick(&words::AGENCY_SECOND));
        tenant.slug = format!("{}-{}", first.to_lowercase(), tenant.token);
        tenant.name = format!("{first} {second}");
        let mut tenant = Self { tenant, counts: Counts::default() };
        tenant.counts = tenant.sizes();
        tenant
    }

    fn sizes(&self) -> Counts {
        if self.edge == Some(Edge::Empty) {
            return Counts::default();
        }
        // The first tenant shows everything that there is.
        let shows = self.ordinal == 1 || self.edge.is_some();
        let leads = self.size().max(if shows { 8 } else { 3 });
        let of = |table: &str, rows: u32| self.spec().factored(table, rows);
        let seats = (2 + leads / 800).min(150);
        let guests = match self.edge {
            // A tenant that has left gets no new members.
            _ if self.closed => 0,
            None => (seats * 8 / 100)
                .max(u32::from(self.ordinal == 2))
                .min(self.ordinal.saturating_sub(1)),
            Some(edge) => u32::from(edge == Edge::Twin),
        };
        // Who has no user has no seat and pays nothing; and a mailbox has a domain.
        let users =
            of("users", if shows { seats.max(5) } else { seats - guests.min(seats - 1) }).max(1);
        let (leads, companies) =
            (of("leads", leads), of("companies", leads / 7 * 2 + leads % 7 * 2 / 7).max(1));
        let email_accounts = of("email_accounts", (1 + leads / 300).min(430));
        Counts {
            users,
            team_members: users.saturating_add(guests),
            companies,
            payments: self.payments(),
            domains: of("domains", email_accounts.div_ceil(3)).max(1),
            company_settings: of("company_settings", companies.div_ceil(8)).min(companies),
            email_accounts: email_accounts.max(1),
            leads,
            campaigns: of("campaigns", if shows { 4 } else { 1 } + (leads / 600).min(400)),
            templates: of("templates", 3 + (leads / 200).min(497)),
            inbox_messages: of("inbox_messages", leads.div_ceil(10)).min(leads.saturating_mul(4)),
            email_services: of("email_services", 1 + (leads / 5_000).min(4)),
        }
    }

    /// How long the tenant pays for at a time, in seconds.
    pub(crate) fn period(&self) -> i64 {
        30 * DAY * 1_000 / i64::from(self.spec().factored("payments", 1_000).max(1))
    }

    /// Eleven payments for as many periods, and a twelfth because one of them failed.
    fn payments(&self) -> u32 {
        if self.spec().factored("payments", 1_000) == 0 {
            return 0;
        }
        let periods = u32::try_from((self.ends - self.signed_up) / self.period() + 1).unwrap_or(1);
        periods / 11 * 12 + periods % 11 + u32::from(periods % 11 > 1)
    }

    /// Another tenant of the same set.
    pub(crate) fn other(&self, ordinal: u32) -> Self {
        Self::of(self.tenant.other(ordinal))
    }

    /// Whose leads' addresses this tenant's leads have.
    pub(crate) fn twin(&self) -> Option<Self> {
        (self.edge == Some(Edge::Twin)).then(|| self.other(1))
    }
}
