-- migrate:up
-- 0004 pre: the closed list of what may look across tenants (it returns ids alone), and the statement that takes a message in.

CREATE FUNCTION resolve_channel(p_channel uuid) RETURNS uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  RETURN (SELECT tenant_id FROM channels WHERE id = p_channel);
COMMENT ON FUNCTION resolve_channel IS 'The tenant of a webhook''s opaque id.';

CREATE FUNCTION resolve_login(p_email text) RETURNS TABLE (tenant_id uuid, user_id uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
  SELECT u.tenant_id, u.id FROM users u WHERE u.email = lower(p_email) ORDER BY u.created_at LIMIT 5;
END;
COMMENT ON FUNCTION resolve_login IS 'The accounts an e-mail address may sign in to.';

CREATE FUNCTION resolve_session(p_token_hash bytea) RETURNS TABLE (tenant_id uuid, session_id uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
  SELECT s.tenant_id, s.id FROM web_sessions s WHERE s.token_hash = p_token_hash AND s.expires_at > clock_timestamp();
END;
COMMENT ON FUNCTION resolve_session IS 'The widget session of a token, by its hash.';

CREATE FUNCTION list_tenants() RETURNS SETOF uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
  SELECT id FROM tenants ORDER BY created_at;
END;
COMMENT ON FUNCTION list_tenants IS 'Every tenant''s id.';

CREATE FUNCTION due_work(p_limit integer, p_patience interval) RETURNS TABLE (kind text, tenant_id uuid, id uuid, since timestamptz)
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
  (SELECT 'message', w.tenant_id, w.id, w.open_since FROM (
      SELECT c.tenant_id, c.id, c.open_since, row_number() OVER (PARTITION BY c.tenant_id ORDER BY c.open_since) AS place
        FROM conversations c
       WHERE c.last_in > c.answered AND c.status IN ('bot', 'waiting') AND c.open_since < clock_timestamp() - p_patience
         AND (c.lease_event IS NULL OR c.lease_beat < clock_timestamp() - interval '20 s')) w
    ORDER BY w.place, w.open_since LIMIT p_limit)
  UNION ALL
  (SELECT 'unanswered', c.tenant_id, c.id, c.open_since FROM conversations c
    WHERE c.last_in > c.answered AND c.status IN ('bot', 'waiting') AND c.open_since < clock_timestamp() - interval '60 s'
    ORDER BY c.open_since LIMIT p_limit)
  UNION ALL
  (SELECT 'part', w.tenant_id, w.conversation_id, w.next_attempt_at FROM (
      SELECT p.tenant_id, p.conversation_id, p.next_attempt_at,
             row_number() OVER (PARTITION BY p.tenant_id ORDER BY p.next_attempt_at) AS place
        FROM (SELECT DISTINCT ON (p.conversation_id) p.* FROM outbound_parts p JOIN conversations c ON c.id = p.conversation_id
               WHERE p.state IN ('queued', 'unknown') AND p.ambiguous < 2 AND c.send_part IS NULL
                 AND (p.author <> 'bot' OR (c.status IN ('bot', 'waiting') AND p.seq > c.human_through))
               ORDER BY p.conversation_id, p.seq, p.ordinal) p
        JOIN channels h ON h.id = p.channel_id
       WHERE p.next_attempt_at < clock_timestamp() - least(p_patience, interval '2 s')
         AND h.enabled AND coalesce(h.blocked_until, '-infinity') < clock_timestamp()) w
    ORDER BY w.place, w.next_attempt_at LIMIT p_limit)
  UNION ALL
  (SELECT 'part', c.tenant_id, c.id, c.send_until FROM conversations c
    WHERE c.send_part IS NOT NULL AND c.send_until < clock_timestamp() ORDER BY c.send_until LIMIT p_limit)
  UNION ALL
  (SELECT 'event', e.tenant_id, e.channel_id, min(e.created_at) FROM provider_events e
    WHERE e.joined_at IS NULL AND e.kind IN ('status', 'echo', 'read')
      AND e.created_at BETWEEN clock_timestamp() - interval '1 day' AND clock_timestamp() - interval '5 s'
    GROUP BY e.tenant_id, e.channel_id ORDER BY 4 LIMIT p_limit)
  UNION ALL
  (SELECT 'job', j.tenant_id, j.asset_id, j.updated_at FROM ingestion_jobs j
    WHERE (j.status IN ('pending', 'indexing') OR j.dense = 'pending')
      AND j.updated_at < clock_timestamp() - interval '15 s' AND coalesce(j.lease_until, '-infinity') < clock_timestamp()
    ORDER BY j.updated_at LIMIT p_limit)
  UNION ALL
  (SELECT DISTINCT 'job', d.tenant_id, d.asset_id, d.created_at FROM deletions d
    WHERE d.created_at < clock_timestamp() - interval '15 s' LIMIT p_limit)
  UNION ALL
  (SELECT 'rule', r.tenant_id, r.id, r.next_due_at FROM automation_rules r
    WHERE r.enabled AND r.next_due_at <= clock_timestamp() ORDER BY r.next_due_at LIMIT p_limit)
  UNION ALL
  (SELECT 'run', r.tenant_id, r.id, r.created_at FROM automation_runs r
    WHERE r.state = 'due' AND r.created_at < clock_timestamp() - interval '30 s' ORDER BY r.created_at LIMIT p_limit);
END;
COMMENT ON FUNCTION due_work IS 'What stayed open, messages for so long, every tenant''s oldest first: conversations to answer or to send for, channels with events to join, assets, rules, runs.';

CREATE FUNCTION prune() RETURNS bigint
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  gone bigint := 0;
  n bigint;
BEGIN
  DELETE FROM web_sessions WHERE expires_at < clock_timestamp() - interval '1 day';
  GET DIAGNOSTICS n = ROW_COUNT; gone := gone + n;
  DELETE FROM provider_events WHERE created_at < clock_timestamp() - interval '30 days';
  GET DIAGNOSTICS n = ROW_COUNT; gone := gone + n;
  DELETE FROM dead_letters WHERE created_at < clock_timestamp() - interval '90 days';
  GET DIAGNOSTICS n = ROW_COUNT; gone := gone + n;
  RETURN gone;
END
$$;
COMMENT ON FUNCTION prune IS 'Removes what nobody will ask for again, and says how many rows went.';

-- Taking in (S1). plpgsql, one statement a step: a single statement of CTEs counts a message twice when it comes twice at once.
-- It opens the tenant itself, so that one round trip and one commit take a message in; the caller's role and policies hold.
CREATE FUNCTION store_message(
  p_tenant uuid, p_channel uuid, p_external text, p_reply_to text, p_name text, p_language text,
  p_provider_id text, p_kind text, p_text text, p_payload jsonb, p_sent_at timestamptz, p_correlation text
) RETURNS TABLE (conversation_id uuid, message_id uuid, seq bigint, duplicate boolean)
  LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_contact uuid;
  v_conversation uuid;
  v_message uuid;
  v_seq bigint;
BEGIN
  PERFORM set_config('app.tenant_id', p_tenant::text, true);
  SELECT c.id INTO v_contact FROM contacts c WHERE c.channel_id = p_channel AND c.external_id = p_external;
  IF v_contact IS NULL THEN
    INSERT INTO contacts AS c (tenant_id, channel_id, external_id, reply_to, name, language)
      VALUES (p_tenant, p_channel, p_external, p_reply_to, p_name, p_language)
      ON CONFLICT (channel_id, external_id) DO UPDATE SET name = coalesce(excluded.name, c.name) RETURNING c.id INTO v_contact;
  END IF;
  UPDATE contacts c SET unreachable_at = NULL, reply_to = coalesce(p_reply_to, c.reply_to)
   WHERE c.id = v_contact AND (c.unreachable_at IS NOT NULL OR c.reply_to IS DISTINCT FROM coalesce(p_reply_to, c.reply_to));
  SELECT c.id INTO v_conversation FROM conversations c WHERE c.channel_id = p_channel AND c.contact_id = v_contact;
  IF v_conversation IS NULL THEN
    INSERT INTO conversations AS c (tenant_id, channel_id, contact_id) VALUES (p_tenant, p_channel, v_contact)
      ON CONFLICT (channel_id, contact_id) DO UPDATE SET updated_at = clock_timestamp() RETURNING c.id INTO v_conversation;
  END IF;
  PERFORM 1 FROM conversations c WHERE c.id = v_conversation FOR UPDATE;
  SELECT m.id, m.seq INTO v_message, v_seq FROM messages m WHERE m.channel_id = p_channel AND m.provider_id = p_provider_id;
  IF FOUND THEN
    RETURN QUERY SELECT v_conversation, v_message, v_seq, true;
    RETURN;
  END IF;
  UPDATE conversations c SET seq = c.seq + 1, last_in = c.seq + 1, updated_at = clock_timestamp(),
         open_since = CASE WHEN c.last_in > c.answered THEN c.open_since ELSE clock_timestamp() END,
         status = CASE c.status WHEN 'resolved' THEN 'bot' ELSE c.status END
   WHERE c.id = v_conversation RETURNING c.seq INTO v_seq;
  INSERT INTO messages AS m (tenant_id, conversation_id, channel_id, seq, role, kind, provider_id, text, payload, sent_at, correlation_id)
    VALUES (p_tenant, v_conversation, p_channel, v_seq, 'customer', p_kind, p_provider_id, p_text, p_payload, p_sent_at, p_correlation)
    RETURNING m.id INTO v_message;
  RETURN QUERY SELECT v_conversation, v_message, v_seq, false;
END
$$;

GRANT SELECT ON tenants, channels, users, conversations, outbound_parts, ingestion_jobs, deletions, automation_rules, automation_runs TO xin_definer;
GRANT SELECT, DELETE ON web_sessions, provider_events, dead_letters TO xin_definer;

DO $$
DECLARE
  f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['resolve_channel(uuid)', 'resolve_login(text)', 'resolve_session(bytea)', 'list_tenants()', 'due_work(integer, interval)', 'prune()'] LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('ALTER FUNCTION %s OWNER TO xin_definer', f);
  END LOOP;
END
$$;
REVOKE CREATE ON SCHEMA public FROM xin_definer;
REVOKE ALL ON FUNCTION store_message(uuid, uuid, text, text, text, text, text, text, text, jsonb, timestamptz, text) FROM PUBLIC;

-- migrate:down
