package signer

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

const (
	maxKeySetSize = 1 << 20
	maxKeys       = 64
)

// A KeySet is the public keys that are trusted. It does not change and is safe
// for concurrent use. Get one from [ParseKeySet] or [PrivateKey.Public]; the
// empty KeySet trusts nobody.
type KeySet struct {
	keys []publicKey
}

type publicKey struct {
	id         string
	algorithms []Algorithm // that the key permits; at least one
	key        crypto.PublicKey
}

// newPublicKey makes a key that permits alg, or if alg is empty whatever
// algorithms suit the key. An empty kid stands for the thumbprint.
func newPublicKey(kid, alg string, key crypto.PublicKey) (publicKey, error) {
	algs, err := algorithmsFor(key)
	if err != nil {
		return publicKey{}, err
	}
	if alg != "" {
		if !slices.Contains(algs, Algorithm(alg)) {
			return publicKey{}, fmt.Errorf("%w: the key is for %s, not for %q", ErrAlgorithm, joinAlgorithms(algs), clip(alg))
		}
		algs = []Algorithm{Algorithm(alg)}
	}
	if kid == "" {
		if kid, err = thumbprint(key); err != nil {
			return publicKey{}, err
		}
	}
	if !isPrintable(kid, 256) {
		return publicKey{}, fmt.Errorf("%w: its kid %q is not printable UTF-8 of at most 256 bytes", ErrBadKey, clip(kid))
	}
	return publicKey{kid, algs, key}, nil
}

func (k publicKey) verify(alg Algorithm, input, signature []byte) bool {
	// Of jwx only the primitive is used. Its jws.Verify would parse the bytes again
	// and verify its own re-encoding of them.
	v, err := jws.NewVerifier(jwa.SignatureAlgorithm(alg))
	return err == nil && v.Verify(input, signature, k.key) == nil
}

// ParseKeySet reads a JWK Set or a single public JWK (RFC 7517), as the package
// documentation says. The error says which key is at fault and wraps [ErrBadKey], or
// [ErrAlgorithm] if a key's alg does not suit its type or curve.
func ParseKeySet(jwks []byte) (*KeySet, error) {
	if len(jwks) > maxKeySetSize {
		return nil, fmt.Errorf("%w: the key set has %d bytes, and %d are the most", ErrBadKey, len(jwks), maxKeySetSize)
	}
	members, err := jwkMembers(jwks)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if raw, ok := members["keys"]; !ok {
		list = append(list, jwks)
	} else if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf(`%w: "keys" is not an array`, ErrBadKey)
	}
	if len(list) > maxKeys {
		return nil, fmt.Errorf("%w: the set has %d keys, and %d are the most", ErrBadKey, len(list), maxKeys)
	}
	set := new(KeySet)
	var unused []string
	for i, raw := range list {
		key, err := parsePublicJWK(raw)
		var skip unsuitable
		switch {
		case errors.As(err, &skip):
			unused = append(unused, fmt.Sprintf("key %d: %s", i+1, string(skip)))
			continue
		case err != nil:
			return nil, fmt.Errorf("key %d of %d: %w", i+1, len(list), err)
		case set.find(key.id) != nil:
			return nil, fmt.Errorf("key %d of %d: %w: the kid %q stands in the set twice", i+1, len(list), ErrBadKey, key.id)
		}
		set.keys = append(set.keys, key)
	}
	if len(set.keys) == 0 {
		if len(unused) == 0 {
			return nil, fmt.Errorf("%w: the set is empty", ErrBadKey)
		}
		return nil, fmt.Errorf("%w: no key of the set can verify signatures (%s)", ErrBadKey, clip(strings.Join(unused, "; ")))
	}
	return set, nil
}

// Union returns the set of the keys of both. A kid that stands for different
// keys in the two is an error that wraps [ErrBadKey].
func (s *KeySet) Union(o *KeySet) (*KeySet, error) {
	all := &KeySet{slices.Clone(s.keys)}
	for _, k := range o.keys {
		same := all.find(k.id)
		if same == nil {
			all.keys = append(all.keys, k)
			continue
		}
		if eq, ok := same.key.(interface{ Equal(crypto.PublicKey) bool }); !ok || !eq.Equal(k.key) {
			return nil, fmt.Errorf("%w: the kid %q stands for two different keys", ErrBadKey, k.id)
		}
	}
	return all, nil
}

// Len returns the number of keys.
func (s *KeySet) Len() int { return len(s.keys) }

// IDs returns the keys' kids in the set's order.
func (s *KeySet) IDs() []string {
	ids := make([]string, len(s.keys))
	for i, k := range s.keys {
		ids[i] = k.id
	}
	return ids
}

func (s *KeySet) find(kid string) *publicKey {
	for i := range s.keys {
		if s.keys[i].id == kid {
			return &s.keys[i]
		}
	}
	return nil
}

// candidates returns the keys that may have signed under the header: its kid
// picks one, without a kid all that permit its algorithm qualify.
func (s *KeySet) candidates(h Header) ([]publicKey, error) {
	if _, err := ParseAlgorithm(string(h.Algorithm)); err != nil {
		return nil, err
	}
	if h.KeyID != "" {
		k := s.find(h.KeyID)
		if k == nil {
			return nil, fmt.Errorf("%w: the signature names the key %q, and the trusted keys are %s",
				ErrUnknownKey, clip(h.KeyID), clip(strings.Join(s.IDs(), ", ")))
		}
		if !slices.Contains(k.algorithms, h.Algorithm) {
			return nil, fmt.Errorf("%w: the header says %s, and the key %q is for %s",
				ErrAlgorithm, h.Algorithm, k.id, joinAlgorithms(k.algorithms))
		}
		return []publicKey{*k}, nil
	}
	var keys []publicKey
	for _, k := range s.keys {
		if slices.Contains(k.algorithms, h.Algorithm) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: no trusted key is for %s", ErrAlgorithm, h.Algorithm)
	}
	return keys, nil
}
