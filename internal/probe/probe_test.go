package probe_test

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/faultproxy"
	"github.com/revocast/revocast/internal/miniotest"
	"github.com/revocast/revocast/internal/probe"
	"github.com/revocast/revocast/store"
	"github.com/revocast/revocast/store/s3"
)

// grades runs a trial and gives the grades that are not ok, and the sentences of all.
func grades(t *testing.T, s store.Store, now func() time.Time) (bad map[string]probe.Grade, texts map[string]string) {
	trial, err := probe.New(s, now, rand.Reader, 5*time.Minute)
	require.NoError(t, err)
	require.NoError(t, store.CheckName(trial.Prefix()+"x"))
	bad, texts = map[string]probe.Grade{}, map[string]string{}
	trial.Run(t.Context(), func(f probe.Finding) {
		texts[f.Probe] = f.Text
		if f.Grade != probe.OK {
			bad[f.Probe] = f.Grade
		}
	})
	return bad, texts
}

// What is safe, what is not, and that nothing is left behind.
func TestStores(t *testing.T) {
	server := miniotest.Start(t)
	mayDelete := map[string]probe.Grade{"delete": probe.Warning}
	for name, c := range map[string]struct {
		endpoint string
		bad      map[string]probe.Grade
		says     map[string]string
	}{
		"MinIO": {server.Endpoint, mayDelete, map[string]string{"race": "exactly one wins (5 of 5 times)"}},
		"a provider that ignores conditions": {
			server.Lacking(t, miniotest.Ignores),
			map[string]probe.Grade{"create": probe.Fail, "race": probe.Fail, "delete": probe.Warning},
			map[string]string{"create": "does not honour conditional writes (If-None-Match: *)", "race": "32 were told that they had"},
		},
		"a provider that refuses conditions": {
			server.Lacking(t, miniotest.Refuses),
			map[string]probe.Grade{"write": probe.Fail, "delete": probe.Warning},
			map[string]string{"write": "takes plain writes but no conditional ones (If-None-Match: *)"},
		},
		"a provider that looks first and writes later": {
			server.Lacking(t, miniotest.Looks),
			map[string]probe.Grade{"race": probe.Fail, "delete": probe.Warning},
			map[string]string{"race": "hold here only if nobody else writes"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := server.Bucket(t)
			s, err := s3.Open(t.Context(), "s3://"+bucket+"/list?endpoint="+c.endpoint)
			require.NoError(t, err)
			bad, texts := grades(t, s, time.Now)
			require.Equal(t, c.bad, bad, texts)
			for name, words := range c.says {
				require.Contains(t, texts[name], words)
			}
			infos, err := s.List(t.Context(), "", "")
			require.NoError(t, err)
			require.Empty(t, infos)
		})
	}
}

// A write whose success comes back as 412, and 409 without anything done, are no
// defects of a store.
func TestConflictsAreNoFailures(t *testing.T) {
	server := miniotest.Start(t)
	proxy, err := faultproxy.New(server.Endpoint, faultproxy.Plan{Seed: 1, Rates: map[faultproxy.Fault]float64{faultproxy.FalseConflict: 0.2, faultproxy.Conflict: 0.2}})
	require.NoError(t, err)
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	s, err := s3.Open(t.Context(), "s3://"+server.Bucket(t)+"/list?endpoint="+front.URL)
	require.NoError(t, err)
	bad, texts := grades(t, s, time.Now)
	require.NotContains(t, bad, "race", texts)
	require.Positive(t, proxy.Injected()[faultproxy.FalseConflict])
}

// The reply to the very first write is lost on the way. minio-go writes again and is told that
// the object exists: its own.
func TestALostReplyIsNoFailure(t *testing.T) {
	server := miniotest.Start(t)
	target, err := url.Parse(server.Endpoint)
	require.NoError(t, err)
	var lost atomic.Bool
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: func(resp *http.Response) error {
			if resp.Request.Method == http.MethodPut && lost.CompareAndSwap(false, true) {
				panic(http.ErrAbortHandler)
			}
			return nil
		},
	})
	t.Cleanup(front.Close)
	s, err := s3.Open(t.Context(), "s3://"+server.Bucket(t)+"/list?endpoint="+front.URL)
	require.NoError(t, err)
	bad, texts := grades(t, s, time.Now)
	require.True(t, lost.Load())
	require.Equal(t, map[string]probe.Grade{"delete": probe.Warning}, bad, texts)
}

