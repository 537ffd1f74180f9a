package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// servers measures those databases that are installed. It is what a service does that asks
// a database on its own machine.
func (b *bench) servers() {
	if path, err := exec.LookPath("redis-server"); err == nil {
		b.redis(path)
	} else {
		b.log("no redis-server: apt-get install redis-server to compare with it")
	}
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(found) > 0 {
		b.postgres(filepath.Dir(found[len(found)-1]))
	} else {
		b.log("no PostgreSQL: apt-get install postgresql to compare with it")
	}
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

func (b *bench) postgres(bin string) {
	dir, err := os.MkdirTemp("", "revocast-pg-*")
	check(err)
	defer os.RemoveAll(dir)
	as := func(args ...string) *exec.Cmd {
		if os.Getuid() == 0 { // PostgreSQL does not run as root
			check(exec.Command("chown", "postgres", dir).Run())
			args = append([]string{"runuser", "-u", "postgres", "--"}, args...)
		}
		return exec.Command(args[0], args[1:]...)
	}
	if out, err := as(bin+"/initdb", "-D", dir+"/data", "-A", "trust", "-U", "postgres").CombinedOutput(); err != nil {
		b.log("PostgreSQL could not be set up: %v %s", err, out)
		return
	}
	port := freePort()
	cmd := as(bin+"/postgres", "-D", dir+"/data", "-p", port, "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off")
	check(cmd.Start())
	defer func() { _ = as("pkill", "-INT", "-f", dir).Run(); _ = cmd.Wait() }()
	ctx := context.Background()
	dial("tcp", "127.0.0.1:"+port).Close()
	var conn *pgx.Conn
	for range 100 {
		if conn, err = pgx.Connect(ctx, fmt.Sprintf("host=%s port=%s user=postgres database=postgres", dir, port)); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	check(err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `CREATE TABLE revoked (jti uuid PRIMARY KEY); INSERT INTO revoked SELECT gen_random_uuid() FROM generate_series(1, 1000000)`)
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
