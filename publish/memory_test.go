package publish

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/store"
)

// memory is a store for tests that make thousands of versions. Package store tests the real ones.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	written map[string]time.Time
	now     func() time.Time // nil if objects have no time
}

func newMemory() *memory {
	return &memory{objects: map[string][]byte{}, written: map[string]time.Time{}}
}

// clone returns a copy of the store as it is now.
func (m *memory) clone() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memory{objects: maps.Clone(m.objects), written: maps.Clone(m.written), now: m.now}
}

func (m *memory) set(name string, data []byte) {
	m.objects[name] = slices.Clone(data)
	if m.now != nil {
		m.written[name] = m.now()
	}
}

func (m *memory) String() string { return "memory" }

func (m *memory) Get(_ context.Context, name string, limit int64, ifNoneMatch string) (store.Object, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.objects[name]
	etag := fmt.Sprintf("%x", sha256.Sum256(data))
	switch {
	case !ok:
		return store.Object{}, fmt.Errorf("%w: %s", store.ErrNotFound, name)
	case int64(len(data)) > limit:
		return store.Object{}, fmt.Errorf("%w: %s", store.ErrTooLarge, name)
	case etag == ifNoneMatch:
		return store.Object{}, store.ErrNotModified
	}
	return store.Object{Data: slices.Clone(data), ETag: etag}, nil
}

func (m *memory) Create(_ context.Context, name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objects[name]; ok {
		return fmt.Errorf("%w: %s", store.ErrExists, name)
	}
	m.set(name, data)
	return nil
}

func (m *memory) Put(_ context.Context, name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(name, data)
	return nil
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, name)
	return nil
}

func (m *memory) List(_ context.Context, prefix, after string) ([]store.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var infos []store.Info
	for name, data := range m.objects {
		if strings.HasPrefix(name, prefix) && name > after {
			infos = append(infos, store.Info{Name: name, Size: int64(len(data)), ModTime: m.written[name]})
		}
	}
	slices.SortFunc(infos, func(a, b store.Info) int { return strings.Compare(a.Name, b.Name) })
	return infos, nil
}

// The compressor makes its channels when it is first used. A bubble must not own them.
func init() { history.Compress([]byte{0}) }
