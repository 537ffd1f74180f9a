package publish

import (
	"fmt"
	"github.com/revocast/revocast/source"
	"os"
	"strconv"
	"testing"
)

var debugKey = os.Getenv("DEBUGKEY")

func (s *saga) debug(src *telling, committed bool, err error) {
	if debugKey == "" {
		return
	}
	fmt.Printf("now %d head %d %s %p name=%q committed=%v err=%v rows=%d\n", s.now, s.head, src.kind, src, src.name, committed, err, len(src.visited))
	for _, r := range src.visited {
		if claimsOf(r) == debugKey {
			fmt.Printf("   %+v\n", r)
		}
	}
	if d, ok := s.read[debugKey]; ok {
		fmt.Printf("   => %+v\n", d)
	}
}
func TestDebug(t *testing.T) {
	seed, _ := strconv.Atoi(os.Getenv("SEED"))
	s := newSaga(t, uint64(seed))
	switch os.Getenv("KIND") {
	case "a":
		s.apart = true
	case "u":
		s.undated = true
	case "l":
		s.undated, s.loses = true, true
	}
	s.addKinds()
	s.play(60)
}

var _ source.Row
