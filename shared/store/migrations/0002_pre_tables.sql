-- migrate:up
-- 0002 pre: the tables. Every key between tenants' tables carries the tenant, since a foreign key does not look at policies.

CREATE TABLE tenants (
  id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name          text NOT NULL,
  active_index  text,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN tenants.active_index IS 'The embedding fingerprint whose collection answers; NULL until the first document.';

CREATE TABLE platform_admins (
  id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email            text NOT NULL UNIQUE,
  password_hash    text NOT NULL,
  session_version  integer NOT NULL DEFAULT 1,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE users (
  id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id        uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  email            text NOT NULL CHECK (email = lower(email)),
  name             text NOT NULL DEFAULT '',
  role             text NOT NULL CHECK (role IN ('owner', 'operator', 'viewer')),
  password_hash    text NOT NULL,
  session_version  integer NOT NULL DEFAULT 1,
  disabled_at      timestamptz,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id),
  UNIQUE (tenant_id, email)
);
CREATE INDEX users_by_email ON users (email);
COMMENT ON TABLE users IS 'Who works for a tenant. The same person in two tenants has two accounts: neither shows the other.';

CREATE TABLE brands (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id   uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  name        text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id)
);

CREATE TABLE personas (
  id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id     uuid NOT NULL,
  brand_id      uuid NOT NULL,
  version       integer NOT NULL,
  status        text NOT NULL CHECK (status IN ('draft', 'published', 'archived')),
  body          jsonb NOT NULL,
  created_by    uuid,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  published_at  timestamptz,
  UNIQUE (tenant_id, id),
  UNIQUE (brand_id, version),
  FOREIGN KEY (tenant_id, brand_id) REFERENCES brands (tenant_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX personas_published ON personas (brand_id) WHERE status = 'published';

CREATE TABLE policies (
  id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id     uuid NOT NULL,
  brand_id      uuid NOT NULL,
  version       integer NOT NULL,
  status        text NOT NULL CHECK (status IN ('draft', 'published', 'archived')),
  body          jsonb NOT NULL,
  created_by    uuid,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  published_at  timestamptz,
  UNIQUE (tenant_id, id),
  UNIQUE (brand_id, version),
  FOREIGN KEY (tenant_id, brand_id) REFERENCES brands (tenant_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX policies_published ON policies (brand_id) WHERE status = 'published';

CREATE TABLE models (
  tenant_id       uuid PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
  base_url        text NOT NULL,
  model           text NOT NULL,
  small_model     text,
  key_id          text NOT NULL,
  api_key         bytea NOT NULL,
  monthly_tokens  bigint,
  updated_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE models IS 'A tenant''s own model endpoint; without a row the installation''s default serves, or none.';

CREATE TABLE channels (
  id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id        uuid NOT NULL,
  brand_id         uuid NOT NULL,
  kind             text NOT NULL CHECK (kind IN ('telegram', 'bale', 'whatsapp', 'instagram', 'web')),
  name             text NOT NULL,
  account          text,
  settings         jsonb NOT NULL DEFAULT '{}',
  enabled          boolean NOT NULL DEFAULT true,
  blocked_until    timestamptz,
  last_webhook_at  timestamptz,
  last_error       text,
  last_error_at    timestamptz,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id),
  FOREIGN KEY (tenant_id, brand_id) REFERENCES brands (tenant_id, id)
);
COMMENT ON COLUMN channels.account IS 'The provider''s own id of our side: bot id, phone_number_id, Instagram account id.';

CREATE TABLE channel_secrets (
  tenant_id   uuid NOT NULL,
  channel_id  uuid NOT NULL,
  name        text NOT NULL,
  key_id      text NOT NULL,
  ciphertext  bytea NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at  timestamptz,
  PRIMARY KEY (channel_id, name, created_at),
  FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE channel_secrets IS 'AES-GCM, bound to tenant, channel and name. Several rows of a name are all accepted until they expire; the newest is used for sending.';

CREATE TABLE contacts (
  id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id       uuid NOT NULL,
  channel_id      uuid NOT NULL,
  external_id     text NOT NULL,
  reply_to        text,
  name            text,
  language        text,
  attributes      jsonb NOT NULL DEFAULT '{}',
  unreachable_at  timestamptz,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id),
  UNIQUE (channel_id, external_id),
  FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id) ON DELETE CASCADE
);

COMMENT ON COLUMN contacts.reply_to IS 'The address to write to where it is not external_id: WhatsApp shows a phone number for a while.';

CREATE TABLE conversations (
  id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id      uuid NOT NULL,
  channel_id     uuid NOT NULL,
  contact_id     uuid NOT NULL,
  status         text NOT NULL DEFAULT 'bot' CHECK (status IN ('bot', 'waiting', 'human', 'resolved')),
  owner_id       uuid,
  seq            bigint NOT NULL DEFAULT 0,
  last_in        bigint NOT NULL DEFAULT 0,
  answered       bigint NOT NULL DEFAULT 0,
  open_since     timestamptz NOT NULL DEFAULT clock_timestamp(),
  human_through  bigint NOT NULL DEFAULT 0,
  epoch          bigint NOT NULL DEFAULT 0,
  lease_event    text,
  lease_beat     timestamptz,
  send_part      uuid,
  send_claim     integer,
  send_until     timestamptz,
  read_through   bigint NOT NULL DEFAULT 0,
  misses         integer NOT NULL DEFAULT 0,
  created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id),
  UNIQUE (channel_id, contact_id),
  FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id) ON DELETE SET NULL (owner_id)
) WITH (fillfactor = 70);
CREATE INDEX open_work ON conversations (open_since) WHERE last_in > answered AND status IN ('bot', 'waiting');
CREATE INDEX open_send ON conversations (send_until) WHERE send_part IS NOT NULL;
CREATE INDEX conversations_recent ON conversations (tenant_id, updated_at DESC, id DESC);
COMMENT ON COLUMN conversations.seq IS 'The last number given to a message.';
COMMENT ON COLUMN conversations.last_in IS 'The seq of the newest customer message.';
COMMENT ON COLUMN conversations.answered IS 'Turns cover the customer''s messages up to here.';
COMMENT ON COLUMN conversations.human_through IS 'A person spoke or closed at this seq: the bot answers nothing older.';
COMMENT ON COLUMN conversations.misses IS 'Turns in a row that found no answer.';

CREATE TABLE turns (
  id              uuid PRIMARY KEY,
  tenant_id       uuid NOT NULL,
  conversation_id uuid NOT NULL,
  epoch           bigint NOT NULL,
  after           bigint NOT NULL,
  n               bigint NOT NULL,
  seq             bigint NOT NULL,
  outcome         text NOT NULL CHECK (outcome IN ('answered', 'abstained', 'handed_over', 'refused', 'greeted')),
  trace           jsonb NOT NULL,
  model           text,
  tokens_in       integer NOT NULL DEFAULT 0,
  tokens_out      integer NOT NULL DEFAULT 0,
  correlation_id  text NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id),
  UNIQUE (conversation_id, n, epoch),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX turns_recent ON turns (tenant_id, created_at);
COMMENT ON TABLE turns IS 'One answer to the customer messages in (after, n], with all that it saw.';

CREATE TABLE messages (
  id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id        uuid NOT NULL,
  conversation_id  uuid NOT NULL,
  channel_id       uuid NOT NULL,
  seq              bigint NOT NULL,
  role             text NOT NULL CHECK (role IN ('customer', 'bot', 'operator', 'system')),
  kind             text NOT NULL DEFAULT 'text',
  provider_id      text,
  text             text NOT NULL DEFAULT '',
  payload          jsonb,
  sources          jsonb NOT NULL DEFAULT '[]',
  turn_id          uuid,
  author_id        uuid,
  sent_at          timestamptz,
  correlation_id   text NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id),
  UNIQUE (channel_id, provider_id),
  UNIQUE (conversation_id, seq),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id) ON DELETE SET NULL (turn_id),
  FOREIGN KEY (tenant_id, author_id) REFERENCES users (tenant_id, id) ON DELETE SET NULL (author_id)
);
COMMENT ON COLUMN messages.channel_id IS 'The conversation''s. No key of its own: every message of a channel would lock that one row.';
COMMENT ON COLUMN messages.sent_at IS 'The provider''s clock; created_at is ours.';

