package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// childResult is what a process of its own measured.
type childResult struct {
	Start, Hash           float64 // seconds
	Steady, Peak, Moments float64 // bytes
	Entries               int
}

// start starts this program in a process of its own.
func (s *site) start(what string) (*exec.Cmd, io.WriteCloser, *bufio.Scanner) {
	exe, err := os.Executable()
	check(err)
	cmd := exec.Command(exe, "-child", what, s.dir, strconv.FormatInt(s.now, 10))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	check(err)
	out, err := cmd.StdoutPipe()
	check(err)
	check(cmd.Start())
	return cmd, in, bufio.NewScanner(out)
}

// child measures in a process of its own, and does something when that says that it is ready.
func (s *site) child(what string, out *childResult, ready func()) {
	cmd, in, lines := s.start(what)
	for lines.Scan() {
		if lines.Text() == "ready" {
			ready()
			_, err := in.Write([]byte("\n"))
			check(err)
			continue
		}
		check(json.Unmarshal(lines.Bytes(), out))
	}
	check(cmd.Wait())
}

func runChild(what string, args []string) {
	s := &site{dir: args[0]}
	now, err := strconv.ParseInt(args[1], 10, 64)
	check(err)
	s.now = now
	data, err := os.ReadFile(s.path("signing.jwk"))
	check(err)
	s.key, err = signer.ParsePrivateKey(data)
	check(err)
	s.bucket, err = store.OpenDir(s.path("bucket"))
	check(err)
	var out childResult
	switch what {
	case "cold":
		out = s.cold()
	case "memory":
		out = s.memory()
	case "every":
		out = s.every()
	case "server":
		s.serve()
		return
	}
	check(json.NewEncoder(os.Stdout).Encode(out))
}

// cold starts from the cache alone.
func (s *site) cold() (out childResult) {
	nowhere, err := store.OpenDir(s.path("nowhere"))
	check(err)
	start := time.Now()
	c := s.open(nowhere, s.path("client"))
	s.answered(c)
	out.Start = time.Since(start).Seconds()
	bytes := 0
	cache, err := store.OpenDir(s.path("client"))
	check(err)
	infos, err := cache.List(context.Background(), "", "")
	check(err)
	for _, info := range infos {
		bytes += int(info.Size)
	}
	out.Hash = hashing(bytes).median()
	return out
}

// memory loads the list, and then brings about a refresh that rewrites it.
func (s *site) memory() (out childResult) {
	pid := os.Getpid()
	warm := s.open(slow{}, "") // the code, the runtime and one failed refresh
	_ = warm.Check(client.Token{Claims: s.claims(0)})
	runtime.GC()
	before := memoryOf(pid, "VmRSS")
	c := s.open(s.bucket, s.path("client"))
	s.answered(c)
	ctx, cancel := context.WithCancel(context.Background())
	go c.Follow(ctx)
	time.Sleep(500 * time.Millisecond)
	cancel()
	out.Steady = memoryOf(pid, "VmRSS") - before
	out.Entries = c.Status().Entries
	resetPeak()
	// The parent publishes a change and then nothing, which makes every client write its
	// list anew.
	fmt.Println("ready")
	_, err := bufio.NewReader(os.Stdin).ReadString('\n')
	check(err)
	version := c.Status().Version
	check(c.Refresh(context.Background()))
	if c.Status().Version <= version {
		panic("there was nothing to refresh")
	}
	out.Peak = memoryOf(pid, "VmHWM") - before
	return out
}

type slow struct{}

func (slow) String() string { return "nowhere" }
func (slow) Get(context.Context, string, int64, string) (store.Object, error) {
	return store.Object{}, store.ErrNotFound
}

// server serves the bucket from a process of its own, so that its time is not the client's.
func (s *site) server() (address string, stop func()) {
	cmd, in, lines := s.start("server")
	if !lines.Scan() {
		panic("the server did not start")
	}
	return lines.Text(), func() {
		check(in.Close())
		check(cmd.Wait())
	}
}

// serve is a web server with ETags, as nginx makes them, until its input ends.
func (s *site) serve() {
	files := http.FileServer(http.Dir(s.path("bucket")))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if info, err := os.Stat(s.path("bucket") + r.URL.Path); err == nil {
			w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
		}
		files.ServeHTTP(w, r)
	}))
	defer server.Close()
	fmt.Println(server.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
}
