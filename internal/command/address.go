package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/revocast/revocast/store"
	"github.com/revocast/revocast/store/s3"
)

// OpenReader opens a STORE that is read: a directory, file://, s3://, or what a web
// server serves under http:// or https://.
func OpenReader(ctx context.Context, address string) (store.Reader, error) {
	if strings.HasPrefix(address, "s3://") {
		return s3.Open(ctx, address)
	}
	return store.Open(address)
}

// OpenStore opens a STORE that is written to.
func OpenStore(ctx context.Context, address string) (store.Store, error) {
	r, err := OpenReader(ctx, address)
	if err != nil {
		return nil, err
	}
	s, ok := r.(store.Store)
	if !ok {
		return nil, fmt.Errorf("%s can only be read; what is written to is a directory or s3://bucket/prefix", r)
	}
	return s, nil
}
