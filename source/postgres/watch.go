package postgres

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

// errStandby ends the listening on a standby.
var errStandby = errors.New("it is a standby, and PostgreSQL has no LISTEN on standbys")

// Watch listens on the channel that the table's trigger notifies. PostgreSQL delivers a
// notification when its transaction has committed.
func (d *database) Watch(ctx context.Context, wake func(), warn func(string)) {
	pause, warned := firstPause, false
	for ctx.Err() == nil {
		err := d.listen(ctx, func() {
			// Rows may have been committed while nothing listened.
			wake()
			pause, warned = firstPause, false
		}, wake)
		if ctx.Err() != nil {
			return
		}
		if !warned {
			warned = true
			warn(fmt.Sprintf("cannot listen to %s, so new rows wait for the next interval until it can be listened to again: %v", d.place, err))
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

// listen calls ready once it listens, and wake for notifications, until the connection is lost.
func (d *database) listen(ctx context.Context, ready, wake func()) error {
	conn, err := connect(ctx, d.url, d.place, func(*pgconn.PgConn, *pgconn.Notification) { wake() })
	if err != nil {
		return err
	}
	defer disconnect(ctx, conn)
	if err := exec(ctx, conn.PgConn(), `LISTEN revocations`); err != nil {
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "25006" {
			return errStandby
		}
		return err
	}
	ready()
	for {
		if err := conn.PgConn().WaitForNotification(ctx); err != nil {
			return err
		}
	}
}
