package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
	"github.com/revocast/revocast/source"
)

// transactions is how many the test under load commits or rolls back, by
// $REVOCAST_TRANSACTIONS.
func transactions(t *testing.T) int {
	s := os.Getenv("REVOCAST_TRANSACTIONS")
	if s == "" {
		return 400
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}

// A load is transactions that overlap in every way there is, and the rows that they committed.
type load struct {
	server   *pgtest.Server
	database string
	last     atomic.Int64

	mu        sync.Mutex
	committed map[string]bool
}

// write runs a transaction: rows, also under savepoints that are then undone, in one
// or two phases, held open for a while, committed or not.
func (l *load) write(ctx context.Context, url string, r *rand.Rand) error {
	conn, err := connect(ctx, url, url)
	if err != nil {
		return err
	}
	defer disconnect(ctx, conn)
	var rows []string
	do := func(statement string) {
		if err == nil {
			err = exec(ctx, conn.PgConn(), statement)
		}
	}
	add := func(keep bool) {
		jti := fmt.Sprint("r", l.last.Add(1))
		do(insert1(jti))
		if keep {
			rows = append(rows, jti)
		}
	}
	do(`BEGIN; SET LOCAL revocast.notify = off`)
	if r.IntN(4) == 0 {
		do(`SELECT pg_current_xact_id()`) // takes its id long before it has a row
	}
	hold := func() { time.Sleep(time.Duration(r.IntN(1+r.IntN(40))) * time.Millisecond) }
	for range 1 + r.IntN(3) {
		hold()
		switch r.IntN(4) {
		case 0:
			do(`SAVEPOINT s`)
			add(false)
			do(`ROLLBACK TO SAVEPOINT s`)
		case 1:
			do(`SAVEPOINT s`)
			add(true)
			do(`RELEASE SAVEPOINT s`)
		default:
			add(true)
		}
	}
	hold()
	name := fmt.Sprint("p", l.last.Add(1))
	end := []string{`COMMIT`, `COMMIT`, `COMMIT`, `ROLLBACK`, `COMMIT PREPARED '` + name + `'`, `ROLLBACK PREPARED '` + name + `'`}[r.IntN(6)]
	if len(end) > len(`ROLLBACK`) {
		do(`PREPARE TRANSACTION '` + name + `'`)
		hold()
	}
	if end[0] == 'C' {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, jti := range rows {
			l.committed[jti] = true
		}
	}
	do(end)
	return err
}

// run runs so many transactions, some at once.
func (l *load) run(t *testing.T, n int) {
	var writers sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	for w := range 6 {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for left.Add(-1) >= 0 {
				if err := l.write(t.Context(), l.server.URL("postgres", l.database), r); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
}

// Transactions commit out of the order of their ids, and one of them is open all the while and
// commits last. A reader on the primary and one on a hot standby follow. Each visits every committed
// row, none that was rolled back, and says that a row is new only once.
func TestUnderLoad(t *testing.T) {
	server := pgtest.Start(t)
	standby := server.Standby(t)
	l := &load{server: server, database: withTable(t, server), committed: map[string]bool{}}
	server.Exec(t, l.database, insert1("first"))
	l.committed["first"] = true
	standby.CatchUp(t, server)
	long := begin(t, server, l.database)
	run(t, long, insert1("long"))

	type reader struct {
		*follower
		visits, news map[string]int
		reads        int
	}
	readers := []*reader{
		{follower: follow(t, server.URL("postgres", l.database), Options{})},
		{follower: follow(t, standby.URL("postgres", l.database), Options{})},
	}
	read := func(r *reader) {
		result, err := r.source.Read(t.Context(), r.cursor, func(row *source.Row) error {
			r.visits[row.Values[0]]++
			if row.New {
				r.news[row.Values[0]]++
			}
			return nil
		})
		if err != nil {
			t.Error(err)
			return
		}
		r.cursor = result.Cursor
		r.reads++
		if r.reads > 1 && result.Full {
			t.Error("a full read")
		}
	}
	done := make(chan struct{})
	var reading sync.WaitGroup
	for _, r := range readers {
		r.visits, r.news = map[string]int{}, map[string]int{}
		reading.Go(func() {
			for {
				read(r)
				select {
				case <-done:
					return
				case <-time.After(time.Duration(rand.IntN(20)) * time.Millisecond):
				}
			}
		})
	}
	l.run(t, transactions(t))
	close(done)
	reading.Wait()
	for _, r := range readers {
		require.Zero(t, r.visits["long"])
	}
	run(t, long, `COMMIT`)
	l.committed["long"] = true
	standby.CatchUp(t, server)
	for i, r := range readers {
		read(r)
		visits := 0
		for jti, n := range r.visits {
			require.True(t, l.committed[jti], "%s was rolled back", jti)
			require.LessOrEqual(t, r.news[jti], 1)
			visits += n
		}
		require.Equal(t, len(l.committed), len(r.visits), "rows that reader %d visited", i)
		clear(r.visits)
		read(r)
		require.Empty(t, r.visits, "nothing is open")
		t.Logf("reader %d: %d readings, %d visits to %d rows", i, r.reads, visits, len(l.committed))
	}
}
