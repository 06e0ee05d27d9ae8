-- The whole database as schema 4, in a schema of PostgreSQL of its own. The migrations must give the same.
-- Texts compare by their bytes (COLLATE "C"), as they do in the other engines.

CREATE TABLE about (
    one integer PRIMARY KEY CHECK (one = 1),
    schema bigint NOT NULL,
    lowest bigint NOT NULL,
    last_row bigint NOT NULL,
    last_seq bigint NOT NULL,
    last_tx bigint NOT NULL
);

CREATE TABLE entity (
    row bigint PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    types text COLLATE "C" NOT NULL,
    scopes text COLLATE "C" NOT NULL,
    keys text COLLATE "C" NOT NULL,
    box text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_us bigint NOT NULL,
    modified_us bigint NOT NULL,
    created_seq bigint NOT NULL,
    doc bytea NOT NULL
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX entity_by_id ON entity (tenant, id);

CREATE TABLE entity_type (
    tenant text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    row bigint NOT NULL,
    PRIMARY KEY (tenant, type, row)
);

CREATE TABLE type_count (
    tenant text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    entities bigint NOT NULL,
    PRIMARY KEY (tenant, type)
) WITH (fillfactor = 50);

-- Scopes stand here with one "/" at the end, so that all below a scope are one range.
CREATE TABLE entity_scope (
    tenant text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    row bigint NOT NULL,
    PRIMARY KEY (tenant, scope, row)
);

CREATE TABLE entity_key (
    tenant text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    row bigint NOT NULL,
    PRIMARY KEY (tenant, name, value, row)
);

-- Boxes are geometries of PostGIS where it is installed, else boxes of PostgreSQL itself; area_of makes either.
DO $$
BEGIN
    IF to_regtype('geometry') IS NULL THEN
        CREATE FUNCTION area_of (east float8, west float8, north float8, south float8) RETURNS box
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        AS 'SELECT box(point(east, north), point(west, south))';
        CREATE TABLE place (row bigint PRIMARY KEY, area box NOT NULL);
    ELSE
        CREATE FUNCTION area_of (east float8, west float8, north float8, south float8) RETURNS geometry
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        AS 'SELECT ST_MakeEnvelope(west, south, east, north, 4326)';
        CREATE TABLE place (row bigint PRIMARY KEY, area geometry (Geometry, 4326) NOT NULL);
    END IF;
END $$;

CREATE INDEX place_by_area ON place USING gist (area);

-- Documents beside the entities: subscriptions, contexts, sources.
CREATE TABLE record (
    row bigint PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_us bigint NOT NULL,
    modified_us bigint NOT NULL,
    doc bytea NOT NULL
);

CREATE UNIQUE INDEX record_by_id ON record (tenant, kind, id);

CREATE INDEX record_by_kind ON record (tenant, kind, row);

CREATE TABLE log (
    tenant text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    at_us bigint NOT NULL,
    tx bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    attrs text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, seq)
);

-- The first value of an attribute comes here only when it no longer stands in its entity.
CREATE TABLE history (
    tenant text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    attr text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    nth bigint NOT NULL,
    dataset_id text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    observed_us bigint,
    number double precision,
    doc bytea,
    PRIMARY KEY (tenant, entity_id, attr, seq, nth)
);

-- Only what says when it was observed stands here, with all that sums need.
CREATE INDEX history_by_observed ON history (tenant, entity_id, attr, observed_us, seq, nth, dataset_id, number)
WHERE observed_us IS NOT NULL;

CREATE TABLE timer (
    tenant text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    entity_type text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    due_us bigint NOT NULL,
    PRIMARY KEY (tenant, entity_id, name)
);

CREATE INDEX timer_by_due ON timer (tenant, due_us, entity_id, name);

CREATE TABLE cursor (
    tenant text COLLATE "C" NOT NULL,
    reader text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (tenant, reader)
) WITH (fillfactor = 50);

CREATE TABLE audit (
    tenant text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    row bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (tenant, seq)
);

-- Of whom an audit row is: by this people find who looked at their data.
CREATE TABLE audit_trace (
    tenant text COLLATE "C" NOT NULL,
    trace text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (tenant, trace, seq)
);

INSERT INTO about (one, schema, lowest, last_row, last_seq, last_tx) VALUES (1, 4, 4, 0, 0, 0);
