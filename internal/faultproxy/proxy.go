// Package faultproxy stands between a client and a real HTTP server in tests, and
// does to requests and replies what networks, load balancers and overloaded servers do to them.
//
// Every request may meet one fault, which a seeded plan draws. A fault either keeps
// the request from the server, or lets the server perform it and spoils what the client
// learns of that. The second kind is what a protocol has to be built for: something
// has happened, and the client does not know.
//
// The proxy hands on the Host header, the path and the query as they came, since an S3
// signature covers them. A body is read before anything is done with it, so
// it is for objects that fit into memory.
package faultproxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// A Proxy is an http.Handler in front of one server. It is safe for concurrent use.
type Proxy struct {
	target    *url.URL
	transport *http.Transport
	plan      *plan
	requests  atomic.Int64
	injected  [faults]atomic.Int64
}

// New gives a proxy in front of the server at a URL of the form http://host:port. It
// draws its faults from the plan.
func New(target string, p Plan) (*Proxy, error) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("%q is not the http://host:port of a server", target)
	}
	drawn, err := p.start()
	if err != nil {
		return nil, err
	}
	return &Proxy{
		target: u, plan: drawn,
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
	}, nil
}

// Requests is how many requests came.
func (p *Proxy) Requests() int64 { return p.requests.Load() }

// Injected is how many faults of each kind there were. Kinds that did not occur are
// left out.
func (p *Proxy) Injected() map[Fault]int64 {
	counts := map[Fault]int64{}
	for f := range p.injected {
		if n := p.injected[f].Load(); n > 0 {
			counts[Fault(f)] = n
		}
	}
	return counts
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		cut() // the client went away while it sent
	}
	fault := p.plan.draw(r)
	if fault.before() {
		p.injected[fault].Add(1)
		p.refuse(w, r, body, fault)
		return
	}
	reply, err := p.perform(r, bytes.NewReader(body))
	if err != nil {
		if r.Context().Err() == nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
		return
	}
	if !fault.spoils(reply) {
		fault = None
	}
	p.injected[fault].Add(1)
	p.spoil(w, r, reply, fault)
}

// reply is what the server answered, in whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// perform lets the server do what the client asks for.
func (p *Proxy) perform(r *http.Request, body io.Reader) (*reply, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = p.target.Scheme, p.target.Host
	out.Host = r.Host
	out.RequestURI = ""
	out.Header.Del("Connection")
	out.Body = io.NopCloser(body)
	if r.ContentLength == 0 {
		out.Body = http.NoBody
	}
	resp, err := p.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return &reply{resp.StatusCode, resp.Header, data}, nil
}

// refuse does not let the server perform a request, or not to its end.
func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, body []byte, fault Fault) {
	switch fault {
	case Unavailable:
		fail(w, http.StatusServiceUnavailable, "SlowDown")
	case Conflict:
		fail(w, http.StatusConflict, "ConditionalRequestConflict")
	case Hang:
		p.wait(r, p.plan.Patience)
		cut()
	case TornRequest:
		half := io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{})
		p.perform(r, half) // the server may refuse what it has seen, or wait for more in vain
		cut()
	}
}

// spoil hands a reply to the client, but for the fault.
func (p *Proxy) spoil(w http.ResponseWriter, r *http.Request, reply *reply, fault Fault) {
	switch fault {
	case LostReply:
		cut()
	case HangAfter:
		p.wait(r, p.plan.Patience)
		cut()
	case FalseConflict:
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	case ServerError:
		fail(w, http.StatusInternalServerError, "InternalError")
		return
	case Delay:
		p.wait(r, p.plan.pause())
	}
	for name, values := range reply.header {
		w.Header()[name] = values
	}
	w.WriteHeader(reply.status)
	switch fault {
	case CutBody:
		w.Write(reply.body[:len(reply.body)/2])
		http.NewResponseController(w).Flush()
		cut()
	case SlowBody:
		pieces := 8
		for i := range pieces {
			w.Write(reply.body[len(reply.body)*i/pieces : len(reply.body)*(i+1)/pieces])
			http.NewResponseController(w).Flush()
			p.wait(r, p.plan.pause()/time.Duration(pieces))
		}
	default:
		w.Write(reply.body)
	}
}

// wait lets time pass, at most until the client goes away.
func (p *Proxy) wait(r *http.Request, d time.Duration) {
	select {
	case <-r.Context().Done():
	case <-time.After(d):
	}
}

// cut closes the client's connection without a word more.
func cut() { panic(http.ErrAbortHandler) }

// fail answers with an error of S3. Any other client takes the status from it.
func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>injected by faultproxy</Message></Error>", code)
}

// broken is where a request breaks off.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("faultproxy: the request was cut") }
