package signer

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

const maxPrivateKeySize = 64 << 10

// privateMembers are those that only a private or symmetric key has (RFC 7518
// section 6; priv is that of the post-quantum AKP keys).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

// unsuitable is why a sound key is of no use here: the reason to pass over it in
// a set, and to refuse it as a private key.
type unsuitable string

func (u unsuitable) Error() string { return ErrBadKey.Error() + ": " + string(u) }
func (u unsuitable) Unwrap() error { return ErrBadKey }

// ParsePrivateKey reads a private key file: one JWK (RFC 7517), as the package
// documentation says. The error wraps [ErrBadKey] or [ErrAlgorithm]. It never
// repeats what the file holds beyond names and ids.
func ParsePrivateKey(data []byte) (*PrivateKey, error) {
	if len(data) > maxPrivateKeySize {
		return nil, fmt.Errorf("%w: the file has %d bytes, and a private key at most %d", ErrBadKey, len(data), maxPrivateKeySize)
	}
	members, err := jwkMembers(data)
	if err != nil {
		return nil, err
	}
	if _, ok := members["keys"]; ok {
		return nil, fmt.Errorf("%w: this is a set of keys; a private key file holds one JWK", ErrBadKey)
	}
	meta, err := readJWK(members, "sign")
	if err != nil {
		return nil, err
	}
	if _, ok := members["d"]; !ok {
		return nil, fmt.Errorf("%w: this is a public key, which cannot sign; give the private key file", ErrBadKey)
	}
	raw, err := rawKey(data)
	if err != nil {
		return nil, err
	}
	key, ok := raw.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: it is not a private key for signatures", ErrBadKey)
	}
	if meta.alg == "" {
		algs, err := algorithmsFor(key.Public())
		if err != nil {
			return nil, err
		}
		if len(algs) > 1 {
			return nil, fmt.Errorf(`%w: an RSA key must say what it signs with; add "alg":"PS256" or "alg":"RS256" to it`, ErrBadKey)
		}
		meta.alg = string(algs[0])
	}
	return NewPrivateKey(meta.kid, Algorithm(meta.alg), key)
}

func parsePublicJWK(data []byte) (publicKey, error) {
	members, err := jwkMembers(data)
	if err != nil {
		return publicKey{}, err
	}
	// Looked for first: no reason to pass over a key excuses publishing a secret.
	for _, name := range privateMembers {
		if _, ok := members[name]; ok {
			return publicKey{}, fmt.Errorf("%w: it is a private or symmetric key (it has %q), which must not lie among public keys: treat it as leaked, replace it, and publish the public half alone", ErrBadKey, name)
		}
	}
	meta, err := readJWK(members, "verify")
	if err != nil {
		return publicKey{}, err
	}
	raw, err := rawKey(data)
	if err != nil {
		return publicKey{}, err
	}
	return newPublicKey(meta.kid, meta.alg, raw)
}

// jwkMembers splits a JSON object into its members, whose names are case-sensitive.
func jwkMembers(data []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	switch text := bytes.TrimSpace(data); {
	case len(text) == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrBadKey)
	case bytes.HasPrefix(text, []byte("-----BEGIN")):
		return nil, fmt.Errorf("%w: it is PEM, which is not read; publisher keygen makes a JWK, and most JOSE tools turn PEM into one", ErrBadKey)
	}
	if err := checkJSON(data, nil); err != nil {
		return nil, fmt.Errorf("%w: it is not a JWK or JWK Set: %v", ErrBadKey, err)
	}
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return nil, fmt.Errorf("%w: it is not a JWK or JWK Set, which are JSON objects", ErrBadKey)
	}
	return members, nil
}

type jwkMeta struct{ kid, alg string }

// readJWK checks what a JWK says about itself, before its numbers are looked at.
func readJWK(members map[string]json.RawMessage, op string) (jwkMeta, error) {
	text := make(map[string]string)
	for _, name := range []string{"kty", "crv", "kid", "alg", "use", "n", "e"} {
		raw, ok := members[name]
		if !ok {
			continue
		}
		var s *string
		if err := json.Unmarshal(raw, &s); err != nil || s == nil {
			return jwkMeta{}, fmt.Errorf("%w: its %q is not a string", ErrBadKey, name)
		}
		text[name] = *s
	}
	kind := text["kty"] + " " + text["crv"]
	switch {
	case text["kty"] == "":
		return jwkMeta{}, fmt.Errorf("%w: it has no kty", ErrBadKey)
	case text["kty"] == "oct":
		return jwkMeta{}, fmt.Errorf("%w: it is symmetric (oct), so whoever verifies could also sign; use an asymmetric key", ErrBadKey)
	case text["kty"] != "RSA" && !slices.Contains([]string{"OKP Ed25519", "EC P-256", "EC P-384"}, kind):
		return jwkMeta{}, unsuitable(fmt.Sprintf("its kty and crv are %q, and only OKP Ed25519, EC P-256, EC P-384 and RSA are supported", clip(kind)))
	case text["use"] != "" && text["use"] != "sig":
		return jwkMeta{}, unsuitable(fmt.Sprintf("its use is %q, not sig", clip(text["use"])))
	case len(text["n"]) > 2*maxRSABits/8 || len(text["e"]) > 8:
		// Before the numbers are made: some steps are cubic in their length.
		return jwkMeta{}, fmt.Errorf("%w: the RSA modulus or exponent is too long", ErrBadKey)
	}
	if raw, ok := members["key_ops"]; ok {
		var ops []string
		if err := json.Unmarshal(raw, &ops); err != nil {
			return jwkMeta{}, fmt.Errorf("%w: its key_ops is not an array of strings", ErrBadKey)
		}
		if !slices.Contains(ops, op) {
			return jwkMeta{}, unsuitable(fmt.Sprintf("its key_ops lacks %q", op))
		}
	}
	if alg, ok := text["alg"]; ok {
		if _, err := ParseAlgorithm(alg); err != nil {
			return jwkMeta{}, unsuitable(fmt.Sprintf("its alg is %q, which is not one of %s", clip(alg), joinAlgorithms(Algorithms())))
		}
	}
	return jwkMeta{text["kid"], text["alg"]}, nil
}

// rawKey turns one JWK into a key of the standard library. Whether the key is
// sound is for algorithmsFor and checkPrivate to say.
func rawKey(data []byte) (any, error) {
	key, err := jwk.ParseKey(data)
	if err != nil {
		// The error is not passed on: it may quote the private key.
		return nil, fmt.Errorf("%w: a part of the key is missing or not valid base64url", ErrBadKey)
	}
	var raw any
	if err := key.Raw(&raw); err != nil {
		return nil, fmt.Errorf("%w: the parts of the key do not make one", ErrBadKey)
	}
	if k, ok := raw.(*rsa.PrivateKey); ok {
		// What the file says of the CRT values is left aside and worked out anew:
		// wrong ones would leak the key with the first signature.
		k = &rsa.PrivateKey{PublicKey: k.PublicKey, D: k.D, Primes: k.Primes}
		if _, err := algorithmsFor(&k.PublicKey); err != nil {
			return nil, err
		}
		for _, part := range append([]*big.Int{k.D}, k.Primes...) {
			if part.Sign() == 0 || part.Cmp(k.N) >= 0 {
				return nil, fmt.Errorf("%w: the RSA key needs d, p and q, each less than n", ErrBadKey)
			}
		}
		k.Precompute()
		return k, nil
	}
	return raw, nil
}
