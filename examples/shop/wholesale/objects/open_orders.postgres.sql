-- As its caller, whom the policies of the tables bind, once a role is granted it.
CREATE VIEW open_orders WITH (security_invoker = true) AS
SELECT orders.id, orders.organization_id, customers.name AS customer
FROM orders
JOIN customers ON customers.id = orders.customer_id
WHERE orders.state = 'open';
