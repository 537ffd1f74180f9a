package client

import "time"

// Status is what a client holds, for health checks and metrics.
type Status struct {
	Loaded   bool // there is a list
	Issuer   string
	Version  uint64
	Entries  int
	Bytes    int       // of memory that the list takes
	IssuedAt time.Time // of the list
	StaleAt  time.Time // from then on Check says *StaleError
	Stale    bool      // it does now
	Polled   time.Time // the last attempt to refresh
	Err      error     // how it failed, or nil
}

// Status gives what the client holds now.
func (c *Client) Status() Status {
	var s Status
	if last := c.last.Load(); last != nil {
		s.Polled, s.Err = last.at, last.err
	}
	v := c.view.Load()
	if v == nil {
		return s
	}
	s.Loaded, s.Issuer, s.Version = true, v.issuer, v.state.Version.Version
	s.Entries, s.Bytes = v.state.List.Len(), v.state.List.Size()
	s.IssuedAt, s.StaleAt = v.asOf, v.expiry
	if c.cfg.MaxAge > 0 {
		s.StaleAt = v.asOf.Add(c.cfg.MaxAge)
	}
	s.Stale = v.stale(c.cfg.Now(), c.cfg.MaxAge) != nil
	return s
}
