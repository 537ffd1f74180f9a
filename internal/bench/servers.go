package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/revocast/revocast/internal/pgtest"
)

// servers measures those databases that are installed. It is what a service does that asks
// a database on its own machine.
func (b *bench) servers() {
	if path, err := exec.LookPath("redis-server"); err == nil {
		b.redis(path)
	} else {
		b.log("no redis-server: apt-get install redis-server to compare with it")
	}
	b.postgres()
}

// asking times one question after the other.
func asking(n int, ask func(i int)) sample {
	all := make(sample, n)
	for i := range all {
		start := time.Now()
		ask(i)
		all[i] = float64(time.Since(start).Nanoseconds())
	}
	return all
}

func freePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	check(err)
	return port
}

func dial(network, address string) net.Conn {
	for range 100 {
		if conn, err := net.Dial(network, address); err == nil {
			return conn
		}
		time.Sleep(50 * time.Millisecond)
	}
	panic("nothing listens at " + address)
}

func (b *bench) redis(path string) {
	port := freePort()
	cmd := exec.Command(path, "--port", port, "--save", "", "--appendonly", "no", "--bind", "127.0.0.1")
	check(cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	conn := dial("tcp", "127.0.0.1:"+port)
	defer conn.Close()
	in := bufio.NewReader(conn)
	line := func(format string, args ...any) string {
		fmt.Fprintf(conn, format+"\r\n", args...)
		answer, err := in.ReadString('\n')
		check(err)
		return answer
	}
	for i := range 10_000 {
		line("SET %s 1", id('j', uint64(i)))
	}
	get := asking(20_000, func(i int) {
		if !strings.HasPrefix(line("GET %s", id('j', uint64(i)+1<<50)), "$-1") {
			panic("found")
		}
	})
	b.database("Redis GET, loopback TCP", get)
	if b.checks != nil {
		p50, p99 := get.median()/b.checks.median(), get.quantile(0.99)/b.checks.quantile(0.99)
		b.bar("P5", "Redis GET on loopback TCP, × Check, p50 / p99", fmt.Sprintf("%.0f / %.0f (Check %.0f / %.0f ns)", p50, p99, b.checks.median(), b.checks.quantile(0.99)), "≥ 100", p50 >= 100 && p99 >= 100)
	}
}

func (b *bench) database(name string, s sample) {
	b.peers = append(b.peers, peer{name, "", "", fmt.Sprintf("%.1f µs", s.median()/1e3), fmt.Sprintf("p99 %.0f µs", s.quantile(0.99)/1e3)})
}

// startPostgres starts a server and connects to it; both are nil where there is none.
func (b *bench) startPostgres() (*pgtest.Server, *pgx.Conn) {
	server, err := pgtest.Run()
	if errors.Is(err, pgtest.ErrMissing) {
		b.log("%v", err)
		return nil, nil
	}
	check(err)
	conn, err := pgx.Connect(context.Background(), server.Socket("postgres", "postgres"))
	check(err)
	return server, conn
}

func (b *bench) postgres() {
	server, conn := b.startPostgres()
	if server == nil {
		return
	}
	defer server.Close()
	ctx := context.Background()
	defer conn.Close(ctx)
	_, err := conn.Exec(ctx, `CREATE TABLE revoked (jti uuid PRIMARY KEY); INSERT INTO revoked SELECT gen_random_uuid() FROM generate_series(1, 1000000)`)
	check(err)
	exists := asking(20_000, func(i int) {
		var found bool
		check(conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM revoked WHERE jti = $1)`, id('j', uint64(i)+1<<50)).Scan(&found))
		if found {
			panic("found")
		}
	})
	b.database("PostgreSQL, prepared EXISTS, Unix socket, 1 M rows", exists)
}
