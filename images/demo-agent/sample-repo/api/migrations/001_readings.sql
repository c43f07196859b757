CREATE TABLE readings (
  beacon  TEXT NOT NULL,
  at      TEXT NOT NULL,
  lit     INTEGER NOT NULL CHECK (lit IN (0, 1)),
  battery REAL NOT NULL CHECK (battery BETWEEN 0 AND 1),
  PRIMARY KEY (beacon, at)
);

-- TODO: drop readings after a year; the table grows by 500,000 rows a month
CREATE INDEX readings_at ON readings (at);
