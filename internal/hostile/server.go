// Package hostile is a web server for tests, between a reader and the directory of an
// honest list: it serves what lies there as a good server does, until it is
// told what to answer instead.
package hostile

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	"github.com/revocast/revocast/store"
)

// An Answer answers the request for the object called name, or gives false to have
// the honest object served. It ends when the request's context does.
type Answer func(w http.ResponseWriter, r *http.Request, name string) bool

// A Server listens on a real socket, or on what NewHandler's caller gives it.
type Server struct {
	*httptest.Server
	honest Answer
	attack atomic.Pointer[Answer]
}

// Serve starts a server of a directory. Close it.
func Serve(dir string) *Server {
	s := NewHandler(dir)
	s.Server = httptest.NewServer(s)
	return s
}

// NewHandler is Serve without the socket.
func NewHandler(dir string) *Server { return &Server{honest: Directory(dir)} }

// Attack answers with a from now on, and honestly again if it is nil. Connections
// that stand are cut, so that no request is answered by what was there before.
func (s *Server) Attack(a Answer) {
	if s.attack.Store(nil); a != nil {
		s.attack.Store(&a)
	}
	if s.Server != nil {
		s.CloseClientConnections()
	}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if attack := s.attack.Load(); attack != nil && (*attack)(w, r, name) {
		return
	}
	s.honest(w, r, name)
}

// Directory serves what lies in a directory, with ETags, as nginx and Caddy do.
func Directory(dir string) Answer {
	files := http.FileServer(http.Dir(dir))
	s, err := store.OpenDir(dir)
	if err != nil {
		panic(err)
	}
	return func(w http.ResponseWriter, r *http.Request, name string) bool {
		if obj, err := s.Get(r.Context(), name, 1<<30, ""); err == nil && obj.ETag != "" {
			w.Header().Set("ETag", obj.ETag)
		}
		files.ServeHTTP(w, r)
		return true
	}
}
