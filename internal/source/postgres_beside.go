package source

import (
	"maps"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgBeside are the cursors that a list keeps of PostgreSQL servers under other names than one,
// by default of other addresses. Those of queries have no table.
func pgBeside(cursors map[string]Cursor, name string) (beside []pgCursor) {
	for _, other := range slices.Sorted(maps.Keys(cursors)) {
		if other == name {
			continue
		}
		c, ok := decodeCursor[pgCursor](cursors[other])
		if !ok {
			query, _ := decodeCursor[pgQueryCursor](cursors[other])
			if query == nil {
				continue
			}
			c = &pgCursor{pgServer: query.pgServer}
		}
		if c.System != "" {
			c.under = other
			beside = append(beside, *c)
		}
	}
	return beside
}

// copyOf tells whether a server is an older copy that was started by itself: a primary that is
// behind on the same timeline. Another name is there to let it in.
func (s pgServer) copyOf(last pgServer) bool {
	return !s.Standby && s.Timeline == last.Timeline && s.WAL < last.WAL
}

// server asks the server what it is, and holds it against the cursors of other names. Else a standby
// that lags would release what was revoked since, as it was read from the primary. One that
// stands still is warned of.
func (r *reading) server(conn *pgconn.PgConn) (pgServer, error) {
	server, err := readServer(r.ctx, conn)
	if err != nil {
		return server, r.cannotRead(err)
	}
	for _, last := range r.beside {
		if server.copyOf(last.pgServer) {
			continue
		}
		if _, err := server.goesOn(last.pgServer, r.source); err != nil {
			return server, err
		}
	}
	if server.Standby {
		err = r.lag(conn)
	}
	return server, err
}

// readBeside gives the sets of rows that were read under other names: of them a reinstatement
// releases nothing more.
func (r *reading) readBeside(conn *pgconn.PgConn, t *pgTable, server pgServer) (read []pgRead, err error) {
	for _, last := range r.beside {
		if server.copyOf(last.pgServer) {
			continue
		}
		_, same, err := r.goesOn(conn, t, server, &last)
		if err != nil {
			return nil, err
		}
		if seen, err := decodeTxids(last.Xmin, last.Seen); same && err == nil {
			read = append(read, pgRead{last.ID, last.Xmin, seen})
			r.mayHave(&last)
		}
	}
	return read, nil
}

// A pgRead is the rows that were read up to a cursor.
type pgRead struct {
	id   int64
	xmin uint64
	seen txids
}

func (p pgRead) has(id int64, txid uint64) bool {
	return id <= p.id && (txid < p.xmin || p.seen.has(txid))
}
