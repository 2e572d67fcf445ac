-- migrate:up transaction:false
-- 0008 pre: finds what a provider refused lately. By itself, since CONCURRENTLY takes no transaction; old code may serve meanwhile.

CREATE INDEX CONCURRENTLY dead_ends ON outbound_parts (created_at) WHERE state IN ('failed', 'unknown');

-- migrate:down
