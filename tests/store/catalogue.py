"""What Postgres' own catalogue says about isolation, and what is wrong with it, in words.

Each check returns its complaints: none when all is well. What is allowed stands here as lists, so that a migration that
opens something has to open it here too, where a reviewer sees it.
"""

from collections.abc import Awaitable, Callable, Iterable

from local.machine.schema import APP, FUNCTION_ROLES, OWNER
from shared.store.tenancy import Db

Check = Callable[[Db], Awaitable[list[str]]]

DEFINER = "xin_definer"
ROLES = (*FUNCTION_ROLES, DEFINER)

TENANTLESS = {"tenants", "platform_admins", "schema_migrations"}
"""Tables without `tenant_id`."""

TENANT_POLICY = "(tenant_id = current_tenant())"

OTHER_POLICIES = {
    "tenants.tenant: ALL to PUBLIC (id = current_tenant())",
    "tenants.platform: ALL to xin_platform true check true",
    "dead_letters.platform: ALL to xin_platform (tenant_id IS NULL)",
    "dead_letters.orphan: INSERT to PUBLIC check (tenant_id IS NULL)",
    "tenants.definer: SELECT to xin_definer true",
    "channels.definer: SELECT to xin_definer true",
    "users.definer: SELECT to xin_definer (disabled_at IS NULL)",
    "web_sessions.definer: ALL to xin_definer true",
    "conversations.definer: SELECT to xin_definer true",
    "outbound_parts.definer: SELECT to xin_definer true",
    "messages.definer: SELECT to xin_definer true",
    "turns.definer: SELECT to xin_definer true",
    "contacts.definer: SELECT to xin_definer true",
    "provider_events.definer: ALL to xin_definer true",
    "ingestion_jobs.definer: SELECT to xin_definer true",
    "deletions.definer: SELECT to xin_definer true",
    "automation_rules.definer: SELECT to xin_definer true",
    "automation_runs.definer: SELECT to xin_definer true",
    "dead_letters.definer: ALL to xin_definer true",
}

DEFINERS = {
    "resolve_channel",
    "resolve_login",
    "resolve_session",
    "due_work",
    "due_resumes",
    "alarms",
    "list_tenants",
    "prune",
}

EXECUTE = {
    "current_tenant": set(ROLES),
    "resolve_channel": {"xin_ingress"},
    "resolve_session": {"xin_ingress"},
    "resolve_login": {"xin_console"},
    "due_work": {"xin_tick"},
    "alarms": {"xin_tick"},
    "customers_waiting": {"xin_definer", "xin_console"},
    "due_resumes": {"xin_tick"},
    "list_tenants": {"xin_tick", "xin_embed"},
    "prune": {"xin_tick"},
    "store_message": {"xin_ingress"},
}

GRANTS = {
    "xin_definer": """
        SELECT tenants channels users conversations outbound_parts ingestion_jobs deletions automation_rules
        SELECT automation_runs
        SELECT messages(tenant_id,conversation_id,seq,role,correlation_id,created_at)
        SELECT contacts(tenant_id,id,unreachable_at)
        SELECT turns(tenant_id,id,conversation_id,n,epoch,after,created_at)
        SELECT web_sessions provider_events dead_letters
        DELETE web_sessions provider_events dead_letters
    """,
    "xin_platform": """
        SELECT tenants dead_letters platform_admins
        INSERT tenants platform_admins
        UPDATE tenants platform_admins dead_letters(redelivered_at)
        DELETE tenants dead_letters
    """,
    "xin_ingress": """
        SELECT channels channel_secrets brands messages contacts conversations web_sessions provider_events personas
        SELECT outbound_parts(id,tenant_id,conversation_id,channel_id,message_id,seq,state) turns(id,tenant_id,epoch,n)
        INSERT contacts conversations messages provider_events web_sessions dead_letters
        UPDATE contacts(name,language,reply_to,unreachable_at,attributes) web_sessions(expires_at)
        UPDATE channels(last_webhook_at)
        UPDATE conversations(seq,last_in,open_since,status,updated_at,read_through)
    """,
    "xin_orchestrate": """
        SELECT tenants brands channels contacts conversations messages personas policies models turns chunks
        SELECT knowledge_assets
        SELECT outbound_parts
        INSERT turns messages outbound_parts dead_letters
        UPDATE conversations(seq,answered,open_since,status,epoch,lease_event,lease_beat,misses,updated_at)
    """,
    "xin_deliver": """
        SELECT channels channel_secrets contacts conversations messages turns outbound_parts provider_events policies
        INSERT dead_letters messages contacts conversations
        UPDATE outbound_parts(state,claim,ambiguous,maybe_twice,attempts,next_attempt_at,provider_id,provider_id_again)
        UPDATE outbound_parts(reason,updated_at)
        UPDATE conversations(send_part,send_claim,send_until,status,owner_id,epoch,lease_event,lease_beat,human_through)
        UPDATE conversations(seq,updated_at,blocked_until,resume_at)
        UPDATE channels(blocked_until,last_error,last_error_at,enabled) contacts(unreachable_at)
        UPDATE provider_events(joined_at,part_id)
    """,
    "xin_embed": """
        SELECT tenants brands knowledge_assets ingestion_jobs chunks deletions
        INSERT chunks dead_letters deletions
        UPDATE knowledge_assets(active_version,updated_at,title) tenants(active_index)
        UPDATE ingestion_jobs(status,reason,dense,position,total,dense_position,attempts,lease_until,updated_at)
        DELETE chunks deletions ingestion_jobs knowledge_assets
    """,
    "xin_tick": """
        SELECT tenants automation_rules automation_runs conversations dead_letters turns outbound_parts
        SELECT messages(tenant_id,conversation_id,seq,role)
        INSERT automation_runs dead_letters audit_log
        UPDATE automation_rules(next_due_at) automation_runs(state,outcome,finished_at)
        UPDATE conversations(status,owner_id,open_since,answered,resume_at,updated_at)
    """,
    "xin_console": """
        SELECT tenants users brands personas policies models channels channel_secrets contacts conversations messages
        SELECT turns
        SELECT outbound_parts provider_events knowledge_assets ingestion_jobs chunks deletions automation_rules
        SELECT automation_runs
        SELECT dead_letters audit_log
        INSERT users brands personas policies models channels channel_secrets messages outbound_parts knowledge_assets
        INSERT ingestion_jobs deletions automation_rules dead_letters audit_log
        UPDATE users brands personas policies models channels automation_rules channel_secrets(expires_at)
        UPDATE conversations(status,owner_id,epoch,lease_event,lease_beat,seq,human_through,answered,open_since)
        UPDATE conversations(updated_at,read_through,resume_at)
        UPDATE outbound_parts(state,updated_at,next_attempt_at,reason) ingestion_jobs(status,updated_at,dense)
        UPDATE knowledge_assets(title,name,brand_ids,version,deleted_at,updated_at) dead_letters(redelivered_at)
        DELETE users brands personas policies models channels automation_rules dead_letters
    """,
}  # fmt: skip
"""Role to lines of a privilege and its tables, with columns where not all of them are meant."""

