package publish

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/source"
)

// calm is the least time from the start of one run to the next that a source wakes:
// under a stream of commits a version a second is enough.
const calm = time.Second

// Every publishes at once, then at each interval, and as soon as the source says that there are new
// rows. It returns nil when ctx ends. It calls report with the outcome of each run, as [Run] returns
// it, on the goroutine of Every: the next run waits until report returns. A failed run is followed by
// the next like any other. The interval must be positive. An error says that cfg or the interval
// cannot be used, and nothing ran.
//
// The verified state stays in memory between the runs, so a run costs in proportion to its rows. Each
// run checks that the newest version in the store is still the one that it knows, or leads on from it.
func Every(ctx context.Context, cfg Config, interval time.Duration, report func(*Result, error)) error {
	if interval <= 0 {
		return fmt.Errorf("the interval between two runs must be positive, not %s", interval)
	}
	p, err := newPublisher(cfg)
	if err != nil {
		return err
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	news := watch(ctx, cfg.Source)
	defer news.done.Wait()
	// The first wake, when the source begins to be watched, comes before the first reading.
	news.begin(ctx)
	dropped := false
	p.reads = func() { dropped = news.drop() || dropped }
	for {
		dropped = false
		start := time.Now()
		result, err := p.run(ctx)
		if result == nil && dropped {
			news.tell()
		}
		if ctx.Err() != nil && err != nil && result == nil {
			return nil
		}
		if result != nil {
			result.Warnings = append(result.Warnings, news.warnings()...)
			// The list is there now. A store that loses it, a volume that is not mounted
			// any more for one, must not get a second history from this process.
			p.Create, p.ClockWasAhead = false, false
		}
		report(result, err)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-news.wake:
			// More may follow at once, and what comes until then is in the same run.
			if steady.Sleep(ctx, calm-time.Since(start)) != nil {
				return nil
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
	n.done.Go(func() {
		// A source that cannot be watched returns at once.
		defer n.once.Do(func() { close(n.told) })
		s.Watch(ctx, n.tell, func(warning string) {
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

// drop forgets the news from before a reading, which visits those rows. It reports whether there
// was any. If the run fails, the news must be told again.
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
