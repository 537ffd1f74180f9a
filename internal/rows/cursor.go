package rows

import (
	"bytes"
	"encoding/json"

	"github.com/revocast/revocast/source"
)

// DecodeCursor reads a cursor of type T strictly. It returns nil for no cursor, and for one of
// another kind of source, from which nothing can go on.
func DecodeCursor[T any](c source.Cursor) *T {
	if len(c) == 0 {
		return nil
	}
	t := new(T)
	d := json.NewDecoder(bytes.NewReader(c))
	d.DisallowUnknownFields()
	if d.Decode(t) != nil {
		return nil
	}
	return t
}
