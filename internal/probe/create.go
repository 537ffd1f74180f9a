package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/revocast/revocast/store"
)

// create tries what a commit is: an object is created once, whoever comes later.
func (t *Trial) create(ctx context.Context) (Grade, string) {
	name := t.prefix + subject
	second := []byte("second, and longer")
	err := t.Store.Create(ctx, name, second)
	obj, readErr := t.Store.Get(ctx, name, limit, "")
	switch {
	case err == nil || readErr == nil && !bytes.Equal(obj.Data, first):
		return Fail, "the store does not honour conditional writes (If-None-Match: *): an object that was to be created took the place of one that was there. Two publishers would overwrite each other's versions; do not publish here"
	case !errors.Is(err, store.ErrExists):
		return Fail, fmt.Sprintf("the store does not answer a conditional write (If-None-Match: *) as it must, with 412: %v", err)
	case readErr != nil:
		return Fail, fmt.Sprintf("an object could not be read after a second create was refused: %v", readErr)
	}
	return OK, "an object that is there is not replaced by creating it (If-None-Match: *)"
}

// A race has this many writers and rounds.
const (
	racers = 32
	rounds = 5
)

// race lets many writers create one object at the same moment, since stores exist that
// look first and write later. A winner may be told that the object exists, after a retry
// on the way, so that nobody was told to have won is nothing to worry about if
// the object is there.
func (t *Trial) race(ctx context.Context) (Grade, string) {
	for round := range rounds {
		name := t.name(fmt.Sprint("race-", round))
		winners, err := t.start(ctx, name)
		obj, readErr := t.Store.Get(ctx, name, limit, "")
		switch {
		case len(winners) > 1:
			return Fail, fmt.Sprintf("of %d writers that created one object at the same moment, %d were told that they had: conditional writes (If-None-Match: *) hold here only if nobody else writes. Two publishers would fork the list; do not publish here", racers, len(winners))
		case readErr != nil && len(winners) == 0:
			return Fail, fmt.Sprintf("of %d writers that created one object at the same moment none did: %v", racers, err)
		case readErr != nil:
			return Fail, fmt.Sprintf("what the winner of a race wrote cannot be read: %v", readErr)
		case len(winners) == 1 && string(obj.Data) != winners[0]:
			return Fail, fmt.Sprintf("of %d writers that created one object at the same moment one was told that it had, and another's bytes are there: conditional writes do not hold; do not publish here", racers)
		}
	}
	return OK, fmt.Sprintf("of %d writers at the same moment exactly one wins (%d of %d times)", racers, rounds, rounds)
}

// start runs one race. It gives the bytes of those who were told that they won, and an
// error of those who were told neither that nor that the object exists.
func (t *Trial) start(ctx context.Context, name string) (winners []string, failed error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	gun := make(chan struct{})
	for i := range racers {
		all.Go(func() {
			data := fmt.Sprint("writer ", i)
			<-gun
			err := t.Store.Create(ctx, name, []byte(data))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				winners = append(winners, data)
			case !errors.Is(err, store.ErrExists):
				failed = err
			}
		})
	}
	close(gun)
	all.Wait()
	return winners, failed
}
