package rows

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file whose every row names other columns does not fill the memory with their names.
func TestColumnsAreBounded(t *testing.T) {
	var b Builder
	for i := range 3 * maxColumns {
		b.Start(int64(i))
		require.Nil(t, b.Set(b.Column(fmt.Sprint("c", i)), Value{Text, "v"}))
		require.LessOrEqual(t, len(b.columns), maxColumns+1)
	}
}
