package source

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// heading judges the columns of a result, once for all its rows. Those that are keys are
// no part of a row, and nil.
func (r *reading) heading(b *builder, names []string, key func(name string) bool) ([]*column, error) {
	b.start(0)
	columns := make([]*column, len(names))
	for i, name := range names {
		if key(name) {
			continue
		}
		columns[i] = b.column(name)
		if f := b.set(columns[i], value{}); f != nil {
			return nil, fmt.Errorf("the column %q of %s cannot be used: %s", shorten(name), r.source, f.reason)
		}
	}
	return columns, nil
}

// sumRow is a hash of all that a row of a table holds, whichever columns were added to
// the table since it was written. The value of a column is not ok if it is NULL.
func sumRow(names []string, value func(i int) (text string, ok bool)) string {
	h := sha256.New()
	for i, name := range names {
		if text, ok := value(i); ok {
			fmt.Fprintf(h, "%q %q\n", name, text)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// sumQuery is a hash of a query's text.
func sumQuery(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

func quoteIdentifier(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
