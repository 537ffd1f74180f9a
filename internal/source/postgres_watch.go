package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// How long to wait before listening again: at first, and at most.
const (
	firstPause = time.Second
	mostPause  = time.Minute
)

// errStandby is what listening on a standby ends with.
var errStandby = errors.New("it is a standby, on which nobody can listen")

// Watch listens on the channel that the table's trigger notifies. PostgreSQL delivers a
// notification when its transaction has committed.
func (s *postgresSource) Watch(ctx context.Context, wake func(), warn func(string)) {
	pause, warned := firstPause, false
	for ctx.Err() == nil {
		err := s.listen(ctx, func() {
			// Something may have been committed while nobody listened.
			wake()
			pause, warned = firstPause, false
		}, wake)
		if ctx.Err() != nil {
			return
		}
		if !warned {
			warned = true
			warn(fmt.Sprintf("new rows wake nobody until %s can be listened to again, so they wait for the next interval: %v", s.place, err))
		}
		if errors.Is(err, errStandby) {
			pause = mostPause // it may be promoted some day
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, mostPause)
	}
}

// listen calls ready when it listens, and wake for notifications, until the connection is lost.
func (s *postgresSource) listen(ctx context.Context, ready, wake func()) error {
	conn, err := connectPostgres(ctx, s.location, s.place, func(*pgconn.PgConn, *pgconn.Notification) { wake() })
	if err != nil {
		return err
	}
	defer closePostgres(ctx, conn)
	if err := exec(ctx, conn, `LISTEN revocations`); err != nil {
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "25006" {
			return errStandby
		}
		return err
	}
	ready()
	for {
		if err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}
