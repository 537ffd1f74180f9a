//go:build linux || darwin

package doctor

import (
	"fmt"
	"syscall"

	"github.com/revocast/revocast/internal/probe"
)

// little is the free space below which somebody should look.
const little = 256 << 20

// space tells how much is free where a directory lies.
func space(folder string) (probe.Finding, bool) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return probe.Finding{}, false
	}
	free := fs.Bavail * uint64(fs.Bsize)
	if free < little {
		return probe.Finding{Probe: "space", Grade: probe.Warning, Text: fmt.Sprintf("only %d MiB are free on the disk of %s; a publication that does not fit fails, and nothing is lost", free>>20, folder)}, true
	}
	return probe.Finding{Probe: "space", Grade: probe.OK, Text: fmt.Sprintf("%d MiB are free on the disk of %s", free>>20, folder)}, true
}
