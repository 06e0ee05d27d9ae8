-- What the reader connection runs. The parts in braces are filled by _finding.py with fragments of this same file.

-- entity
SELECT id, types, scopes, version, created_us, modified_us, doc, row, created_seq FROM entity WHERE tenant = ? AND id = ?;

-- record
SELECT kind, id, version, created_us, modified_us, doc, row FROM record WHERE tenant = ? AND kind = ? AND id = ?;

-- records
SELECT kind, id, version, created_us, modified_us, doc, row FROM record WHERE tenant = ? AND kind = ? AND row > ?
ORDER BY row LIMIT ?;

-- tenants
WITH RECURSIVE one (tenant) AS (
    SELECT min(tenant) FROM log
    UNION ALL
    SELECT (SELECT min(log.tenant) FROM log WHERE log.tenant > one.tenant) FROM one WHERE one.tenant IS NOT NULL
)
SELECT tenant FROM one WHERE tenant IS NOT NULL;

-- history
SELECT seq, nth, at_us, attr, dataset_id, doc, observed_us, number FROM history
WHERE tenant = ? AND entity_id = ? AND attr = ? ORDER BY seq DESC, nth DESC LIMIT ?;

-- past
SELECT seq, nth, at_us, attr, dataset_id, doc, observed_us, number FROM history
WHERE tenant = ? AND entity_id = ? {attr} AND {time} >= ? AND {time} < ?
ORDER BY {time} {way}, seq {way}, attr {way}, nth {way} LIMIT ?;

-- past_attr
AND attr = ?

-- numbers
SELECT dataset_id, {time}, number FROM history
WHERE tenant = ? AND entity_id = ? AND attr = ? AND number IS NOT NULL AND {time} >= ? AND {time} < ?;

-- past_names
WITH RECURSIVE one (attr) AS (
    SELECT min(attr) FROM filed WHERE tenant = ?1 AND entity_id = ?2
    UNION ALL
    SELECT (SELECT min(f.attr) FROM filed AS f WHERE f.tenant = ?1 AND f.entity_id = ?2 AND f.attr > one.attr)
    FROM one WHERE one.attr IS NOT NULL
)
SELECT attr FROM one WHERE attr IS NOT NULL
UNION
SELECT attr FROM unfolded WHERE tenant = ?1 AND entity_id = ?2
ORDER BY attr;

-- as_of
SELECT seq, nth, at_us, attr, dataset_id, doc, observed_us, number FROM (
    SELECT *, row_number() OVER (PARTITION BY attr, dataset_id ORDER BY seq DESC, nth DESC) AS age FROM history AS h
    WHERE tenant = ? AND entity_id = ? AND seq <= ? AND EXISTS (
        SELECT 1 FROM log AS l WHERE l.tenant = h.tenant AND l.seq = h.seq AND l.version > 0
    )
) AS dated
WHERE age = 1 ORDER BY attr, dataset_id;

-- log_since
SELECT seq, at_us, tenant, tx, kind, entity_id, type, scope, version, attrs, actor, purpose FROM log
WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?;

-- head
SELECT max(seq) FROM log WHERE tenant = ?;

-- cursor
SELECT seq FROM cursor WHERE tenant = ? AND reader = ?;

-- next_due
SELECT min(due_us) FROM timer WHERE tenant = ?;

-- types
SELECT type, entities FROM type_count WHERE tenant = ? AND entities > 0 ORDER BY type;

-- type_count
SELECT entities FROM type_count WHERE tenant = ? AND type = ?;

-- audit_since
SELECT seq, row, hash FROM audit WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?;

-- audit_of
SELECT a.seq, a.row, a.hash FROM audit_trace AS t JOIN audit AS a ON a.tenant = t.tenant AND a.seq = t.seq
WHERE t.tenant = ? AND t.trace = ? AND t.seq < ? ORDER BY t.seq DESC LIMIT ?;

-- traces
SELECT trace, seq FROM audit_trace WHERE tenant = ? AND (trace, seq) > (?, ?) ORDER BY trace, seq LIMIT ?;

