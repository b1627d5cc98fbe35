CREATE VIEW open_orders AS
SELECT orders.id, orders.organization_id, customers.name AS customer
FROM orders
JOIN customers ON customers.id = orders.customer_id
WHERE orders.state = 'open';
