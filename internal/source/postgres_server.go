package source

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// A pgServer is which server was read, and how far it was: the part of a cursor
// that the table and queries have in common.
type pgServer struct {
	System   string `json:"system"` // the identifier of its cluster
	Database string `json:"db"`     // oid
	Timeline int64  `json:"timeline"`
	WAL      uint64 `json:"wal"`               // how much of it is safely written, or replayed
	Life     string `json:"life"`              // changes with every start, crash and promotion
	Standby  bool   `json:"standby,omitempty"` // it was in recovery

	under string // the name of the source, if it is not the one that is read
}

// serverState asks for what a pgServer holds, in its order. On a standby the control file
// tells the timeline, up to a few minutes late; a primary knows its own. Statistics
// are reset after every crash, also after one that the server survived by itself, at
// which its process stays but what it had not yet written is lost.
const serverState = `SELECT
	(SELECT system_identifier FROM pg_control_system()),
	(SELECT oid FROM pg_database WHERE datname = current_database()),
	CASE WHEN pg_is_in_recovery()
		THEN greatest((SELECT timeline_id FROM pg_control_checkpoint()), (SELECT min_recovery_end_timeline FROM pg_control_recovery()))
		ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END,
	CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn,
	concat_ws('/', (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
		(SELECT (extract(epoch FROM stats_reset) * 1000000)::bigint FROM pg_stat_bgwriter)),
	pg_is_in_recovery()`

func readServer(ctx context.Context, conn *pgconn.PgConn) (s pgServer, err error) {
	row, err := oneRow(ctx, conn, serverState)
	if err != nil {
		return s, err
	}
	s = pgServer{System: row[0], Database: row[1], Life: row[4], Standby: row[5] == "t"}
	if s.Timeline, err = strconv.ParseInt(row[2], 10, 64); err != nil {
		return s, fmt.Errorf("its timeline: %w", err)
	}
	if s.WAL, err = strconv.ParseUint(row[3], 10, 64); err != nil {
		return s, fmt.Errorf("its position in the WAL: %w", err)
	}
	return s, nil
}

// goesOn tells whether the server is the one of the last reading, and has not been
// restarted since, so that transaction ids mean what they did. If not, everything is read
// again. The error is [ErrOlderSource].
func (s pgServer) goesOn(last pgServer, location string) (bool, error) {
	todo, under := "let it catch up, or name the server that is ahead", ""
	if last.under == "" {
		todo += "; if an older copy was restored on purpose, publish it under another --source-name"
	} else {
		under = " as " + last.under
	}
	switch {
	case s.System != last.System || s.Database != last.Database:
		return false, nil
	case !s.Standby && s.Timeline < last.Timeline:
		return false, fmt.Errorf("%w: %s is on timeline %d, and timeline %d was read before%s, so it is not the server that was promoted; %s",
			ErrOlderSource, location, s.Timeline, last.Timeline, under, todo)
	case s.Timeline > last.Timeline:
		return false, nil
	case s.WAL < last.WAL:
		return false, fmt.Errorf("%w: %s is at %s of its write-ahead log, and had been read at %s%s; %s",
			ErrOlderSource, location, lsn(s.WAL), lsn(last.WAL), under, todo)
	}
	return s.Life == last.Life && s.Standby == last.Standby, nil
}

// lsn is a position as PostgreSQL writes it.
func lsn(n uint64) string { return fmt.Sprintf("%X/%X", n>>32, uint32(n)) }

// oneRow is the one row of a query's result, as text; NULL is empty.
func oneRow(ctx context.Context, conn *pgconn.PgConn, query string, params ...[]byte) ([]string, error) {
	result := conn.ExecParams(ctx, query, params, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, result.Err
	}
	if len(result.Rows) != 1 {
		return nil, fmt.Errorf("it answered with %d rows instead of one", len(result.Rows))
	}
	row := make([]string, len(result.Rows[0]))
	for i, field := range result.Rows[0] {
		row[i] = string(field)
	}
	return row, nil
}

// exec runs a statement that gives no rows.
func exec(ctx context.Context, conn *pgconn.PgConn, statement string) error {
	_, err := conn.Exec(ctx, statement).ReadAll()
	return err
}
