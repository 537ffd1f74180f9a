package file

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/sourcetest"
	"github.com/revocast/revocast/source"
)

// A stream can be read only once, but a publisher that lost a race reads it again.
func TestStreamTwice(t *testing.T) {
	s := Stream(strings.NewReader("\ufeff"+`{"jti":"a"}`+"\r\n\n"+`{"jti":"b"}`), Options{})
	var cursor source.Cursor
	for range 2 {
		rows, result, err := sourcetest.Read(t, s, cursor)
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, sourcetest.FirstClaims(rows))
		require.EqualValues(t, 3, rows[1].Line)
		require.False(t, rows[1].New)
		require.True(t, result.Full)
		cursor = result.Cursor
	}
}

func TestStreamRefused(t *testing.T) {
	_, _, err := sourcetest.Read(t, Stream(strings.NewReader(`{"jti":"a","reinstate":true}`), Options{}), nil)
	require.EqualError(t, err, `standard input line 1, field "revoked_at": a reinstatement needs revoked_at, the moment when it was decided, because this source shows old and new rows alike`)

	broken := Stream(io.MultiReader(strings.NewReader(`{"jti":"a"}`+"\n"), brokenReader{}), Options{})
	for range 2 {
		rows, _, err := sourcetest.Read(t, broken, nil)
		require.EqualError(t, err, "cannot read standard input: the pipe broke")
		require.Empty(t, rows)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("the pipe broke") }

func TestSkippedListIsBounded(t *testing.T) {
	s := Stream(strings.NewReader(strings.Repeat("{}\n", 3*source.MaxSkippedListed)+`{"jti":"a"}`), Options{SkipBadRows: true})
	rows, result, err := sourcetest.Read(t, s, nil)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.EqualValues(t, 3*source.MaxSkippedListed, result.SkippedRows)
	require.Len(t, result.Skipped, source.MaxSkippedListed)
	require.EqualValues(t, source.MaxSkippedListed, result.Skipped[source.MaxSkippedListed-1].Line)
}
