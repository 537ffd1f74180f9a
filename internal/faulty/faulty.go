// Package faulty is a store for tests of which one operation fails, in the ways in which
// disks, networks and processes fail. Over all operations of a run and all ways
// that makes a matrix, of which every field has to end well.
package faulty

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/revocast/revocast/store"
)

// A Way is how an operation fails.
type Way int

const (
	Before      Way = iota // nothing happens, and the caller is told so
	After                  // it takes effect, and the caller is told that it failed
	Torn                   // half of a read's bytes come; a write dies when half of a file is written
	Killed                 // the process dies in front of it: nothing happens any more
	KilledAfter            // the process dies behind it
)

// Ways are all of them.
var Ways = []Way{Before, After, Torn, Killed, KilledAfter}

func (w Way) String() string {
	return [...]string{"fails before", "fails after it took effect", "is torn", "dies before", "dies after"}[w]
}

// Err is what an operation gives that failed.
var Err = errors.New("the disk is on fire")

// Store is a store of which the N-th operation (from 1) fails in a Way. It is safe for
// concurrent use.
type Store struct {
	store.Store
	N   int64 // 0: none fails
	Way Way

	done, failed atomic.Int64
	dead         atomic.Bool
}

// Done is how many operations there were.
func (s *Store) Done() int64 { return s.done.Load() }

// Failed is how many of them were made to fail.
func (s *Store) Failed() int64 { return s.failed.Load() }

// do does an operation, or fails it.
func (s *Store) do(op, torn func() error) error {
	fails := s.done.Add(1) == s.N
	if !fails && !s.dead.Load() {
		return op()
	}
	s.failed.Add(1)
	if !fails {
		return Err
	}
	s.dead.Store(s.Way == Killed || s.Way == KilledAfter)
	switch s.Way {
	case After, KilledAfter:
		if err := op(); err != nil {
			return err
		}
	case Torn:
		return torn()
	}
	return Err
}

// failing is a torn operation of which there is no half.
func failing() error { return Err }

// Get tears by giving half of the bytes, and no error.
func (s *Store) Get(ctx context.Context, name string, limit int64, etag string) (obj store.Object, err error) {
	get := func() error {
		obj, err = s.Store.Get(ctx, name, limit, etag)
		return err
	}
	err = s.do(get, func() error {
		err := get()
		obj.Data = obj.Data[:len(obj.Data)/2]
		return err
	})
	return obj, err
}

func (s *Store) Create(ctx context.Context, name string, data []byte) error {
	return s.do(func() error { return s.Store.Create(ctx, name, data) }, func() error { return s.tear(name, data) })
}

func (s *Store) Put(ctx context.Context, name string, data []byte) error {
	return s.do(func() error { return s.Store.Put(ctx, name, data) }, func() error { return s.tear(name, data) })
}

// tear leaves what a directory's writer leaves that dies in the middle of a write.
func (s *Store) tear(name string, data []byte) error {
	s.dead.Store(true)
	file := filepath.Join(s.Store.String(), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return errors.Join(Err, os.WriteFile(filepath.Join(filepath.Dir(file), ".tmp-torn"), data[:len(data)/2], 0o600))
}

func (s *Store) Delete(ctx context.Context, name string) error {
	return s.do(func() error { return s.Store.Delete(ctx, name) }, failing)
}

func (s *Store) List(ctx context.Context, prefix, after string) (infos []store.Info, err error) {
	err = s.do(func() error {
		infos, err = s.Store.List(ctx, prefix, after)
		return err
	}, failing)
	return infos, err
}

// Litter and Sweep are those of a store.Sweeper. What is none has no litter.
func (s *Store) Litter(ctx context.Context, before time.Time) (infos []store.Info, err error) {
	sweeper, ok := s.Store.(store.Sweeper)
	if !ok {
		return nil, nil
	}
	err = s.do(func() error {
		infos, err = sweeper.Litter(ctx, before)
		return err
	}, failing)
	return infos, err
}

func (s *Store) Sweep(ctx context.Context, name string) error {
	return s.do(func() error { return s.Store.(store.Sweeper).Sweep(ctx, name) }, failing)
}
