package source

import _ "embed"

// PostgresSchema is the SQL that makes the table revocations of a PostgreSQL database, and
// roles to write and to read it. It may be run any number of times.
//
//go:embed postgres.sql
var PostgresSchema string
