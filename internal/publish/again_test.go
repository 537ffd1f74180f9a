package publish_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/publish"
	"github.com/revocast/revocast/internal/source"
)

// day is a moment by which the tokens of these tests have ended.
const day = 1_800_086_400

// from publishes what a source says.
func (s *scene) from(src source.Source) *publish.Result {
	s.t.Helper()
	r, err := publish.Run(s.t.Context(), publish.Config{
		Store: s.open("list"), Key: s.key, Source: src, Create: true, Issuer: modelIssuer, MaxTokenLife: 24 * time.Hour,
		ValidFor: time.Hour, Now: func() time.Time { return time.Unix(s.now, 0) }, Rand: rand.Reader,
	})
	require.NoError(s.t, err)
	s.now += 30
	return r
}

// revoked tells whether a token is refused that lives for the rest of the day.
func (s *scene) revoked(jti string) bool {
	s.t.Helper()
	c, err := client.Open(s.t.Context(), client.Config{Store: s.open("list"), Keys: s.key.Public(), Now: func() time.Time { return time.Unix(s.now, 0) }})
	require.NoError(s.t, err)
	err = c.Check(client.Token{Claims: map[string]any{"iss": modelIssuer, "jti": jti, "iat": s.now, "exp": day}})
	if err != nil {
		require.ErrorAs(s.t, err, new(*client.RevokedError))
	}
	return err != nil
}

func jtiRow(jti string, exp int64) source.Row {
	return source.Row{Names: []string{"jti"}, Values: []string{jti}, Before: source.None, Exp: exp, RevokedAt: source.None}
}

// file is a source in a file that the test writes.
func (s *scene) file(name string) (src source.Source, write func(rows ...string)) {
	path := filepath.Join(s.dir, name)
	src, err := source.Open(path, source.Options{})
	require.NoError(s.t, err)
	return src, func(rows ...string) {
		require.NoError(s.t, os.WriteFile(path, []byte(strings.Join(rows, "\n")+"\n"), 0o600))
	}
}

const (
	revokeA    = `{"jti":"a","exp":1800086400}`
	reinstateA = `{"jti":"a","reinstate":true}`
	revokeOld  = `{"jti":"old","exp":1800000060}`
)

// Somebody is let back in, and later revoked by another source. The first source, piped in as a
// whole every minute, says nothing new by that.
func TestAPipedReinstatementCountsOnce(t *testing.T) {
	s := newScene(t)
	pipe := func(rows ...string) *publish.Result {
		src, err := source.Open("-", source.Options{Stdin: strings.NewReader(strings.Join(rows, "\n"))})
		require.NoError(t, err)
		return s.from(src)
	}
	for range 3 {
		pipe(revokeA, reinstateA)
		require.False(t, s.revoked("a"))
	}
	other := &named{name: "other"}
	other.rows = append(other.rows, jtiRow("a", day))
	s.from(other)
	require.Contains(t, pipe(revokeA, reinstateA).Warnings[0], "what 1 reinstatements of - release is still revoked")
	require.True(t, s.revoked("a"))

	// What is new in it counts.
	require.Equal(t, 1, pipe(revokeA, reinstateA, reinstateA).Released)
	require.False(t, s.revoked("a"))
}

// The same with a file, of which a row that is not needed any more was deleted.
func TestARewrittenFileReleasesNothing(t *testing.T) {
	s := newScene(t)
	src, write := s.file("a.jsonl")
	write(revokeOld, revokeA, reinstateA)
	s.from(src)
	other := &named{name: "other"}
	other.rows = append(other.rows, jtiRow("a", day))
	s.from(other)
	write(revokeA, reinstateA)
	r := s.from(src)
	require.True(t, s.revoked("a"))
	require.Len(t, r.Warnings, 1)

	write(revokeA, reinstateA, reinstateA)
	require.Empty(t, s.from(src).Warnings)
	require.False(t, s.revoked("a"))
}

// A row that is missing releases nothing, not even one behind a reinstatement.
func TestAMissingRowReleasesNothing(t *testing.T) {
	for name, rows := range map[string][]string{
		"the last row":         {revokeA, reinstateA},
		"all but the wrong":    {reinstateA},
		"an order of its own":  {revokeOld, revokeA, revokeA, reinstateA},
		"all of what was read": {revokeOld},
	} {
		s := newScene(t)
		src, write := s.file("a.jsonl")
		write(revokeOld, revokeA, reinstateA, revokeA)
		s.from(src)
		require.True(t, s.revoked("a"))
		write(rows...)
		s.from(src)
		require.True(t, s.revoked("a"), name)
	}
}

// A source under another name is a new one, whose history may be old.
func TestARenamedSourceReleasesNothing(t *testing.T) {
	s := newScene(t)
	src, write := s.file("a.jsonl")
	write(revokeA, reinstateA)
	s.from(src)
	write(revokeA, reinstateA, revokeA)
	s.from(src)
	renamed, write := s.file("b.jsonl")
	write(revokeA, reinstateA) // an older copy
	r := s.from(renamed)
	require.True(t, s.revoked("a"))
	require.Len(t, r.Warnings, 1)
	require.Contains(t, r.Warnings[0], "what 1 reinstatements")
	write(revokeA, reinstateA, reinstateA)
	s.from(renamed)
	require.False(t, s.revoked("a"))
}

// A jti was revoked for a minute, and 5 minutes later for good: without exp that is a whole
// max_token_life from then on, whatever the entry had before.
func TestAJTIWithoutExpIsRevokedForALife(t *testing.T) {
	s := newScene(t)
	s.rows.rows = append(s.rows.rows, jtiRow("a", s.now+60))
	s.publish()
	s.now += 300
	s.rows.rows = append(s.rows.rows, jtiRow("a", source.None))
	s.publish()
	for s.now < day-3600 {
		s.now += 1800
		s.publish()
	}
	require.True(t, s.revoked("a"))
}

// It is the same in the version with which the entry it had expires.
func TestAJTIIsRevokedAnewAsItExpires(t *testing.T) {
	for _, src := range []string{"appended", "whole"} {
		s := newScene(t)
		rows := &rereading{named: named{name: "rows"}}
		rows.rows = append(rows.rows, jtiRow("a", s.now+60))
		s.from(rows)
		for {
			next := s.copy(t)
			if next.from(rows).Dropped == 1 {
				break
			}
			s.from(rows)
			s.now += 600
		}
		rows.rows = append(rows.rows, jtiRow("a", source.None))
		rows.whole = src == "whole"
		require.Equal(t, 1, s.from(rows).Entries)
		require.True(t, s.revoked("a"), src)
	}
}

// And a row that comes again does not prolong what it revoked.
func TestReadingAgainProlongsNothing(t *testing.T) {
	s := newScene(t)
	rows := &rereading{named: named{name: "rows"}, whole: true}
	rows.rows = append(rows.rows, jtiRow("a", source.None))
	changed := 0
	for range 24 {
		changed += s.from(rows).Changed
		s.now += 3600
	}
	require.Equal(t, 1, changed)
}
