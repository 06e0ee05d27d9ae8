-- From schema 2 to 3: what a write tells history waits as one row to be filed, not as one for each attribute.

DROP VIEW history;

INSERT INTO filed (tenant, entity_id, attr, seq, nth, dataset_id, at_us, observed_us, number, doc)
SELECT tenant, entity_id, attr, seq, nth, dataset_id, at_us, observed_us, number, doc FROM unfiled
ORDER BY tenant, entity_id, attr, seq, nth;

DROP TABLE unfiled;

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

UPDATE about SET schema = 3, lowest = 3;
