//! Shop's sample rows.

pub mod factory;

use std::ops::Deref;

use entity::{customer, order, order_line, product, tenant};
use tenantry_seeder::{SampleTable, Samples, Seeder, Set, Tenant};

/// A shop, and how much it has.
#[derive(Clone, Debug)]
pub struct Shop {
    tenant: Tenant,
    /// How many customers.
    pub customers: u32,
    /// How many products.
    pub products: u32,
    /// How many orders.
    pub orders: u32,
}

impl Deref for Shop {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        &self.tenant
    }
}

/// Lines of an order. Each order has as many, so that it is known which line belongs to which.
pub const LINES: u32 = 3;

/// What Shop gives to the seeder.
#[derive(Debug)]
pub struct ShopSamples;

impl Samples for ShopSamples {
    type Tenant = Shop;

    fn tenant(mut tenant: Tenant) -> Shop {
        tenant.name = format!("Shop {}", tenant.token);
        let empty = tenant.edge == Some(tenantry_seeder::Edge::Empty);
        let size = if empty { 0 } else { tenant.size().max(5) };
        let of = |table, rows| tenant.spec().factored(table, rows);
        // An order has a customer, and lines with products.
        let (customers, products) =
            (of("customers", size), of("products", size / 4).max(LINES * u32::from(!empty)));
        let orders = if customers == 0 { 0 } else { of("orders", size.saturating_mul(2)) };
        Shop { tenant, customers, products, orders }
    }

    fn tables() -> Vec<SampleTable<Self>> {
        type Table = SampleTable<ShopSamples>;
        vec![
            Table::of::<tenant::Entity>(|_| 1, |shop, _| factory::tenant(shop)),
            Table::of::<customer::Entity>(|shop| shop.customers, factory::customer),
            Table::of::<product::Entity>(|shop| shop.products, factory::product),
            Table::of::<order::Entity>(|shop| shop.orders, factory::order),
            Table::of::<order_line::Entity>(|shop| shop.orders * LINES, factory::order_line)
                .fixed(),
        ]
    }
}

static SAMPLES: Set<ShopSamples> = Set::new();

/// Shop's tables and sample rows, for the engine.
pub static SEEDER: Seeder = Seeder { project: &migration::PROJECT, samples: &SAMPLES };
