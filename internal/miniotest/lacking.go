package miniotest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// A Lack is how a provider fails to honour If-None-Match: *.
type Lack int

const (
	// Ignores overwrites, as if the condition were not there.
	Ignores Lack = iota
	// Refuses answers 501 to the condition.
	Refuses
	// Looks first whether the object is there, and writes a moment later, so that
	// several of those who come at once win.
	Looks
)

// Lacking gives the endpoint of a provider that lacks conditional writes: this server behind
// a proxy. The signature of a request covers its condition, so that cannot be taken off
// on the way; the object that it would find is removed instead.
func (s *Server) Lacking(t testing.TB, lack Lack) string {
	target, err := url.Parse(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // which is signed
	}}
	var one sync.Mutex
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || r.Header.Get("If-None-Match") == "" {
			forward.ServeHTTP(w, r)
			return
		}
		bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch lack {
		case Refuses:
			w.WriteHeader(http.StatusNotImplemented)
			io.WriteString(w, "<Error><Code>NotImplemented</Code><Message>A header implies something that is not implemented.</Message></Error>")
			return
		case Looks:
			if _, err := s.Client.StatObject(r.Context(), bucket, key, minio.StatObjectOptions{}); err == nil {
				forward.ServeHTTP(w, r)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		one.Lock()
		defer one.Unlock()
		if err := s.Client.RemoveObject(r.Context(), bucket, key, minio.RemoveObjectOptions{}); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL
}
