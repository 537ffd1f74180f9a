package history

import (
	"context"

	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

type OtherListError struct{}

func (*OtherListError) Error() string { return "other" }

func Newest(ctx context.Context, s store.Store, keys *signer.KeySet, known *Version) (*Version, error) {
	return Head(ctx, steady.Reader{Reader: s}, keys, known)
}
