// Package docs_test holds the documentation against what it says of the code.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every defence names its tests, and every test named is there.
func TestThreatsAreTested(t *testing.T) {
	there := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	require.NoError(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, match := range function.FindAllSubmatch(code, -1) {
			there[string(match[1])] = true
		}
		return err
	}))
	text, err := os.ReadFile("THREATS.md")
	require.NoError(t, err)
	rows := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| **") {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		require.Len(t, cells, 3, line)
		for name := range strings.SplitSeq(cells[2], ",") {
			require.True(t, there[strings.TrimSpace(name)], "there is no test %q, of %s", strings.TrimSpace(name), cells[0])
		}
	}
	require.Greater(t, rows, 15)
}
