//! Wholesale's sample rows. Ids are numbers, and negative, by which they are told from real ones.

use std::ops::Deref;

use sea_orm::{
    ActiveValue::{NotSet, Set},
    prelude::Decimal,
};
use tenantry_migration::Tenancy;
use tenantry_seeder::{SampleTable, Samples, Seeder, Set as SampleSet, Size, Tenant, draw, parent};

use crate::entity::{customer, order, order_line, organization, price_list, product};

/// An organization, and how much it has.
#[derive(Clone, Debug)]
pub struct Organization {
    tenant: Tenant,
    /// How many customers, products and orders.
    pub size: u32,
}

impl Deref for Organization {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        &self.tenant
    }
}

/// What Wholesale gives to the seeder.
#[derive(Debug)]
pub struct WholesaleSamples;

impl Samples for WholesaleSamples {
    type Tenant = Organization;

    const TENANCY: Tenancy = crate::TENANCY;

    const SIZES: &'static [Size] = &[
        Size {
            name: "corner-shops",
            about: "2 organizations with a handful of orders",
            tenants: 2,
            median: 6,
            is_usual: true,
        },
        Size {
            name: "chains",
            about: "40 organizations, the median with 500 orders",
            tenants: 40,
            median: 500,
            is_usual: false,
        },
    ];

    fn tenant(mut tenant: Tenant) -> Organization {
        tenant.name = format!("Organization {}", tenant.token);
        let empty = tenant.edge == Some(tenantry_seeder::Edge::Empty);
        let size = if empty { 0 } else { tenant.spec().factored("orders", tenant.size().max(3)) };
        Organization { tenant, size }
    }

    fn tables() -> Vec<SampleTable<Self>> {
        type Table = SampleTable<WholesaleSamples>;
        vec![
            Table::of::<organization::Entity>(|_| 1, |own, _| organization_row(own)),
            Table::of::<customer::Entity>(|own| own.size, customer_row).fixed(),
            Table::of::<price_list::Entity>(|_| 1, price_list_row).fixed(),
            Table::of::<product::Entity>(|own| own.size, product_row).fixed(),
            Table::of::<order::Entity>(|own| own.size, order_row),
            Table::of::<order_line::Entity>(|own| own.size * 2, order_line_row).fixed(),
        ]
    }
}

fn organization_row(own: &Organization) -> organization::ActiveModel {
    organization::ActiveModel { id: Set(own.number), name: Set(own.text(own.name.clone(), 200)) }
}

fn customer_row(own: &Organization, n: u32) -> customer::ActiveModel {
    customer::ActiveModel {
        id: Set(own.row_number::<customer::Entity>(n)),
        organization_id: Set(own.number),
        name: Set(own.text(format!("Customer {n}"), 200)),
    }
}

fn price_list_row(own: &Organization, n: u32) -> price_list::ActiveModel {
    price_list::ActiveModel {
        id: Set(own.row_number::<price_list::Entity>(n)),
        organization_id: Set(Some(own.number)),
        name: Set(own.text("Usual prices".to_owned(), 200)),
    }
}

fn product_row(own: &Organization, n: u32) -> product::ActiveModel {
    product::ActiveModel {
        id: Set(own.row_number::<product::Entity>(n)),
        organization_id: Set(own.number),
        number: Set(format!("{}-{n:06}", own.token)),
        price: Set(Decimal::new(i64::from(draw!(own, "products.price", n).below(90_000)) + 99, 2)),
    }
}

fn order_row(own: &Organization, n: u32) -> order::ActiveModel {
    let state = match draw!(own, "orders.state", n).below(3) {
        0 => order::State::Open,
        1 => order::State::Paid,
        _ => order::State::Sent,
    };
    order::ActiveModel {
        id: Set(own.row_number::<order::Entity>(n)),
        organization_id: Set(own.number),
        customer_id: Set(own.row_number::<customer::Entity>(parent(n, own.size, own.size))),
        state: Set(state),
        changed_at: Set(None),
    }
}

fn order_line_row(own: &Organization, n: u32) -> order_line::ActiveModel {
    let product = draw!(own, "order_lines.product_id", n).below(own.size);
    let quantity = draw!(own, "order_lines.quantity", n).below(9) + 1;
    order_line::ActiveModel {
        id: Set(own.row_number::<order_line::Entity>(n)),
        order_id: Set(own.row_number::<order::Entity>(n / 2)),
        product_id: Set(own.row_number::<product::Entity>(product)),
        quantity: Set(i32::try_from(quantity).unwrap_or(1)),
        // The database computes it.
        is_bulk: NotSet,
    }
}

static SAMPLES: SampleSet<WholesaleSamples> = SampleSet::new();

/// Wholesale's tables and sample rows, for the engine.
pub static SEEDER: Seeder = Seeder { project: &crate::PROJECT, samples: &SAMPLES };
