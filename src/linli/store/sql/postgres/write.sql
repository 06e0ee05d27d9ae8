-- What PostgreSQL writes: each statement takes all its rows at once, one array a column.

-- counters
SELECT last_row, last_seq, last_tx, pg_current_xact_id()::text FROM about WHERE one = 1 FOR UPDATE;

-- entities_before
SELECT e.tenant, e.id, e.row, e.version, e.created_us, e.created_seq, e.types, e.scopes, e.keys, e.box
FROM unnest(?::text[], ?::text[]) AS u (tenant, id) JOIN entity AS e ON e.tenant = u.tenant AND e.id = u.id;

-- records_before
SELECT r.tenant, r.kind, r.id, r.row, r.version, r.created_us
FROM unnest(?::text[], ?::text[], ?::text[]) AS u (tenant, kind, id)
JOIN record AS r ON r.tenant = u.tenant AND r.kind = u.kind AND r.id = u.id;

-- facts_before
SELECT h.tenant, h.entity_id, h.attr, h.seq, h.nth
FROM unnest(?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[]) AS u (tenant, entity_id, attr, seq, nth)
JOIN history AS h ON h.tenant = u.tenant AND h.entity_id = u.entity_id AND h.attr = u.attr
    AND h.seq = u.seq AND h.nth = u.nth;

