package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/hostile"
	"github.com/revocast/revocast/store"
)

var errDisk = errors.New("the disk has an error")

// disk is a cache in which single operations fail, or are looked at.
type disk struct {
	store.Store
	get, put func(name string) error // nil: nothing fails
}

func (d *disk) Get(ctx context.Context, name string, limit int64, etag string) (store.Object, error) {
	if d.get != nil {
		if err := d.get(name); err != nil {
			return store.Object{}, err
		}
	}
	return d.Store.Get(ctx, name, limit, etag)
}

func (d *disk) Put(ctx context.Context, name string, data []byte) error {
	if d.put != nil {
		if err := d.put(name); err != nil {
			return err
		}
	}
	return d.Store.Put(ctx, name, data)
}

func (d *disk) use(cfg *client.Config) { cfg.Cache = d }

func breaks(string) error { return errDisk }

// The cache cannot be read when the client starts, and the store offers an older list. The floor is not lost:
// it counts as soon as the cache can be read.
func TestACacheThatCannotBeReadAtTheStart(t *testing.T) {
	t.Run("once", func(t *testing.T) {
		s := besiege(t)
		s.follow(s.cached)
		s.web.Attack(s.until(1))
		d := &disk{Store: s.cache("disk")}
		d.get = func(name string) error {
			if name != "manifest.jwt" {
				return nil
			}
			d.get = nil
			return errDisk
		}
		c := s.follow(d.use)
		require.ErrorIs(t, c.Status().Err, client.ErrRollback)
		require.ErrorIs(t, c.Status().Err, errDisk)
		s.says(c, held, "it was read before anything older was in use")
	})
	t.Run("for a while", func(t *testing.T) {
		s := besiege(t)
		s.follow(s.cached)
		s.web.Attack(s.until(1))
		d := &disk{Store: s.cache("disk"), get: breaks}
		before := s.files()
		c := s.follow(d.use)
		s.says(c, 1, "a client has to start with a broken disk, too")
		require.ErrorIs(t, c.Status().Err, errDisk)
		require.ErrorContains(t, c.Status().Err, "it cannot be read which version was accepted before")
		require.ErrorIs(t, c.Refresh(t.Context()), errDisk, "it is told for as long as it is so")
		require.Equal(t, before, s.files(), "what cannot be read is not replaced")

		d.get = nil
		require.ErrorIs(t, c.Refresh(t.Context()), client.ErrRollback)
		s.says(c, held, "the disk can be read again")
		s.web.Attack(nil)
		head := s.next()
		require.NoError(t, c.Refresh(t.Context()))
		s.says(c, head, "after the attack")
		s.says(s.follow(s.cached, unplugged), head, "restarted")
	})
	t.Run("and then nothing but its manifest", func(t *testing.T) {
		s := besiege(t)
		s.follow(s.cached)
		s.web.Attack(s.until(1))
		d := &disk{Store: s.cache("disk"), get: breaks}
		c := s.follow(d.use)
		d.get = func(name string) error {
			if strings.HasPrefix(name, "list-") {
				return errDisk
			}
			return nil
		}
		s.web.Attack(hostile.First(hostile.Only(".crl.zst", hostile.Everything(404, "")), s.until(1)))
		require.ErrorIs(t, c.Refresh(t.Context()), client.ErrRollback)
		require.ErrorIs(t, c.Check(s.tokens[0]), client.ErrNoList, "nothing older than was accepted before")
		s.web.Attack(nil)
		require.NoError(t, c.Refresh(t.Context()))
		s.says(c, held, "after the attack")
	})
}

// Two processes share a cache, and one of them is offered an older version than the other accepted.
func TestWhatAnotherProcessAccepted(t *testing.T) {
	s := besiege(t)
	s.web.Attack(s.until(1))
	c := s.follow(s.cached)
	s.says(c, 1, "the first process")
	s.web.Attack(nil)
	s.says(s.follow(s.cached), held, "the second")
	s.web.Attack(s.until(2))
	require.ErrorIs(t, c.Refresh(t.Context()), client.ErrRollback)
	s.says(c, held, "the first knows what the second accepted")
	s.web.Attack(nil)
	head := s.next()
	require.NoError(t, c.Refresh(t.Context()))
	s.says(c, head, "after the attack")
}

