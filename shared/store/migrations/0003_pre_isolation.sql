-- migrate:up
-- 0003 pre: no row of another tenant, for anybody. A query outside a tenant's transaction finds nothing.
-- A pooled connection holds '' after a transaction that set the tenant, hence NULLIF.

CREATE FUNCTION current_tenant() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN NULLIF(current_setting('app.tenant_id', true), '')::uuid;

DO $$
DECLARE
  t text;
BEGIN
  FOR t IN SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenant_id' LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant ON %I USING (tenant_id = current_tenant())', t);
  END LOOP;
END
$$;

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants USING (id = current_tenant());
CREATE POLICY platform ON tenants TO xin_platform USING (true) WITH CHECK (true);

-- A letter that belongs to no tenant may be kept by anybody, and is read by the platform alone.
CREATE POLICY orphan ON dead_letters FOR INSERT WITH CHECK (tenant_id IS NULL);
CREATE POLICY platform ON dead_letters TO xin_platform USING (tenant_id IS NULL);

-- What the definer functions look at, across tenants.
CREATE POLICY definer ON tenants          FOR SELECT TO xin_definer USING (true);
CREATE POLICY definer ON channels         FOR SELECT TO xin_definer USING (true);
CREATE POLICY definer ON users            FOR SELECT TO xin_definer USING (disabled_at IS NULL);
CREATE POLICY definer ON web_sessions     FOR ALL    TO xin_definer USING (true);
CREATE POLICY definer ON conversations    FOR SELECT TO xin_definer USING (true);
CREATE POLICY definer ON outbound_parts   FOR SELECT TO xin_definer USING (true);
CREATE POLICY definer ON provider_events  FOR ALL    TO xin_definer USING (true);
CREATE POLICY definer ON ingestion_jobs   FOR SELECT TO xin_definer USING (true);
CREATE POLICY definer ON deletions        FOR SELECT TO xin_definer USING (true);
CREATE POLICY definer ON automation_rules FOR SELECT TO xin_definer USING (true);
CREATE POLICY definer ON automation_runs  FOR SELECT TO xin_definer USING (true);
CREATE POLICY definer ON dead_letters     FOR ALL    TO xin_definer USING (true);

-- migrate:down
