package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/memory"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// An ObjectError says why a snapshot or delta is not the one that the manifest
// names. Nothing of such an object is used.
type ObjectError struct {
	Store  string
	Name   string
	Reason string
	Err    error // the cause, if there is one
}

func (e *ObjectError) Error() string {
	s := fmt.Sprintf("%s in %s is not what its manifest says: %s", e.Name, e.Store, e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *ObjectError) Unwrap() error { return e.Err }

// Pack compresses a file for storage and describes it; the caller adds how many
// changes it sums up.
func Pack(f *crl.File) (signer.Object, []byte, error) {
	stored, err := Compress(f.Bytes())
	if err != nil {
		return signer.Object{}, nil, err
	}
	sum := sha256.Sum256(stored)
	o := signer.Object{
		From: f.From(), To: f.To(),
		Size: int64(len(stored)), RawSize: int64(len(f.Bytes())), SHA256: sum[:],
	}
	runtime.KeepAlive(f)
	if o.From == 0 {
		sum := f.Checksum()
		o.Checksum = sum.Bytes()
	}
	return o, stored, nil
}

// Compress compresses bytes for storage.
func Compress(raw []byte) ([]byte, error) {
	compressor := fast
	if len(raw) < smallObject {
		compressor = thorough
	}
	enc, err := compressor()
	if err != nil {
		return nil, err
	}
	return enc.EncodeAll(raw, nil), nil
}

// smallObject is the size up to which thorough compression is worth its time: packed keys
// do not compress, but the tables around them do.
const smallObject = 1 << 20

// An encoder's tables take longer to clear than a small file to compress, so
// there is one of each, which any number of goroutines may use.
var fast, thorough = compressor(zstd.SpeedFastest), compressor(zstd.SpeedBetterCompression)

func compressor(level zstd.EncoderLevel) func() (*zstd.Encoder, error) {
	return sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	})
}

// Unpack checks the stored bytes of an object against its description, hash
// first: nothing unsigned reaches the decompressor, and what comes out of
// it is bounded by what the manifest says.
func Unpack(o signer.Object, stored []byte) (*crl.File, error) {
	fail := func(reason string, err error) (*crl.File, error) {
		return nil, &ObjectError{Name: o.Name(), Reason: reason, Err: err}
	}
	block, why, err := Decompress(stored, o.Size, o.RawSize, o.SHA256)
	if why != "" {
		return fail(why, err)
	}
	f, err := crl.ParseKeeping(block.Bytes(), block)
	if err != nil {
		return fail("it cannot be read", err)
	}
	if f.From() != o.From || f.To() != o.To {
		return fail(fmt.Sprintf("it leads from version %d to %d", f.From(), f.To()), nil)
	}
	return f, nil
}

// Decompress checks stored bytes against their signed size and SHA-256, and returns the raw bytes.
// Their number must be rawSize. why says what is wrong, or is empty.
func Decompress(stored []byte, size, rawSize int64, sum []byte) (block *memory.Block, why string, err error) {
	if int64(len(stored)) != size {
		return nil, fmt.Sprintf("it has %d bytes, and %d are signed", len(stored), size), nil
	}
	if got := sha256.Sum256(stored); string(got[:]) != string(sum) {
		return nil, "its SHA-256 is " + hex.EncodeToString(got[:]), nil
	}
	// One frame with one segment needs the memory of its output and no more; what is
	// smaller than zstd's smallest window counts as that. The output itself
	// is held to rawSize by the capacity it gets.
	window := max(zstd.MinWindowSize, uint64(rawSize))
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(window), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, "it cannot be decompressed", err
	}
	defer dec.Close()
	if rawSize > math.MaxInt {
		return nil, "it is too large for this machine", nil
	}
	block = memory.Make(int(rawSize))
	raw, err := dec.DecodeAll(stored, block.Bytes()[:0])
	if err != nil {
		return nil, "it cannot be decompressed", err
	}
	if int64(len(raw)) != rawSize {
		return nil, fmt.Sprintf("it decompresses to %d bytes, and %d are signed", len(raw), rawSize), nil
	}
	return block, "", nil
}

// Fetch gets an object that a manifest names and unpacks it.
func Fetch(ctx context.Context, r store.Reader, o signer.Object) (*crl.File, error) {
	obj, err := r.Get(ctx, o.Name(), o.Size, "")
	if err != nil {
		return nil, err
	}
	f, err := Unpack(o, obj.Data)
	if bad, ok := err.(*ObjectError); ok {
		bad.Store = r.String()
	}
	return f, err
}
