// Package store keeps named objects: in a directory, in an S3 bucket (package
// store/s3), or read-only behind HTTP. A list needs little of a store:
// whole objects, an ETag, and a Create of which one of any number of racing
// callers wins, on which the history of a list rests.
//
// Everything here is safe for concurrent use, also by several processes.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Errors that every store gives, wrapped with the object's name and the store's.
var (
	// ErrNotFound means that the object does not exist.
	ErrNotFound = errors.New("no such object")
	// ErrExists means that the object to be created exists. After a retry inside
	// the network it may be the caller's own: read it back and compare.
	ErrExists = errors.New("the object exists already")
	// ErrNotModified means that the object is still the one with the ETag given.
	ErrNotModified = errors.New("the object has not changed")
	// ErrTooLarge means that the object is larger than the caller's limit.
	ErrTooLarge = errors.New("the object is too large")
	// ErrBadName means that the name is not one that every store can keep.
	ErrBadName = errors.New("bad object name")
)

// An Object is what Get read.
type Object struct {
	Data []byte
	ETag string // to be handed to the next Get of the same name; may be empty
}

// An Info is what List tells of an object.
type Info struct {
	Name    string
	Size    int64     // in bytes
	ModTime time.Time // by the store's clock
}

// A Reader reads objects.
type Reader interface {
	// Get reads a whole object of at most limit bytes. If ifNoneMatch is the ETag
	// of what is there, it gives ErrNotModified. Of an object that is being
	// replaced it gives the old bytes or the new, never a mixture or a part.
	Get(ctx context.Context, name string, limit int64, ifNoneMatch string) (Object, error)
	// String is the store's address without its secrets, for messages.
	String() string
}

// An Opener reads objects piece by piece. A directory is one.
type Opener interface {
	// Open gives an object's bytes and their number. An object that is replaced
	// while it is read stays the one that was opened.
	Open(ctx context.Context, name string) (io.ReadCloser, int64, error)
}

// A Sweeper keeps more than objects: a directory has what writers leave that were
// killed, temporary files and folders with nothing in them. Nobody ever reads these.
type Sweeper interface {
	// Litter gives what was left before a moment, by the store's clock, sorted by
	// name. The names are for Sweep alone, and those of folders end in a slash.
	Litter(ctx context.Context, before time.Time) ([]Info, error)
	// Sweep removes a temporary file, or a folder if it is still empty; one that
	// is not there is no error. A writer that is still at work on it writes again.
	Sweep(ctx context.Context, name string) error
}

// A Store also writes. After any error of Create but ErrExists and ErrBadName the
// object may or may not be there.
type Store interface {
	Reader
	// Create writes an object that must not exist; of several callers one wins and
	// the others get ErrExists. When it returns nil or ErrExists the object that is
	// there is durable.
	Create(ctx context.Context, name string, data []byte) error
	// Put writes an object, in place of one that may be there.
	Put(ctx context.Context, name string, data []byte) error
	// Delete removes an object; one that is not there is no error.
	Delete(ctx context.Context, name string) error
	// List returns the objects whose names begin with prefix and come after a name in the order of
	// their bytes, sorted by name. With "" for both it returns all. Objects up to after cost little:
	// a directory reads their names, and a bucket is asked for later ones.
	List(ctx context.Context, prefix, after string) ([]Info, error)
}

// maxName is short of what file systems and S3 (1,024 bytes with the prefix) take.
const maxName = 512

// CheckName tells whether every store can keep an object of this name: parts
// of ASCII letters, digits, '.', '_' and '-', with slashes between them, none
// of which begins with a dot. The error wraps ErrBadName.
func CheckName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("%w: it has %d bytes, and %d are the most", ErrBadName, len(name), maxName)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' {
			return fmt.Errorf("%w %q: its parts must not be empty or begin with a dot", ErrBadName, name)
		}
		if strings.ContainsFunc(part, badRune) {
			return fmt.Errorf("%w %q: only ASCII letters, digits, '.', '_' and '-' may stand in it", ErrBadName, name)
		}
	}
	return nil
}

func badRune(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
}

// CacheControl is the Cache-Control header (RFC 9111, section 5.2) of an object: only the
// hint is ever replaced, so everything else may be kept for ever.
func CacheControl(name string) string {
	if name == "latest.jwt" {
		return "no-cache"
	}
	return "public, max-age=31536000, immutable"
}

// ContentType is the Content-Type header of an object, by the end of its name.
func ContentType(name string) string {
	switch {
	case strings.HasSuffix(name, ".jwt"):
		return "application/jwt"
	case strings.HasSuffix(name, ".jws"):
		return "application/jose+json"
	case strings.HasSuffix(name, ".zst"):
		return "application/zstd"
	}
	return "application/octet-stream"
}

// tooLarge and notFound make the errors that all stores share.
func tooLarge(r Reader, name string, limit int64) error {
	return fmt.Errorf("%w: %s in %s has more than the %d bytes expected", ErrTooLarge, name, r, limit)
}

func notFound(r Reader, name string) error {
	return fmt.Errorf("%w: %s in %s", ErrNotFound, name, r)
}
