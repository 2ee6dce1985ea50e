-- The objects as they are now. No index on revision: updates stay HOT.
CREATE TABLE object (
    resource   text COLLATE "C" NOT NULL,
    ns         text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    uid        text COLLATE "C" NOT NULL,
    revision   bigint NOT NULL,
    selectable text NOT NULL,
    body       text NOT NULL,
    PRIMARY KEY (resource, ns, name)
) WITH (fillfactor = 60);

-- What happened, in order: (history.floor, newest] is dense, below it only the newest change of each object is kept.
-- operation: 0 create, 1 update, 2 delete. batch: which group commit wrote it, so that a writer whose connection broke at
-- COMMIT can find out what became of it.
CREATE TABLE change_log (
    revision   bigint PRIMARY KEY,
    batch      bigint NOT NULL,
    written_ms bigint NOT NULL,
    operation  smallint NOT NULL,
    resource   text COLLATE "C" NOT NULL,
    ns         text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    uid        text COLLATE "C" NOT NULL,
    selectable text NOT NULL,
    previous   text,
    body       text NOT NULL
);
CREATE INDEX change_log_object ON change_log (resource, ns, name, revision DESC);
CREATE INDEX change_log_deleted ON change_log (resource, ns, name, revision) WHERE operation = 2;

-- The oldest revision that a watch may start from, and a list may be asked for.
CREATE TABLE history (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    floor bigint NOT NULL
);
INSERT INTO history (floor) VALUES (0);

-- How far each consumer has come, written together with what it wrote.
CREATE TABLE consumer_position (
    name  text COLLATE "C" PRIMARY KEY,
    value text NOT NULL,
    batch bigint NOT NULL
) WITH (fillfactor = 60);

-- The newest record of each key that a consumer has taken in.
CREATE TABLE consumer_mark (
    scope      text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    epoch      bigint NOT NULL,
    sequence   bigint NOT NULL,
    gone       boolean NOT NULL,
    written_ms bigint NOT NULL,
    PRIMARY KEY (scope, key)
) WITH (fillfactor = 60);
CREATE INDEX consumer_mark_gone ON consumer_mark (written_ms) WHERE gone;

-- Bodies over 2 KB: lz4 is several times cheaper than the default, where the server has it.
DO $$
BEGIN
    ALTER TABLE object ALTER COLUMN body SET COMPRESSION lz4;
    ALTER TABLE change_log ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END
$$;
