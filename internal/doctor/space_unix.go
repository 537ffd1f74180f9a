//go:build linux || darwin

package doctor

import (
	"fmt"
	"syscall"

	"github.com/revocast/revocast/internal/probe"
)

// A disk on which less than this is free somebody should look at: little in bytes, and
// few in files, whose number many file systems fix when they are made. A version every 30
// seconds takes as many as few in a day (docs/OPERATIONS.md).
const (
	little = 256 << 20
	few    = 10_000
)

// space tells how much is free where a directory lies.
func space(folder string) (probe.Finding, bool) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return probe.Finding{}, false
	}
	finding := func(g probe.Grade, format string, args ...any) (probe.Finding, bool) {
		return probe.Finding{Probe: "space", Grade: g, Text: fmt.Sprintf(format, args...)}, true
	}
	free := fs.Bavail * uint64(fs.Bsize)
	switch {
	case free < little:
		return finding(probe.Warning, "only %d MiB are free on the disk of %s; a publication that does not fit fails, and nothing is lost", free>>20, folder)
	case fs.Files > 0 && fs.Ffree < few: // without a number there is no bound
		return finding(probe.Warning, "only %d more files and folders fit on the disk of %s, which has %d inodes, and a version takes three or four; a publication that does not fit fails, and nothing is lost", fs.Ffree, folder, fs.Files)
	}
	return finding(probe.OK, "%d MiB are free on the disk of %s", free>>20, folder)
}
