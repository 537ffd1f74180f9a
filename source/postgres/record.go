package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

// Insert records a decision in the table revocations, in the caller's own transaction. The decision
// takes effect with the first publication after the COMMIT, which wakes publishers that watch the
// table. A zero Moment is the time of the INSERT by the database's clock.
//
// The error is a *[source.BadRowError] if no reading could take the decision; then nothing was sent
// to the database. Any other error leaves the transaction aborted, as a failed statement does,
// unless it was in a savepoint; a claim without a column is such an error. The transaction's role
// needs revocations_writer.
//
// PostgreSQL refuses PREPARE TRANSACTION after Insert, because the table notifies. A two-phase
// transaction runs SET LOCAL revocast.notify = off before.
func Insert(ctx context.Context, tx pgx.Tx, d source.Decision) error {
	sql, args, err := insertion(d, "the table revocations")
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("cannot record a decision: %w", cannotInsert(err))
	}
	return nil
}

// Record records a decision in the table revocations of the database at a URL, in a connection and
// a transaction of its own. It returns when the commit is on disk, whatever synchronous_commit
// the database has. It returns the id of the row, or 0 if the role may not read ids.
//
// The error is a *[source.BadRowError] if no reading could take the decision. After any other error
// the decision may or may not have been recorded; recording it again does no harm.
func Record(ctx context.Context, url string, d source.Decision) (id int64, err error) {
	place, err := withoutSecrets(url)
	if err != nil {
		return 0, err
	}
	sql, args, err := insertion(d, place)
	if err != nil {
		return 0, err
	}
	conn, err := connect(ctx, url, place)
	if err != nil {
		return 0, err
	}
	defer disconnect(ctx, conn)
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var sees bool
		if err := tx.QueryRow(ctx, `SELECT has_column_privilege('revocations', 'id', 'SELECT'),
			CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END,
			CASE WHEN current_setting('lock_timeout') = '0' THEN set_config('lock_timeout', '30s', true) END`).Scan(&sees, nil, nil); err != nil {
			return err
		}
		if !sees {
			_, err := tx.Exec(ctx, sql, args...)
			return err
		}
		return tx.QueryRow(ctx, sql+` RETURNING id`, args...).Scan(&id)
	})
	if err != nil {
		return 0, fmt.Errorf("cannot record a decision in %s: %w", place, cannotInsert(err))
	}
	return id, nil
}

// insertion returns the INSERT of a decision. place is where it goes, for messages.
func insertion(d source.Decision, place string) (sql string, args []any, err error) {
	row, err := rows.Of(d, place)
	if err != nil {
		return "", nil, err
	}
	var names, marks []string
	for i, c := range rows.Cells(row) {
		if isKey(c.Name) {
			return "", nil, &source.BadRowError{Source: "the row for " + place, Field: c.Name, Reason: "the table revocations has a column of its own of this name"}
		}
		names, marks = append(names, rows.QuoteIdentifier(c.Name)), append(marks, "$"+strconv.Itoa(i+1))
		args = append(args, argument(c.Value))
	}
	return fmt.Sprintf(`INSERT INTO revocations (%s) VALUES (%s)`, strings.Join(names, ", "), strings.Join(marks, ", ")), args, nil
}

// argument returns the value of a cell as the driver takes it.
func argument(v any) any {
	switch v := v.(type) {
	case int64:
		return time.Unix(v, 0)
	case rows.Moment:
		return time.UnixMilli(int64(v))
	}
	return v
}
