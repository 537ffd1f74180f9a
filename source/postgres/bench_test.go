package postgres

import (
	"io"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/source"
)

// BenchmarkRead compares a full read of the table with COPY … TO STDOUT of the same rows.
func BenchmarkRead(b *testing.B) {
	server, database := start(b)
	n := "200000"
	if s := os.Getenv("REVOCAST_ROWS"); s != "" {
		n = s
	}
	rows, err := strconv.Atoi(n)
	require.NoError(b, err)
	server.Exec(b, database, `ALTER TABLE revocations DISABLE TRIGGER USER`,
		`INSERT INTO revocations (jti, exp) SELECT gen_random_uuid(), now() + interval '2 hours' + i % 86400 * interval '1 second' FROM generate_series(1, `+n+`) i`,
		`ALTER TABLE revocations ENABLE TRIGGER USER`, `ALTER TABLE revocations ENABLE ALWAYS TRIGGER revocations_stamp`, `VACUUM ANALYZE revocations`)
	speed := func(b *testing.B) {
		b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	}
	b.Run("COPY", func(b *testing.B) {
		conn := server.Connect(b, database).PgConn()
		for b.Loop() {
			_, err := conn.CopyTo(b.Context(), io.Discard, `COPY revocations TO STDOUT`)
			require.NoError(b, err)
		}
		speed(b)
	})
	b.Run("Read", func(b *testing.B) {
		s := open(b, server.URL("postgres", database), Options{})
		b.ReportAllocs()
		for b.Loop() {
			result, err := s.Read(b.Context(), nil, func(*source.Row) error { return nil })
			require.NoError(b, err)
			require.EqualValues(b, rows, result.Rows)
		}
		speed(b)
	})
}
