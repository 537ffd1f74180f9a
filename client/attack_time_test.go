package client_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/hostile"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

var jumps = []time.Duration{-10 * year, -day, -time.Hour, time.Hour, day, 10 * year}

// wrong gives a client a clock that is off.
func (s *siege) wrong(off *atomic.Int64) func(*client.Config) {
	return func(cfg *client.Config) {
		cfg.Now = func() time.Time { return s.now().Add(time.Duration(off.Load())) }
	}
}

// refusesAll holds a client that cannot know how old its list is: good tokens are refused
// as by a stale list, revoked ones as revoked, as the version says.
func (s *siege) refusesAll(c *client.Client, version uint64, when string) {
	s.t.Helper()
	require.Equal(s.t, version, c.Status().Version, when)
	for i, rules := range s.rules[version] {
		var stale *client.StaleError
		var revoked *client.RevokedError
		if err := c.Check(s.tokens[i]); rules == "" {
			require.ErrorAs(s.t, err, &stale, when)
		} else {
			require.ErrorAs(s.t, err, &revoked, when)
		}
	}
}

// The clock of a client jumps, forth and back, over restarts, and the list moves on meanwhile.
func TestTheClientsClockJumps(t *testing.T) {
	for _, jump := range jumps {
		t.Run(jump.String(), func(t *testing.T) {
			s := besiege(t)
			var off atomic.Int64
			c := s.follow(s.cached, s.wrong(&off))
			for version := uint64(held); version < held+3; version++ {
				s.says(c, version, "with the right clock")
				off.Store(int64(jump))
				s.refusesAll(c, version, "with a wrong clock")
				require.NoError(t, c.Refresh(t.Context()))
				s.refusesAll(s.follow(s.cached, s.wrong(&off), unplugged), version, "restarted with a wrong clock, without a network")
				require.Equal(t, version+1, s.next())
				require.NoError(t, c.Refresh(t.Context()))
				s.refusesAll(c, version+1, "the next update, taken with a wrong clock")
				s.refusesAll(s.follow(s.wrong(&off)), version+1, "without a cache, with a wrong clock")
				off.Store(0)
				s.says(s.follow(s.cached, unplugged), version+1, "restarted with the right clock")
			}
		})
	}
}

// Polls do not depend on the clock that reads the list's age.
func TestTheClockJumpsWhileFollowing(t *testing.T) {
	l, w := small(t)
	s := &siege{list: l, truth: w}
	synctest.Test(t, func(t *testing.T) {
		l.t = t
		var off atomic.Int64
		c := l.open(s.wrong(&off), func(cfg *client.Config) { cfg.Interval = 10 * time.Second })
		ctx, stop := context.WithCancel(t.Context())
		go c.Follow(ctx)
		for _, jump := range jumps {
			off.Store(int64(jump))
			version := s.next()
			time.Sleep(15 * time.Second)
			synctest.Wait()
			s.refusesAll(c, version, "with a wrong clock")
			off.Store(0)
			s.says(c, version, "with the right clock")
		}
		stop()
		synctest.Wait()
	})
}

// The publisher's clock is ahead, once. Clients refuse what they cannot place in time, and revoke what
// they revoked; nothing is dropped; and the operator goes on with the right clock.
func TestThePublishersClockJumpsAhead(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, day, 10 * year} {
		t.Run(jump.String(), func(t *testing.T) {
			s := besiege(t)
			c := s.follow(s.cached)
			entries := c.Status().Entries
			ahead := s.publish("", func(cfg *publish.Config) { cfg.Now = func() time.Time { return s.now().Add(jump) } }).Version
			s.rules[ahead] = s.rules[held]
			require.NoError(t, c.Refresh(t.Context()))
			for _, c := range []*client.Client{c, s.follow(s.cached), s.follow(s.cached, unplugged), s.follow()} {
				s.refusesAll(c, ahead, "issued in the future")
				require.Equal(t, entries, c.Status().Entries, "nothing was dropped")
			}

			goOn := func(cfg *publish.Config) { cfg.ClockWasAhead = true }
			head := s.publish(oneMore, goOn).Version
			s.rules[head] = answers(s.open(), s.tokens)
			require.NoError(t, c.Refresh(t.Context()))
			s.says(c, head, "with the right clock")
			s.says(s.follow(s.cached, unplugged), head, "restarted")
			s.publish("") // and from then on as always
		})
	}
}

// A publisher that corrects its clock and then dies before it writes the hint is found
// all the same: a list of the future is not taken for a young one.
func TestACorrectedClockIsFoundWithoutTheHint(t *testing.T) {
	s := besiege(t)
	c := s.follow(s.cached)
	ahead := s.publish("", func(cfg *publish.Config) { cfg.Now = func() time.Time { return s.now().Add(year) } }).Version
	require.NoError(t, c.Refresh(t.Context()))
	hint := s.object(signer.LatestName)
	head := s.publish(oneMore, func(cfg *publish.Config) { cfg.ClockWasAhead = true }).Version
	require.Equal(t, ahead+1, head)
	s.rules[head] = answers(s.open(), s.tokens)
	s.web.Attack(hostile.Objects(map[string][]byte{signer.LatestName: hint}))
	require.NoError(t, c.Refresh(t.Context()))
	s.says(c, head, fmt.Sprint("the hint still tells of version ", ahead))
}
