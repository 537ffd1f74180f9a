package publish_test

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/publish"
	"github.com/revocast/revocast/internal/source"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// watched is a feed whose readings and news the test lets happen.
type watched struct {
	feed
	reads   chan struct{} // one for each reading that begins
	proceed chan struct{} // lets it go on
	wake    chan func()
	warning string
}

func (w *watched) Read(ctx context.Context, since source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	w.reads <- struct{}{}
	select {
	case <-w.proceed:
		return w.feed.Read(ctx, since, visit)
	case <-ctx.Done():
		return source.Result{}, ctx.Err()
	}
}

func (w *watched) Watch(ctx context.Context, wake func(), warn func(string)) {
	warn(w.warning)
	w.wake <- wake
	<-ctx.Done()
	close(w.wake)
}

// config publishes a source to a new list.
func config(t *testing.T, s source.Source) publish.Config {
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	bucket, err := store.OpenDir(filepath.Join(t.TempDir(), "list"))
	require.NoError(t, err)
	return publish.Config{
		Store: bucket, Key: key, Source: s, Create: true, Issuer: modelIssuer, MaxTokenLife: 24 * time.Hour,
		ValidFor: time.Hour, Now: time.Now, Rand: rand.Reader,
	}
}

// keepPublishing runs Every, and gives what it reports. It ends with the test.
func keepPublishing(t *testing.T, cfg publish.Config) <-chan *publish.Result {
	results := make(chan *publish.Result, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		publish.Every(ctx, cfg, time.Hour, func(r *publish.Result, err error) {
			if err != nil {
				t.Error(err)
			}
			results <- r
		})
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return results
}

// The source wakes the publisher long before the interval is over; whatever is told while a
// run is under way makes one more, and the watcher ends with the publisher.
func TestEveryWakes(t *testing.T) {
	w := &watched{reads: make(chan struct{}, 100), proceed: make(chan struct{}), wake: make(chan func(), 1), warning: "mind the gap"}
	results := keepPublishing(t, config(t, w))
	wake := <-w.wake
	<-w.reads
	for range 100 {
		wake() // does not block, while a run is under way
	}
	w.proceed <- struct{}{}
	first := <-results
	require.EqualValues(t, 1, first.Version)
	require.Equal(t, []string{"mind the gap"}, first.Warnings)

	<-w.reads // one more for the hundred
	w.proceed <- struct{}{}
	second := <-results
	require.EqualValues(t, 2, second.Version)
	require.Empty(t, second.Warnings)
	require.Empty(t, w.reads)

	wake()
	<-w.reads
	w.proceed <- struct{}{}
	require.EqualValues(t, 3, (<-results).Version)
	t.Cleanup(func() {
		_, open := <-w.wake
		require.False(t, open, "the watcher still runs")
	})
}

// A source that cannot tell anything is read at the interval alone.
func TestEveryWithoutWatcher(t *testing.T) {
	results := keepPublishing(t, config(t, &feed{}))
	require.EqualValues(t, 1, (<-results).Version)
	require.Empty(t, results)
}

// failsOnce is a source of which the first reading fails.
type failsOnce struct {
	*watched
	failed bool
}

func (f *failsOnce) Read(ctx context.Context, since source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	if !f.failed {
		f.failed = true
		return source.Result{}, errors.New("not now")
	}
	return f.watched.Read(ctx, since, visit)
}

// What a source tells before it is read is in the reading, and makes no version of its own. If
// the reading failed it is still news.
func TestEveryReadsNewsOnce(t *testing.T) {
	w := &watched{reads: make(chan struct{}, 100), proceed: make(chan struct{}), wake: make(chan func(), 1)}
	close(w.proceed)
	cfg := config(t, &failsOnce{watched: w})
	var wake func()
	cfg.Step = func(step string, _ int64) {
		if wake == nil {
			wake = <-w.wake
		}
		if step == "looking for the newest version" {
			wake()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	reports := make(chan error, 100)
	done := make(chan struct{})
	go func() {
		publish.Every(ctx, cfg, time.Hour, func(_ *publish.Result, err error) { reports <- err })
		close(done)
	}()
	require.ErrorContains(t, <-reports, "not now")
	require.NoError(t, <-reports)
	time.Sleep(1500 * time.Millisecond) // more than the pause between two runs
	require.Empty(t, reports)
	cancel()
	<-done
}
