package s3_test

import (
	"net"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/miniotest"
	"github.com/revocast/revocast/store"
	"github.com/revocast/revocast/store/s3"
	"github.com/revocast/revocast/store/storetest"
)

func TestMinIO(t *testing.T) {
	server := miniotest.Start(t)
	storetest.Run(t, func(t *testing.T) func() store.Store {
		address := server.Address(t)
		return func() store.Store {
			s, err := s3.Open(t.Context(), address)
			require.NoError(t, err)
			return s
		}
	})

	t.Run("caches may keep everything but the hint", func(t *testing.T) {
		bucket := server.Bucket(t)
		s, err := s3.Open(t.Context(), "s3://"+bucket+"?endpoint="+server.Endpoint)
		require.NoError(t, err)
		for name, want := range map[string][2]string{
			"latest.jwt":                                {"no-cache", "application/jwt"},
			"versions/000000000001/manifest.jwt":        {"public, max-age=31536000, immutable", "application/jwt"},
			"versions/000000000001/snapshot-00.crl.zst": {"public, max-age=31536000, immutable", "application/zstd"},
		} {
			require.NoError(t, s.Put(t.Context(), name, []byte("x")))
			info, err := server.Client.StatObject(t.Context(), bucket, name, minio.StatObjectOptions{})
			require.NoError(t, err)
			require.Equal(t, want[0], info.Metadata.Get("Cache-Control"), name)
			require.Equal(t, want[1], info.ContentType, name)
		}
	})

	t.Run("a bucket that is not there is no empty store", func(t *testing.T) {
		s, err := s3.Open(t.Context(), "s3://no-such-bucket/list?endpoint="+server.Endpoint)
		require.NoError(t, err)
		_, err = s.Get(t.Context(), "latest.jwt", 1000, "")
		require.ErrorContains(t, err, "there is no bucket no-such-bucket")
		require.NotErrorIs(t, err, store.ErrNotFound)
		require.ErrorContains(t, s.Create(t.Context(), "x", nil), "there is no bucket")
	})

	t.Run("wrong credentials", func(t *testing.T) {
		address := server.Address(t)
		t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
		s, err := s3.Open(t.Context(), address)
		require.NoError(t, err)
		_, err = s.Get(t.Context(), "latest.jwt", 1000, "")
		require.ErrorContains(t, err, "check the credentials")
		require.NotErrorIs(t, err, store.ErrNotFound)
	})
}

func TestServerThatIsNotThere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	s, err := s3.Open(t.Context(), "s3://bucket/list?endpoint=http://"+listener.Addr().String())
	require.NoError(t, err)
	_, err = s.Get(t.Context(), "latest.jwt", 1000, "")
	require.ErrorContains(t, err, "connection refused")
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"s3://bucket":               "s3://bucket",
		"s3://bucket/a/b/?region=x": "s3://bucket/a/b",
		"s3://bucket/a?endpoint=https://s3.example.com": "s3://bucket/a?endpoint=https://s3.example.com",
	} {
		s, err := s3.Open(t.Context(), address)
		require.NoError(t, err)
		require.Equal(t, want, s.String())
	}
	for _, address := range []string{
		"s3://", "s3:///prefix", "http://bucket", "s3://key:secret@bucket/a", "s3://bucket/a//b", "s3://bucket/.a",
		"s3://bucket/a?endpoit=http://x", "s3://bucket/a?endpoint=ftp://x", "s3://bucket/a?endpoint=http://k:secret@x",
		"s3://bucket/a?endpoint=http://x/path", "s3://bucket/a?%zz",
	} {
		_, err := s3.Open(t.Context(), address)
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "secret")
	}
}
