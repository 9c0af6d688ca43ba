"""The SQLite file of uploaded files and batches, and the folder of the files' contents.

They are together, so that one transaction ends a batch and brings its output files.
"""

from __future__ import annotations

from router.storage.database import FileKind

FILE_NAME = "batches.sqlite3"
FOLDER_NAME = "files"
LOCK_NAME = "batches.lock"

# Times in columns that end in ``_s`` are seconds since the epoch. ``times`` has one for each state that a batch was in.
_SCHEMA = """
CREATE TABLE file (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    purpose TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    created_s INTEGER NOT NULL,
    expires_s INTEGER NOT NULL
);
CREATE TABLE batch (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    key_id TEXT NOT NULL,
    network TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    input_file_id TEXT NOT NULL,
    completion_window TEXT NOT NULL,
    metadata TEXT NOT NULL,
    output_keep_s INTEGER,
    state TEXT NOT NULL,
    created_s INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    times TEXT NOT NULL DEFAULT '{}',
    errors TEXT NOT NULL DEFAULT '[]',
    total INTEGER NOT NULL DEFAULT 0,
    completed INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    output_file_id TEXT,
    error_file_id TEXT
);
CREATE INDEX batch_input ON batch (input_file_id);
CREATE TABLE line (
    batch INTEGER NOT NULL REFERENCES batch (number) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    custom_id TEXT NOT NULL,
    start_bytes INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (batch, number)
) WITHOUT ROWID;
CREATE TABLE answer (
    batch INTEGER NOT NULL REFERENCES batch (number) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    is_error INTEGER NOT NULL,
    text BLOB NOT NULL,
    PRIMARY KEY (batch, number)
);
"""

STATE_FILE = FileKind("batch file", 0x6E657862, (_SCHEMA,))  # "nexb"

UNFINISHED = "('validating', 'in_progress', 'finalizing', 'cancelling')"
"""The states of a batch that has not ended, for SQL."""
