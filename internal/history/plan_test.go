package history_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
)

// manifest of version 20, with the objects from→to:size.
func planned(objects ...[3]int64) *signer.Manifest {
	m := &signer.Manifest{Version: 22, State: signer.State{Changed: 20}}
	for _, o := range objects {
		m.Objects = append(m.Objects, signer.Object{From: uint64(o[0]), To: uint64(o[1]), Size: o[2]})
	}
	return m
}

func TestPlan(t *testing.T) {
	all := planned([3]int64{0, 8, 90000}, [3]int64{8, 16, 20000}, [3]int64{16, 17, 5000}, [3]int64{17, 18, 5000}, [3]int64{18, 20, 5000}, [3]int64{16, 20, 9000})
	for name, test := range map[string]struct {
		m    *signer.Manifest
		have uint64
		want string // from-to of each object; "none" if there is no way
	}{
		"nothing to do":                  {all, 20, ""},
		"one behind":                     {all, 18, "18-20"},
		"a version without changes":      {all, 19, "18-20"},
		"within a larger delta":          {all, 17, "16-20"},
		"over two":                       {all, 10, "8-16 16-20"},
		"nothing yet":                    {all, 0, "0-8 8-16 16-20"},
		"too old for any delta":          {all, 5, "0-8 8-16 16-20"},
		"a snapshot cheaper than deltas": {planned([3]int64{0, 20, 100}, [3]int64{18, 19, 50000}, [3]int64{19, 20, 50000}), 18, "0-20"},
		"many small requests cost, too":  {planned([3]int64{0, 18, 9}, [3]int64{18, 19, 10}, [3]int64{19, 20, 10}, [3]int64{18, 20, 3000}), 18, "18-20"},
		"no way":                         {planned([3]int64{0, 18, 9}, [3]int64{19, 20, 10}), 18, "none"},
		"ahead of the manifest":          {planned([3]int64{0, 18, 9}), 30, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := history.Plan(test.m, test.have)
			if test.want == "none" {
				require.ErrorContains(t, err, "no objects lead")
				return
			}
			require.NoError(t, err)
			var steps []string
			for _, o := range plan {
				steps = append(steps, fmt.Sprintf("%d-%d", o.From, o.To))
			}
			require.Equal(t, test.want, strings.Join(steps, " "))
		})
	}
}