TABLES = """
    SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
           EXISTS (SELECT 1 FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
      FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""

POLICIES = """
    SELECT tablename, policyname, permissive, cmd, roles, qual, with_check FROM pg_policies WHERE schemaname = 'public'
"""

SIMPLE_KEYS = """
    SELECT k.conrelid::regclass::text || '.' || k.conname
      FROM pg_constraint k
      JOIN pg_attribute mine ON mine.attrelid = k.conrelid AND mine.attname = 'tenant_id'
      JOIN pg_attribute theirs ON theirs.attrelid = k.confrelid AND theirs.attname = 'tenant_id'
     WHERE k.contype = 'f'
       AND NOT EXISTS (SELECT 1 FROM unnest(k.conkey, k.confkey) AS pair (here, there)
                        WHERE pair.here = mine.attnum AND pair.there = theirs.attnum)
"""

TABLE_GRANTS = """
    SELECT coalesce(r.rolname, 'PUBLIC'), g.privilege_type, c.relname, NULL::text
      FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee
     WHERE c.relnamespace = 'public'::regnamespace AND g.grantee <> c.relowner
    UNION ALL
    SELECT coalesce(r.rolname, 'PUBLIC'), g.privilege_type, c.relname, a.attname
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid CROSS JOIN LATERAL aclexplode(a.attacl) g
      LEFT JOIN pg_roles r ON r.oid = g.grantee
     WHERE c.relnamespace = 'public'::regnamespace
"""

FUNCTIONS = """
    SELECT p.proname, p.prosecdef, pg_get_userbyid(p.proowner), p.proconfig,
           ARRAY(SELECT coalesce(r.rolname, 'PUBLIC') FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
                   LEFT JOIN pg_roles r ON r.oid = g.grantee WHERE g.grantee <> p.proowner)::text[]
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
"""

SCHEMA_GRANTS = """
    SELECT coalesce(r.rolname, 'PUBLIC'), g.privilege_type
      FROM pg_namespace n CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) g
      LEFT JOIN pg_roles r ON r.oid = g.grantee
     WHERE n.nspname = 'public' AND g.grantee <> n.nspowner
"""

ROLE_POWERS = """
    SELECT rolname, rolsuper OR rolbypassrls OR rolcreatedb OR rolreplication OR rolinherit, rolcreaterole, rolcanlogin
      FROM pg_roles WHERE rolname LIKE 'xin\\_%'
"""

OWNED = """
    SELECT pg_get_userbyid(relowner), 'table ' || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT pg_get_userbyid(proowner), proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT pg_get_userbyid(nspowner), 'schema ' || nspname FROM pg_namespace
    UNION ALL SELECT pg_get_userbyid(datdba), 'database ' || datname FROM pg_database
"""

MEMBERS = """
    SELECT m.rolname, r.rolname, a.inherit_option FROM pg_auth_members a
      JOIN pg_roles m ON m.oid = a.member JOIN pg_roles r ON r.oid = a.roleid
     WHERE r.rolname LIKE 'xin\\_%' AND (a.inherit_option OR a.set_option)
