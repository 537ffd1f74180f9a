package source

import (
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// standbyState says why a standby may not get on, if it does not, and when the last transaction
// that it shows was committed, by the primary's clock. Whoever may connect may ask all of it: of
// what pg_stat_wal_receiver knows others than monitors see that there is one.
const standbyState = `SELECT
	CASE WHEN NOT pg_is_in_recovery() THEN ''
		WHEN pg_is_wal_replay_paused() THEN 'its replay is paused (pg_wal_replay_resume ends that)'
		WHEN NOT EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 'it receives nothing, as it is not connected to its primary'
		WHEN pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn() > 64 << 20
			OR pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn() AND clock_timestamp() - pg_last_xact_replay_timestamp() > interval '1 minute'
		THEN 'its replay is far behind what it receives' END,
	(extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000000)::bigint`

// lag warns of a standby that does not get on. What it shows may be no older than at the last
// reading, and the list would be as good as new for ever.
func (r *reading) lag(conn *pgconn.PgConn) error {
	row, err := oneRow(r.ctx, conn, standbyState)
	if err != nil {
		return r.cannotRead(err)
	}
	if row[0] == "" {
		return nil
	}
	since := "what was committed meanwhile is missing"
	if at, err := strconv.ParseInt(row[1], 10, 64); err == nil {
		since = "the last that it shows was committed at " + time.UnixMicro(at).UTC().Format(time.RFC3339)
	}
	r.result.Warnings = append(r.result.Warnings, fmt.Sprintf("%s is a standby, and %s: %s", r.source, row[0], since))
	return nil
}
