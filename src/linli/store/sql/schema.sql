-- The whole database as schema 4. The migrations, run one after the other on an empty file, must give the same.
-- "row" numbers entities and records of all tenants in the order of creation and is never used twice.

CREATE TABLE about (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    schema INTEGER NOT NULL,
    lowest INTEGER NOT NULL,
    last_row INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    last_tx INTEGER NOT NULL
) STRICT;

CREATE TABLE entity (
    row INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    types TEXT NOT NULL,
    scopes TEXT NOT NULL,
    keys TEXT NOT NULL,
    box TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    modified_us INTEGER NOT NULL,
    created_seq INTEGER NOT NULL,
    doc BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX entity_by_id ON entity (tenant, id);

CREATE TABLE entity_type (
    tenant TEXT NOT NULL,
    type TEXT NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (tenant, type, row)
) STRICT, WITHOUT ROWID;

CREATE TABLE type_count (
    tenant TEXT NOT NULL,
    type TEXT NOT NULL,
    entities INTEGER NOT NULL,
    PRIMARY KEY (tenant, type)
) STRICT, WITHOUT ROWID;

-- Scopes stand here with one "/" at the end, so that all below a scope are one range.
CREATE TABLE entity_scope (
    tenant TEXT NOT NULL,
    scope TEXT NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (tenant, scope, row)
) STRICT, WITHOUT ROWID;

CREATE TABLE entity_key (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (tenant, name, value, row)
) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE place USING rtree (row, west, east, south, north);

-- Documents beside the entities: subscriptions, contexts, sources.
CREATE TABLE record (
    row INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    modified_us INTEGER NOT NULL,
    doc BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX record_by_id ON record (tenant, kind, id);

CREATE INDEX record_by_kind ON record (tenant, kind, row);

CREATE TABLE log (
    tenant TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    tx INTEGER NOT NULL,
    kind TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    type TEXT NOT NULL,
    scope TEXT NOT NULL,
    version INTEGER NOT NULL,
    attrs TEXT NOT NULL,
    actor TEXT NOT NULL,
    purpose TEXT NOT NULL,
    PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

-- History: the first value of an attribute comes here only when it no longer stands in its entity. What a write has to
-- tell is appended to "unfiled" as one row, where it costs least, and filed under its attributes by the thousand. There
-- `facts` lists [attr, nth, dataset_id, observed_us, number, where in `docs` its document begins, how long it is].
CREATE TABLE filed (
    tenant TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    attr TEXT NOT NULL,
    seq INTEGER NOT NULL,
    nth INTEGER NOT NULL,
    dataset_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    observed_us INTEGER,
    number REAL,
    doc BLOB,
    PRIMARY KEY (tenant, entity_id, attr, seq, nth)
) STRICT, WITHOUT ROWID;

CREATE TABLE unfiled (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    facts TEXT NOT NULL,
    docs BLOB NOT NULL
) STRICT;

-- The types are written out: only when they are the same on both sides does SQLite look into each part of "history"
-- for itself, by its own index and no further than it must.
CREATE VIEW unfolded AS
SELECT
    u.tenant, u.entity_id, CAST(f.value ->> 0 AS TEXT) AS attr, u.seq, CAST(f.value ->> 1 AS INTEGER) AS nth,
    CAST(f.value ->> 2 AS TEXT) AS dataset_id, u.at_us, CAST(f.value ->> 3 AS INTEGER) AS observed_us,
    CAST(f.value ->> 4 AS REAL) AS number,
    CAST(
        -- of nothing, a part is NULL to SQLite, even an empty one
        CASE WHEN f.value ->> 6 IS NOT NULL THEN coalesce(substr(u.docs, f.value ->> 5, f.value ->> 6), x'') END
        AS BLOB
    ) AS doc
FROM unfiled AS u CROSS JOIN json_each(u.facts) AS f;

CREATE VIEW history AS
SELECT tenant, entity_id, attr, seq, nth, dataset_id, at_us, observed_us, number, doc FROM filed
UNION ALL
SELECT tenant, entity_id, attr, seq, nth, dataset_id, at_us, observed_us, number, doc FROM unfolded;

-- Only what says when it was observed stands here, with all that sums need.
CREATE INDEX filed_by_observed ON filed (tenant, entity_id, attr, observed_us, seq, nth, dataset_id, number)
WHERE observed_us IS NOT NULL;

CREATE TABLE timer (
    tenant TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    name TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    scope TEXT NOT NULL,
    due_us INTEGER NOT NULL,
    PRIMARY KEY (tenant, entity_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX timer_by_due ON timer (tenant, due_us, entity_id, name);

CREATE TABLE cursor (
    tenant TEXT NOT NULL,
    reader TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (tenant, reader)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    tenant TEXT NOT NULL,
    seq INTEGER NOT NULL,
    row BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

-- Of whom an audit row is: by this people find who looked at their data.
CREATE TABLE audit_trace (
    tenant TEXT NOT NULL,
    trace TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (tenant, trace, seq)
) STRICT, WITHOUT ROWID;

INSERT INTO about (one, schema, lowest, last_row, last_seq, last_tx) VALUES (1, 4, 4, 0, 0, 0);
