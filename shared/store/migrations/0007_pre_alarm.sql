-- migrate:up
-- 0007 pre: who waits for an answer, whichever step lost it. Code before this release looks at due_work alone: run it before the rollout.

-- What is needed of a message is when it came and how to find its path, never what it says.
CREATE POLICY definer ON messages FOR SELECT TO xin_definer USING (true);
CREATE POLICY definer ON turns    FOR SELECT TO xin_definer USING (true);
CREATE POLICY definer ON contacts FOR SELECT TO xin_definer USING (true);
GRANT SELECT (tenant_id, conversation_id, seq, role, correlation_id, created_at) ON messages TO xin_definer;
GRANT SELECT (tenant_id, id, conversation_id, n, epoch, after, created_at) ON turns TO xin_definer;
GRANT SELECT (tenant_id, id, unreachable_at) ON contacts TO xin_definer;

-- In the caller's name: a tenant's transaction finds its own, `alarms` below everybody's.
--
-- The clock is the customer's. open_since says when the oldest open message came, or when a person gave the conversation
-- back; only a commit moves it on although a message that came while the turn was made waits already, so where the newest
-- turn is younger than open_since that message's own time counts. What is not delivered counts from the message that it
-- answers, but no further back than the 35 s that a turn may take: before that, a person may have had the conversation.
CREATE FUNCTION customers_waiting() RETURNS TABLE (
  tenant_id uuid, conversation_id uuid, channel_id uuid, part_id uuid, why text, seq bigint, correlation_id text, since timestamptz)
  LANGUAGE sql VOLATILE SET search_path = public, pg_temp
BEGIN ATOMIC
  WITH speaking AS NOT MATERIALIZED (  -- parts that may leave still, or never reached the customer
    SELECT p.tenant_id, p.conversation_id, p.channel_id, p.id, p.turn_id, p.author, p.seq, p.ordinal, p.state, p.ambiguous,
           p.next_attempt_at, p.correlation_id, p.created_at, c.status, c.contact_id, c.send_until, c.blocked_until AS pair_blocked_until
      FROM outbound_parts p JOIN conversations c ON c.id = p.conversation_id
     WHERE p.state IN ('queued', 'sending', 'unknown', 'failed')
       AND (p.author <> 'bot' OR (c.status IN ('bot', 'waiting') AND p.seq > c.human_through))
  ), undelivered AS (
    (SELECT DISTINCT ON (s.conversation_id) s.* FROM speaking s
      WHERE s.state IN ('queued', 'sending', 'unknown') AND s.ambiguous < 2
      ORDER BY s.conversation_id, s.seq, s.ordinal)
    UNION ALL
    -- Nothing more will be tried: named until a later message gets through, a person closes it, or a day has passed.
    -- An operator sees by themselves what became of their own words.
    (SELECT DISTINCT ON (s.conversation_id) s.* FROM speaking s JOIN contacts t ON t.id = s.contact_id
      WHERE s.state IN ('failed', 'unknown') AND (s.state = 'failed' OR s.ambiguous = 2) AND s.author <> 'operator'
        AND s.created_at > clock_timestamp() - interval '1 day' AND s.status <> 'resolved' AND t.unreachable_at IS NULL
        AND NOT EXISTS (SELECT FROM outbound_parts q WHERE q.conversation_id = s.conversation_id AND q.seq > s.seq
                           AND q.state IN ('accepted', 'sent', 'delivered', 'read'))
      ORDER BY s.conversation_id, s.seq, s.ordinal)
  )
  SELECT DISTINCT ON (w.conversation_id) w.* FROM (
      SELECT c.tenant_id, c.id AS conversation_id, c.channel_id, NULL::uuid AS part_id,
             CASE WHEN c.lease_event IS NULL THEN 'not_taken'
                  WHEN c.lease_beat < clock_timestamp() - interval '20 s' THEN 'handler_gone'
                  ELSE 'being_answered' END AS why,
             m.seq, m.correlation_id,
             CASE WHEN t.created_at >= c.open_since THEN least(m.created_at, c.open_since) ELSE c.open_since END AS since
        FROM conversations c
        LEFT JOIN LATERAL (SELECT m.seq, m.correlation_id, m.created_at FROM messages m
                            WHERE m.conversation_id = c.id AND m.seq > c.answered AND m.role = 'customer'
                            ORDER BY m.seq LIMIT 1) m ON true
        LEFT JOIN LATERAL (SELECT t.created_at FROM turns t WHERE t.conversation_id = c.id
                            ORDER BY t.n DESC, t.epoch DESC LIMIT 1) t ON true
       WHERE c.last_in > c.answered AND c.status IN ('bot', 'waiting')
      UNION ALL
      SELECT u.tenant_id, u.conversation_id, u.channel_id, u.id,
             CASE WHEN u.state = 'failed' THEN 'refused'
                  WHEN u.state = 'sending' THEN CASE WHEN u.send_until < clock_timestamp() THEN 'sender_gone' ELSE 'being_sent' END
                  WHEN u.ambiguous = 2 THEN 'perhaps_sent'
                  WHEN NOT h.enabled THEN 'channel_off'
                  WHEN h.blocked_until > clock_timestamp() THEN 'channel_blocked'
                  WHEN u.state = 'unknown' THEN 'perhaps_sent'
                  WHEN greatest(u.next_attempt_at, u.pair_blocked_until) > clock_timestamp() THEN 'sent_later'
                  ELSE 'not_sent' END,
             u.seq, u.correlation_id,
             greatest(coalesce(m.created_at, u.created_at), u.created_at - interval '35 s')
        FROM undelivered u
        JOIN channels h ON h.id = u.channel_id
        LEFT JOIN turns t ON t.id = u.turn_id
        LEFT JOIN LATERAL (SELECT m.created_at FROM messages m
                            WHERE m.conversation_id = u.conversation_id AND m.seq > t.after AND m.role = 'customer'
                            ORDER BY m.seq LIMIT 1) m ON true) w
   WHERE w.since < clock_timestamp() - interval '60 s'
   ORDER BY w.conversation_id, w.since;