-- documents_of_type
SELECT d.row, e.box, e.doc FROM entity_type AS d CROSS JOIN entity AS e ON e.row = d.row
WHERE d.tenant = ? AND d.type = ? AND d.row > ? ORDER BY d.row LIMIT ?;

-- columns
e.id, e.types, e.scopes, e.version, e.created_us, e.modified_us, e.doc, e.row, e.created_seq

-- from_all
FROM entity AS e WHERE e.row > ? AND +e.tenant = ?

-- from_ids
FROM entity AS e WHERE e.tenant = ? AND e.id IN (SELECT value FROM json_each(?)) AND +e.row > ?

-- from_rows
FROM entity AS e WHERE e.row IN ({rows}) AND e.row > ? AND +e.tenant = ?

-- from_listed
FROM entity AS e WHERE e.row IN (SELECT value FROM json_each(?)) AND +e.tenant = ?

-- from_rows_alone
FROM ({rows}) AS e WHERE TRUE

-- rows_once
SELECT DISTINCT row FROM ({rows}) AS way

-- from_type
FROM entity_type AS d CROSS JOIN entity AS e ON e.row = d.row WHERE d.tenant = ? AND d.type = ? AND d.row > ?

-- from_key
FROM entity_key AS d CROSS JOIN entity AS e ON e.row = d.row
WHERE d.tenant = ? AND d.name = ? AND d.value = ? AND d.row > ?

-- from_scope
FROM entity_scope AS d CROSS JOIN entity AS e ON e.row = d.row WHERE d.tenant = ? AND d.scope = ? AND d.row > ?

-- rows_of_types
SELECT row FROM entity_type WHERE tenant = ? AND type IN (SELECT value FROM json_each(?))

-- number_of_types
SELECT coalesce(sum(entities), 0) FROM type_count WHERE tenant = ? AND type IN (SELECT value FROM json_each(?))

-- rows_of_key
SELECT row FROM entity_key WHERE tenant = ? AND name = ? AND value IN (SELECT value FROM json_each(?))

-- rows_at_scope
SELECT row FROM entity_scope WHERE tenant = ? AND scope = ?

-- rows_below_scope
SELECT row FROM entity_scope WHERE tenant = ? AND scope >= ? AND scope < ?

-- rows_in_box
SELECT row FROM place WHERE west <= ? AND east >= ? AND south <= ? AND north >= ?

-- in_ellipse
AND pow(max(west - ?, ? - east, 0) / ?, 2) + pow(max(south - ?, ? - north, 0) / ?, 2) <= 1

-- is_of_types
EXISTS (SELECT 1 FROM entity_type AS t
    WHERE t.tenant = ? AND t.type IN (SELECT value FROM json_each(?)) AND t.row = e.row)

-- is_of_key
EXISTS (SELECT 1 FROM entity_key AS k
    WHERE k.tenant = ? AND k.name = ? AND k.value IN (SELECT value FROM json_each(?)) AND k.row = e.row)

-- is_in_box
EXISTS (SELECT 1 FROM place AS p
    WHERE p.row = e.row AND p.west <= ? AND p.east >= ? AND p.south <= ? AND p.north >= ?)

-- is_of_rows
e.row IN ({rows})

-- is_of_type
instr(e.types, ?) > 0

-- look
({plain} OR coalesce(json_type(CAST(e.doc AS TEXT), ?), 'array') IN ('array', 'object')
    OR json_array_length(CAST(e.doc AS TEXT), ?) > 1)

-- look_number
json_extract(CAST(e.doc AS TEXT), ?) BETWEEN ? AND ?

-- look_text
json_extract(CAST(e.doc AS TEXT), ?) IN (SELECT value FROM json_each(?))

-- is_in_scopes
EXISTS (SELECT 1 FROM json_each(e.scopes) AS s WHERE {scopes})

-- scope_is
rtrim(s.value, '/') || '/' = ?

-- scope_is_below
(rtrim(s.value, '/') || '/' >= ? AND rtrim(s.value, '/') || '/' < ?)

-- probe
SELECT count(*) FROM (SELECT 1 FROM ({rows}) AS way LIMIT ?) AS counted
