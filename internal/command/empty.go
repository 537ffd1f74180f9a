package command

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// dropEmptyVariables forgets REVOCAST_* variables without a value, which is how unit files
// and compose files write that there is none.
func dropEmptyVariables() {
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); value == "" && strings.HasPrefix(name, "REVOCAST_") {
			os.Unsetenv(name)
		}
	}
}

// emptyFlag refuses a flag that is there without a value: as a rule a script's variable is
// not set, and going on as if the flag were not there would check less than was asked
// for. The tag empty:"" allows it. Flags that are not text say it themselves.
func emptyFlag(flags []*kong.Flag) error {
	for _, flag := range flags {
		if !flag.Set || flag.Tag.Has("empty") || !isEmpty(flag.Target) {
			continue
		}
		orNot := ", or leave it out"
		if flag.Required {
			orNot = ""
		}
		return fmt.Errorf("--%s is empty, is a variable unset? Write --%s %s%s", flag.Name, flag.Name, flag.PlaceHolder, orNot)
	}
	return nil
}

func isEmpty(v reflect.Value) bool {
	switch value := v.Interface().(type) {
	case string:
		return value == ""
	case []string:
		return len(value) == 0 || slices.Contains(value, "")
	}
	return false
}
