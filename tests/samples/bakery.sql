-- A database that another tool has made, with something of each kind that is carried over, and some that is not.
CREATE EXTENSION citext;
CREATE COLLATION german (provider = icu, locale = 'de-DE-x-icu');
CREATE TYPE oven_kind AS ENUM ('deck', 'rack');
CREATE TYPE address AS (street text, town text);
CREATE DOMAIN grams AS integer CHECK (VALUE > 0);
CREATE SEQUENCE receipt_numbers START 1000;
CREATE FUNCTION new_code() RETURNS text LANGUAGE sql AS $$ SELECT substr(md5(random()::text), 1, 8) $$;
CREATE TABLE __diesel_schema_migrations (
    version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE bakeries (
    id bigserial PRIMARY KEY,
    name citext NOT NULL UNIQUE,
    "type" text NOT NULL DEFAULT 'shop' CONSTRAINT type_known CHECK ("type" IN ('shop', 'factory')),
    place address,
    opened date,
    code text COLLATE german NOT NULL DEFAULT new_code(),
    settings jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE bakeries IS 'Where bread is made';
COMMENT ON COLUMN bakeries.opened IS 'The first day [of many]';
CREATE TABLE ovens (
    id serial PRIMARY KEY,
    bakery_id bigint NOT NULL CONSTRAINT fk_oven_bakery REFERENCES bakeries ON DELETE CASCADE DEFERRABLE,
    kind oven_kind NOT NULL DEFAULT 'deck',
    last_kind oven_kind
);
CREATE TABLE loaves (
    bakery_id bigint NOT NULL REFERENCES bakeries,
    "1st_name" varchar(40) NOT NULL,
    weight grams,
    twice integer GENERATED ALWAYS AS (weight * 2) STORED,
    receipt integer DEFAULT nextval('receipt_numbers'),
    fresh_for interval NOT NULL DEFAULT '1 day',
    baked_at timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY ("1st_name", bakery_id),
    EXCLUDE USING btree (receipt WITH =)
) WITH (fillfactor = 80);
CREATE INDEX heavy ON loaves (weight DESC) WHERE weight > 1000;
CREATE INDEX lower_name ON loaves (lower("1st_name"));
CREATE TABLE moves (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_bakery bigint NOT NULL REFERENCES bakeries,
    to_bakery bigint REFERENCES bakeries,
    after_id bigint REFERENCES moves,
    "self" boolean NOT NULL DEFAULT false,
    "select" text DEFAULT 'it''s'
);
CREATE TABLE log (at timestamptz, what text);
CREATE TABLE events (at timestamptz NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW open_bakeries AS SELECT id, name FROM bakeries WHERE opened <= CURRENT_DATE;
CREATE VIEW of_today AS SELECT what FROM log WHERE at > now() - interval '1 day';
CREATE MATERIALIZED VIEW kinds AS SELECT kind, count(*) AS ovens FROM ovens GROUP BY kind;
CREATE UNIQUE INDEX kinds_kind ON kinds (kind);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.receipt := 0; RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON loaves FOR EACH ROW EXECUTE FUNCTION touch();
CREATE AGGREGATE total(integer) (sfunc = int4pl, stype = integer, initcond = '0');
CREATE RULE kept AS ON DELETE TO moves DO INSTEAD NOTHING;
CREATE STATISTICS names ON "1st_name", weight FROM loaves;
CREATE SCHEMA archive;
CREATE TABLE archive.old (id integer PRIMARY KEY);
GRANT SELECT ON ovens TO PUBLIC;
