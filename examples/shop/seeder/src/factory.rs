//! One factory a table: a pure function from a shop and a row's number to a row. Parents are not looked
//! up: their ids are computed as their own factory does.

use chrono::{DateTime, Utc};
use entity::{customer, order, order_line, product, tenant};
use sea_orm::{ActiveValue::Set, prelude::Uuid};
use tenantry_seeder::{Draw, draw, moment, parent};

use crate::{LINES, Shop};

/// The shop itself.
#[must_use]
pub fn tenant(shop: &Shop) -> tenant::ActiveModel {
    let created = shop.created().naive_utc();
    let closed = shop.closed.then(|| moment(shop.ends).naive_utc());
    tenant::ActiveModel {
        id: Set(shop.id),
        name: Set(shop.text(shop.name.clone(), 100)),
        created: Set(created),
        updated: Set(closed.unwrap_or(created)),
        deleted: Set(closed),
    }
}

/// Customers come from the first hour on.
fn customer_since(shop: &Shop, n: u32) -> DateTime<Utc> {
    shop.slot(60, n, shop.customers, Draw::FIRST)
}

fn customer_id(shop: &Shop, n: u32) -> Uuid {
    shop.row_id::<customer::Entity>(n, customer_since(shop, n))
}

const GIVEN: [&str; 8] = ["Ada", "Bela", "Cem", "Dana", "Emil", "Fay", "Goro", "Hana"];
const FAMILY: [&str; 8] = ["Arndt", "Brook", "Castle", "Dorn", "Eagle", "Field", "Grove", "Hill"];

/// Customer `n`.
#[must_use]
pub fn customer(shop: &Shop, n: u32) -> customer::ActiveModel {
    let draw = draw!(shop, "customers.name", n);
    let (given, family) = (draw.pick(&GIVEN), draw.again().pick(&FAMILY));
    let local = format!("{}.{}{n}", given.to_lowercase(), family.to_lowercase());
    customer::ActiveModel {
        tenant_id: Set(shop.id),
        id: Set(customer_id(shop, n)),
        name: Set(shop.text(format!("{given} {family}"), 200)),
        email: Set(shop.address(&local, &format!("{}.example", shop.token), 255)),
        created_at: Set(customer_since(shop, n)),
    }
}

/// Products are there when the shop opens.
fn product_id(shop: &Shop, n: u32) -> Uuid {
    shop.row_id::<product::Entity>(n, shop.created())
}

fn price(shop: &Shop, n: u32) -> i64 {
    i64::from(draw!(shop, "products.price", n).below(20_000)) + 99
}

/// Product `n`. Of four in a row, the last three are variants of the first.
#[must_use]
pub fn product(shop: &Shop, n: u32) -> product::ActiveModel {
    let original = n / 4 * 4;
    let is_variant = n != original;
    let stock = draw!(shop, "products.stock", n).below(500);
    product::ActiveModel {
        tenant_id: Set(shop.id),
        id: Set(product_id(shop, n)),
        variant_of: Set(shop.maybe(is_variant, || product_id(shop, original))),
        sku: Set(format!("{}-{n:06}", shop.token)),
        name: Set(shop.text(format!("Lamp {} {}", original / 4 + 1, n - original), 200)),
        price: Set(price(shop, n)),
        stock: Set(i32::try_from(stock).unwrap_or_default()),
        created_at: Set(shop.created()),
        updated_at: Set(shop.created()),
    }
}

/// Orders begin a day after the first customer has come.
fn placed_at(shop: &Shop, n: u32) -> DateTime<Utc> {
    shop.slot(26 * 60, n, shop.orders, Draw::FIRST)
}

fn order_id(shop: &Shop, n: u32) -> Uuid {
    shop.row_id::<order::Entity>(n, placed_at(shop, n))
}

/// Order `n`. The first four show each state.
#[must_use]
pub fn order(shop: &Shop, n: u32) -> order::ActiveModel {
    let status = match (n, draw!(shop, "orders.status", n).below(100)) {
        (0, _) | (4.., ..10) => order::Status::Placed,
        (1, _) | (4.., 10..25) => order::Status::Paid,
        (3, _) | (4.., 25..30) => order::Status::Cancelled,
        _ => order::Status::Shipped,
    };
    order::ActiveModel {
        tenant_id: Set(shop.id),
        id: Set(order_id(shop, n)),
        customer_id: Set(customer_id(shop, parent(n, shop.orders, shop.customers))),
        number: Set(i32::try_from(n).unwrap_or(i32::MAX - 1) + 1),
        status: Set(status),
        placed_at: Set(placed_at(shop, n)),
    }
}

/// Line `n` of all lines: the products of one order follow each other, so that none is there twice.
#[must_use]
pub fn order_line(shop: &Shop, n: u32) -> order_line::ActiveModel {
    let (order, line) = (n / LINES, n % LINES);
    let first = draw!(shop, "order_lines.product_id", order).below(shop.products);
    let product = (first + line) % shop.products.max(1);
    let quantity = draw!(shop, "order_lines.quantity", n).below(3) + 1;
    let at = placed_at(shop, order);
    order_line::ActiveModel {
        tenant_id: Set(shop.id),
        id: Set(shop.row_id::<order_line::Entity>(n, at)),
        order_id: Set(order_id(shop, order)),
        product_id: Set(product_id(shop, product)),
        quantity: Set(i32::try_from(quantity).unwrap_or(1)),
        price: Set(price(shop, product)),
    }
}
