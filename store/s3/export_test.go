package s3

import (
	"time"

	"github.com/revocast/revocast/store"
)

// Listens sets how long a listing of a bucket waits for the next name.
func Listens(s store.Store, silence time.Duration) { s.(*bucket).silence = silence }
