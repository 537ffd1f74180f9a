package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrNoTable means that the database has no table revocations that the role can see. [Schema] makes
// it. If it is in another schema, search_path in the URL names that.
var ErrNoTable = errors.New("there is no table revocations that its role can see; ?search_path=… in the address names the schema of one that is elsewhere")

const (
	hidden = "; rows that are hidden from its role would not be revoked: let it see all rows, with ALTER ROLE … BYPASSRLS"
	locked = "locked by another transaction, such as an ALTER TABLE that is still open: see pg_locks and pg_stat_activity"
)

// cannotRead adds a way out to a server's error, if one is known.
func (r *reading) cannotRead(err error) error {
	hint := ""
	switch e, _ := errors.AsType[*pgconn.PgError](err); {
	case e == nil:
	case e.Code == "42P01":
		return fmt.Errorf("cannot use the source %s: %w", r.Source, ErrNoTable)
	case e.Routine == "check_enable_rls":
		hint = hidden
	case e.Code == "42501":
		hint = "; GRANT revocations_reader to its role"
	case e.Code == "55P03":
		hint = "; revocations is " + locked
	}
	return fmt.Errorf("cannot read the source %s: %w%s", r.Source, err, hint)
}

// queryFailed is cannotRead for a query.
func (r *reading) queryFailed(err error) error {
	hint := ""
	switch e, _ := errors.AsType[*pgconn.PgError](err); {
	case e == nil:
	case e.Routine == "check_enable_rls":
		hint = hidden
	case e.Code == "55P03":
		hint = "; what it reads is " + locked
	}
	return fmt.Errorf("the query on %s failed: %w%s", r.Source, err, hint)
}

// cannotInsert adds a way out to the error of an INSERT, if one is known.
func cannotInsert(err error) error {
	hint := ""
	switch e, _ := errors.AsType[*pgconn.PgError](err); {
	case e == nil:
	case e.Code == "42P01":
		return ErrNoTable
	case e.Code == "42703":
		hint = "; its owner adds a column for a claim with ALTER TABLE revocations ADD COLUMN … text, and runs the schema again to let writers use it"
	case e.Code == "25006":
		hint = "; a standby takes no rows, its primary does"
	case e.Code == "42501":
		hint = "; GRANT revocations_writer to its role, or run the schema again if a column was added"
	case e.Code == "55P03":
		hint = "; revocations is " + locked
	}
	return fmt.Errorf("%w%s", err, hint)
}
