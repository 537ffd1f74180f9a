package main

import "github.com/revocast/revocast/internal/command"

// display shows the steps of one run after the other on a terminal. It is for one
// goroutine, as a run is.
type display struct {
	env      *command.Env
	progress *command.Progress // nil between runs
}

func (d *display) step(step string, rows int64) {
	if d.progress == nil {
		d.progress = d.env.Progress()
	}
	d.progress.Step(step, rows, 0)
}

// stop clears the display, so that a run's result can be printed.
func (d *display) stop() {
	if d.progress != nil {
		d.progress.Stop()
		d.progress = nil
	}
}