CREATE TABLE provider_events (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id    uuid NOT NULL,
  channel_id   uuid NOT NULL,
  key          text NOT NULL,
  kind         text NOT NULL,
  provider_id  text,
  part_id      uuid,
  payload      jsonb NOT NULL,
  joined_at    timestamptz,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id),
  UNIQUE (channel_id, key),
  FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX unjoined_events ON provider_events (created_at) WHERE joined_at IS NULL;
CREATE INDEX events_by_provider_id ON provider_events (channel_id, provider_id) WHERE joined_at IS NULL;
COMMENT ON TABLE provider_events IS 'Statuses, echoes, edits, reads and kinds we do not know, as they came; joined when their counterpart is known.';

CREATE TABLE outbound_parts (
  id                 uuid PRIMARY KEY,
  tenant_id          uuid NOT NULL,
  conversation_id    uuid NOT NULL,
  channel_id         uuid NOT NULL,
  message_id         uuid NOT NULL,
  turn_id            uuid,
  seq                bigint NOT NULL,
  ordinal            integer NOT NULL,
  author             text NOT NULL CHECK (author IN ('bot', 'operator', 'system')),
  text               text NOT NULL,
  state              text NOT NULL DEFAULT 'queued'
                     CHECK (state IN ('queued', 'sending', 'unknown', 'accepted', 'sent', 'failed', 'delivered', 'read', 'cancelled')),
  claim              integer NOT NULL DEFAULT 0,
  ambiguous          integer NOT NULL DEFAULT 0 CHECK (ambiguous BETWEEN 0 AND 2),
  maybe_twice        boolean NOT NULL DEFAULT false,
  attempts           integer NOT NULL DEFAULT 0,
  next_attempt_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  provider_id        text,
  provider_id_again  text,
  reason             text,
  correlation_id     text NOT NULL,
  created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id),
  UNIQUE (conversation_id, seq, ordinal),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX open_parts ON outbound_parts (conversation_id, seq, ordinal) WHERE state IN ('queued', 'sending', 'unknown');
