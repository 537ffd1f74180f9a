package command

import (
	"os"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// A Progress shows what a long command is doing, on a terminal; elsewhere it
// shows nothing. It is safe for concurrent use.
type Progress struct {
	mu    sync.Mutex
	step  string
	total int64
	pool  *mpb.Progress
	bar   *mpb.Bar
}

// Progress starts a display on standard error; Stop it before anything else
// is printed.
func (e *Env) Progress() *Progress {
	f, ok := e.Stderr.(*os.File)
	if !ok || e.JSON || !term.IsTerminal(int(f.Fd())) {
		return &Progress{}
	}
	return &Progress{pool: mpb.NewWithContext(e.Context, mpb.WithOutput(f), mpb.WithWidth(24))}
}

// Step says what is being done, and how much of it: done of total, or of an
// unknown number if total is 0.
func (p *Progress) Step(step string, done, total int64) {
	if p.pool == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil || step != p.step || total != p.total {
		p.drop()
		p.step, p.total = step, total
		p.bar = p.start()
	}
	p.bar.SetCurrent(done)
}

func (p *Progress) start() *mpb.Bar {
	label := mpb.PrependDecorators(decor.Name(p.step + " "))
	if p.total == 0 {
		return p.pool.New(0, mpb.SpinnerStyle(), label, mpb.BarRemoveOnComplete(),
			mpb.AppendDecorators(decor.CurrentNoUnit(" %d"), decor.Elapsed(decor.ET_STYLE_GO, decor.WCSyncSpace)))
	}
	return p.pool.New(p.total, mpb.BarStyle(), label, mpb.BarRemoveOnComplete(),
		mpb.AppendDecorators(decor.CountersNoUnit(" %d/%d"), decor.AverageETA(decor.ET_STYLE_GO, decor.WCSyncSpace)))
}

// drop takes the bar of the step before off the screen.
func (p *Progress) drop() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bar = nil
	}
}

// Stop clears the display. More steps must not follow.
func (p *Progress) Stop() {
	if p.pool == nil {
		return
	}
	p.mu.Lock()
	p.drop()
	p.mu.Unlock()
	p.pool.Wait()
}
