package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// A server is the identity of a server and how far it was when it was read. Cursors of the table
// and of queries have it in common.
type server struct {
	System   string `json:"system"` // the identifier of its cluster
	Database string `json:"db"`     // oid
	Timeline int64  `json:"timeline"`
	WAL      uint64 `json:"wal"`               // how much of it is flushed, or replayed
	Life     string `json:"life"`              // changes with every start, crash and promotion
	Standby  bool   `json:"standby,omitempty"` // it was in recovery
}

// serverState asks for the fields of a server in order. On a standby the timeline comes from the
// control file, up to a few minutes late. Statistics are reset after every crash, even after one
// that the postmaster survives and in which unflushed WAL is lost.
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

func askServer(ctx context.Context, conn *pgconn.PgConn) (s server, err error) {
	row, err := oneRow(ctx, conn, serverState)
	if err != nil {
		return s, err
	}
	s = server{System: row[0], Database: row[1], Life: row[4], Standby: row[5] == "t"}
	if s.Timeline, err = strconv.ParseInt(row[2], 10, 64); err != nil {
		return s, fmt.Errorf("its timeline: %w", err)
	}
	if s.WAL, err = strconv.ParseUint(row[3], 10, 64); err != nil {
		return s, fmt.Errorf("its position in the WAL: %w", err)
	}
	return s, nil
}

// goesOn reports whether the server is the one of the last reading, in the same life, so that
// transaction ids mean the same. If it is certainly an older state of the same database, behind
// says why.
func (s server) goesOn(last server) (ok bool, behind string) {
	switch {
	case s.System != last.System || s.Database != last.Database:
		return false, ""
	case !s.Standby && s.Timeline < last.Timeline:
		return false, fmt.Sprintf("it is on timeline %d, after timeline %d", s.Timeline, last.Timeline)
	case s.Timeline > last.Timeline:
		return false, ""
	case s.WAL < last.WAL:
		return false, fmt.Sprintf("it is at %s of its write-ahead log, after %s", lsn(s.WAL), lsn(last.WAL))
	}
	return s.Life == last.Life && s.Standby == last.Standby, ""
}

// lsn writes a WAL position as PostgreSQL does.
func lsn(n uint64) string { return fmt.Sprintf("%X/%X", n>>32, uint32(n)) }

// warnBehind warns of a server that is an older state than one that was read.
func (r *reading) warnBehind(behind string) {
	if behind != "" {
		r.Warn("%s is older than at the last reading (%s); all of it is read, and revocations committed since may be missing from it", r.Source, behind)
	}
}
