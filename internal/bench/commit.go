package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/postgres"
	"github.com/revocast/revocast/store"
)

// commits is how many revocations are followed from their COMMIT to a client.
const commits = 60

// committing measures PostgreSQL as a source: the first publication of a table beside COPY of
// the same rows, and the time from COMMIT until a client that polls every second says "revoked".
func (b *bench) committing(s *site) {
	server, conn := b.startPostgres()
	if server == nil {
		return
	}
	defer server.Close()
	defer conn.Close(context.Background())
	ctx, address := context.Background(), server.URL("postgres", "postgres")
	run := func(sql string) { check(conn.PgConn().Exec(ctx, sql).Close()) }
	run(postgres.Schema)
	n := int(b.scale)
	b.log("inserting %d rows into PostgreSQL", n)
	run(`ALTER TABLE revocations DISABLE TRIGGER USER`)
	run(fmt.Sprintf(`INSERT INTO revocations (jti, exp) SELECT gen_random_uuid(), now() + interval '2 hours' + i %% 86400 * interval '1 second' FROM generate_series(1, %d) i`, n))
	run(`ALTER TABLE revocations ENABLE TRIGGER USER; ALTER TABLE revocations ENABLE ALWAYS TRIGGER revocations_stamp`)
	run(`VACUUM ANALYZE revocations`)
	copying := timed(3, func() {
		_, err := conn.PgConn().CopyTo(ctx, io.Discard, `COPY revocations TO STDOUT`)
		check(err)
	})
	src, err := postgres.Open(address, postgres.Options{})
	check(err)
	reading := timed(3, func() {
		_, err := src.Read(ctx, nil, func(*source.Row) error { return nil })
		check(err)
	})
	var publishing sample
	for i := range 3 {
		publishing = append(publishing, s.publisherRun("publish", "--store", s.path(fmt.Sprint("first-", i)), "--source", address,
			"--key", s.path("signing.jwk"), "--create", "--issuer", issuer, "--max-token-life", "24h"))
	}
	speed := copying.median() / publishing.median()
	b.bar("P10", "first publication from PostgreSQL, × the speed of COPY … TO STDOUT",
		fmt.Sprintf("%.2f (%d rows in %.2f s; COPY %.2f s; reading alone %.2f s)", speed, n, publishing.median(), copying.median(), reading.median()), "≥ 0.6", speed >= 0.6)

	late := s.fromCommit(b, address, conn)
	b.bar("PG", "COMMIT to \"revoked\", a client that polls every second, p50 / p99",
		fmt.Sprintf("%.2f / %.2f s (%d revocations, %d entries)", late.median(), late.quantile(0.99), len(late), n), "≤ 3 s at p99", late.quantile(0.99) <= 3)
}

// publisherRun runs the built publisher and gives the seconds that it took.
func (s *site) publisherRun(args ...string) float64 {
	cmd := exec.Command(s.publisher, args...)
	cmd.Stderr = os.Stderr
	start := time.Now()
	check(cmd.Run())
	return time.Since(start).Seconds()
}

// fromCommit revokes while a publisher runs with --every 30s and a client follows over
// HTTP, and gives the seconds from each COMMIT to the verdict.
func (s *site) fromCommit(b *bench, address string, conn *pgx.Conn) (late sample) {
	check(os.Rename(s.path("first-0"), s.path("bucket")))
	publisher := exec.Command(s.publisher, "publish", "--store", s.path("bucket"), "--cache", s.path("publisher"), "--source", address,
		"--key", s.path("signing.jwk"), "--every", "30s", "--valid-for", "10m")
	publisher.Stderr = os.Stderr
	check(publisher.Start())
	defer func() {
		check(publisher.Process.Signal(os.Interrupt))
		check(publisher.Wait())
	}()
	web, stop := s.server()
	defer stop()
	remote, err := store.Open(web)
	check(err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c, err := client.Open(ctx, client.Config{Store: remote, Keys: s.key.Public(), Interval: time.Second})
	check(err)
	go c.Follow(ctx)
	b.log("revoking %d tokens, one after the other", commits)
	for i := range uint64(commits) {
		token := client.Token{Claims: s.claims(i)}
		check(c.Check(token))
		_, err := conn.Exec(ctx, `INSERT INTO revocations (jti, exp) VALUES ($1, now() + interval '2 hours')`, id('j', i))
		check(err)
		start := time.Now()
		for c.Check(token) == nil {
			if time.Since(start) > time.Minute {
				panic("a revocation did not arrive within a minute")
			}
			time.Sleep(time.Millisecond)
		}
		late = append(late, time.Since(start).Seconds())
		time.Sleep(rand.N(time.Second)) // at any moment between two polls
	}
	return late
}
