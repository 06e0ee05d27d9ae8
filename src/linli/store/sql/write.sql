-- What the writer thread runs. Each query stands under a line with its name.

-- counters
SELECT last_row, last_seq, last_tx FROM about WHERE one = 1;

-- counters_put
UPDATE about SET last_row = ?, last_seq = ?, last_tx = ? WHERE one = 1;

-- entities_before
SELECT e.id, e.row, e.version, e.created_us, e.created_seq, e.types, e.scopes, e.keys, e.box
FROM json_each(?) AS wanted CROSS JOIN entity AS e ON e.tenant = ? AND e.id = wanted.value;

-- entity_insert
INSERT INTO entity (row, tenant, id, types, scopes, keys, box, version, created_us, modified_us, created_seq, doc)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- entity_update
UPDATE entity SET types = ?, scopes = ?, keys = ?, box = ?, version = ?, modified_us = ?, doc = ? WHERE row = ?;

-- entity_delete
DELETE FROM entity WHERE row = ?;

-- type_insert
INSERT INTO entity_type (tenant, type, row) VALUES (?, ?, ?);

-- type_delete
DELETE FROM entity_type WHERE tenant = ? AND type = ? AND row = ?;

-- type_count
INSERT INTO type_count (tenant, type, entities) VALUES (?, ?, ?)
ON CONFLICT (tenant, type) DO UPDATE SET entities = entities + excluded.entities;

-- scope_insert
INSERT INTO entity_scope (tenant, scope, row) VALUES (?, ?, ?);

-- scope_delete
DELETE FROM entity_scope WHERE tenant = ? AND scope = ? AND row = ?;

-- key_insert
INSERT INTO entity_key (tenant, name, value, row) VALUES (?, ?, ?, ?);

-- key_delete
DELETE FROM entity_key WHERE tenant = ? AND name = ? AND value = ? AND row = ?;

-- place_put
INSERT OR REPLACE INTO place (row, west, south, east, north) VALUES (?, ?, ?, ?, ?);

-- place_delete
DELETE FROM place WHERE row = ?;

-- record_before
SELECT row, version, created_us FROM record WHERE tenant = ? AND kind = ? AND id = ?;

-- record_insert
INSERT INTO record (row, tenant, kind, id, version, created_us, modified_us, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- record_update
UPDATE record SET version = ?, modified_us = ?, doc = ? WHERE row = ?;

-- record_delete
DELETE FROM record WHERE row = ?;

-- history_insert
INSERT INTO unfiled (seq, tenant, entity_id, at_us, facts, docs) VALUES (?, ?, ?, ?, ?, ?);

-- first_alone
INSERT INTO filed (tenant, entity_id, attr, seq, nth, dataset_id, observed_us, number, doc, at_us)
SELECT ?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9
WHERE NOT EXISTS (SELECT 1 FROM unfiled WHERE seq = ?4)
    AND NOT EXISTS (SELECT 1 FROM filed WHERE tenant = ?1 AND entity_id = ?2 AND attr = ?3 AND seq = ?4);

-- first_insert
INSERT INTO filed (tenant, entity_id, attr, seq, nth, dataset_id, observed_us, number, doc, at_us)
SELECT ?1, ?2, ?3, ?4,
    (SELECT coalesce(max(nth) + 1, 0) FROM history WHERE tenant = ?1 AND entity_id = ?2 AND attr = ?3 AND seq = ?4),
    ?5, ?6, ?7, ?8, ?9
WHERE NOT EXISTS (
    SELECT 1 FROM history WHERE tenant = ?1 AND entity_id = ?2 AND attr = ?3 AND seq = ?4 AND dataset_id = ?5
);

-- unfiled_count
SELECT sum(json_array_length(facts)) FROM unfiled;

-- unfiled
SELECT seq, tenant, entity_id, at_us, facts, docs FROM unfiled ORDER BY tenant, entity_id, seq;

-- file
INSERT INTO filed (tenant, entity_id, attr, seq, nth, dataset_id, observed_us, number, doc, at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- unfiled_delete
DELETE FROM unfiled;

-- history_delete
DELETE FROM filed WHERE tenant = ? AND entity_id = ?;

-- attr_delete
DELETE FROM filed WHERE tenant = ? AND entity_id = ? AND attr = ?;

-- dataset_delete
DELETE FROM filed WHERE tenant = ? AND entity_id = ? AND attr = ? AND dataset_id = ?;

-- fact_is_there
SELECT 1 FROM history WHERE tenant = ? AND entity_id = ? AND attr = ? AND seq = ? AND nth = ?;

-- fact_update
UPDATE filed SET dataset_id = ?, observed_us = ?, number = ?, doc = ?
WHERE tenant = ? AND entity_id = ? AND attr = ? AND seq = ? AND nth = ?;

-- fact_delete
DELETE FROM filed WHERE tenant = ? AND entity_id = ? AND attr = ? AND seq = ? AND nth = ?;

-- log_insert
INSERT INTO log (seq, at_us, tenant, tx, kind, entity_id, type, scope, version, attrs, actor, purpose)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- timer_put
INSERT OR REPLACE INTO timer (tenant, entity_id, name, entity_type, due_us, scope) VALUES (?, ?, ?, ?, ?, ?);

-- timer_drop
DELETE FROM timer WHERE tenant = ? AND entity_id = ? AND name = ?;

-- timers_of_entity_delete
DELETE FROM timer WHERE tenant = ? AND entity_id = ?;

-- timers_due
SELECT entity_id, entity_type, name, scope FROM timer WHERE tenant = ? AND due_us <= ?
ORDER BY due_us, entity_id, name LIMIT ?;

-- cursor_put
INSERT OR REPLACE INTO cursor (tenant, reader, seq) VALUES (?, ?, ?);

-- audit_last_hash
SELECT hash FROM audit WHERE tenant = ? ORDER BY seq DESC LIMIT 1;

-- audit_insert
INSERT INTO audit (tenant, seq, row, hash) VALUES (?, ?, ?, ?);

-- trace_insert
INSERT INTO audit_trace (tenant, trace, seq) VALUES (?, ?, ?);

-- head
SELECT max(seq) FROM log WHERE tenant = ?;
