/**
 * The tables, as steps: entry n takes a database of `user_version` n to n + 1. A released step is never edited, only followed.
 * Times are REAL because that is what JavaScript has; SQLite keeps whole numbers compact all the same.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE documents (
    id TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    wake_at REAL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX documents_by_wake ON documents (wake_at, id) WHERE wake_at IS NOT NULL;

  CREATE TABLE index_keys (
    key TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (key, document)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX index_keys_by_document ON index_keys (document);

  CREATE TABLE claims (
    key TEXT PRIMARY KEY NOT NULL,
    document TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX claims_by_document ON claims (document);

  CREATE TABLE journal (
    document TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (document, version)
  ) STRICT;

  -- A number is never given twice (AUTOINCREMENT), so a late receipt cannot fit a newer message.
  -- "exclusive" is the group, where the lane respects groups; "held": somebody has it, until visible_at at most.
  CREATE TABLE messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    lane TEXT NOT NULL,
    id TEXT NOT NULL,
    exclusive TEXT,
    visible_at REAL NOT NULL,
    held INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    message TEXT NOT NULL,
    UNIQUE (lane, id)
  ) STRICT;
  CREATE INDEX messages_by_turn ON messages (lane, visible_at);
  CREATE INDEX messages_by_holder ON messages (exclusive, visible_at) WHERE held = 1 AND exclusive IS NOT NULL;

  CREATE TABLE dead_letters (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    reason TEXT NOT NULL,
    message TEXT,
    raw TEXT,
    source TEXT
  ) STRICT;
  `,
  `
  CREATE TABLE totals (
    rollout TEXT NOT NULL,
    sample TEXT NOT NULL,
    amount REAL NOT NULL,
    PRIMARY KEY (rollout, sample)
  ) STRICT, WITHOUT ROWID;
  `,
];
