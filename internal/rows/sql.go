package rows

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/revocast/revocast/source"
)

// Heading judges the columns of a result, once for all its rows. The columns that are keys are no
// part of a row; they are nil.
func (r *Reading) Heading(b *Builder, names []string, key func(name string) bool) ([]*Column, error) {
	b.Start(0)
	columns := make([]*Column, len(names))
	for i, name := range names {
		if key(name) {
			continue
		}
		columns[i] = b.Column(name)
		if f := b.Set(columns[i], Value{}); f != nil {
			return nil, fmt.Errorf("the column %q of %s cannot be used: %s", source.Shorten(name), r.Source, f.Reason)
		}
	}
	return columns, nil
}

// SumRow returns a hash of all that a row of a table holds. Columns that were added to the table
// since do not change it. The value of a column is not ok if it is NULL.
func SumRow(names []string, value func(i int) (text string, ok bool)) string {
	h := sha256.New()
	for i, name := range names {
		if text, ok := value(i); ok {
			fmt.Fprintf(h, "%q %q\n", name, text)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// SumQuery returns a hash of the text of a query.
func SumQuery(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// QuoteIdentifier returns a name as SQL takes it whatever is in it.
func QuoteIdentifier(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
