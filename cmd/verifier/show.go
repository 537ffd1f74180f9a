package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
)

type show struct {
	list
	Version *uint64 `placeholder:"N" help:"The version to show; by default the newest."`
}

func (show) Help() string {
	return `Example:

    verifier show ./list --keys signing.pub.jwks --version 42`
}

var errNoVersion = errors.New("there is no version 0: the first one is 1, and show without --version shows the newest")

// shown is a version for machines.
type shown struct {
	*signer.Manifest
	KeyID   string         `json:"kid"`
	Bytes   int            `json:"manifest_bytes"`
	Entries map[string]int `json:"entries,omitempty"` // by rule; missing if the version's objects are gone
	Stale   bool           `json:"stale"`
}

func (c *show) Run(env *command.Env) error {
	r, keys, err := c.open(env.Context)
	if err != nil {
		return err
	}
	version := uint64(0) // the newest
	if c.Version != nil {
		if version = *c.Version; version == 0 {
			return errNoVersion
		}
	}
	v, err := audit.VersionAt(env.Context, r, keys, version)
	if err != nil {
		return err
	}
	header, _, err := keys.Verify(v.Bytes)
	if err != nil {
		return err
	}
	s := shown{Manifest: v.Manifest, KeyID: header.KeyID, Bytes: len(v.Bytes), Stale: env.Now().Unix() >= v.Expires}
	state, err := audit.StateAt(env.Context, r, v)
	if err != nil {
		env.Warn("warning: its entries cannot be counted by rule: %v", err)
	} else {
		s.Entries = byRule(state)
	}
	env.Print(s, s.text())
	return nil
}

func byRule(state *history.State) map[string]int {
	names, count := map[uint8]string{}, map[string]int{}
	for _, r := range history.Rules(state.Version.Manifest) {
		names[r.ID] = r.Name()
		count[r.Name()] = 0
	}
	for e := range state.List.Snapshot().Entries() {
		count[names[e.Rule]]++
	}
	return count
}

func (s *shown) text() string {
	var t strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&t, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("issuer", "%s", s.Issuer)
	line("version", "%d, signed by the key %s", s.Version, s.KeyID)
	line("issued", "%s", utc(s.IssuedAt))
	stale := ""
	if s.Stale {
		stale = ", so it is stale"
	}
	line("good until", "%s%s", utc(s.Expires), stale)
	line("entries", "%d, of which %d never end", s.State.Count, s.State.Permanent)
	for _, rule := range slices.Sorted(maps.Keys(s.Entries)) {
		line("", "%d %s", s.Entries[rule], rule)
	}
	line("changed", "last in version %d; %d versions with changes so far", s.State.Changed, s.State.Changes)
	line("dropped", "what ended by %s", utc(s.State.Dropped))
	line("covers", "tokens that live up to %s", time.Duration(s.Policy.MaxTokenLife)*time.Second)
	if s.Policy.MaxAuthAge > 0 {
		line("", "and whose login is at most %s ago", time.Duration(s.Policy.MaxAuthAge)*time.Second)
	}
	line("read", "its source at %s", utc(s.Read))
	for _, o := range s.Objects {
		line("object", "%s, %d bytes", o.Name(), o.Size)
	}
	line("prev", "%s", s.Previous)
	return strings.TrimSuffix(t.String(), "\n")
}

func utc(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }
