package signer

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// The bounds of a manifest. Claim names and the claims of a rule have those of
// package crl.
const (
	maxTime       = 253402300799 // the end of the year 9999
	maxIssuer     = 1024
	saltSize      = 16
	maxClaims     = 8
	maxClaimName  = 64
	maxObjects    = 64
	maxObjectSize = 8 << 30
	maxCount      = 1<<53 - 1 // beyond it, JSON readers begin to disagree
)

// Validate tells what in the manifest breaks the specification in the package
// documentation, the first thing found. The error wraps [ErrMalformed],
// [ErrUnsupportedFormat] or [ErrUnknownCritical].
func (m *Manifest) Validate() error {
	if err := checkFormat(m.Format); err != nil {
		return err
	}
	if len(m.Critical) > 0 {
		return fmt.Errorf("%w: crit names %q, and this version knows none; upgrade", ErrUnknownCritical, clip(m.Critical[0]))
	}
	for _, err := range []error{m.checkHead(), m.checkRules(), m.Policy.check(), m.checkState(), m.checkObjects(), m.checkLedger()} {
		if err != nil {
			return fmt.Errorf("%w manifest: %w", ErrMalformed, err)
		}
	}
	return nil
}

func checkFormat(format int) error {
	if format != ManifestFormat {
		return fmt.Errorf("%w: the manifest's fmt is %d, and this version reads %d; upgrade to one that reads it", ErrUnsupportedFormat, format, ManifestFormat)
	}
	return nil
}

func (m *Manifest) checkHead() error {
	switch {
	case !isPrintable(m.Issuer, maxIssuer):
		return fmt.Errorf("iss is not 1 to %d bytes of printable UTF-8", maxIssuer)
	case m.IssuedAt < 0 || m.Expires <= m.IssuedAt || m.Expires > maxTime:
		return fmt.Errorf("exp %d is not after iat %d, or one of them is not a time in Unix seconds", m.Expires, m.IssuedAt)
	case m.Version < 1 || m.Version > MaxVersion:
		return fmt.Errorf("ver is %d, and goes from 1 to %d", m.Version, uint64(MaxVersion))
	case m.Version == 1 && m.Previous != "":
		return fmt.Errorf("version 1 has a prev, and nothing comes before it")
	case len(m.Salt) != saltSize:
		return fmt.Errorf("the salt has %d bytes, not %d", len(m.Salt), saltSize)
	}
	if m.Version > 1 {
		if sum, err := decodeBase64([]byte(m.Previous)); err != nil || len(sum) != sha256.Size {
			return fmt.Errorf("prev of version %d is not a SHA-256 in unpadded base64url", m.Version)
		}
	}
	return nil
}

func (m *Manifest) checkRules() error {
	for i, r := range m.Rules {
		if r.ID == 0 || i > 0 && r.ID <= m.Rules[i-1].ID {
			return fmt.Errorf("the rules' ids are not 1 to 255 in ascending order (at %d)", r.ID)
		}
		if len(r.Claims) > maxClaims {
			return fmt.Errorf("the rule %d has %d claims, and %d are the most", r.ID, len(r.Claims), maxClaims)
		}
		for j, c := range r.Claims {
			if !isPrintable(c, maxClaimName) {
				return fmt.Errorf("a claim name of the rule %d is not 1 to %d bytes of printable UTF-8", r.ID, maxClaimName)
			}
			if j > 0 && c <= r.Claims[j-1] {
				return fmt.Errorf("the claims of the rule %d are not in alphabetical order, each once (at %q)", r.ID, c)
			}
		}
		for _, other := range m.Rules[:i] {
			if slices.Equal(r.Claims, other.Claims) {
				return fmt.Errorf("the rules %d and %d match the same claims", other.ID, r.ID)
			}
		}
	}
	return nil
}