// Rights that lack, and that the trial's objects stay without the one to delete.
func TestRights(t *testing.T) {
	server := miniotest.Start(t)
	bucket := server.Bucket(t)
	allow := func(actions string) {
		policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":[` + actions + `],"Resource":["arn:aws:s3:::` + bucket + `","arn:aws:s3:::` + bucket + `/*"]}]}`
		require.NoError(t, server.Client.SetBucketPolicy(t.Context(), bucket, policy))
	}
	anonymous := func() store.Store {
		t.Setenv("AWS_ACCESS_KEY_ID", "")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "")
		t.Setenv("HOME", t.TempDir())
		s, err := s3.Open(t.Context(), "s3://"+bucket+"/list?endpoint="+server.Endpoint)
		require.NoError(t, err)
		return s
	}()

	allow(`"s3:GetObject","s3:PutObject"`)
	bad, texts := grades(t, anonymous, time.Now)
	require.Equal(t, map[string]probe.Grade{"listing": probe.Fail, "clock": probe.Warning}, bad)
	require.Contains(t, texts["listing"], "grant s3:ListBucket")
	require.Contains(t, texts["delete"], "cannot be deleted and stays")
	left := 0
	for o := range server.Client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true}) {
		require.True(t, strings.HasPrefix(o.Key, "list/doctor/"), o.Key)
		left++
	}
	require.Positive(t, left)

	allow(`"s3:GetObject","s3:PutObject","s3:ListBucket"`)
	bad, _ = grades(t, anonymous, time.Now)
	require.Empty(t, bad)

	allow(`"s3:GetObject","s3:ListBucket"`)
	bad, texts = grades(t, anonymous, time.Now)
	require.Equal(t, map[string]probe.Grade{"write": probe.Fail}, bad)
	require.Contains(t, texts["write"], "publishers need the right to (s3:PutObject)")
}

// AWS says 403 of an object that is missing to who may not list the bucket. MinIO does not,
// so a proxy does.
func TestMissingIsForbidden(t *testing.T) {
	server := miniotest.Start(t)
	target, err := url.Parse(server.Endpoint)
	require.NoError(t, err)
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: func(resp *http.Response) error {
			if resp.StatusCode == http.StatusNotFound {
				resp.StatusCode = http.StatusForbidden
				resp.Body = io.NopCloser(strings.NewReader("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"))
				resp.Header.Del("Content-Length")
				resp.ContentLength = -1
			}
			return nil
		},
	})
	t.Cleanup(front.Close)
	s, err := s3.Open(t.Context(), "s3://"+server.Bucket(t)+"/list?endpoint="+front.URL)
	require.NoError(t, err)
	bad, texts := grades(t, s, time.Now)
	require.Equal(t, map[string]probe.Grade{"missing": probe.Fail, "delete": probe.Warning}, bad)
	require.Contains(t, texts["missing"], "grant the right to list the bucket (s3:ListBucket")
}

// A clock that is off, either way.
func TestClocks(t *testing.T) {
	s, err := store.OpenDir(filepath.Join(t.TempDir(), "list"))
	require.NoError(t, err)
	for off, want := range map[time.Duration]probe.Grade{
		0: "", 4 * time.Minute: "", -4 * time.Minute: "", 6 * time.Minute: probe.Fail, -6 * time.Minute: probe.Fail,
	} {
		bad, texts := grades(t, s, func() time.Time { return time.Now().Add(off) })
		require.Equal(t, want, bad["clock"], "%s: %s", off, texts["clock"])
	}
}

// A store that gives what it held before is not consistent, and one that answers for
// what nobody wrote is none.
func TestCachesInTheWay(t *testing.T) {
	s, err := store.OpenDir(filepath.Join(t.TempDir(), "list"))
	require.NoError(t, err)
	bad, texts := grades(t, &remembers{s, map[string]store.Object{}}, time.Now)
	require.Equal(t, probe.Fail, bad["overwrite"])
	require.Contains(t, texts["overwrite"], "the old one was read")
	require.NotContains(t, bad, "race")
}

// remembers is a cache that believes that objects never change.
type remembers struct {
	store.Store
	seen map[string]store.Object
}

func (r *remembers) Get(ctx context.Context, name string, limit int64, ifNoneMatch string) (store.Object, error) {
	if obj, ok := r.seen[name]; ok && ifNoneMatch == "" {
		return obj, nil
	}
	obj, err := r.Store.Get(ctx, name, limit, ifNoneMatch)
	if err == nil {
		r.seen[name] = obj
	}
	return obj, err
}
