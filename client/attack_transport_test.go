package client_test

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/hostile"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// always is an attack that needs no preparation.
func always(a hostile.Answer) func(*siege) hostile.Answer {
	return func(*siege) hostile.Answer { return a }
}

// announced publishes a version, and attacks the objects that lead to it.
func announced(a hostile.Answer) func(*siege) hostile.Answer {
	return func(s *siege) hostile.Answer {
		s.publish(`{"jti":"another","exp":"2027-01-16T00:00:00Z"}` + "\n")
		return hostile.Only(".crl.zst", a)
	}
}

func TestArbitraryObject(t *testing.T) {
	random := make([]byte, 5000)
	rand.Read(random)
	const page = "<!doctype html><title>Welcome</title>"
	runAll(t, map[string]attack{
		"random bytes":              {answer: always(hostile.Everything(200, string(random))), is: signer.ErrMalformed},
		"a page with status 200":    {answer: always(hostile.Everything(200, page, "Content-Type", "text/html")), is: signer.ErrMalformed},
		"nothing":                   {answer: always(hostile.Everything(200, "")), is: signer.ErrMalformed},
		"an error with a body":      {answer: always(hostile.Everything(500, page)), text: "500 Internal Server Error"},
		"forbidden":                 {answer: always(hostile.Everything(403, page)), text: "may not be read"},
		"a part that nobody wanted": {answer: always(hostile.Everything(206, page, "Content-Range", "bytes 0-4/5")), text: "206"},
		"304 to every question":     {answer: always(hostile.Everything(304, "")), text: "304", later: true},
		"everything is gone":        {answer: always(hostile.Everything(410, page)), is: store.ErrNotFound},
		"gzip that nobody wanted":   {answer: always(hostile.Everything(200, page, "Content-Encoding", "gzip")), text: "Content-Encoding"},
		"a length that is too long": {answer: always(hostile.Raw("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nshort")), text: "unexpected EOF"},
		"a length beyond bounds":    {answer: always(hostile.Raw("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nx")), is: store.ErrTooLarge},
		"a negative length":         {answer: always(hostile.Raw("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx")), text: "cannot be read"},
		"two lengths":               {answer: always(hostile.Raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx")), text: "cannot be read"},
		"another protocol":          {answer: always(hostile.Raw("220 mail.example ESMTP\r\n")), text: "cannot be read"},
		"no answer":                 {answer: always(hostile.Raw("")), text: "EOF"},
		"objects of random bytes":   {answer: announced(hostile.Everything(200, string(random))), text: "more than"},
		"objects of no bytes":       {answer: announced(hostile.Everything(200, "")), text: "it has 0 bytes"},
		"objects that are missing":  {answer: announced(hostile.Everything(404, "")), is: store.ErrNotFound},
		"objects of the right length with other bytes": {answer: func(s *siege) hostile.Answer {
			objects := map[string][]byte{}
			for _, o := range s.publish(`{"jti":"another","exp":"2027-01-16T00:00:00Z"}` + "\n").Objects {
				objects[o.Name()] = random[:o.Size]
			}
			return hostile.Objects(objects)
		}, text: "its SHA-256 is"},
	})
}

// What a redirect leads to need not lie in the same network, and would be told the
// address's query by the Referer.
func TestRedirectsElsewhereAreNotFollowed(t *testing.T) {
	var asked atomic.Int64
	for name, test := range map[string]struct {
		to   func(elsewhere, self string) string
		text string
	}{
		"to another server": {func(elsewhere, _ string) string { return elsewhere }, "the server redirects to http://127.0.0.1:"},
		"to a file":         {func(string, string) string { return "file:///etc/passwd" }, "the server redirects to file://"},
		"in a circle":       {func(_, self string) string { return self }, "10 redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			attack{answer: func(s *siege) hostile.Answer {
				elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					hostile.Directory(s.bucket.String())(w, r, r.URL.Path[1:])
				}))
				s.t.(*testing.T).Cleanup(elsewhere.Close)
				return func(w http.ResponseWriter, r *http.Request, name string) bool {
					http.Redirect(w, r, test.to(elsewhere.URL, s.web.URL)+"/"+name, http.StatusFound)
					return true
				}
			}, text: test.text}.run(t)
		})
	}
	require.Zero(t, asked.Load(), "another server was asked")
}

