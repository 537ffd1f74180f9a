package client_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkCheck is a good token with a jti, a sid and a sub under a list that has rules
// for all three. For what a list larger than the processor's caches takes see make bench.
func BenchmarkCheck(b *testing.B) {
	l := newList(b)
	var rows strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&rows, `{"%s":"%d","exp":%d}`+"\n", []string{"jti", "sid", "sub"}[i%3], i, l.clock.Load()+86400)
	}
	require.NoError(b, os.WriteFile(l.rows, nil, 0o600))
	l.publish(rows.String())
	c := l.open()
	claims := map[string]any{"jti": "", "sid": "3f1c9f0e-59f2-4bb3-8f6a-0d8f5f3c1f8e", "sub": "alice@example.com"}
	tokens := make([]map[string]any, 1024)
	for i := range tokens {
		claims["jti"] = fmt.Sprintf("%08x-59f2-4bb3-8f6a-0d8f5f3c1f8e", i)
		tokens[i] = l.token(claims).Claims
	}
	token := l.token(claims)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		token.Claims = tokens[i%len(tokens)]
		if err := c.Check(token); err != nil {
			b.Fatal(err)
		}
	}
}
