package source

import "context"

// A Watcher is a source that can tell when something was committed to it.
type Watcher interface {
	Source
	// Watch calls wake after every commit of rows, and whenever it cannot be sure that
	// there was none: several commits may be one call. warn is told, once each, why calls may
	// stay out for a while. Neither may block. It returns when ctx ends.
	Watch(ctx context.Context, wake func(), warn func(string))
}
