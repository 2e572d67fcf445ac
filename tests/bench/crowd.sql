-- Years of many tenants: each a shop like the demo's (bench.demo), and what customers said to it. What a message, a turn
-- and their JSON weigh is copied from rows that the product wrote. Everything is made together and fits together, so
-- keys are not checked meanwhile.
SET session_replication_role = replica;
SET synchronous_commit = off;
SET work_mem = '64MB';

CREATE TEMP TABLE demo AS
  SELECT (SELECT to_jsonb(t) FROM turns t WHERE tenant_id = d LIMIT 1) AS turn,
         (SELECT to_jsonb(m) FROM messages m WHERE tenant_id = d AND role = 'customer' LIMIT 1) AS question,
         (SELECT to_jsonb(m) FROM messages m WHERE tenant_id = d AND role = 'bot' LIMIT 1) AS answer,
         (SELECT active_index FROM tenants WHERE id = d) AS active_index,
         d AS tenant
    FROM (SELECT current_setting('bench.demo')::uuid AS d);

-- Shops
CREATE TEMP TABLE shop AS
  SELECT n, gen_random_uuid() AS tenant, gen_random_uuid() AS brand,
         gen_random_uuid() AS telegram, gen_random_uuid() AS whatsapp
    FROM generate_series(0, current_setting('bench.tenants')::int - 1) n;
INSERT INTO tenants (id, name, active_index) SELECT s.tenant, 'فروشگاه ' || n, active_index FROM shop s, demo;
INSERT INTO users (tenant_id, email, name, role, password_hash)
  SELECT tenant, 'owner' || n || '@example.com', 'مینا', 'owner', '-' FROM shop;
INSERT INTO brands (id, tenant_id, name) SELECT brand, tenant, 'فروشگاه ' || n FROM shop;
INSERT INTO personas (tenant_id, brand_id, version, status, body, published_at)
  SELECT s.tenant, s.brand, 1, 'published', p.body, now()
    FROM shop s, demo d JOIN personas p ON p.tenant_id = d.tenant AND p.status = 'published';
INSERT INTO policies (tenant_id, brand_id, version, status, body, published_at)
  SELECT s.tenant, s.brand, 1, 'published', p.body, now()
    FROM shop s, demo d JOIN policies p ON p.tenant_id = d.tenant AND p.status = 'published';
INSERT INTO channels (id, tenant_id, brand_id, kind, name, account, settings)
  SELECT CASE h.kind WHEN 'telegram' THEN s.telegram ELSE s.whatsapp END,
         s.tenant, s.brand, h.kind, h.name, h.account, h.settings
    FROM shop s, demo d JOIN channels h ON h.tenant_id = d.tenant AND h.kind IN ('telegram', 'whatsapp');

-- Their documents
CREATE TEMP TABLE paper AS
  SELECT s.tenant, a.id AS original, gen_random_uuid() AS id, a.title, a.name
    FROM shop s, demo d JOIN knowledge_assets a ON a.tenant_id = d.tenant;
INSERT INTO knowledge_assets (id, tenant_id, title, name, active_version) SELECT id, tenant, title, name, 1 FROM paper;
INSERT INTO ingestion_jobs (tenant_id, asset_id, version, object_key, media_type, size, sha256, status, position, total,
                            correlation_id)
  SELECT p.tenant, p.id, 1, j.object_key, j.media_type, j.size, j.sha256, j.status, j.position, j.total, j.correlation_id
    FROM paper p JOIN ingestion_jobs j ON j.asset_id = p.original;
INSERT INTO chunks (id, tenant_id, asset_id, version, ordinal, place, text)
  SELECT gen_random_uuid(), p.tenant, p.id, 1, c.ordinal, c.place, c.text
    FROM paper p JOIN chunks c ON c.asset_id = p.original;

