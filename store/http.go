package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// httpReader reads what a web server serves.
type httpReader struct {
	base   *url.URL // its path ends in a slash
	client *http.Client
}

// OpenHTTP gives what lies under an http:// or https:// address for reading. A
// user and password in the address, and its query, are sent with every request
// and never shown. A nil client is one with timeouts of its own, which follows a
// redirect within the same server, or to https of the same host, and no other.
//
// Answers are held to what a file server gives: 200, 304 with an ETag, 404 and 410.
// A request may take 30 seconds, and one more for each 64 KiB of the limit, so that
// a server that trickles or hangs holds nobody up for ever.
func OpenHTTP(address string, client *http.Client) (Reader, error) {
	base, err := url.Parse(address)
	if err != nil {
		var parse *url.Error
		if errors.As(err, &parse) {
			err = parse.Err // the address itself may hold a password
		}
		return nil, fmt.Errorf("the store's address is not a URL: %w", err)
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, errors.New("the store's address must begin with http:// or https:// and a host")
	}
	base.Fragment = ""
	if !strings.HasSuffix(base.Path, "/") {
		base = base.JoinPath("/")
	}
	if client == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.ResponseHeaderTimeout = minPatience
		transport.MaxResponseHeaderBytes = 64 << 10
		client = &http.Client{Transport: transport, CheckRedirect: withinServer}
	}
	return &httpReader{base, client}, nil
}

func (h *httpReader) String() string {
	shown := *h.base
	shown.User, shown.RawQuery = nil, ""
	return strings.TrimSuffix(shown.String(), "/")
}

// withinServer refuses redirects to where nobody who configured the address sent us: the
// inside of a network, say, that only we can reach. The address's query, which may be
// secret, would also go there as the Referer.
func withinServer(next *http.Request, via []*http.Request) error {
	was, is := via[len(via)-1].URL, next.URL
	switch {
	case len(via) >= 10:
		return errors.New("stopped after 10 redirects")
	case is.Scheme == was.Scheme && is.Host == was.Host:
		return nil
	case is.Scheme == "https" && was.Scheme == "http" && is.Hostname() == was.Hostname():
		return nil
	}
	return fmt.Errorf("the server redirects to %s://%s; name that address instead, if it is the right one", is.Scheme, is.Host)
}

// minPatience is the time that a request for the smallest object may take, and
// perSecond the bytes a second at which more is waited for.
const (
	minPatience = 30 * time.Second
	perSecond   = 64 << 10
)

// Patience is how long a request for an object of at most limit bytes may take.
func Patience(limit int64) time.Duration {
	return minPatience + time.Duration(limit/perSecond)*time.Second
}

func (h *httpReader) Get(ctx context.Context, name string, limit int64, ifNoneMatch string) (Object, error) {
	if err := CheckName(name); err != nil {
		return Object{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, Patience(limit))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.base.JoinPath(name).String(), nil)
	if err != nil {
		return Object{}, h.failed(name, err)
	}
	// Objects are what their bytes hash to, so no proxy may recode them on the way.
	req.Header.Set("Accept-Encoding", "identity")
	if ifNoneMatch != "" {
		req.Header.Set("If-None-Match", ifNoneMatch)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return Object{}, h.failed(name, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && ifNoneMatch != "":
		return Object{}, fmt.Errorf("%w: %s in %s", ErrNotModified, name, h)
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusGone:
		return Object{}, notFound(h, name)
	case resp.StatusCode == http.StatusForbidden:
		return Object{}, fmt.Errorf("%s in %s may not be read (%s); a bucket says so of an object that is missing, too, unless readers may list it", name, h, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return Object{}, fmt.Errorf("%s in %s cannot be read: the server says %s", name, h, resp.Status)
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return Object{}, fmt.Errorf("%s in %s comes with the Content-Encoding %.20q, though none was asked for; switch that off in the server", name, h, encoding)
	}
	data, err := ReadLimited(resp.Body, resp.ContentLength, limit)
	if errors.Is(err, ErrTooLarge) {
		return Object{}, tooLarge(h, name, limit)
	}
	if err != nil {
		return Object{}, h.failed(name, err)
	}
	return Object{Data: data, ETag: resp.Header.Get("ETag")}, nil
}

// failed tells a failure without the address, which may hold secrets.
func (h *httpReader) failed(name string, err error) error {
	var where *url.Error
	if errors.As(err, &where) {
		err = where.Err
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("%s in %s did not come in time: %w", name, h, err)
	}
	return fmt.Errorf("%s in %s cannot be read: %w", name, h, err)
}
