-- migrate:up
-- 0005 pre: what each function may do. A test holds this list against the catalogue.
-- The definer functions belong to xin_definer, so its grants are given in its name.

SET LOCAL ROLE xin_definer;
GRANT EXECUTE ON FUNCTION resolve_channel(uuid)   TO xin_ingress;
GRANT EXECUTE ON FUNCTION resolve_session(bytea)  TO xin_ingress;
GRANT EXECUTE ON FUNCTION resolve_login(text)     TO xin_console;
GRANT EXECUTE ON FUNCTION due_work(integer, interval) TO xin_tick;
GRANT EXECUTE ON FUNCTION list_tenants()          TO xin_tick, xin_embed;
GRANT EXECUTE ON FUNCTION prune()                 TO xin_tick;
RESET ROLE;

-- Every policy asks which tenant it is, in the name of whoever queries.
REVOKE ALL ON FUNCTION current_tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION current_tenant()        TO xin_definer, xin_platform, xin_ingress, xin_orchestrate, xin_embed, xin_deliver, xin_tick, xin_console;

-- ingress-*: authenticates, takes messages and provider events in
GRANT EXECUTE ON FUNCTION store_message(uuid, uuid, text, text, text, text, text, text, text, jsonb, timestamptz, text) TO xin_ingress;
GRANT SELECT ON channels, channel_secrets, brands, messages, contacts, conversations, web_sessions, provider_events, personas TO xin_ingress;
GRANT SELECT (id, tenant_id, conversation_id, channel_id, message_id, seq, state) ON outbound_parts TO xin_ingress;  -- what a visitor may see
GRANT SELECT (id, tenant_id, epoch, n) ON turns TO xin_ingress;
GRANT INSERT ON contacts, conversations, messages, provider_events, web_sessions, dead_letters TO xin_ingress;
GRANT UPDATE (name, language, reply_to, unreachable_at, attributes) ON contacts TO xin_ingress;
GRANT UPDATE (seq, last_in, open_since, status, updated_at, read_through) ON conversations TO xin_ingress;
GRANT UPDATE (expires_at) ON web_sessions TO xin_ingress;
GRANT UPDATE (last_webhook_at) ON channels TO xin_ingress;

-- orchestrate: reads what was said, commits a turn
GRANT SELECT ON tenants, brands, channels, contacts, conversations, messages, personas, policies, models, turns, chunks, knowledge_assets, outbound_parts TO xin_orchestrate;
GRANT INSERT ON turns, messages, outbound_parts, dead_letters TO xin_orchestrate;
GRANT UPDATE (seq, answered, open_since, status, epoch, lease_event, lease_beat, misses, updated_at) ON conversations TO xin_orchestrate;

-- deliver: sends parts, joins what providers tell
GRANT SELECT ON channels, channel_secrets, contacts, conversations, messages, turns, outbound_parts, provider_events TO xin_deliver;
GRANT INSERT ON dead_letters, messages TO xin_deliver;
GRANT UPDATE (state, claim, ambiguous, maybe_twice, attempts, next_attempt_at, provider_id, provider_id_again, reason, updated_at) ON outbound_parts TO xin_deliver;
GRANT UPDATE (send_part, send_claim, send_until, status, owner_id, epoch, lease_event, lease_beat, human_through, seq, updated_at) ON conversations TO xin_deliver;
GRANT UPDATE (blocked_until, last_error, last_error_at, enabled) ON channels TO xin_deliver;
GRANT UPDATE (unreachable_at) ON contacts TO xin_deliver;
GRANT UPDATE (joined_at, part_id) ON provider_events TO xin_deliver;

-- embed-chunk: reads documents, writes passages
GRANT SELECT ON tenants, brands, knowledge_assets, ingestion_jobs, chunks, deletions TO xin_embed;
GRANT INSERT ON chunks, dead_letters, deletions TO xin_embed;
GRANT UPDATE (active_version, updated_at, title) ON knowledge_assets TO xin_embed;
GRANT UPDATE (status, reason, dense, position, total, dense_position, attempts, lease_until, updated_at) ON ingestion_jobs TO xin_embed;
GRANT UPDATE (active_index) ON tenants TO xin_embed;
GRANT DELETE ON chunks, deletions, ingestion_jobs, knowledge_assets TO xin_embed;

-- automation-tick: looks what stayed open, claims due rules, keeps dead letters
GRANT SELECT ON tenants, automation_rules, automation_runs, conversations, dead_letters TO xin_tick;
GRANT INSERT ON automation_runs, dead_letters, audit_log TO xin_tick;
GRANT UPDATE (next_due_at) ON automation_rules TO xin_tick;
GRANT UPDATE (state, outcome, finished_at) ON automation_runs TO xin_tick;

-- console-api: a tenant's own people
GRANT SELECT ON tenants, users, brands, personas, policies, models, channels, channel_secrets, contacts, conversations, messages, turns, outbound_parts,
  provider_events, knowledge_assets, ingestion_jobs, chunks, deletions, automation_rules, automation_runs, dead_letters, audit_log TO xin_console;
GRANT INSERT ON users, brands, personas, policies, models, channels, channel_secrets, messages, outbound_parts, knowledge_assets, ingestion_jobs, deletions,
  automation_rules, dead_letters, audit_log TO xin_console;
GRANT UPDATE ON users, brands, personas, policies, models, channels, automation_rules TO xin_console;
GRANT UPDATE (expires_at) ON channel_secrets TO xin_console;
GRANT UPDATE (status, owner_id, epoch, lease_event, lease_beat, seq, human_through, answered, open_since, updated_at, read_through) ON conversations TO xin_console;
GRANT UPDATE (state, updated_at, next_attempt_at, reason) ON outbound_parts TO xin_console;
GRANT UPDATE (title, name, brand_ids, version, deleted_at, updated_at) ON knowledge_assets TO xin_console;
GRANT UPDATE (status, updated_at, dense) ON ingestion_jobs TO xin_console;
GRANT UPDATE (redelivered_at) ON dead_letters TO xin_console;
GRANT DELETE ON users, brands, personas, policies, models, channels, automation_rules, dead_letters TO xin_console;

-- the platform's administrator, by SET LOCAL ROLE inside console-api
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants TO xin_platform;
GRANT SELECT, UPDATE (redelivered_at), DELETE ON dead_letters TO xin_platform;
GRANT SELECT, INSERT, UPDATE ON platform_admins TO xin_platform;

-- migrate:down
