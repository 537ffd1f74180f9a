package file

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/sourcetest"
	"github.com/revocast/revocast/source"
)

// Lines are written so that people can read them, and always say when the decision was made.
func TestRecordLines(t *testing.T) {
	path := temp(t, "a.jsonl")
	require.NoError(t, Record(path, source.Decision{
		Claims: map[string]string{"sub": "https://a?b&c", "client_id": "app"}, Before: time.Unix(1793278936, 1),
		Moment: time.Unix(1793278936, 500_000_001), Reason: `"stolen"`,
	}))
	line, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, `{"client_id":"app","sub":"https://a?b&c","before":1793278937,"revoked_at":1793278936.501,"reason":"\"stolen\""}`+"\n", string(line))

	from := time.Now()
	require.NoError(t, Record(path, source.Decision{Claims: map[string]string{"sub": "a"}, Reinstate: true}))
	rows, _, err := sourcetest.Read(t, open(t, path, Options{}), nil)
	require.NoError(t, err)
	require.WithinRange(t, time.UnixMilli(rows[1].Moment), from.Add(-time.Millisecond), time.Now().Add(time.Millisecond))
}

func TestRecordRefused(t *testing.T) {
	decision := source.Decision{Claims: map[string]string{"sub": "a"}}
	require.EqualError(t, Record("rows.csv", decision), "cannot record a decision in rows.csv: it is not a .jsonl file")
	require.ErrorContains(t, Record(temp(t, "no/dir.jsonl"), decision), "no such file or directory")
	decision.Reason = strings.Repeat("x", maxLine)
	path := temp(t, "a.jsonl")
	require.EqualError(t, Record(path, decision), "recording in "+path+" failed: the row takes more than the 65536 bytes of a line")
	require.NoFileExists(t, path)
}

func TestRecordAfterUnterminatedLine(t *testing.T) {
	path := temp(t, "a.jsonl")
	decision := source.Decision{Claims: map[string]string{"jti": "b"}}
	write(t, path, `{"jti":"a"}`)
	require.NoError(t, Record(path, decision))
	rows, _, err := sourcetest.Read(t, open(t, path, Options{}), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, sourcetest.FirstClaims(rows))

	write(t, path, "{\"jti\":\"a\"}\n{\"jti\":\"x")
	require.EqualError(t, Record(path, decision), "recording in "+path+" failed: the last line of the file is cut off; mend it first, because its writer may rely on it")
}
