package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/revocast/revocast/store"
)

// maxNames bounds the names of a listing, which are held in memory: a version every 30
// seconds takes fifteen years to leave as many manifests, and those take about 2 GB.
const maxNames = 1 << 24

// maxPage bounds the bytes of one page of a listing, which minio-go reads whole. It has 1,000
// names of at most 1,024 bytes, each of which takes three if it is escaped.
const maxPage = 16 << 20

var errSilence = errors.New("the server sent no further name for too long")

// List is held to what a server may answer: names in ascending order, none of them a second
// time, with no long silence between them. A server or a proxy that gives one
// page again and again would else be listened to for ever. A server that does not know start-after
// lists all names, of which only later ones are returned.
func (b *bucket) List(ctx context.Context, prefix, after string) ([]store.Info, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(b.silence, func() { cancel(errSilence) })
	defer silence.Stop()
	var infos []store.Info
	var last string
	names := 0
	options := minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}
	if after != "" {
		options.StartAfter = b.prefix + after
	}
	for o := range b.core.Client.ListObjectsIter(ctx, b.name, options) {
		silence.Reset(b.silence)
		if o.Err != nil {
			if context.Cause(ctx) != nil {
				break // it says more
			}
			return nil, b.failed("listed", prefix+"*", o.Err)
		}
		if names++; names > maxNames {
			return nil, fmt.Errorf("%s lists more than %d objects that begin with %q, more than any list has", b, maxNames, prefix)
		}
		if names > 1 && o.Key <= last {
			return nil, fmt.Errorf("%s lists %q behind %q, and names must ascend: the server, or a proxy before it, gives pages in disorder or more than once", b, o.Key, last)
		}
		last = o.Key
		name := strings.TrimPrefix(o.Key, b.prefix)
		if name > after && store.CheckName(name) == nil {
			infos = append(infos, store.Info{Name: name, Size: o.Size, ModTime: o.LastModified})
		}
	}
	if err := context.Cause(ctx); err != nil {
		return nil, b.failed("listed", prefix+"*", err)
	}
	return infos, nil
}

// pages bounds what answers a request for a page of a listing.
type pages struct{ http.RoundTripper }

func (p pages) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := p.RoundTripper.RoundTrip(req)
	if err == nil && req.URL.Query().Has("list-type") {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxPage), resp.Body}
	}
	return resp, err
}