-- Their customers. Days are those before today: what is older than thirty is pruned
CREATE TEMP TABLE talk AS
  SELECT i AS n, s.tenant, i / shops % 2 = 1 AS on_whatsapp,
         CASE i / shops % 2 WHEN 0 THEN s.telegram ELSE s.whatsapp END AS channel,
         gen_random_uuid() AS contact, gen_random_uuid() AS id, 25 * (1 - i::float / talks) AS days, talks, exchanges
    FROM (SELECT current_setting('bench.tenants')::int AS shops, current_setting('bench.conversations')::int AS talks,
                 current_setting('bench.exchanges')::int AS exchanges) c,
         generate_series(0, talks - 1) i, shop s
   WHERE s.n = i % shops;
INSERT INTO contacts (id, tenant_id, channel_id, external_id, name, language, created_at)
  SELECT contact, tenant, channel, 'c' || n, 'مریم', 'fa', now() - interval '1 day' * days FROM talk;
INSERT INTO conversations (id, tenant_id, channel_id, contact_id, seq, last_in, answered, epoch, created_at, updated_at)
  SELECT id, tenant, channel, contact, 2 * exchanges, 2 * exchanges - 1, 2 * exchanges - 1, exchanges,
         now() - interval '1 day' * days, now() - interval '1 day' * days
    FROM talk;

-- What was said. Everybody's first question comes before anybody's second, so a conversation's rows lie far apart
CREATE TEMP TABLE exchange AS
  SELECT t.id AS conversation, t.tenant, t.channel, t.on_whatsapp, e, gen_random_uuid() AS turn,
         gen_random_uuid() AS part, t.n || ':' || e AS key,
         now() - interval '25 days' * (1 - (e * t.talks + t.n)::float / (t.exchanges * t.talks)) AS at
    FROM talk t, generate_series(0, t.exchanges - 1) e;
INSERT INTO turns (id, tenant_id, conversation_id, epoch, after, n, seq, outcome, trace, correlation_id, created_at)
  SELECT x.turn, x.tenant, x.conversation, e + 1, greatest(2 * e - 1, 0), 2 * e + 1, 2 * e + 2,
         d.turn ->> 'outcome', d.turn -> 'trace', d.turn ->> 'correlation_id', at
    FROM exchange x, demo d ORDER BY at;
INSERT INTO messages (tenant_id, conversation_id, channel_id, seq, role, provider_id, text, payload, sent_at,
                      correlation_id, created_at)
  SELECT x.tenant, x.conversation, x.channel, 2 * e + 1, 'customer', x.key,
         d.question ->> 'text', d.question -> 'payload', at, d.question ->> 'correlation_id', at
    FROM exchange x, demo d ORDER BY at;
INSERT INTO messages (id, tenant_id, conversation_id, channel_id, seq, role, text, sources, turn_id, correlation_id,
                      created_at)
  SELECT x.turn, x.tenant, x.conversation, x.channel, 2 * e + 2, 'bot',
         d.answer ->> 'text', d.answer -> 'sources', x.turn, d.answer ->> 'correlation_id', at
    FROM exchange x, demo d ORDER BY at;
INSERT INTO outbound_parts (id, tenant_id, conversation_id, channel_id, message_id, turn_id, seq, ordinal, author, text,
                            state, claim, attempts, provider_id, correlation_id, created_at, updated_at)
  SELECT x.part, x.tenant, x.conversation, x.channel, x.turn, x.turn, 2 * e + 2, 0, 'bot', d.answer ->> 'text',
         CASE WHEN on_whatsapp THEN 'delivered' ELSE 'accepted' END, 1, 1, 'p' || x.key,
         d.answer ->> 'correlation_id', at, at
    FROM exchange x, demo d ORDER BY at;
INSERT INTO provider_events (tenant_id, channel_id, key, kind, provider_id, part_id, payload, joined_at, created_at)
  SELECT x.tenant, x.channel, state || x.key, 'status', 'p' || x.key, x.part,
         jsonb_build_object('state', state, 'raw', jsonb_build_object('id', x.key, 'status', state)), at, at
    FROM exchange x, unnest(ARRAY['sent', 'delivered']) state WHERE on_whatsapp ORDER BY at;