func (p Policy) check() error {
	if p.MaxTokenLife < 1 {
		return fmt.Errorf("max_token_life is %d seconds, and must be at least 1", p.MaxTokenLife)
	}
	for _, v := range []int64{p.MaxTokenLife, p.MaxAuthAge, p.Skew, p.Granularity} {
		if v < 0 || v > maxTime {
			return fmt.Errorf("the policy has %d seconds somewhere; 0 to %d make sense", v, int64(maxTime))
		}
	}
	return nil
}

func (m *Manifest) checkState() error {
	s := m.State
	switch {
	case s.Changed > m.Version:
		return fmt.Errorf("state.changed is %d, after version %d", s.Changed, m.Version)
	case s.Count > maxCount:
		return fmt.Errorf("state.count is %d, more than %d", s.Count, uint64(maxCount))
	case s.Permanent > s.Count:
		return fmt.Errorf("state.permanent is %d of %d entries", s.Permanent, s.Count)
	case s.Changes > s.Changed:
		return fmt.Errorf("state.changes is %d by version %d", s.Changes, s.Changed)
	case len(s.Checksum) != 32 || s.SHA256 != nil && len(s.SHA256) != sha256.Size:
		return fmt.Errorf("state.checksum and state.sha256 have %d and %d bytes, not 32", len(s.Checksum), len(s.SHA256))
	case s.Dropped < 0 || s.Dropped > maxTime:
		return fmt.Errorf("state.dropped is %d, which is not a time in Unix seconds", s.Dropped)
	}
	return nil
}

func (m *Manifest) checkObjects() error {
	if len(m.Objects) > maxObjects {
		return fmt.Errorf("there are %d objects, and %d are the most", len(m.Objects), maxObjects)
	}
	for i, o := range m.Objects {
		switch {
		case o.From >= o.To || o.To > m.State.Changed:
			return fmt.Errorf("object %d goes from %d to %d, and the list's last change is %d", i+1, o.From, o.To, m.State.Changed)
		case o.Size < 1 || o.Size > maxObjectSize || o.RawSize < 1 || o.RawSize > maxObjectSize:
			return fmt.Errorf("object %d has the sizes %d and %d, and 1 to %d bytes are allowed", i+1, o.Size, o.RawSize, int64(maxObjectSize))
		case o.Changes < 1 || o.Changes > m.State.Changes:
			return fmt.Errorf("object %d sums up %d changes, and the list has seen %d", i+1, o.Changes, m.State.Changes)
		case len(o.SHA256) != sha256.Size:
			return fmt.Errorf("object %d has a SHA-256 that is not %d bytes", i+1, sha256.Size)
		case (o.From == 0) != (len(o.Checksum) == 32) || o.From != 0 && o.Checksum != nil:
			return fmt.Errorf("object %d from version %d has a checksum of %d bytes; snapshots have 32, and deltas none", i+1, o.From, len(o.Checksum))
		}
		for _, other := range m.Objects[:i] {
			if o.Name() == other.Name() {
				return fmt.Errorf("object %d stands there twice", i+1)
			}
		}
	}
	return nil
}

func (m *Manifest) checkLedger() error {
	if m.Read < 0 || m.Read > maxTime {
		return fmt.Errorf("read is %d, which is not a time in Unix seconds", m.Read)
	}
	l := m.Ledger
	switch {
	case l == nil:
	case l.From >= l.To || l.To > m.Version:
		return fmt.Errorf("the ledger goes from %d to %d, and the version is %d", l.From, l.To, m.Version)
	case l.Size < 1 || l.Size > maxObjectSize || l.Raw < 1 || l.Raw > maxObjectSize:
		return fmt.Errorf("the ledger has the sizes %d and %d, and 1 to %d bytes are allowed", l.Size, l.Raw, int64(maxObjectSize))
	case len(l.SHA256) != sha256.Size || l.Whole != nil && len(l.Whole) != sha256.Size:
		return fmt.Errorf("ledger.sha256 and ledger.whole have %d and %d bytes, not %d", len(l.SHA256), len(l.Whole), sha256.Size)
	}
	return nil
}
