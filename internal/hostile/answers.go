package hostile

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"
)

// Objects serves these in the place of what lies under their names; nil is "not found".
func Objects(objects map[string][]byte) Answer {
	return func(w http.ResponseWriter, r *http.Request, name string) bool {
		data, ok := objects[name]
		switch {
		case !ok:
			return false
		case data == nil:
			http.NotFound(w, r)
		default:
			w.Write(data)
		}
		return true
	}
}

// First gives the answer of the first that has one.
func First(answers ...Answer) Answer {
	return func(w http.ResponseWriter, r *http.Request, name string) bool {
		for _, a := range answers {
			if a(w, r, name) {
				return true
			}
		}
		return false
	}
}

// Only answers for names that contain part.
func Only(part string, a Answer) Answer {
	return func(w http.ResponseWriter, r *http.Request, name string) bool {
		return strings.Contains(name, part) && a(w, r, name)
	}
}

// Everything answers with a status and a body, whatever is asked for.
func Everything(status int, body string, headers ...string) Answer {
	return func(w http.ResponseWriter, r *http.Request, name string) bool {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
		return true
	}
}

// Endless sends bytes until the reader hangs up.
func Endless(w http.ResponseWriter, r *http.Request, name string) bool {
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	for r.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			break
		}
	}
	return true
}

// EndlessHeaders begins an answer and sends header lines until the reader hangs up.
func EndlessHeaders(w http.ResponseWriter, r *http.Request, name string) bool {
	raw(w, func(out *bufio.Writer) {
		io.WriteString(out, "HTTP/1.1 200 OK\r\n")
		line := "X-More: " + strings.Repeat("x", 4000) + "\r\n"
		for {
			if _, err := io.WriteString(out, line); err != nil {
				return
			}
		}
	})
	return true
}

// Drip sends a byte each interval, until the reader hangs up.
func Drip(interval time.Duration) Answer {
	return func(w http.ResponseWriter, r *http.Request, name string) bool {
		for r.Context().Err() == nil {
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(interval):
			}
		}
		return true
	}
}

// Raw sends bytes as they are, in the place of a whole answer, and hangs up.
func Raw(answer string) Answer {
	return func(w http.ResponseWriter, r *http.Request, name string) bool {
		raw(w, func(out *bufio.Writer) { io.WriteString(out, answer) })
		return true
	}
}

func raw(w http.ResponseWriter, send func(*bufio.Writer)) {
	conn, out, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	send(out.Writer)
	out.Flush()
}