END;
COMMENT ON FUNCTION customers_waiting IS 'Conversations whose customer has had no answer for a minute though the bot or a message of ours should have reached them, and what holds it up.';

CREATE FUNCTION alarms(p_limit integer, p_known uuid[]) RETURNS TABLE (
  tenant_id uuid, conversation_id uuid, channel_id uuid, why text, seq bigint, correlation_id text, seconds double precision, alike bigint)
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
  SELECT w.tenant_id, w.conversation_id, w.channel_id, w.why, w.seq, w.correlation_id, w.seconds, w.alike FROM (
      SELECT w.*, row_number() OVER (ORDER BY w.of_cause = 1 DESC, w.of_tenant, w.since, w.conversation_id) AS place FROM (
          SELECT w.*, extract(epoch FROM clock_timestamp() - w.since)::double precision AS seconds,
                 row_number() OVER (PARTITION BY w.why ORDER BY w.since, w.conversation_id) AS of_cause,
                 row_number() OVER (PARTITION BY w.tenant_id, w.why ORDER BY w.since, w.conversation_id) AS of_tenant,
                 count(*) OVER (PARTITION BY w.why) AS alike
            FROM customers_waiting() w) w) w
   WHERE w.place <= p_limit OR w.conversation_id = ANY (p_known)
   ORDER BY w.place;
END;
COMMENT ON FUNCTION alarms IS 'Of those who wait so many, every tenant''s longest first and the longest of every cause among them, and those that are known already; `alike`: how many wait for the same cause in all.';

REVOKE ALL ON FUNCTION customers_waiting() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION customers_waiting() TO xin_definer, xin_console;
REVOKE ALL ON FUNCTION alarms(integer, uuid[]) FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO xin_definer;  -- only until the function is its own
ALTER FUNCTION alarms(integer, uuid[]) OWNER TO xin_definer;
REVOKE CREATE ON SCHEMA public FROM xin_definer;
SET LOCAL ROLE xin_definer;
GRANT EXECUTE ON FUNCTION alarms(integer, uuid[]) TO xin_tick;
RESET ROLE;

-- migrate:down
