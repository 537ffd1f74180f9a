package file_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/file"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "revocations.jsonl")

	// The session ends. No token of it outlives the exp.
	err = file.Record(path, source.Decision{Claims: map[string]string{"sid": "4c3c5ed2"}, Exp: time.Now().Add(time.Hour)})
	if err != nil {
		log.Fatal(err)
	}
	rows, err := file.Open(path, file.Options{})
	if err != nil {
		log.Fatal(err)
	}
	result, err := rows.Read(context.Background(), nil, func(r *source.Row) error {
		fmt.Println(r.Line, r.Names, r.Values)
		return nil
	})
	fmt.Println(result.Rows, err)
	// Output:
	// 1 [sid] [4c3c5ed2]
	// 1 <nil>
}

func ExampleStream() {
	export := strings.NewReader(`{"sub":"alice","before":"2026-11-24T12:00:00Z"}` + "\n" + `{"kid":"2026-01"}` + "\n")
	_, err := file.Stream(export, file.Options{}).Read(context.Background(), nil, func(r *source.Row) error {
		fmt.Println(r.Names, r.Values, r.Before)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// [sub] [alice] 1795521600
	// [kid] [2026-01] -1
}
