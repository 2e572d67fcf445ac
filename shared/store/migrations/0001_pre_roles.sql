-- migrate:up
-- 0001 pre: who may connect as what. Roles belong to the whole server, so each is made only where it is missing.
-- A function connects as a login role that may SET ROLE to the function's own; none of them owns a table.

DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['xin_definer', 'xin_platform', 'xin_ingress', 'xin_orchestrate', 'xin_embed', 'xin_deliver', 'xin_tick', 'xin_console'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = role) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', role);
    END IF;
    EXECUTE format('GRANT %I TO CURRENT_USER WITH INHERIT FALSE, SET TRUE', role);
  END LOOP;
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO xin_definer, xin_platform, xin_ingress, xin_orchestrate, xin_embed, xin_deliver, xin_tick, xin_console;
GRANT CREATE ON SCHEMA public TO xin_definer;  -- only until its functions are its own; 0004 takes it back

-- migrate:down
