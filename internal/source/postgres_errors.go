package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// inTransaction begins a transaction that reads with what every one has: what a policy would hide is
// an error, and a lock is not waited for without end, unless the role has a limit of its own.
const inTransaction = ` READ ONLY; SET LOCAL row_security = off;
	SELECT set_config('lock_timeout', '30s', true) WHERE current_setting('lock_timeout') = '0';`

const noPostgresTable = "it has no table revocations that its role can see; publisher schema prints the SQL that makes one, and ?search_path=… in the address names the schema of one that is elsewhere"

// cannotRead says of a server's error what to do about it, if that is known.
func (r *reading) cannotRead(err error) error {
	hint := ""
	switch e, _ := errors.AsType[*pgconn.PgError](err); {
	case e == nil:
	case e.Code == "42P01":
		return fmt.Errorf("cannot use the source %s: %s; --query reads a table of your own", r.source, noPostgresTable)
	case e.Routine == "check_enable_rls":
		hint = hidden
	case e.Code == "42501":
		hint = "; GRANT revocations_reader to its role"
	case e.Code == "55P03":
		hint = "; revocations is " + locked
	}
	return fmt.Errorf("cannot read the source %s: %w%s", r.source, err, hint)
}

// queryFailed is cannotRead for a query of the user's own.
func (r *reading) queryFailed(err error) error {
	hint := ""
	switch e, _ := errors.AsType[*pgconn.PgError](err); {
	case e == nil:
	case e.Routine == "check_enable_rls":
		hint = hidden
	case e.Code == "55P03":
		hint = "; what it reads is " + locked
	}
	return fmt.Errorf("the query on %s failed: %w%s", r.source, err, hint)
}

const (
	hidden = "; what is hidden from its role would not be revoked: let it see all rows, with ALTER ROLE … BYPASSRLS"
	locked = "locked by another transaction, such as an ALTER TABLE that is still open: see pg_locks, and pg_stat_activity for whose it is"
)

// cannotInsert says why a row was not taken, if that can be found out.
func cannotInsert(ctx context.Context, conn *pgconn.PgConn, err error) error {
	ask := func(question string) bool {
		row, err := oneRow(ctx, conn, question)
		return err == nil && row[0] == "t"
	}
	hint := ""
	switch e, _ := errors.AsType[*pgconn.PgError](err); {
	case e == nil:
	case e.Code == "25006" && ask(`SELECT pg_is_in_recovery()`):
		return errors.New("it is a standby, which takes no rows; name its primary")
	case e.Code == "42501" && ask(`SELECT has_any_column_privilege('revocations', 'INSERT')`):
		hint = "; its role may insert, but not all these columns: publisher schema, run again, lets revocations_writer use those that were added"
	case e.Code == "42501":
		hint = "; GRANT revocations_writer to its role"
	case e.Code == "55P03":
		hint = "; revocations is " + locked
	}
	return fmt.Errorf("%w%s", err, hint)
}
