package s3_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/store"
	"github.com/revocast/revocast/store/s3"
)

// answers gives the bucket of a server that answers every request in one way.
func answers(t *testing.T, answer http.HandlerFunc) store.Store {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	s, err := s3.Open(t.Context(), "s3://bucket/list?endpoint="+server.URL)
	require.NoError(t, err)
	return s
}

// dated sets the header that S3 never leaves out, and minio-go looks for.
func dated(w http.ResponseWriter) {
	w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
}

// Gateways that do not say how long an object is are read as long as it may be.
func TestReadingWithoutALength(t *testing.T) {
	s := answers(t, func(w http.ResponseWriter, r *http.Request) {
		dated(w)
		w.(http.Flusher).Flush()
		io.WriteString(w, "hello")
	})
	obj, err := s.Get(t.Context(), "latest.jwt", 5, "")
	require.NoError(t, err)
	require.Equal(t, "hello", string(obj.Data))
	_, err = s.Get(t.Context(), "latest.jwt", 4, "")
	require.ErrorIs(t, err, store.ErrTooLarge)
	require.ErrorContains(t, err, "latest.jwt")

	endless := answers(t, func(w http.ResponseWriter, r *http.Request) {
		dated(w)
		for {
			if _, err := io.WriteString(w, strings.Repeat("x", 1000)); err != nil {
				return
			}
		}
	})
	_, err = endless.Get(t.Context(), "latest.jwt", 1<<20, "")
	require.ErrorIs(t, err, store.ErrTooLarge)
}

// Who asked for an object, and not whether it has changed, must not be told that it has not.
func TestNotModifiedToNoQuestion(t *testing.T) {
	s := answers(t, func(w http.ResponseWriter, r *http.Request) {
		dated(w)
		w.WriteHeader(http.StatusNotModified)
	})
	_, err := s.Get(t.Context(), "latest.jwt", 1000, "")
	require.Error(t, err)
	require.NotErrorIs(t, err, store.ErrNotModified)
	_, err = s.Get(t.Context(), "latest.jwt", 1000, `"etag"`)
	require.ErrorIs(t, err, store.ErrNotModified)
}

// A listing that never ends, one that is silent, and one that repeats itself are given up,
// and what they had told until then is not taken for a listing.
func TestListingsThatAreNotBelieved(t *testing.T) {
	page := func(w io.Writer, more string, names ...string) {
		fmt.Fprintf(w, "<ListBucketResult><IsTruncated>%t</IsTruncated><NextContinuationToken>%s</NextContinuationToken>", more != "", more)
		for _, name := range names {
			fmt.Fprintf(w, "<Contents><Key>list/%s</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>", name)
		}
		io.WriteString(w, "</ListBucketResult>")
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"silent before its first name": {func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "<ListBucketResult>")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "no further name for too long"},
		"silent after some names": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("continuation-token") == "" {
				page(w, "next", "a", "b")
				return
			}
			<-r.Context().Done()
		}, "no further name for too long"},
		"pages without names": {func(w http.ResponseWriter, r *http.Request) { page(w, "next") }, "no further name for too long"},
		"the same page again": {func(w http.ResponseWriter, r *http.Request) { page(w, "next", "a", "b") }, `lists "list/a" behind "list/b"`},
		"a name twice":        {func(w http.ResponseWriter, r *http.Request) { page(w, "", "a", "a") }, `lists "list/a" behind "list/a"`},
		"names in disorder":   {func(w http.ResponseWriter, r *http.Request) { page(w, "", "b", "a") }, "names must ascend"},
		"a page without end": {func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "<ListBucketResult>")
			for i := 0; ; i++ {
				if _, err := fmt.Fprintf(w, "<Contents><Key>list/%s%012d</Key></Contents>", strings.Repeat("x", 1000), i); err != nil {
					return
				}
			}
		}, "unexpected EOF"},
		"broken off": {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<ListBucketResult><Contents>") }, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			s := answers(t, test.answer)
			if strings.Contains(test.want, "too long") {
				s3.Listens(s, 300*time.Millisecond)
			}
			infos, err := s.List(t.Context(), "", "")
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, s.String())
			require.Empty(t, infos)
		})
	}
}

// A server that does not know start-after lists everything, and later names alone are returned.
func TestListingWithoutStartAfter(t *testing.T) {
	var asked string
	s := answers(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query().Get("start-after")
		io.WriteString(w, "<ListBucketResult>")
		for _, name := range []string{"a", "b", "c"} {
			fmt.Fprintf(w, "<Contents><Key>list/%s</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>", name)
		}
		io.WriteString(w, "</ListBucketResult>")
	})
	infos, err := s.List(t.Context(), "", "b")
	require.NoError(t, err)
	require.Equal(t, "list/b", asked)
	require.Len(t, infos, 1)
	require.Equal(t, "c", infos[0].Name)
}
