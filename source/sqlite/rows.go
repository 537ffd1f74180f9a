package sqlite

import (
	"database/sql"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/revocast/revocast/internal/rows"
)

// visitRows visits the rows of a result. If key is not empty, the column of that name is not part
// of a row. It holds the place of the row. isNew reports whether the row at a place is new.
func visitRows(r *rows.Reading, result *sql.Rows, key string, isNew func(line int64) bool) error {
	names, err := result.Columns()
	if err != nil {
		return fmt.Errorf("cannot read the source %s: %w", r.Source, err)
	}
	b := rows.Builder{Wordy: true}
	columns, err := r.Heading(&b, names, func(name string) bool { return key != "" && strings.EqualFold(name, key) })
	if err != nil {
		return err
	}
	values, targets := cells(len(names))
	for line := int64(1); result.Next(); line++ {
		if err := result.Scan(targets...); err != nil {
			return fmt.Errorf("cannot read the source %s: %w", r.Source, err)
		}
		for i, c := range columns {
			if c == nil {
				line, _ = values[i].(int64)
			}
		}
		b.Start(line)
		if f := fill(&b, columns, values); f != nil {
			err = r.Bad(line, f)
		} else {
			b.Row.New = isNew(line)
			err = r.Good(&b.Row)
		}
		if err != nil {
			return err
		}
	}
	if err := result.Err(); err != nil {
		return fmt.Errorf("cannot read the source %s: %w", r.Source, err)
	}
	return nil
}

// cells returns room for n values, and where Scan puts them.
func cells(n int) (values, targets []any) {
	values, targets = make([]any, n), make([]any, n)
	for i := range values {
		targets[i] = &values[i]
	}
	return values, targets
}

func fill(b *rows.Builder, columns []*rows.Column, values []any) *rows.Fault {
	for i, c := range columns {
		if c == nil {
			continue
		}
		_, unit := b.Time(c)
		if f := b.Set(c, value(values[i], unit)); f != nil {
			return f
		}
	}
	return b.Finish()
}

// value returns a value of the driver as a row takes it. unit is that of the column's times.
func value(v any, unit int64) rows.Value {
	switch v := v.(type) {
	case nil:
		return rows.Value{}
	case string:
		return rows.Value{Kind: rows.Text, Text: v}
	case []byte:
		return rows.Value{Kind: rows.Other, Text: "a BLOB (select CAST(… AS TEXT) under the same name)"}
	case int64:
		return rows.Value{Kind: rows.Number, Text: strconv.FormatInt(v, 10)}
	case float64:
		if unit == rows.Milliseconds && v > 0 && v < 1e15 {
			// A moment that SQLite computed in floating point is a little more or less than its
			// milliseconds, so it is rounded to the nearest. Rounding up would add a millisecond.
			return rows.Value{Kind: rows.Number, Text: rows.Moment(math.Round(v * 1000)).String()}
		}
		// With an exponent, so that it is not taken for an exact integer.
		return rows.Value{Kind: rows.Number, Text: strconv.FormatFloat(v, 'e', -1, 64)}
	case bool:
		return rows.Value{Kind: rows.Boolean, Text: strconv.FormatBool(v)}
	case time.Time:
		// The driver takes a text without a zone for UTC, which may be hours off.
		return rows.Value{Kind: rows.Other, Text: "text in a column declared DATE, DATETIME or TIMESTAMP, whose zone is unknown (select unixepoch(…, 'subsec'), or CAST(… AS TEXT), under the same name)"}
	}
	return rows.Value{Kind: rows.Other, Text: fmt.Sprintf("of the type %T", v)}
}