// Whatever it is that never ends, it takes no more memory than what it stands for may.
func TestEndlessData(t *testing.T) {
	const bound = 64 << 20 // of all that is allocated, by both sides, in the whole story
	noHint := hostile.Objects(map[string][]byte{signer.LatestName: nil})
	for name, a := range map[string]attack{
		"hint":       {answer: always(hostile.Only(signer.LatestName, hostile.Endless)), is: store.ErrTooLarge, fresh: held},
		"manifest":   {answer: always(hostile.First(noHint, hostile.Only("manifest", hostile.Endless))), is: store.ErrTooLarge},
		"snapshot":   {answer: always(hostile.Only("snapshot", hostile.Endless))},
		"delta":      {answer: announced(hostile.Only("delta", hostile.Endless)), is: store.ErrTooLarge},
		"everything": {answer: always(hostile.Endless), is: store.ErrTooLarge},
		"headers":    {answer: always(hostile.EndlessHeaders), text: "headers exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			a.run(t)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(bound))
		})
	}
}

// A byte now and then, on a real socket, with less patience than the store's own.
func TestSlowRetrieval(t *testing.T) {
	impatient := func(s *siege) { s.http = &http.Client{Timeout: 200 * time.Millisecond} }
	const late = "did not come in time"
	drip := hostile.Drip(20 * time.Millisecond)
	runAll(t, map[string]attack{
		"everything": {before: impatient, answer: always(drip), text: late},
		"hint":       {before: impatient, answer: always(hostile.Only(signer.LatestName, drip)), text: late, fresh: held},
		"objects":    {before: impatient, answer: announced(drip), text: late},
	})
}

// The same with the store's own patience, where time costs nothing: checks go on from
// the old list, every poll ends, and the first one after the attack takes the next list.
func TestFollowingASlowServer(t *testing.T) {
	l, w := small(t)
	s := &siege{list: l, truth: w}
	synctest.Test(t, func(t *testing.T) {
		l.t = t // whose context is of this bubble
		pipes := make(pipes)
		s.web = hostile.NewHandler(l.bucket.String())
		server := &http.Server{Handler: s.web}
		go server.Serve(pipes)
		transport := &http.Transport{DialContext: pipes.dial}
		r, err := store.OpenHTTP("http://list.example", &http.Client{Transport: transport})
		require.NoError(t, err)
		c := l.open(func(cfg *client.Config) { cfg.Store, cfg.Interval = r, 10*time.Second })
		s.says(c, held, "before the attack")

		s.web.Attack(hostile.Drip(time.Second))
		transport.CloseIdleConnections()
		begun := time.Now()
		require.ErrorContains(t, c.Refresh(t.Context()), "did not come in time")
		require.LessOrEqual(t, time.Since(begun), 2*store.Patience(signer.MaxManifestSize), "a hint and a probe")
		ctx, stop := context.WithCancel(t.Context())
		var following atomic.Bool
		following.Store(true)
		go func() { c.Follow(ctx); following.Store(false) }()
		for range 600 {
			time.Sleep(time.Second)
			s.says(c, held, "under attack")
		}
		require.ErrorContains(t, c.Status().Err, "did not come in time")

		s.web.Attack(nil)
		head := s.next()
		// A refresh that began under attack may still fail, and then comes the longest wait after failures.
		time.Sleep(2*store.Patience(signer.MaxManifestSize) + 16*15*time.Second)
		synctest.Wait()
		s.says(c, head, "after the attack")
		stop()
		synctest.Wait()
		require.False(t, following.Load())
		transport.CloseIdleConnections()
		server.Close()
	})
}

// pipes is a network without sockets, for synctest.
type pipes chan net.Conn

func (p pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }
