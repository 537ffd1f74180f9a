package doctor

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/revocast/revocast/internal/probe"
)

// rights tells whether the next version's folder can be made, in a directory that holds a list
// already: somebody else, root for one, may have made what lies there. The trial only
// writes beside it. The name is one that gc sweeps.
func rights(folder string) (probe.Finding, bool) {
	versions := filepath.Join(folder, "versions")
	if _, err := os.Stat(versions); err != nil {
		return probe.Finding{}, false // there is no list yet
	}
	f, err := os.CreateTemp(versions, ".tmp-doctor-")
	if err != nil {
		return probe.Finding{Probe: "versions", Grade: probe.Fail, Text: fmt.Sprintf("no version can be added; give the publisher's user %s and all that lies in it: %v", folder, err)}, true
	}
	f.Close()
	os.Remove(f.Name())
	return probe.Finding{Probe: "versions", Grade: probe.OK, Text: "the folder of the next version can be made"}, true
}
