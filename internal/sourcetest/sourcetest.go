// Package sourcetest reads sources in tests, and checks what every source promises.
package sourcetest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/source"
)

// Read reads a source and returns its rows, with the result and the error of the reading.
func Read(t testing.TB, s source.Source, since source.Cursor) ([]source.Row, source.Result, error) {
	t.Helper()
	var rows []source.Row
	result, err := s.Read(t.Context(), since, func(r *source.Row) error {
		require.Len(t, r.Values, len(r.Names))
		require.True(t, slices.IsSorted(r.Names))
		rows = append(rows, Clone(r))
		return nil
	})
	if err != nil {
		require.Nil(t, result.Cursor, "a reading that failed has no cursor")
		return rows, result, err
	}
	require.EqualValues(t, len(rows), result.Rows)
	require.NotEmpty(t, result.Cursor)
	require.LessOrEqual(t, len(result.Cursor), source.MaxCursor)
	return rows, result, nil
}

// Clone copies a row that its source will use again.
func Clone(r *source.Row) source.Row {
	c := *r
	c.Names, c.Values = slices.Clone(r.Names), slices.Clone(r.Values)
	if len(c.Names) == 0 {
		c.Names, c.Values = nil, nil
	}
	return c
}

// FirstClaims returns the first claim of each row, which is all of a row such as {"jti":…,"exp":…}.
func FirstClaims(rows []source.Row) []string {
	claims := []string{}
	for _, r := range rows {
		claims = append(claims, r.Values[0])
	}
	return claims
}
