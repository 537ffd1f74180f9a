package signer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDepth bounds the recursion of checkJSON.
const maxDepth = 32

// checkJSON refuses JSON that two readers may understand differently: an object with
// a member twice, text that is not UTF-8, and bytes behind the value. encoding/json
// takes "VER" for ver, so checkJSON also refuses a member that differs from one of
// names in letter case alone.
func checkJSON(data []byte, names []string) error {
	if !utf8.Valid(data) {
		return errors.New("it is not UTF-8")
	}
	if !json.Valid(data) { // also refuses what follows the value
		return errors.New("it is not one JSON value")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // else a number like 1e999, which is valid JSON, is an error
	return checkValue(dec, names, 0)
}

func checkValue(dec *json.Decoder, names []string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("it nests more than %d deep", maxDepth)
	}
	token, err := dec.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := make(map[string]bool)
	for dec.More() {
		if delim == '{' {
			token, err := dec.Token()
			if err != nil {
				return err
			}
			name, ok := token.(string)
			if !ok {
				return io.ErrUnexpectedEOF
			}
			if seen[name] {
				return fmt.Errorf("the member %q stands in one object twice", clip(name))
			}
			seen[name] = true
			for _, known := range names {
				if name != known && strings.EqualFold(name, known) {
					return fmt.Errorf("the member %q is written %q", clip(name), known)
				}
			}
		}
		if err := checkValue(dec, names, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token() // the closing delimiter
	return err
}

// isPrintable reports whether s is 1 to most bytes of UTF-8 that can be shown.
func isPrintable(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