"""


async def rows(db: Db, query: str) -> list[tuple[object, ...]]:
    """All of the query's rows."""
    return [tuple(row) for row in await (await db.execute(query)).fetchall()]


async def row_level_security(db: Db) -> list[str]:
    """Tables of tenants without forced row-level security, and policies that aren't on the lists."""
    complaints = []
    tenants_tables = set()
    for table, forced, has_tenant in await rows(db, TABLES):
        if has_tenant:
            tenants_tables.add(table)
        elif table not in TENANTLESS:
            complaints.append(f"{table} belongs to no tenant and isn't on the list of those that don't")
        if not forced and (has_tenant or table == "tenants"):
            complaints.append(f"{table}: row-level security isn't forced")
    found = set()
    for table, name, permissive, verb, roles, using, check in await rows(db, POLICIES):
        assert isinstance(roles, list)
        to = ",".join("PUBLIC" if role == "public" else role for role in roles)
        if name == "tenant" and table in tenants_tables:
            if (permissive, verb, to, using) == ("PERMISSIVE", "ALL", "PUBLIC", TENANT_POLICY) and check in (
                None,
                using,
            ):
                tenants_tables.remove(table)
            continue
        found.add(
            f"{table}.{name}: {verb} to {to}" + (f" {using}" if using else "") + (f" check {check}" if check else "")
        )
    complaints += [f"{table}: the policy `tenant` isn't there, or not what it should be" for table in tenants_tables]
    complaints += [f"policy {policy} isn't on the list" for policy in found - OTHER_POLICIES]
    return complaints + [f"policy {policy} is on the list and not there" for policy in OTHER_POLICIES - found]


async def foreign_keys(db: Db) -> list[str]:
    """Keys between tenants' tables that don't carry the tenant: they would point across."""
    return [f"{name} doesn't carry tenant_id" for (name,) in await rows(db, SIMPLE_KEYS)]


async def table_grants(db: Db) -> list[str]:
    """Grants on tables that aren't on the list, or are on it and not there."""
    whole = {(role, verb, table) for role, verb, table, column in await rows(db, TABLE_GRANTS) if column is None}
    found = {" ".join(map(str, grant)) for grant in whole}
    for role, verb, table, column in await rows(db, TABLE_GRANTS):
        if column is not None and (role, verb, table) not in whole:
            found.add(f"{role} {verb} {table}({column})")
    expected = set(_expected())
    complaints = [f"{grant} isn't on the list" for grant in found - expected]
    return complaints + [f"{grant} is on the list and not there" for grant in expected - found]


def _expected() -> Iterable[str]:
    for role, lines in GRANTS.items():
        for line in lines.split("\n"):
            verb, *tables = line.split() or [""]
            for table in tables:
                name, _, columns = table.rstrip(")").partition("(")
                yield from (
                    (f"{role} {verb} {name}({c})" for c in columns.split(",")) if columns else [f"{role} {verb} {name}"]
                )


async def functions(db: Db) -> list[str]:
    """SECURITY DEFINER functions off the closed list or not as they must be, and who may call what."""
    complaints = []
    for name, is_definer, owner, config, callers in await rows(db, FUNCTIONS):
        assert isinstance(callers, list)
        if is_definer and name not in DEFINERS:
            complaints.append(f"{name}() is SECURITY DEFINER and isn't on the closed list")
        if is_definer and (owner != DEFINER or config != ["search_path=public, pg_temp"]):
            complaints.append(f"{name}(): wrong owner or search_path")
        if not is_definer and name in DEFINERS:
            complaints.append(f"{name}() is no longer SECURITY DEFINER")
        if set(callers) != EXECUTE.get(str(name), set()):
            complaints.append(f"{name}() may be called by {sorted(callers)}")
    return complaints


async def schema_grants(db: Db) -> list[str]:
    """Whoever may use the schema uses it, and makes nothing in it."""
    found = {(role, verb) for role, verb in await rows(db, SCHEMA_GRANTS)}
    expected: set[tuple[object, ...]] = {(role, "USAGE") for role in ROLES}
    return [f"{role} has {verb} on the schema" for role, verb in found - expected]


async def roles(db: Db) -> list[str]:
    """Function roles that own something or may more than they should, and who may become them."""
    complaints = []
    for role, has_power, creates_roles, logs_in in await rows(db, ROLE_POWERS):
        if has_power and role != OWNER:
            complaints.append(f"{role} is a superuser, bypasses row-level security, or inherits")
        if role != OWNER and creates_roles:
            complaints.append(f"{role} may make roles")
        if logs_in and role not in (OWNER, APP):
            complaints.append(f"{role} may sign in")
    for role, thing in await rows(db, OWNED):
        if role == APP or (role in ROLES and not (role == DEFINER and thing in DEFINERS)):
            complaints.append(f"{role} owns {thing}")
    for member, role, inherits in await rows(db, MEMBERS):
        if inherits or not (member == OWNER or (member == APP and role in FUNCTION_ROLES)):
            complaints.append(f"{member} may act as {role}")
    return complaints


CHECKS: tuple[Check, ...] = (row_level_security, foreign_keys, table_grants, functions, schema_grants, roles)
