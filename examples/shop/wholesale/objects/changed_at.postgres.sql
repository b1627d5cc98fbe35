CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.changed_at := now();
  RETURN NEW;
END
$$;

CREATE TRIGGER orders_changed BEFORE UPDATE OF state ON orders FOR EACH ROW EXECUTE FUNCTION note_change();
