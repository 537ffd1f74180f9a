package publish_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/store"
)

// A service records a decision and publishes the first version of its list.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	rows := filepath.Join(dir, "rows.jsonl")
	if err := file.Record(rows, source.Decision{Claims: map[string]string{"sub": "alice"}}); err != nil {
		log.Fatal(err)
	}
	src, err := file.Open(rows, file.Options{})
	if err != nil {
		log.Fatal(err)
	}
	bucket, err := store.OpenDir(filepath.Join(dir, "list"))
	if err != nil {
		log.Fatal(err)
	}
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	result, err := publish.Run(context.Background(), publish.Config{
		Store: bucket, Key: key, Source: src, ValidFor: time.Hour,
		Create: true, Issuer: "https://issuer.example", MaxTokenLife: 24 * time.Hour,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("version %d, entries: %d\n", result.Version, result.Entries)
	// Output: version 1, entries: 1
}

// A service publishes every 30 seconds until its context ends, and logs what came of each run.
func ExampleEvery() {
	serve := func(ctx context.Context, cfg publish.Config) error {
		return publish.Every(ctx, cfg, 30*time.Second, func(result *publish.Result, err error) {
			if err != nil {
				log.Printf("publishing failed, and will be tried again: %v", err)
			}
			if result != nil {
				log.Printf("version %d is good until %s", result.Version, result.StaleAt)
			}
		})
	}
	_ = serve
}
