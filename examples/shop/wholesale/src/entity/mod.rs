//! What Wholesale's tables are like.

// A table comes after those that it refers to. The number is its code in the ids of sample rows.
tenantry_entity::entities![
    0 => organization,
    1 => customer,
    2 => price_list,
    3 => product,
    4 => order,
    5 => order_line,
];
