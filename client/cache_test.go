package client_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
)

// A cache in the store itself would remove the list's versions as if they were its own
// steps. That is a mistake of the configuration, and said before anything is written.
func TestTheStoreIsNoCache(t *testing.T) {
	l := newList(t)
	inTheStore := client.Config{Store: l.bucket, Keys: l.key.Public(), Cache: l.bucket, Now: l.now}

	// While there is no list nobody can tell, and the first version is not kept there.
	early, err := client.Open(t.Context(), inTheStore)
	require.NoError(t, err)
	l.publish(everyKind)
	was := load(t, l.bucket).objects
	require.ErrorContains(t, early.Refresh(t.Context()), "could not be kept in the cache: the cache "+l.bucket.String()+" holds a list (latest.jwt): a cache needs a directory of its own")
	require.EqualValues(t, 1, early.Status().Version, "it is in use all the same")

	_, err = client.Open(t.Context(), inTheStore)
	require.ErrorContains(t, err, "client: Config.Cache: the cache "+l.bucket.String()+" holds a list (latest.jwt)")
	require.Equal(t, was, load(t, l.bucket).objects)
}
