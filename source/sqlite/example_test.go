package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/sqlite"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path, ctx := filepath.Join(dir, "revocations.db"), context.Background()

	// The account is suspended, and later let back in.
	alice := source.Decision{Claims: map[string]string{"sub": "alice"}, Reason: "unpaid"}
	if _, err := sqlite.Record(ctx, path, alice); err != nil {
		log.Fatal(err)
	}
	rows := sqlite.Open(path, sqlite.Options{})
	show := func(r *source.Row) error {
		fmt.Println(r.Line, r.Names, r.Values, r.Reinstate)
		return nil
	}
	first, err := rows.Read(ctx, nil, show)
	if err != nil {
		log.Fatal(err)
	}
	alice.Reinstate = true
	if _, err := sqlite.Record(ctx, path, alice); err != nil {
		log.Fatal(err)
	}
	// The second reading visits the new row only.
	if _, err := rows.Read(ctx, first.Cursor, show); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1 [sub] [alice] false
	// 2 [sub] [alice] true
}
