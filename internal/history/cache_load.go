package history

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"runtime"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/memory"
	"github.com/revocast/revocast/store"
)

// maxList bounds what is read of the whole list of a version, whose hash is checked only
// afterwards: whoever can write to the disk must not fill the memory. An entry has at most 8 bytes of
// key (packed, it is less), 8 of before, 4 of expiry code, and one expiry of 8; the slack is
// for the header and two sections for each of 255 rules, with their padding.
func maxList(v *Version) int64 {
	const entry, slack, most = 8 + 8 + 4 + 8, 64 << 10, min(8<<30, math.MaxInt)
	if v.State.Count > (most-slack)/entry {
		return most
	}
	return int64(v.State.Count)*entry + slack
}

// loadState gives the state at v: a whole list or a snapshot, and over it what the
// steps since brought.
func (c *Cache) loadState(ctx context.Context, v *Version) (*State, error) {
	infos, err := c.Store.List(ctx, "", "")
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	var steps []uint64
	for _, info := range infos {
		there[info.Name] = true
		if n, ok := ManifestVersion(info.Name); ok && n < v.Version {
			steps = append(steps, n)
		}
	}
	steps = append(steps, v.Version)
	j := &journal{Cache: c, there: there, head: v}
	s, err := j.load(ctx, steps)
	if err != nil && j.base != nil {
		// Another process may have left the list, and the steps begin at a snapshot, too.
		again := &journal{Cache: c, there: there, head: v, noList: true}
		if s, err := again.load(ctx, steps); err == nil {
			return s, nil
		}
	}
	return s, err
}

// LoadList returns the whole list of a version from a cache.
func LoadList(ctx context.Context, cache store.Reader, v *Version) (*crl.List, error) {
	name := CachedList(v)
	block, hash, err := ReadBlock(ctx, cache, name, maxList(v))
	if err != nil {
		return nil, err
	}
	// Validated while the hash is still being taken: neither needs the other's answer.
	f, err := crl.ParseKeeping(block.Bytes(), block)
	if sum := <-hash; !bytes.Equal(sum, v.State.SHA256) {
		return nil, fmt.Errorf("%w: %s has the SHA-256 %x", ErrNotTheState, name, sum)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	runtime.KeepAlive(block)
	checksum, _ := crl.ChecksumFromBytes(v.State.Checksum) // its length was validated
	list, err := crl.NewList(f, checksum)
	if err != nil {
		return nil, err
	}
	return list, (&State{v, list}).Check(v)
}

// ReadBlock reads an object into memory that the Go heap does not count, and takes
// its SHA-256 on another processor while it reads.
func ReadBlock(ctx context.Context, r store.Reader, name string, most int64) (*memory.Block, <-chan []byte, error) {
	in, size, err := open(ctx, r, name, most)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	if size > most {
		return nil, nil, fmt.Errorf("%w: %s in %s has %d bytes, and %d are the most that so many entries take", store.ErrTooLarge, name, r, size, most)
	}
	block := memory.Make(int(size))
	read, sum := make(chan []byte, 64), make(chan []byte, 1)
	go func() {
		h := sha256.New()
		for part := range read {
			h.Write(part)
		}
		runtime.KeepAlive(block)
		sum <- h.Sum(nil)
	}()
	defer close(read)
	for rest := block.Bytes(); len(rest) > 0; {
		part := rest[:min(len(rest), 256<<10)]
		if _, err := io.ReadFull(in, part); err != nil {
			return nil, nil, fmt.Errorf("%s in %s changed while it was read: %w", name, r, err)
		}
		read <- part
		rest = rest[len(part):]
	}
	return block, sum, nil
}

func open(ctx context.Context, r store.Reader, name string, most int64) (io.ReadCloser, int64, error) {
	if o, ok := r.(store.Opener); ok {
		return o.Open(ctx, name)
	}
	obj, err := r.Get(ctx, name, most, "")
	return io.NopCloser(bytes.NewReader(obj.Data)), int64(len(obj.Data)), err
}
