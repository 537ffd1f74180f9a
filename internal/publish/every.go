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
	for {
		// What was committed before a run begins is in it.
		news.drop()
		start := time.Now()
		result, err := Run(ctx, cfg)
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
	wake chan struct{} // holds one, for all that came since the last run began

	mu     sync.Mutex
	warned []string
}

func watch(ctx context.Context, s source.Source) *news {
	n := &news{wake: make(chan struct{}, 1)}
	w, ok := s.(source.Watcher)
	if !ok {
		return n
	}
	n.done.Go(func() {
		w.Watch(ctx, func() {
			select {
			case n.wake <- struct{}{}:
			default:
			}
		}, func(warning string) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.warned = append(n.warned, warning)
		})
	})
	return n
}

func (n *news) drop() {
	select {
	case <-n.wake:
	default:
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
