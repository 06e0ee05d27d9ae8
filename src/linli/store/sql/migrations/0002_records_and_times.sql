-- From schema 1 to 2: records; entities know the position of their creation, history its times and numbers.

ALTER TABLE entity RENAME TO old_entity;

DROP INDEX entity_by_id;

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

INSERT INTO entity
SELECT row, tenant, id, types, scopes, keys, box, version, created_us, modified_us, 0, doc FROM old_entity;

-- The last creation of an id in the log is that of the entity which stands.
UPDATE entity SET created_seq = made.seq
FROM (SELECT tenant, entity_id, max(seq) AS seq FROM log WHERE kind = 'create' GROUP BY tenant, entity_id) AS made
WHERE made.tenant = entity.tenant AND made.entity_id = entity.id;

DROP TABLE old_entity;

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

ALTER TABLE history RENAME TO old_history;

-- History: the first value of an attribute comes here only when it no longer stands in its entity. New rows are appended
-- to "unfiled", where they cost least, and filed under their attributes by the thousand.
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
    PRIMARY KEY (seq, nth)
) STRICT, WITHOUT ROWID;

CREATE VIEW history AS
SELECT tenant, entity_id, attr, seq, nth, dataset_id, at_us, observed_us, number, doc FROM filed
UNION ALL
SELECT tenant, entity_id, attr, seq, nth, dataset_id, at_us, observed_us, number, doc FROM unfiled;

-- Only what says when it was observed stands here, with all that sums need.
CREATE INDEX filed_by_observed ON filed (tenant, entity_id, attr, observed_us, seq, nth, dataset_id, number)
WHERE observed_us IS NOT NULL;

-- What the broker wrote says when it was observed, in UTC with up to six places, and what its value is.
INSERT INTO filed
WITH said AS (
    SELECT old.*, coalesce(log.at_us, 0) AS at_us, CASE WHEN json_valid(CAST(doc AS TEXT)) THEN CAST(doc AS TEXT) END AS text
    FROM old_history AS old LEFT JOIN log ON log.tenant = old.tenant AND log.seq = old.seq
), times AS (
    SELECT *, rtrim(text ->> '$.observedAt', 'Z') AS observed FROM said
)
SELECT
    tenant, entity_id, attr, seq, nth, dataset_id, at_us,
    unixepoch(substr(observed, 1, 19)) * 1000000
        + CAST(substr(ltrim(substr(observed, 20), '.,') || '000000', 1, 6) AS INTEGER),
    CASE WHEN json_type(text, '$.value') IN ('integer', 'real') THEN CAST(text ->> '$.value' AS REAL) END,
    doc
FROM times;

DROP TABLE old_history;

UPDATE about SET schema = 2, lowest = 2;