CREATE INDEX due_parts ON outbound_parts (next_attempt_at) WHERE state IN ('queued', 'unknown') AND ambiguous < 2;
CREATE INDEX parts_by_turn ON outbound_parts (turn_id);
CREATE INDEX parts_by_message ON outbound_parts (message_id);
CREATE INDEX parts_by_provider_id ON outbound_parts (channel_id, provider_id) WHERE provider_id IS NOT NULL;

CREATE TABLE web_sessions (
  id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id        uuid NOT NULL,
  channel_id       uuid NOT NULL,
  contact_id       uuid NOT NULL,
  conversation_id  uuid NOT NULL,
  token_hash       bytea NOT NULL UNIQUE,
  expires_at       timestamptz NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id),
  FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX web_sessions_expiring ON web_sessions (expires_at);

CREATE TABLE knowledge_assets (
  id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id       uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  title           text NOT NULL,
  name            text NOT NULL,
  brand_ids       uuid[] NOT NULL DEFAULT '{}',
  version         integer NOT NULL DEFAULT 1,
  active_version  integer,
  created_by      uuid,
  deleted_at      timestamptz,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id)
);
CREATE INDEX assets_recent ON knowledge_assets (tenant_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
COMMENT ON COLUMN knowledge_assets.brand_ids IS 'Empty: every brand of the tenant may answer from it.';
COMMENT ON COLUMN knowledge_assets.version IS 'The newest version uploaded; active_version is the one that answers.';

CREATE TABLE ingestion_jobs (
  id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id        uuid NOT NULL,
  asset_id         uuid NOT NULL,
  version          integer NOT NULL,
  object_key       text NOT NULL,
  media_type       text NOT NULL,
  size             bigint NOT NULL,
  sha256           bytea NOT NULL,
  status           text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'indexing', 'ready', 'failed')),
  reason           text,
  dense            text NOT NULL DEFAULT 'off' CHECK (dense IN ('off', 'pending', 'ready')),
  position         integer NOT NULL DEFAULT 0,
  total            integer,
  dense_position   integer NOT NULL DEFAULT 0,
  attempts         integer NOT NULL DEFAULT 0,
  lease_until      timestamptz,
  correlation_id   text NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id),
  UNIQUE (asset_id, version),
  FOREIGN KEY (tenant_id, asset_id) REFERENCES knowledge_assets (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX open_jobs ON ingestion_jobs (updated_at) WHERE status IN ('pending', 'indexing') OR dense = 'pending';
CREATE INDEX jobs_by_bytes ON ingestion_jobs (tenant_id, sha256);

CREATE TABLE chunks (
  id          uuid PRIMARY KEY,
  tenant_id   uuid NOT NULL,
  asset_id    uuid NOT NULL,
  version     integer NOT NULL,
  ordinal     integer NOT NULL,
  place       text NOT NULL DEFAULT '',
  text        text NOT NULL,
  UNIQUE (tenant_id, id),
  UNIQUE (asset_id, version, ordinal),
  FOREIGN KEY (tenant_id, asset_id) REFERENCES knowledge_assets (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN chunks.place IS 'Where in the document: its headings, or its page.';

CREATE TABLE deletions (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id   uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  asset_id    uuid NOT NULL,
  version     integer,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id)
);
COMMENT ON TABLE deletions IS 'Objects and vectors still to be removed: a whole asset, or one version of it.';

CREATE TABLE automation_rules (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id    uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  name         text NOT NULL,
  schedule     text NOT NULL,
  timezone     text NOT NULL DEFAULT 'Asia/Tehran',
  action       jsonb NOT NULL,
  enabled      boolean NOT NULL DEFAULT true,
  next_due_at  timestamptz,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id)
);
CREATE INDEX due_rules ON automation_rules (next_due_at) WHERE enabled;

CREATE TABLE automation_runs (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id    uuid NOT NULL,
  rule_id      uuid NOT NULL,
  due_at       timestamptz NOT NULL,
  state        text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'done', 'skipped', 'failed')),
  outcome      text,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at  timestamptz,
  UNIQUE (tenant_id, id),
  UNIQUE (rule_id, due_at),
  FOREIGN KEY (tenant_id, rule_id) REFERENCES automation_rules (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX open_runs ON automation_runs (created_at) WHERE state = 'due';

CREATE TABLE dead_letters (
  id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id       uuid REFERENCES tenants (id) ON DELETE CASCADE,
  source          text NOT NULL,
  event_id        text,
  event_type      text,
  reason          text NOT NULL,
  attributes      jsonb NOT NULL DEFAULT '{}',
  payload         bytea NOT NULL,
  correlation_id  text,
  redelivered_at  timestamptz,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (source, event_id, event_type)
);
CREATE INDEX dead_letters_recent ON dead_letters (tenant_id, created_at DESC, id DESC);
COMMENT ON TABLE dead_letters IS 'What could not be handled, whole. Without a tenant only the platform''s administrator sees it.';

CREATE TABLE audit_log (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id   uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  actor       text NOT NULL,
  action      text NOT NULL,
  subject     text NOT NULL,
  detail      jsonb NOT NULL DEFAULT '{}',
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (tenant_id, id)
);
CREATE INDEX audit_recent ON audit_log (tenant_id, created_at DESC, id DESC);

-- migrate:down
