package faultproxy

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// A Fault is something that happens to one request.
type Fault int

// The faults. Where it matters, their words say if the server performed the request.
const (
	None          Fault = iota // the request is performed and answered
	Unavailable                // 503; not performed
	Conflict                   // 409, to a write that has If-None-Match; not performed
	Hang                       // no answer until the client gives up; not performed
	TornRequest                // the connection breaks in the middle of the body that is sent
	LostReply                  // performed, and the connection breaks before the reply
	HangAfter                  // performed, and no answer until the client gives up
	FalseConflict              // performed, and answered with 412, to a write that has If-None-Match
	ServerError                // performed, and answered with 500
	Delay                      // performed, and answered late
	CutBody                    // performed, and the connection breaks in the middle of the reply's body
	SlowBody                   // performed, and the reply's body comes in small pieces
	faults
)

var names = [faults]string{
	"none", "503", "409 not performed", "hang, not performed", "torn request", "lost reply", "hang after success",
	"412 after success", "500 after success", "delay", "cut body", "slow body",
}

func (f Fault) String() string { return names[f] }

// A Plan says how often what happens. The zero value is a proxy without faults.
type Plan struct {
	// Seed makes a plan that can be drawn again: the n-th request meets the same draw.
	Seed uint64
	// Rates are the shares of requests, from 0 to 1, that draw each fault; their sum is
	// at most 1. A request that its fault does not apply to is left alone, so what
	// [Proxy.Injected] counts is lower.
	Rates map[Fault]float64
	// Patience is how long a request hangs if the client does not give up before.
	Patience time.Duration
	// Late is the longest delay of a reply.
	Late time.Duration
}

// Everything is a plan in which every fault has the same rate.
func Everything(seed uint64, rate float64) Plan {
	p := Plan{Seed: seed, Rates: map[Fault]float64{}, Patience: 5 * time.Second, Late: 100 * time.Millisecond}
	for f := Unavailable; f < faults; f++ {
		p.Rates[f] = rate
	}
	return p
}

// plan is a Plan that is drawn from.
type plan struct {
	Plan
	mu     sync.Mutex
	random *rand.Rand
}

func (p Plan) start() (*plan, error) {
	sum := 0.0
	for f, rate := range p.Rates {
		if f <= None || f >= faults || rate < 0 {
			return nil, fmt.Errorf("fault %d cannot have the rate %g", f, rate)
		}
		sum += rate
	}
	if sum > 1 {
		return nil, fmt.Errorf("the rates of all faults come to %g, and 1 is every request", sum)
	}
	return &plan{Plan: p, random: rand.New(rand.NewPCG(p.Seed, 0))}, nil
}

// draw gives the next fault if it applies to the request.
func (p *plan) draw(r *http.Request) Fault {
	p.mu.Lock()
	x := p.random.Float64()
	p.mu.Unlock()
	for f := None + 1; f < faults; f++ {
		if x -= p.Rates[f]; x < 0 {
			if f.applies(r) {
				return f
			}
			break
		}
	}
	return None
}

func (p *plan) pause() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(p.random.Float64() * float64(p.Late))
}

func (f Fault) applies(r *http.Request) bool {
	switch f {
	case Conflict, FalseConflict:
		return r.Method == http.MethodPut && r.Header.Get("If-None-Match") != ""
	case TornRequest:
		return r.ContentLength > 1
	}
	return true
}

// before tells the faults in which the server does not perform the request.
func (f Fault) before() bool {
	return f == Unavailable || f == Conflict || f == Hang || f == TornRequest
}

// spoils tells whether a reply can suffer the fault.
func (f Fault) spoils(r *reply) bool {
	switch f {
	case FalseConflict:
		return r.status < 300 // else it would hide another failure
	case CutBody, SlowBody:
		return len(r.body) > 1
	}
	return true
}
