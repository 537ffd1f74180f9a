// Package s3 keeps a store in an S3 bucket: at AWS, in MinIO, or wherever
// conditional writes (If-None-Match: *) are honoured. It is a package of its own, so
// that only who uses a bucket links its client.
package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/revocast/revocast/store"
)

// bucket is a prefix in a bucket as a store.
type bucket struct {
	core    *minio.Core
	name    string
	prefix  string        // ends in a slash, or is empty
	address string        // without secrets
	silence time.Duration // how long List waits for the next name
}

// Open gives the store at an address of the form
//
//	s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu-central-1
//
// Endpoint is https://s3.amazonaws.com if left out; region is AWS_REGION,
// else AWS_DEFAULT_REGION, else what the bucket says. Credentials come from the AWS_*
// variables, from the AWS files, or at AWS from the machine's role; without any
// requests are anonymous. Open makes no request.
func Open(ctx context.Context, address string) (store.Store, error) {
	return open(address)
}

func (b *bucket) String() string { return b.address }

func (b *bucket) Get(ctx context.Context, name string, limit int64, ifNoneMatch string) (store.Object, error) {
	if err := store.CheckName(name); err != nil {
		return store.Object{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, store.Patience(limit))
	defer cancel()
	var opts minio.GetObjectOptions
	if ifNoneMatch != "" {
		if err := opts.SetMatchETagExcept(ifNoneMatch); err != nil {
			return store.Object{}, err
		}
	}
	body, info, _, err := b.core.GetObject(ctx, b.name, b.prefix+name, opts)
	switch {
	case err != nil && ifNoneMatch != "" && minio.ToErrorResponse(err).StatusCode == http.StatusNotModified:
		return store.Object{}, fmt.Errorf("%w: %s in %s", store.ErrNotModified, name, b)
	case err != nil:
		return store.Object{}, b.failed("read", name, err)
	}
	defer body.Close()
	data, err := store.ReadLimited(body, info.Size, limit)
	if errors.Is(err, store.ErrTooLarge) {
		return store.Object{}, fmt.Errorf("%w: %s in %s has more than the %d bytes expected", store.ErrTooLarge, name, b, limit)
	}
	if err != nil {
		return store.Object{}, b.failed("read", name, err)
	}
	return store.Object{Data: data, ETag: info.ETag}, nil
}

func (b *bucket) Create(ctx context.Context, name string, data []byte) error {
	var opts minio.PutObjectOptions
	opts.SetMatchETagExcept("*")
	return b.put(ctx, "created", name, data, opts)
}

func (b *bucket) Put(ctx context.Context, name string, data []byte) error {
	return b.put(ctx, "written", name, data, minio.PutObjectOptions{})
}

func (b *bucket) put(ctx context.Context, verb, name string, data []byte, opts minio.PutObjectOptions) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, store.Patience(int64(len(data))))
	defer cancel()
	opts.ContentType, opts.CacheControl = store.ContentType(name), store.CacheControl(name)
	// minio-go uploads what is larger than 16 MiB in parts, and drops the
	// condition on the way. One request may carry 5 GiB, more than any list has.
	opts.DisableMultipart = true
	_, err := b.core.Client.PutObject(ctx, b.name, b.prefix+name, bytes.NewReader(data), int64(len(data)), opts)
	if err != nil {
		return b.failed(verb, name, err)
	}
	return nil
}

func (b *bucket) Delete(ctx context.Context, name string) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, store.Patience(0))
	defer cancel()
	err := b.core.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{})
	if err = b.failed("deleted", name, err); errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// failed says in the words of package store what a server answered.
func (b *bucket) failed(verb, name string, err error) error {
	if err == nil {
		return nil
	}
	answer := minio.ToErrorResponse(err)
	switch {
	case answer.Code == "NoSuchBucket":
		return fmt.Errorf("there is no bucket %s (for %s): create it, or check the address", b.name, b)
	case answer.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: %s in %s", store.ErrNotFound, name, b)
	case answer.StatusCode == http.StatusPreconditionFailed, answer.StatusCode == http.StatusConflict:
		// 409 is AWS's answer to a condition while another write is under way.
		return fmt.Errorf("%w: %s in %s (%s)", store.ErrExists, name, b, answer.Code)
	case answer.StatusCode == http.StatusNotImplemented && verb == "created":
		return fmt.Errorf("%s in %s could not be created: the provider does not have conditional writes (If-None-Match: *), so no list can be published there: %w", name, b, err)
	case answer.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s in %s may not be %s (%s): check the credentials and what they allow; a missing object looks like this, too, unless the bucket may be listed: %w", name, b, verb, answer.Code, err)
	}
	return fmt.Errorf("%s in %s could not be %s: %w", name, b, verb, err)
}
