//! Shop's tables, as SeaORM entities: the one source of its schema.

// A table comes after those that it refers to. The number is its code in the ids of sample rows: a new
// table takes the next one, and no code ever changes.
tenantry_entity::entities![
    0 => tenant,
    1 => customer,
    2 => product,
    3 => order,
    4 => order_line,
];
