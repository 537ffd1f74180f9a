package publish

import (
	"context"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/faulty"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// A disk that fails to sync a directory still shows the new object, and may lose it with the
// power. An object counts as written when a later attempt has not failed.
func TestObjectsThatAreNotDurableDoNotCount(t *testing.T) {
	t.Parallel()
	for what, ends := range map[string]string{"an object": ".crl.zst", "the manifest": path.Base(signer.ManifestName(1))} {
		t.Run(what, func(t *testing.T) {
			r, _, rows := startRace(t)
			rows.rows = append(rows.rows, raceRow("b"))
			bucket := &unsynced{Store: r.bucket, ends: ends, left: 1 << 30}
			result, err := Run(t.Context(), r.config(bucket, rows))
			require.ErrorIs(t, err, faulty.Err)
			require.Nil(t, result)
			require.Greater(t, 1<<30-1, bucket.left, "it was not tried again")
			if what == "the manifest" {
				require.ErrorContains(t, err, "version 2 may or may not be published, run again to find out")
				_, err = r.bucket.Get(t.Context(), signer.ManifestName(2), signer.MaxManifestSize, "")
				require.NoError(t, err, "it was published after all, as the next run finds out")
				r.committed[2] = true
			}
			rows.rows = append(rows.rows, raceRow("c"))
			require.True(t, r.note(Run(t.Context(), r.config(r.bucket, rows))))

			bucket.left = 2
			rows.rows = append(rows.rows, raceRow("d"))
			require.True(t, r.note(Run(t.Context(), r.config(bucket, rows))), "the third time it did not fail")
			require.Zero(t, bucket.left)
			r.revoked = []string{"a", "b", "c", "d"}
			r.verify()
		})
	}
}

// unsynced is a directory whose Create writes the object and then fails to sync it. It does so for
// names with an ending, also if the object exists, for the given number of times.
type unsynced struct {
	store.Store
	ends string
	left int
}

func (u *unsynced) Create(ctx context.Context, name string, data []byte) error {
	err := u.Store.Create(ctx, name, data)
	if strings.HasSuffix(name, u.ends) && u.left > 0 {
		u.left--
		return faulty.Err
	}
	return err
}
