package postgres

import _ "embed"

// Schema is the SQL that makes the table revocations, and the roles revocations_writer and
// revocations_reader. The table's owner may run it any number of times. It must be run again after
// a column was added for a claim, and after the table was restored from a dump.
//
//go:embed schema.sql
var Schema string
