package file

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/revocast/revocast/source"
)

func BenchmarkJSONL(b *testing.B) {
	benchmark(b, "rows.jsonl", "%s{\"jti\": \"%043d\", \"exp\": %d}\n", "")
}
func BenchmarkCSV(b *testing.B) { benchmark(b, "rows.csv", "%s%043d,%d\n", "jti,exp\n") }

func benchmark(b *testing.B, name, format, header string) {
	const rows = 200_000
	var content bytes.Buffer
	for i := range rows {
		fmt.Fprintf(&content, format, header, i, 1793278936+i)
		header = ""
	}
	path := b.TempDir() + "/" + name
	if err := os.WriteFile(path, content.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	s, err := Open(path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(content.Len()))
	b.ReportAllocs()
	for b.Loop() {
		result, err := s.Read(b.Context(), nil, func(*source.Row) error { return nil })
		if err != nil || result.Rows != rows {
			b.Fatal(result.Rows, err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
