package cmd_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/miniotest"
)

// Three publications of a real issuer's revocations, and the verdict on every
// token after each: for a client that followed along, for one that starts at
// the end, and for one that is cut off from the network after its last refresh.
func TestIssued(t *testing.T) {
	t.Run("directory", func(t *testing.T) {
		bucket := filepath.Join(t.TempDir(), "list")
		testIssued(t, bucket, bucket)
	})
	t.Run("directory read over HTTP", func(t *testing.T) {
		bucket := filepath.Join(t.TempDir(), "list")
		server := httptest.NewServer(http.FileServer(http.Dir(bucket)))
		t.Cleanup(server.Close)
		testIssued(t, bucket, server.URL)
	})
	t.Run("MinIO", func(t *testing.T) {
		address := miniotest.Start(t).Address(t)
		testIssued(t, address, address)
	})
	t.Run("MinIO read over HTTP", func(t *testing.T) {
		server := miniotest.Start(t)
		bucket := server.Public(t)
		testIssued(t, "s3://"+bucket+"/list?endpoint="+server.Endpoint, server.Endpoint+"/"+bucket+"/list")
	})
}

func testIssued(t *testing.T, publishTo, readFrom string) {
	data, err := filepath.Abs(filepath.Join("..", "testdata", "issued"))
	require.NoError(t, err)
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	out, code := run(t, "", "publisher", "keygen", "--out", file("signing.jwk"))
	require.Zero(t, code, out)

	tokens := filepath.Join(data, "tokens.txt")
	check := func(from, cache string) (string, int) {
		args := []string{"check", from, "--keys", file("signing.pub.jwks"), "--jwks", filepath.Join(data, "issuer.jwks"), "-"}
		if cache != "" {
			args = append(args, "--cache", file(cache))
		}
		return run(t, tokens, "verifier", args...)
	}
	for n := 1; n <= 3; n++ {
		rows, err := os.ReadFile(filepath.Join(data, fmt.Sprintf("rows-%d.jsonl", n)))
		require.NoError(t, err)
		f, err := os.OpenFile(file("rows.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		_, err = f.Write(rows)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		out, code := run(t, "", "publisher", "publish", "--store", publishTo, "--source", file("rows.jsonl"), "--key", file("signing.jwk"),
			"--create", "--issuer", "https://issuer.example.com", "--max-token-life", "87600h")
		require.Zero(t, code, out)

		want, err := os.ReadFile(filepath.Join(data, fmt.Sprintf("expected-%d.txt", n)))
		require.NoError(t, err)
		follower, code := check(readFrom, "follower")
		require.Equal(t, 1, code, "some are revoked")
		require.Equal(t, string(want), follower, "a client that followed along, version %d", n)
		newcomer, _ := check(readFrom, "")
		require.Equal(t, string(want), newcomer, "a client that starts at version %d", n)
	}
	want, err := os.ReadFile(filepath.Join(data, "expected-3.txt"))
	require.NoError(t, err)
	// Nothing listens on this port; what is warned of comes behind the verdicts.
	cutOff, code := check("http://127.0.0.1:1/list", "follower")
	require.Equal(t, 1, code)
	require.Equal(t, string(want), cutOff[:len(want)])
	require.Contains(t, cutOff[len(want):], "warning: answering from version 3")

	out, code = run(t, "", "verifier", "verify", readFrom, "--keys", file("signing.pub.jwks"))
	require.Zero(t, code, out)
}
