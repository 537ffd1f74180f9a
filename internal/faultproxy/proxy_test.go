package faultproxy_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/faultproxy"
)

const reply = "what the server answers"

// Each fault, alone and every time: what the server saw, and what the client did.
func TestFaults(t *testing.T) {
	for fault, want := range map[faultproxy.Fault]struct {
		performed bool
		status    int // 0: no whole reply
	}{
		faultproxy.Unavailable:   {false, 503},
		faultproxy.Conflict:      {false, 409},
		faultproxy.Hang:          {false, 0},
		faultproxy.TornRequest:   {false, 0},
		faultproxy.LostReply:     {true, 0},
		faultproxy.HangAfter:     {true, 0},
		faultproxy.FalseConflict: {true, 412},
		faultproxy.ServerError:   {true, 500},
		faultproxy.Delay:         {true, 200},
		faultproxy.CutBody:       {true, 0},
		faultproxy.SlowBody:      {true, 200},
	} {
		t.Run(fault.String(), func(t *testing.T) {
			s := start(t, faultproxy.Plan{Rates: map[faultproxy.Fault]float64{fault: 1}, Patience: 50 * time.Millisecond, Late: 10 * time.Millisecond})
			status, body, err := s.put(t.Context(), "*")
			require.Equal(t, want.performed, s.performed.Load() == 1)
			require.EqualValues(t, 1, s.proxy.Injected()[fault])
			if want.status == 0 {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, want.status, status)
			if status == http.StatusOK {
				require.Equal(t, reply, body)
			}
		})
	}
}

// 409 and 412 are answers to a condition, so a write without one does not get them.
func TestConflictsNeedACondition(t *testing.T) {
	for _, fault := range []faultproxy.Fault{faultproxy.Conflict, faultproxy.FalseConflict} {
		s := start(t, faultproxy.Plan{Rates: map[faultproxy.Fault]float64{fault: 1}})
		status, body, err := s.put(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, reply, body)
		require.Equal(t, map[faultproxy.Fault]int64{faultproxy.None: 1}, s.proxy.Injected())
	}
}

// A hanging request ends when its client does.
func TestClientGivesUp(t *testing.T) {
	s := start(t, faultproxy.Plan{Rates: map[faultproxy.Fault]float64{faultproxy.Hang: 1}, Patience: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, _, err := s.put(ctx, "*")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// The same seed draws the same faults, and the server sees the host that the client named.
func TestSeed(t *testing.T) {
	run := func(seed uint64) string {
		s := start(t, faultproxy.Plan{Seed: seed, Rates: map[faultproxy.Fault]float64{faultproxy.Unavailable: 0.3, faultproxy.Conflict: 0.3}})
		var drawn strings.Builder
		for range 100 {
			status, _, err := s.put(t.Context(), "*")
			require.NoError(t, err)
			drawn.WriteByte(byte('0' + status/100))
		}
		require.Equal(t, s.host, s.seen.Load())
		require.EqualValues(t, 100, s.proxy.Requests())
		return drawn.String()
	}
	require.Equal(t, run(1), run(1))
	require.NotEqual(t, run(1), run(2))
	require.Contains(t, run(3), "5")
}

func TestPlansThatCannotBe(t *testing.T) {
	_, err := faultproxy.New("http://127.0.0.1:1", faultproxy.Everything(1, 0.5))
	require.ErrorContains(t, err, "come to 5.5")
	_, err = faultproxy.New("http://127.0.0.1:1", faultproxy.Plan{Rates: map[faultproxy.Fault]float64{99: 0.1}})
	require.Error(t, err)
	_, err = faultproxy.New("127.0.0.1:1", faultproxy.Plan{})
	require.Error(t, err)
}

type stage struct {
	proxy     *faultproxy.Proxy
	host      string
	performed atomic.Int64
	seen      atomic.Value
}

func start(t *testing.T, plan faultproxy.Plan) *stage {
	s := &stage{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			return
		}
		s.seen.Store(r.Host)
		s.performed.Add(1)
		io.WriteString(w, reply)
	}))
	t.Cleanup(server.Close)
	var err error
	s.proxy, err = faultproxy.New(server.URL, plan)
	require.NoError(t, err)
	front := httptest.NewServer(s.proxy)
	t.Cleanup(front.Close)
	s.host = strings.TrimPrefix(front.URL, "http://")
	return s
}

func (s *stage) put(ctx context.Context, condition string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+s.host+"/bucket/key", strings.NewReader("some bytes"))
	if err != nil {
		return 0, "", err
	}
	if condition != "" {
		req.Header.Set("If-None-Match", condition)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}