-- entity_insert
INSERT INTO entity (row, tenant, id, types, scopes, keys, box, version, created_us, modified_us, created_seq, doc)
SELECT * FROM unnest(
    ?::bigint[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[],
    ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bytea[]
);

-- entity_update
UPDATE entity AS e SET types = u.types, scopes = u.scopes, keys = u.keys, box = u.box,
    version = u.version, modified_us = u.modified_us, doc = u.doc
FROM unnest(
    ?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::bytea[], ?::bigint[]
) AS u (types, scopes, keys, box, version, modified_us, doc, row)
WHERE e.row = u.row;

-- entity_delete
DELETE FROM entity WHERE row = ANY (?::bigint[]);

-- type_insert
INSERT INTO entity_type (tenant, type, row) SELECT * FROM unnest(?::text[], ?::text[], ?::bigint[]);

-- type_delete
DELETE FROM entity_type AS t USING unnest(?::text[], ?::text[], ?::bigint[]) AS u (tenant, type, row)
WHERE t.tenant = u.tenant AND t.type = u.type AND t.row = u.row;

-- type_count
INSERT INTO type_count AS t (tenant, type, entities) SELECT * FROM unnest(?::text[], ?::text[], ?::bigint[])
ON CONFLICT (tenant, type) DO UPDATE SET entities = t.entities + excluded.entities;

-- scope_insert
INSERT INTO entity_scope (tenant, scope, row) SELECT * FROM unnest(?::text[], ?::text[], ?::bigint[]);

-- scope_delete
DELETE FROM entity_scope AS s USING unnest(?::text[], ?::text[], ?::bigint[]) AS u (tenant, scope, row)
WHERE s.tenant = u.tenant AND s.scope = u.scope AND s.row = u.row;

-- key_insert
INSERT INTO entity_key (tenant, name, value, row)
SELECT * FROM unnest(?::text[], ?::text[], ?::text[], ?::bigint[]);

-- key_delete
DELETE FROM entity_key AS k
USING unnest(?::text[], ?::text[], ?::text[], ?::bigint[]) AS u (tenant, name, value, row)
WHERE k.tenant = u.tenant AND k.name = u.name AND k.value = u.value AND k.row = u.row;

-- place_put
INSERT INTO place (row, area) SELECT u.row, area_of(u.east, u.west, u.north, u.south)
FROM unnest(?::bigint[], ?::float8[], ?::float8[], ?::float8[], ?::float8[]) AS u (row, west, south, east, north)
ON CONFLICT (row) DO UPDATE SET area = excluded.area;

-- place_delete
DELETE FROM place WHERE row = ANY (?::bigint[]);

-- record_insert
INSERT INTO record (row, tenant, kind, id, version, created_us, modified_us, doc)
SELECT * FROM unnest(
    ?::bigint[], ?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bytea[]
);

-- record_update
UPDATE record AS r SET version = u.version, modified_us = u.modified_us, doc = u.doc
FROM unnest(?::bigint[], ?::bigint[], ?::bytea[], ?::bigint[]) AS u (version, modified_us, doc, row)
WHERE r.row = u.row;

-- record_delete
DELETE FROM record WHERE row = ANY (?::bigint[]);

-- history_insert
INSERT INTO history (tenant, entity_id, attr, seq, nth, dataset_id, observed_us, number, doc, at_us)
SELECT * FROM unnest(
    ?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::text[], ?::bigint[], ?::float8[], ?::bytea[], ?::bigint[]
);

-- first_insert
INSERT INTO history (tenant, entity_id, attr, seq, nth, dataset_id, observed_us, number, doc, at_us)
SELECT u.tenant, u.entity_id, u.attr, u.seq,
    (SELECT coalesce(max(h.nth) + 1, 0) FROM history AS h
        WHERE h.tenant = u.tenant AND h.entity_id = u.entity_id AND h.attr = u.attr AND h.seq = u.seq)
    + row_number() OVER (PARTITION BY u.tenant, u.entity_id, u.attr, u.seq ORDER BY u.place) - 1,
    u.dataset_id, u.observed_us, u.number, u.doc, u.at_us
FROM unnest(
    ?::text[], ?::text[], ?::text[], ?::bigint[], ?::text[], ?::bigint[], ?::float8[], ?::bytea[], ?::bigint[]
) WITH ORDINALITY AS u (tenant, entity_id, attr, seq, dataset_id, observed_us, number, doc, at_us, place)
WHERE NOT EXISTS (
    SELECT 1 FROM history AS h WHERE h.tenant = u.tenant AND h.entity_id = u.entity_id AND h.attr = u.attr
        AND h.seq = u.seq AND h.dataset_id = u.dataset_id
);

-- history_delete
DELETE FROM history AS h USING unnest(?::text[], ?::text[]) AS u (tenant, entity_id)
WHERE h.tenant = u.tenant AND h.entity_id = u.entity_id;

-- attr_delete
DELETE FROM history AS h USING unnest(?::text[], ?::text[], ?::text[]) AS u (tenant, entity_id, attr)
WHERE h.tenant = u.tenant AND h.entity_id = u.entity_id AND h.attr = u.attr;

-- dataset_delete
DELETE FROM history AS h
USING unnest(?::text[], ?::text[], ?::text[], ?::text[]) AS u (tenant, entity_id, attr, dataset_id)
WHERE h.tenant = u.tenant AND h.entity_id = u.entity_id AND h.attr = u.attr AND h.dataset_id = u.dataset_id;

-- fact_update
UPDATE history AS h
SET dataset_id = u.dataset_id, observed_us = u.observed_us, number = u.number, doc = u.doc
FROM unnest(
    ?::text[], ?::bigint[], ?::float8[], ?::bytea[], ?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[]
) AS u (dataset_id, observed_us, number, doc, tenant, entity_id, attr, seq, nth)
WHERE h.tenant = u.tenant AND h.entity_id = u.entity_id AND h.attr = u.attr AND h.seq = u.seq AND h.nth = u.nth;

-- fact_delete
DELETE FROM history AS h
USING unnest(?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[]) AS u (tenant, entity_id, attr, seq, nth)
WHERE h.tenant = u.tenant AND h.entity_id = u.entity_id AND h.attr = u.attr AND h.seq = u.seq AND h.nth = u.nth;

-- log_insert
INSERT INTO log (seq, at_us, tenant, tx, kind, entity_id, type, scope, version, attrs, actor, purpose)
SELECT * FROM unnest(
    ?::bigint[], ?::bigint[], ?::text[], ?::bigint[], ?::text[], ?::text[], ?::text[], ?::text[],
    ?::bigint[], ?::text[], ?::text[], ?::text[]
);

-- timer_put
INSERT INTO timer (tenant, entity_id, name, entity_type, due_us, scope)
SELECT * FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[], ?::text[])
ON CONFLICT (tenant, entity_id, name) DO UPDATE
SET entity_type = excluded.entity_type, due_us = excluded.due_us, scope = excluded.scope;

-- timer_drop
DELETE FROM timer AS t USING unnest(?::text[], ?::text[], ?::text[]) AS u (tenant, entity_id, name)
WHERE t.tenant = u.tenant AND t.entity_id = u.entity_id AND t.name = u.name;

-- timers_of_entity_delete
DELETE FROM timer AS t USING unnest(?::text[], ?::text[]) AS u (tenant, entity_id)
WHERE t.tenant = u.tenant AND t.entity_id = u.entity_id;

-- cursor_put
INSERT INTO cursor (tenant, reader, seq) SELECT * FROM unnest(?::text[], ?::text[], ?::bigint[])
ON CONFLICT (tenant, reader) DO UPDATE SET seq = excluded.seq;

-- audit_insert
INSERT INTO audit (tenant, seq, row, hash) SELECT * FROM unnest(?::text[], ?::bigint[], ?::bytea[], ?::bytea[]);

-- trace_insert
INSERT INTO audit_trace (tenant, trace, seq) SELECT * FROM unnest(?::text[], ?::text[], ?::bigint[]);

-- notify
SELECT pg_notify(?, ?);

-- outcome
SELECT pg_xact_status(?::text::xid8);

-- lead
SELECT pg_try_advisory_lock(hashtextextended(?, 0));