// A version is kept before it is in use: who dies in between goes back no further than he answered.
func TestNothingIsInUseBeforeItIsKept(t *testing.T) {
	s := besiege(t)
	d := &disk{Store: s.cache("disk")}
	c := s.follow(d.use)
	head := s.next()
	writes := 0
	d.put = func(string) error {
		writes++
		require.EqualValues(t, held, c.Status().Version)
		return nil
	}
	require.NoError(t, c.Refresh(t.Context()))
	require.NotZero(t, writes)
	s.says(c, head, "kept, and then in use")

	d.put = breaks
	head = s.publish(`{"jti":"another","exp":"2027-01-16T00:00:00Z"}` + "\n").Version
	require.ErrorContains(t, c.Refresh(t.Context()), fmt.Sprintf("version %d is in use, but could not be kept in the cache", head))
	require.Equal(t, head, c.Status().Version, "a disk that is full keeps nobody from news")
}

// What went missing in the cache under a running client is there again with the next version.
func TestTheCacheMendsItself(t *testing.T) {
	for name, harm := range map[string]func(s *siege, d *disk, c *client.Client){
		"emptied": func(s *siege, _ *disk, _ *client.Client) {
			require.NoError(s.t, os.RemoveAll(s.disk))
		},
		"a step was not written": func(s *siege, d *disk, c *client.Client) {
			d.put = breaks
			s.next()
			require.ErrorIs(s.t, c.Refresh(s.t.Context()), errDisk)
			d.put = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := besiege(t)
			d := &disk{Store: s.cache("disk")}
			c := s.follow(d.use)
			harm(s, d, c)
			for i := range 3 {
				head := s.publish(fmt.Sprintf(`{"jti":"more %d","exp":"2027-01-16T00:00:00Z"}`+"\n", i)).Version
				require.NoError(t, c.Refresh(t.Context()))
				require.Equal(t, head, s.follow(s.cached, unplugged).Status().Version, "restarted without a network")
				require.True(t, s.follow(s.cached, unplugged).Status().Loaded)
			}
		})
	}
}

// A disk that takes small files alone keeps the floor, and does not cost a snapshot with each version.
func TestACacheThatCannotMendItself(t *testing.T) {
	s := besiege(t)
	d := &disk{Store: s.cache("disk")}
	c := s.follow(d.use)
	require.NoError(t, os.RemoveAll(s.disk))
	d.put = func(name string) error {
		if strings.Contains(name, "snapshot") {
			return errDisk
		}
		return nil
	}
	snapshots := 0
	s.web.Attack(func(_ http.ResponseWriter, _ *http.Request, name string) bool {
		if strings.Contains(name, "snapshot") {
			snapshots++
		}
		return false
	})
	var head uint64
	for i := range 4 {
		head = s.publish(fmt.Sprintf(`{"jti":"more %d","exp":"2027-01-16T00:00:00Z"}`+"\n", i)).Version
		require.Error(t, c.Refresh(t.Context()))
		require.Equal(t, head, c.Status().Version)
	}
	require.Equal(t, 1, snapshots)
	s.web.Attack(hostile.First(hostile.Only(".crl.zst", hostile.Everything(404, "")), s.until(2)))
	restarted := s.follow(s.cached)
	require.ErrorIs(t, restarted.Status().Err, client.ErrRollback, "the floor was kept")
	require.False(t, restarted.Status().Loaded)

	s.web.Attack(nil)
	d.put = nil
	head = s.publish("").Version // its manifest has the hash of all entries
	require.NoError(t, c.Refresh(t.Context()))
	require.True(t, s.follow(s.cached, unplugged).Status().Loaded)
	require.Equal(t, head, s.follow(s.cached, unplugged).Status().Version)
}

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
