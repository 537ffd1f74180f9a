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
	"github.com/revocast/revocast/source/postgres"
	"github.com/revocast/revocast/store"
	"github.com/revocast/revocast/store/s3"
)

// The first version of a list is published from a file, in which a session was ended.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "revocations.jsonl")
	if err := file.Record(path, source.Decision{Claims: map[string]string{"sid": "4c3c5ed2"}, Exp: time.Now().Add(time.Hour)}); err != nil {
		log.Fatal(err)
	}
	rows, err := file.Open(path, file.Options{})
	if err != nil {
		log.Fatal(err)
	}
	list, err := store.OpenDir(filepath.Join(dir, "list"))
	if err != nil {
		log.Fatal(err)
	}
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	result, err := publish.Run(context.Background(), publish.Config{
		Store: list, Key: key,
		Source: rows, SourceName: "sessions",
		Create: true, Issuer: "https://issuer.example", MaxTokenLife: 24 * time.Hour,
		ValidFor: 15 * time.Minute,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("version", result.Version, "entries", result.Entries, "rules", result.NewRules)
	// Output:
	// version 1 entries 1 rules [sid]
}

// A service keeps a list up to date from the table revocations of its database.
func ExampleEvery() {
	keepPublishing := func(ctx context.Context, key *signer.PrivateKey) error {
		bucket, err := s3.Open(ctx, "s3://bucket/list?region=eu-central-1")
		if err != nil {
			return err
		}
		cache, err := store.OpenDir("/var/cache/revocast")
		if err != nil {
			return err
		}
		rows, err := postgres.Open("postgres://revocast@db/auth", postgres.Options{})
		if err != nil {
			return err
		}
		cfg := publish.Config{
			Store: bucket, Key: key, Cache: cache,
			Source: rows, SourceName: "auth",
			ValidFor: 5 * time.Minute,
		}
		return publish.Every(ctx, cfg, 30*time.Second, func(r *publish.Result, err error) {
			if err != nil {
				log.Print("publishing: ", err)
			}
			if r != nil { // a version is published, even if its hint is not
				log.Printf("version %d: %d entries, good until %s %v", r.Version, r.Entries, r.StaleAt, r.Warnings)
			}
		})
	}
	_ = keepPublishing
}
