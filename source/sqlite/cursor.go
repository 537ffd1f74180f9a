package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/revocast/revocast/internal/rows"
)

// A cursor says which rows of the table revocations were read.
//
// The table's ids are AUTOINCREMENT, and SQLite has one writer at a time. So ids grow in the order
// of the commits, and none is used twice, even after its row was deleted. This holds for one
// database. But the path may have another database by now, or one that was restored from a backup
// and has grown again. Then ids that were read belong to rows that were not.
//
// Therefore a cursor has marks. A mark is an id that was read, and a hash of its row. If the row of
// a mark is still there, the rows before it were read as well, and rows that were committed after a
// restoration come behind it. So a reading begins behind the highest mark whose row is still there.
// All rows are read in three cases: the highest id is lower than it was, a mark has another row
// now, or the rows of all marks were deleted. Rows that are read a second time change nothing.
//
// The marks are the last row and earlier ones, at distances that double. So few rows are read again
// whether a few of the last rows were deleted or many. One row is not noticed: it was deleted
// before any reading, and a backup brought it back together with the row of a mark behind it.
type cursor struct {
	// ID is the highest id that the table had given.
	ID    int64  `json:"id"`
	Marks []mark `json:"marks,omitempty"` // from high ids to low ones
}

type mark struct {
	ID  int64  `json:"id"`
	Sum string `json:"sum"`
}

// maxMarks keeps a cursor below source.MaxCursor.
const maxMarks = 32

// readTable visits the rows of the table revocations behind the cursor.
func readTable(r *rows.Reading, tx *sql.Tx, since *cursor) error {
	refuses, err := checkTable(r.Context, tx, r.Source)
	if err != nil {
		return err
	}
	cannot := func(err error) error { return fmt.Errorf("cannot read the source %s: %w", r.Source, err) }
	r.Undated = true
	if since == nil || !refuses {
		since = &cursor{}
	}
	var next cursor
	// The maximum, in case sqlite_sequence was edited.
	err = tx.QueryRowContext(r.Context, `SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'revocations'), 0), coalesce((SELECT max(id) FROM revocations), 0))`).Scan(&next.ID)
	if err != nil {
		return cannot(err)
	}
	from, err := resume(r, tx, since, next.ID)
	if err != nil {
		return cannot(err)
	}
	r.Result.Full = from == math.MinInt64
	result, err := tx.QueryContext(r.Context, `SELECT * FROM revocations WHERE id > ? ORDER BY id`, from)
	if err != nil {
		return cannot(err)
	}
	defer result.Close()
	if err := visitRows(r, result, "id", func(id int64) bool { return !r.Result.Full && id > since.ID }); err != nil {
		return err
	}
	if next.Marks, err = marks(r.Context, tx, next.ID); err != nil {
		return cannot(err)
	}
	r.Result.Cursor, err = json.Marshal(next)
	return err
}

// resume returns the id behind which to read, or math.MinInt64 to read everything.
func resume(r *rows.Reading, tx *sql.Tx, since *cursor, highest int64) (from int64, err error) {
	const gone = "so all rows were read; rows that were committed in between to the database that it replaced were never read"
	if highest < since.ID {
		r.Warn("%s is older than at the last reading: its highest id is %d and was %d, %s", r.Source, highest, since.ID, gone)
		return math.MinInt64, nil
	}
	from = math.MinInt64
	for _, m := range since.Marks {
		at, sum, err := rowAt(r.Context, tx, m.ID)
		switch {
		case err != nil:
			return 0, err
		case at != m.ID:
			continue
		case sum != m.Sum:
			r.Warn("the row %d of %s is not the one that was read before: the database was replaced or restored, or its rows were changed, %s", m.ID, r.Source, gone)
			return math.MinInt64, nil
		}
		from = max(from, m.ID)
	}
	return from, nil
}

// marks returns the marks of a table whose highest id is given.
func marks(ctx context.Context, tx *sql.Tx, highest int64) (all []mark, err error) {
	step := int64(1)
	for at := highest; len(all) < maxMarks; step *= 2 {
		var m mark
		if m.ID, m.Sum, err = rowAt(ctx, tx, at); err != nil || m.Sum == "" {
			return all, err
		}
		all, at = append(all, m), m.ID-step
	}
	return all, nil
}

// rowAt returns the row with the highest id up to at, and a hash of it. The hash is empty if there
// is no such row.
func rowAt(ctx context.Context, tx *sql.Tx, at int64) (id int64, sum string, err error) {
	result, err := tx.QueryContext(ctx, `SELECT id, * FROM revocations WHERE id <= ? ORDER BY id DESC LIMIT 1`, at)
	if err != nil {
		return 0, "", err
	}
	defer result.Close()
	names, err := result.Columns()
	if err != nil || !result.Next() {
		return 0, "", errors.Join(err, result.Err())
	}
	values, targets := cells(len(names))
	if err := result.Scan(targets...); err != nil {
		return 0, "", err
	}
	id, _ = values[0].(int64)
	sum = rows.SumRow(names, func(i int) (string, bool) { return fmt.Sprint(values[i]), values[i] != nil })
	return id, sum[:16], result.Err()
}
