package publish

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/store"
)

// watched is a source whose readings and wakes the test controls.
type watched struct {
	said
	reads   chan struct{} // one for each reading that begins
	proceed chan struct{} // lets it go on
	wake    chan func()
	warning string
}

func (w *watched) Read(ctx context.Context, since source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	w.reads <- struct{}{}
	select {
	case <-w.proceed:
		return w.said.Read(ctx, since, visit)
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
func config(t *testing.T, s source.Source) Config {
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	bucket, err := store.OpenDir(filepath.Join(t.TempDir(), "list"))
	require.NoError(t, err)
	return Config{
		Store: bucket, Key: key, Source: s, Create: true, Issuer: testIssuer, MaxTokenLife: 24 * time.Hour,
		ValidFor: time.Hour, Now: time.Now, Rand: rand.Reader,
	}
}

// keepPublishing runs Every until the test ends, and returns the results that it reports.
func keepPublishing(t *testing.T, cfg Config) <-chan *Result {
	results := make(chan *Result, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		Every(ctx, cfg, time.Hour, func(r *Result, err error) {
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

// A source wakes the publisher long before the interval is over. All wakes during a run lead to one
// more run. The watcher ends with the publisher.
func TestEveryWakes(t *testing.T) {
	t.Parallel()
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

// A source that cannot tell when it changes is read at each interval.
func TestEveryWithoutWatcher(t *testing.T) {
	results := keepPublishing(t, config(t, &said{name: "rows"}))
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

// A wake before a reading leads to no run of its own, unless that reading failed.
func TestEveryReadsNewsOnce(t *testing.T) {
	t.Parallel()
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
		Every(ctx, cfg, time.Hour, func(_ *Result, err error) { reports <- err })
		close(done)
	}()
	require.ErrorContains(t, <-reports, "not now")
	require.NoError(t, <-reports)
	time.Sleep(1500 * time.Millisecond) // more than the pause between two runs
	require.Empty(t, reports)
	cancel()
	<-done
}
