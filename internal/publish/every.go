package publish

import (
	"context"
	"sync"
	"time"

	"github.com/revocast/revocast/internal/source"
	"github.com/revocast/revocast/internal/steady"
)

// calm is the least time from the start of one run to the next that a source wakes:
// under a stream of commits a version a second is enough.
const calm = time.Second

// Every publishes at once, then at each interval, and as soon as the source tells that
// there is news (a [source.Watcher]), until ctx is done. It tells report how each run ended.
// A failed run is followed by the next as any other.
func Every(ctx context.Context, cfg Config, interval time.Duration, report func(*Result, error)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	news := watch(ctx, cfg.Source)
	defer news.done.Wait()
	// That the source is watched from now on is no news after a reading that comes later.
	news.begin(ctx)
	dropped := false
	cfg.reads = func() { dropped = news.drop() || dropped }
	for {
		dropped = false
		start := time.Now()
		result, err := Run(ctx, cfg)
		if result == nil && dropped {
			news.tell()
		}
		if ctx.Err() != nil && err != nil && result == nil {
			return
		}
		if result != nil {
			result.Warnings = append(result.Warnings, news.warnings()...)
			// The list is there now. A store that loses it, a volume that is not mounted
			// any more for one, must not get a second history from this process.
			cfg.Create, cfg.ClockWasAhead = false, false
		}
		report(result, err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-news.wake:
			// More may follow at once, and what comes until then is in the same run.
			if steady.Sleep(ctx, calm-time.Since(start)) != nil {
				return
			}
			tick.Reset(interval)
		}
	}
}

// news is what a watched source tells.
type news struct {
	done sync.WaitGroup
	wake chan struct{} // holds one, for all that came since the last reading began
	told chan struct{} // closed when something was told
	once sync.Once

	mu     sync.Mutex
	warned []string
}

func watch(ctx context.Context, s source.Source) *news {
	n := &news{wake: make(chan struct{}, 1), told: make(chan struct{})}
	w, ok := s.(source.Watcher)
	if !ok {
		close(n.told)
		return n
	}
	n.done.Go(func() {
		w.Watch(ctx, n.tell, func(warning string) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.warned = append(n.warned, warning)
			n.once.Do(func() { close(n.told) })
		})
	})
	return n
}

// begin waits until the source is watched, or cannot be, for a moment.
func (n *news) begin(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, calm)
	defer cancel()
	select {
	case <-n.told:
	case <-ctx.Done():
	}
}

func (n *news) tell() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
	n.once.Do(func() { close(n.told) })
}

// drop forgets what was told before a reading: what was committed then is in it. If nothing comes of the
// reading it has to be told again.
func (n *news) drop() bool {
	select {
	case <-n.wake:
		return true
	default:
		return false
	}
}

// warnings are those that were not told yet.
func (n *news) warnings() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	warned := n.warned
	n.warned = nil
	return warned
}
