CREATE TRIGGER orders_changed AFTER UPDATE OF state ON orders BEGIN
  UPDATE orders SET changed_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;
