package signer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// manifestType is the typ of a manifest's header. It keeps any other JWT that the
// same key may sign from passing for a manifest (RFC 8725 section 3.11).
const manifestType = "revocation-manifest+jwt"

// required are the claims of every manifest, and memberNames all the names that
// the specification gives a meaning.
var (
	required    = []string{"iss", "iat", "exp", "ver", "fmt", "salt", "rules", "policy", "state", "objects", "read"}
	memberNames = append([]string{"prev", "ledger", "crit",
		"id", "claims", "max_token_life", "max_auth_age", "skew", "granularity",
		"changed", "changes", "count", "checksum", "dropped", "permanent",
		"sha256", "from", "to", "size", "raw", "whole"}, required...)
)

// SignManifest returns the manifest as a JWT, ready to be stored. The
// same manifest gives the same claims, byte for byte; the signature of some
// algorithms differs each time. m is not changed. A manifest that
// [Manifest.Validate] refuses, or of more than [MaxManifestSize], is
// not signed; if the key fails, the error wraps [ErrSigning].
func (k *PrivateKey) SignManifest(m *Manifest) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	// null has no place in a manifest, where nil is all right in Go.
	c := *m
	c.Rules = append([]Rule{}, m.Rules...)
	c.Objects = append([]Object{}, m.Objects...)
	for i := range c.Rules {
		c.Rules[i].Claims = append([]string{}, c.Rules[i].Claims...)
	}
	claims, err := json.Marshal(&c)
	if err != nil {
		return nil, fmt.Errorf("%w manifest: %v", ErrMalformed, err)
	}
	// What we sign we must be able to read: it stays for ever.
	if _, err := parseManifest(claims); err != nil {
		return nil, err
	}
	out, err := k.signCompact(manifestType, claims)
	if err != nil {
		return nil, err
	}
	if len(out) > MaxManifestSize {
		return nil, fmt.Errorf("%w manifest: it would have %d bytes, and %d are the most; use fewer rules", ErrMalformed, len(out), MaxManifestSize)
	}
	return out, nil
}

// VerifyManifest returns the manifest that data, a JWT, holds, if a key of the set
// signed it and it is valid by [Manifest.Validate]. Whether it is stale,
// follows the manifest before it, and is of the expected issuer and version, is
// for the caller to check. Besides the errors of [KeySet.Verify] there are
// [ErrType] and [ErrUnsupportedFormat].
func (s *KeySet) VerifyManifest(data []byte) (*Manifest, error) {
	if len(data) > MaxManifestSize {
		return nil, fmt.Errorf("%w manifest: it has %d bytes, and %d are the most", ErrMalformed, len(data), MaxManifestSize)
	}
	header, payload, err := s.Verify(data)
	if err != nil {
		return nil, err
	}
	signature, err := decodeBase64(data[bytes.LastIndexByte(data, '.')+1:])
	if err != nil || !isLowS(header.Algorithm, signature) {
		return nil, fmt.Errorf("%w: it is the second form of an ECDSA signature, with s above half of the curve's order", ErrBadSignature)
	}
	typ := strings.ToLower(header.Type)
	if strings.TrimPrefix(typ, "application/") != manifestType {
		return nil, fmt.Errorf("%w: the header's typ is %q, and a manifest's is %q", ErrType, clip(header.Type), manifestType)
	}
	return parseManifest(payload)
}

func parseManifest(data []byte) (*Manifest, error) {
	if err := checkJSON(data, memberNames); err != nil {
		return nil, fmt.Errorf("%w manifest: %v", ErrMalformed, err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, fmt.Errorf("%w manifest: the claims are not a JSON object", ErrMalformed)
	}
	// These first: they may change what all the others mean.
	if crit, ok := members["crit"]; ok {
		return nil, fmt.Errorf("%w: the manifest's crit is %s; upgrade to a version that knows it", ErrUnknownCritical, clip(string(crit)))
	}
	for _, name := range required {
		if _, ok := members[name]; !ok {
			return nil, fmt.Errorf("%w manifest: it has no %s", ErrMalformed, name)
		}
	}
	var format int
	if err := json.Unmarshal(members["fmt"], &format); err != nil {
		return nil, fmt.Errorf("%w manifest: fmt is not an integer", ErrMalformed)
	}
	if err := checkFormat(format); err != nil {
		return nil, err
	}
	for _, name := range memberNames {
		if string(members[name]) == "null" {
			return nil, fmt.Errorf("%w manifest: %s is null", ErrMalformed, name)
		}
	}
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("%w manifest: %v", ErrMalformed, err)
	}
	for _, r := range m.Rules {
		// A rule that lost its claims must not become the rule for every token.
		if r.Claims == nil {
			return nil, fmt.Errorf("%w manifest: the rule %d has no claims; the rule for every token has []", ErrMalformed, r.ID)
		}
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}
