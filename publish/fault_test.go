package publish

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/faultproxy"
	"github.com/revocast/revocast/internal/miniotest"
	"github.com/revocast/revocast/store"
	"github.com/revocast/revocast/store/s3"
)

// The same race, through a network and against a server that fail in every known way.
func TestPublishersRaceThroughFaults(t *testing.T) {
	server := miniotest.Start(t)
	plan := faultproxy.Everything(1, 0.03)
	plan.Rates[faultproxy.Hang], plan.Rates[faultproxy.HangAfter] = 0.005, 0.005 // they take the longest
	proxy, err := faultproxy.New(server.Endpoint, plan)
	require.NoError(t, err)
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)

	bucket := "s3://" + server.Bucket(t) + "/list?endpoint="
	open := func(endpoint string) store.Store {
		s, err := s3.Open(t.Context(), bucket+endpoint)
		require.NoError(t, err)
		return s
	}
	r := newRace(t, open(server.Endpoint))
	r.faults = true
	r.run(func() store.Store { return &impatient{open(front.URL), 2 * time.Second} }, raceRounds(t, 2))
	r.verify()

	injected := proxy.Injected()
	delete(injected, faultproxy.None)
	t.Logf("of %d requests met faults: %v", proxy.Requests(), injected)
	require.Len(t, injected, 11, "not every fault occurred, so not every one was survived")
}

// impatient gives up on a request that takes long.
type impatient struct {
	store.Store
	patience time.Duration
}

func (i *impatient) Get(ctx context.Context, name string, limit int64, ifNoneMatch string) (store.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, i.patience)
	defer cancel()
	return i.Store.Get(ctx, name, limit, ifNoneMatch)
}

func (i *impatient) Create(ctx context.Context, name string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, i.patience)
	defer cancel()
	return i.Store.Create(ctx, name, data)
}

func (i *impatient) Put(ctx context.Context, name string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, i.patience)
	defer cancel()
	return i.Store.Put(ctx, name, data)
}
