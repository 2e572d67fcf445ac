-- migrate:up
-- 0006 pre: a person who answers in the provider's own app, and customers whom a provider lets us write to only slowly.

ALTER TABLE conversations ADD COLUMN blocked_until timestamptz, ADD COLUMN resume_at timestamptz;
COMMENT ON COLUMN conversations.blocked_until IS 'The provider wants this customer left in peace until then: WhatsApp''s pair limit.';
COMMENT ON COLUMN conversations.resume_at IS 'When the bot may go on after a person who spoke outside, in the provider''s app: nobody else releases it.';
CREATE INDEX resumable ON conversations (resume_at) WHERE resume_at IS NOT NULL;
CREATE INDEX contacts_by_address ON contacts (channel_id, reply_to) WHERE reply_to IS NOT NULL;

-- deliver joins echoes: what is not ours was said by a person, perhaps to a customer whom we don't know yet
GRANT SELECT ON policies TO xin_deliver;
GRANT INSERT ON contacts, conversations TO xin_deliver;
GRANT UPDATE (blocked_until, resume_at) ON conversations TO xin_deliver;
GRANT UPDATE (resume_at) ON conversations TO xin_console;

-- automation-tick lets the bot go on
CREATE FUNCTION due_resumes(p_limit integer) RETURNS TABLE (tenant_id uuid, id uuid)
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
  SELECT c.tenant_id, c.id FROM conversations c WHERE c.resume_at < clock_timestamp() ORDER BY c.resume_at LIMIT p_limit;
END;
COMMENT ON FUNCTION due_resumes IS 'Conversations that a person spoke in outside, and left.';
REVOKE ALL ON FUNCTION due_resumes(integer) FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO xin_definer;  -- only until the function is its own
ALTER FUNCTION due_resumes(integer) OWNER TO xin_definer;
REVOKE CREATE ON SCHEMA public FROM xin_definer;
SET LOCAL ROLE xin_definer;
GRANT EXECUTE ON FUNCTION due_resumes(integer) TO xin_tick;
RESET ROLE;
GRANT SELECT ON turns, outbound_parts TO xin_tick;
GRANT SELECT (tenant_id, conversation_id, seq, role) ON messages TO xin_tick;
GRANT UPDATE (status, owner_id, open_since, answered, resume_at, updated_at) ON conversations TO xin_tick;

-- migrate:down
