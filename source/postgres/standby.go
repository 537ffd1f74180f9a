package postgres

import (
	"strconv"
	"time"
)

// standbyState asks why a standby may fall behind, and when the last transaction that it shows was
// committed, by the primary's clock. Any role may ask it: pg_stat_wal_receiver hides its details
// from roles that are no monitors, but shows that there is one.
const standbyState = `SELECT
	CASE WHEN NOT pg_is_in_recovery() THEN ''
		WHEN pg_is_wal_replay_paused() THEN 'its replay is paused (pg_wal_replay_resume ends that)'
		WHEN NOT EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 'it receives nothing, as it is not connected to its primary'
		WHEN pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn() > 64 << 20
			OR pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn() AND clock_timestamp() - pg_last_xact_replay_timestamp() > interval '1 minute'
		THEN 'its replay is far behind what it receives' END,
	(extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000000)::bigint`

// warnStandby warns of a standby that stands still or lags. It may be no older than at the last
// reading, and a list that is published from it would look fresh for ever.
func (r *reading) warnStandby(s server) error {
	if !s.Standby {
		return nil
	}
	row, err := oneRow(r.Context, r.conn, standbyState)
	if err != nil {
		return r.cannotRead(err)
	}
	if row[0] == "" {
		return nil
	}
	since := "later commits are missing"
	if at, err := strconv.ParseInt(row[1], 10, 64); err == nil {
		since = "the last commit that it shows is of " + time.UnixMicro(at).UTC().Format(time.RFC3339)
	}
	r.Warn("%s is a standby, and %s: %s", r.Source, row[0], since)
	return nil
}
