//go:build !linux && !darwin

package doctor

import "github.com/revocast/revocast/internal/probe"

// space is not known here.
func space(string) (probe.Finding, bool) { return probe.Finding{}, false }
