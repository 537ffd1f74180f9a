package store_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/hostile"
	"github.com/revocast/revocast/internal/miniotest"
	"github.com/revocast/revocast/store"
	"github.com/revocast/revocast/store/s3"
	"github.com/revocast/revocast/store/storetest"
)

func TestHTTP(t *testing.T) {
	dir := t.TempDir()
	server := hostile.Serve(dir)
	t.Cleanup(server.Close)
	s, err := store.OpenDir(dir)
	require.NoError(t, err)
	storetest.Reader(t, s, func() store.Reader {
		r, err := store.OpenHTTP(server.URL, nil)
		require.NoError(t, err)
		return r
	})
}

// A public bucket is a web server, too.
func TestHTTPOfMinIO(t *testing.T) {
	server := miniotest.Start(t)
	bucket := server.Public(t)
	s, err := s3.Open(t.Context(), "s3://"+bucket+"/some/list?endpoint="+server.Endpoint)
	require.NoError(t, err)
	storetest.Reader(t, s, func() store.Reader {
		r, err := store.OpenHTTP(server.Endpoint+"/"+bucket+"/some/list", nil)
		require.NoError(t, err)
		return r
	})
}

// Each of these servers is broken or hostile in its own way.
func TestHTTPServersThatAreNotBelieved(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"gzip nobody asked for": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
		}, "Content-Encoding"},
		"forbidden":          {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) }, "may not be read"},
		"server error":       {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }, "500"},
		"part of it":         {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(206); io.WriteString(w, "x") }, "206"},
		"304 to no question": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(304) }, "304"},
		"no content":         {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }, "204"},
		"shorter than it says": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "short")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "unexpected EOF"},
		"says that it is huge": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<60))
		}, "more than the 1000 bytes"},
		"huge without saying so": {func(w http.ResponseWriter, r *http.Request) {
			for range 1000 {
				io.WriteString(w, strings.Repeat("x", 1000))
				w.(http.Flusher).Flush()
			}
		}, "more than the 1000 bytes"},
		"redirects in a circle": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			address := strings.Replace(server.URL, "http://", "http://user:secret@", 1) + "/?token=secret"
			r, err := store.OpenHTTP(address, nil)
			require.NoError(t, err)
			_, err = r.Get(t.Context(), "latest.jwt", 1000, "")
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "secret")
			require.ErrorContains(t, err, "latest.jwt")
		})
	}
}

func TestHTTPSendsItsSecrets(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		fmt.Fprint(w, user, " ", password, " ", r.URL.Path, " ", r.URL.RawQuery)
	}))
	defer server.Close()
	r, err := store.OpenHTTP(strings.Replace(server.URL, "http://", "http://user:secret@", 1)+"/a/list?token=t", nil)
	require.NoError(t, err)
	obj, err := r.Get(t.Context(), "latest.jwt", 1000, "")
	require.NoError(t, err)
	require.Equal(t, "user secret /a/list/latest.jwt token=t", string(obj.Data))
}

// A server that accepts and never answers is given up.
func TestHTTPServerThatHangs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	r, err := store.OpenHTTP("http://"+listener.Addr().String(), &http.Client{Timeout: 50 * time.Millisecond})
	require.NoError(t, err)
	_, err = r.Get(t.Context(), "latest.jwt", 1000, "")
	require.ErrorContains(t, err, "did not come in time")
	require.Less(t, store.Patience(64<<10), time.Minute)
}
